"""The events of a message come to the message that the same answer is unstreamed; cut anywhere, to a part of it."""

import json

import pytest

from tests.wire.messages.test_answer import RECORDED
from weighbridge.wire import sse
from weighbridge.wire.messages.gathered import message_of

WHOLE = ("citations", "refusal", "text", "thinking", "tool-use")


def recorded(name: str) -> bytes:
    return (RECORDED / f"{name}.sse").read_bytes()


@pytest.mark.parametrize("name", WHOLE)
def test_a_stream_comes_to_the_document(name: str) -> None:
    document = json.loads((RECORDED / f"{name}.json").read_bytes())
    document["usage"].pop("cache_creation", None)  # streams do not say so much
    assert json.loads(message_of(recorded(name))) == document


def test_a_tools_input_that_is_cut_off_stays_a_text() -> None:
    events = [each for each in sse.events(recorded("tool-use")) if b"content_block_stop" not in each]
    upto = next(at for at, each in enumerate(events) if b"partial_json" in each and b"San" in each)
    tool = json.loads(message_of(b"".join(events[: upto + 1])))["content"][1]
    assert tool["type"] == "tool_use"
    assert tool["input"].startswith('{"location')


@pytest.mark.parametrize("name", WHOLE)
def test_cut_anywhere_it_has_what_had_come(name: str) -> None:
    events = list(sse.events(recorded(name)))
    whole = json.loads(message_of(recorded(name)))
    sizes = []
    for upto in range(1, len(events) + 1):
        part = json.loads(message_of(b"".join(events[:upto])))
        assert part["id"] == whole["id"]
        sizes.append(len(json.dumps(part.get("content", []))))
    assert sizes[0] < sizes[-1]
    assert sizes[-1] == len(json.dumps(whole["content"]))


def test_an_error_in_the_middle_is_kept_beside_what_had_come() -> None:
    message = json.loads(message_of(recorded("error")))
    assert message["error"]["type"] == "overloaded_error"
    assert message["type"] == "message"


@pytest.mark.parametrize("stream", [b"", b": ping\n\n", b"data: [1]\n\n", b'data: {"type":"content_block_start"}\n\n'])
def test_what_is_no_message_is_a_value_error(stream: bytes) -> None:
    with pytest.raises(ValueError, match="message"):
        message_of(stream)
