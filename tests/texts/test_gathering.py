"""Whatever events a stream is made of, they come to a document or to none, and nothing else happens."""

import json
from typing import get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.gateway.upstream import event
from weighbridge.texts.gathering import gathered
from weighbridge.texts.text import Dialect

NAMES = st.sampled_from(
    ["type", "index", "delta", "content_block", "message", "choices", "text", "logprobs", "output_index", "item",
     "response", "content", "tool_calls", "usage", "error", "citation", "partial_json", "citations",
     "summary", "id", "created"]
)  # fmt: skip
KINDS = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "message_delta", "error", "response.created",
     "response.output_item.added", "response.output_item.done", "response.output_text.delta", "response.completed",
     "response.function_call_arguments.delta", "text"]
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | KINDS
)
VALUES = st.recursive(LEAVES, lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(NAMES, deeper, max_size=4))
EVENTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=6)


@pytest.mark.parametrize("dialect", get_args(Dialect))
@given(events=EVENTS)
@example(events=[{"type": "content_block_start", "index": 0, "content_block": None}])
@example(
    events=[{"type": "response.output_item.added", "output_index": 0, "item": 3}, {"output_index": 0, "delta": ""}]
)
@example(events=[{"choices": [{"index": None, "text": 3}]}])
@example(events=[{"choices": [{"index": [], "text": ""}]}])
def test_any_events_come_to_a_document_or_to_none(dialect: Dialect, events: list[object]) -> None:
    document = gathered(b"".join(map(event, events)), dialect)
    assert document is None or isinstance(msgspec.json.decode(document), dict)


@pytest.mark.parametrize("dialect", get_args(Dialect))
@given(stream=st.binary(max_size=200))
def test_any_bytes_come_to_a_document_or_to_none(dialect: Dialect, stream: bytes) -> None:
    document = gathered(b"data: " + stream + b"\n\n", dialect)
    assert document is None or isinstance(msgspec.json.decode(document), dict)


def test_streams_come_to_their_documents() -> None:
    chunk = {"id": "c", "created": 7, "choices": [{"index": 0, "delta": {"content": "Hi"}}]}
    found = {dialect: gathered(event(chunk), dialect) for dialect in get_args(Dialect)}
    assert {dialect for dialect, document in found.items() if document is not None} == {
        "chat",
        "openrouter",
        "completions",
    }
    chat = json.loads(found["chat"] or b"")
    assert (chat["id"], chat["created"], chat["choices"][0]["message"]["content"]) == ("c", 7, "Hi")
