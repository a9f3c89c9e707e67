"""Chat completions in OpenRouter's shape, whatever shape the provider gave them, and however its bytes were cut."""

import itertools
import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import UpstreamError
from weighbridge.wire import sse
from weighbridge.wire.openrouter.answer import OpenRouterForm
from weighbridge.wire.surface import Origin, Stream
from weighbridge.wire.usage import Usage

Json = dict[str, Any]  # Any: JSON


def dear(usage: Usage) -> str | None:
    """A dollar for a token of the prompt and two for one of the answer."""
    return str(usage.prompt + 2 * usage.completion)


def form(*, shows_reasoning: bool = True, priced: bool = True) -> OpenRouterForm:
    origin = Origin("wbr-1", 1_800_000_000, "lab/tiny", "near")
    if priced:
        origin.cost = dear
    return OpenRouterForm(origin, shows_reasoning=shows_reasoning)


def whole(document: object, **how: bool) -> Json:
    """The answer that comes of the provider's."""
    found: Json = json.loads(form(**how).whole(json.dumps(document).encode(), "1"))
    return found


def message(said: Json, **how: bool) -> Json:
    """The message that comes of the provider's."""
    found: Json = whole({"choices": [{"message": said, "finish_reason": "stop"}]}, **how)["choices"][0]["message"]
    return found


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def streamed(stream: Stream, *parts: bytes) -> list[Json]:
    """The chunks that come of these bytes."""
    told = b"".join([*map(stream.feed, parts), stream.end()])
    return [json.loads(document) for each in sse.events(told) if (document := sse.document(each)) is not None]


def deltas(*said: Json) -> list[Json]:
    """The deltas that come of the provider's."""
    events = [event({"choices": [{"index": 0, "delta": each}]}) for each in said]
    return [chunk["choices"][0]["delta"] for chunk in streamed(form().stream(dear), *events)]


def test_an_answer_says_where_it_comes_from_and_has_what_clients_count_on() -> None:
    given_ = {"id": "x", "model": "tiny", "x_new": 1, "service_tier": None, "choices": [{"message": {"content": "Hi"}}]}
    assert whole(given_) == {
        "id": "gen-1",
        "object": "chat.completion",
        "created": 1_800_000_000,
        "model": "lab/tiny",
        "provider": "near",
        "x_new": 1,
        "system_fingerprint": None,
        "choices": [{"index": 0, "finish_reason": None, "message": {"role": "assistant", "content": "Hi"}}],
    }


def test_a_chunk_has_no_nulls_but_the_reason_that_is_still_to_come() -> None:
    delta = {"content": "Hi", "role": None, "tool_calls": None, "refusal": None}
    (chunk,) = streamed(
        form().stream(dear),
        event(
            {"created": 5, "usage": None, "system_fingerprint": None, "choices": [{"delta": delta, "logprobs": None}]}
        ),
    )
    assert chunk == {
        "id": "gen-1",
        "object": "chat.completion.chunk",
        "created": 5,
        "model": "lab/tiny",
        "provider": "near",
        "choices": [{"index": 0, "finish_reason": None, "delta": {"content": "Hi"}}],
    }


THOUGHT = [{"type": "reasoning.text", "text": "Well", "format": "unknown", "index": 0}]


@pytest.mark.parametrize(
    "said",
    [
        {"content": "Hi", "reasoning": "Well"},
        {"content": "Hi", "reasoning_content": "Well"},
        {"content": "Hi", "reasoning": "Well", "reasoning_content": "Well"},
        {"content": [{"type": "thinking", "thinking": "Well"}, {"type": "text", "text": "Hi"}]},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Well"}]},
                {"type": "text", "text": "Hi"},
            ]
        },
    ],
    ids=str,
)
def test_reasoning_is_said_in_one_way(said: Json) -> None:
    assert message(said) == {"role": "assistant", "content": "Hi", "reasoning": "Well", "reasoning_details": THOUGHT}
    assert message(said, shows_reasoning=False) == {"role": "assistant", "content": "Hi"}
    assert deltas(said) == [{"content": "Hi", "reasoning": "Well", "reasoning_details": THOUGHT}]


def test_details_of_reasoning_stay_as_they_are() -> None:
    details = [{"type": "reasoning.encrypted", "data": "…", "id": "r"}]
    assert message({"content": "", "reasoning": "Well", "reasoning_details": details})["reasoning_details"] == details


def test_calls_have_a_type_an_id_and_text_for_arguments() -> None:
    said = {"content": None, "tool_calls": [{"id": None, "function": {"name": "f", "arguments": {"a": 1}}}]}
    (call,) = message(said)["tool_calls"]
    assert call == {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def test_calls_that_nobody_numbered_are_numbered() -> None:
    first, more, second = (
        {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": None}}]},
        {"tool_calls": [{"function": {"arguments": "{}"}}]},
        {"tool_calls": [{"id": "b", "function": {"name": "g"}}]},
    )
    calls = [delta["tool_calls"][0] for delta in deltas(first, more, second)]
    assert [call["index"] for call in calls] == [0, 0, 1]
    assert calls[0]["function"] == {"name": "f"}


@pytest.mark.parametrize(
    ("reason", "told"),
    [("stop", "stop"), ("eos", "stop"), ("function_call", "tool_calls"), ("content_filter", "content_filter")],
)
def test_a_reason_is_one_of_openrouters_with_the_providers_own_beside_it(reason: str, told: str) -> None:
    (choice,) = whole({"choices": [{"message": {"content": "Hi"}, "finish_reason": reason}]})["choices"]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == (told, reason)


USED = {
    "prompt_tokens": 12,
    "completion_tokens": 5,
    "cost": 99,
    "cost_details": {"upstream_inference_cost": 98},
    "is_byok": True,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1, "video_tokens": None},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def test_usage_has_what_the_ledger_has() -> None:
    assert whole({"choices": [], "usage": USED})["usage"] == {
        "prompt_tokens": 12,
        "completion_tokens": 5,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2},
        "cost": 22,
        "is_byok": False,
        "cost_details": {
            "upstream_inference_cost": None,
            "upstream_inference_prompt_cost": 12,
            "upstream_inference_completions_cost": 10,
        },
    }


def test_what_is_not_known_of_the_usage_is_left_out() -> None:
    used = {"prompt_tokens": 12, "completion_tokens": 5, "prompt_tokens_details": None, "cost": 99}
    told = whole({"choices": [], "usage": used}, priced=False)["usage"]
    assert told == {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}


def test_the_cost_is_exact() -> None:
    origin = Origin("wbr-1", 0, "m", "p", lambda usage: "0.000000000001" if usage.completion else "0.0000000000004")
    told = OpenRouterForm(origin, shows_reasoning=True).whole(
        b'{"choices":[],"usage":%b}' % json.dumps(USED).encode(), "1"
    )
    details = json.loads(told, parse_float=Decimal)["usage"]["cost_details"]
    assert details["upstream_inference_completions_cost"] == Decimal("0.0000000000006")


@pytest.mark.parametrize(
    "document", [b"[]", b'"no"', b'{"choices":{}}', b'{"choices":["x"]}', b'{"choices":[{"message":1}]}']
)
def test_what_is_no_completion_is_the_upstreams_fault(document: bytes) -> None:
    with pytest.raises(UpstreamError, match="no chat completion"):
        form().whole(document, None)
    stream = form().stream(dear)
    if document.startswith(b"{"):
        document = document.replace(b"message", b"delta")
    assert stream.feed(b"data: " + document + b"\n\n" + event({"choices": []})) == b""
    assert stream.fault is not None
    assert not stream.whole


CHUNKS = (
    event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Héllo"}}]}),
    b": a comment\n\n",
    event({"choices": [{"index": 0, "delta": {"reasoning_content": "Well"}}]}),
    event({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]}}]}),
    event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    event({"choices": [], "usage": USED}),
    b"data: [DONE]\n\n",
)


@given(cuts=st.sets(st.integers(1, len(b"".join(CHUNKS)) - 1), max_size=12), crlf=st.booleans())
def test_the_same_chunks_come_however_the_bytes_were_cut(cuts: set[int], crlf: bool) -> None:
    data = b"".join(CHUNKS)
    places = [0, *sorted(cuts), len(data)]
    if crlf:
        data = data.replace(b"\n", b"\r\n")
        places = [0, *sorted(cuts), len(data)]
    stream = form().stream(dear)
    parts = [data[start:end] for start, end in itertools.pairwise(places)]
    assert streamed(stream, *parts) == streamed(form().stream(dear), *CHUNKS)
    assert (stream.done, stream.whole, stream.usage) == (True, True, Usage(12, 5, cached=4, reasoning=2))


NAMES = ["choices", "usage", "message", "delta", "content", "tool_calls", "function", "arguments", "finish_reason"]
NAMES += ["reasoning", "reasoning_content", "thinking", "text", "id", "prompt_tokens", "completion_tokens", "index"]
NAMES += ["prompt_tokens_details", "completion_tokens_details", "reasoning_details", "type", "error"]
PLAIN = st.none() | st.booleans() | st.integers(-1, 9) | st.text(max_size=3)
DOCUMENTS = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
)

SAID = st.dictionaries(st.sampled_from(NAMES), DOCUMENTS, max_size=4)
CHOICES = st.lists(st.fixed_dictionaries({"message": SAID, "delta": SAID, "finish_reason": PLAIN}), max_size=2)


@given(choices=DOCUMENTS | CHOICES, usage=DOCUMENTS | SAID)
def test_whatever_comes_is_told_or_is_the_upstreams_fault(choices: object, usage: object) -> None:
    document = {"choices": choices, "usage": usage}
    with suppress(UpstreamError):
        whole(document)
    stream = form().stream(dear)
    told = streamed(stream, event(document), event({"choices": []}))
    assert len(told) == 2 or stream.fault is not None
