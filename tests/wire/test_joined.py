"""One answer of several streams, for every dialect: the text of both halves, one set of names, one end, one usage."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from tests.gateway.upstream import DONE, chunk, event
from weighbridge.wire import sse
from weighbridge.wire.chat.stream import ChatStream
from weighbridge.wire.joined import MOST_TEXT, Beginning, Joined
from weighbridge.wire.seam import Seam
from weighbridge.wire.usage import Usage

Json = dict[str, Any]
BEGAN = event(
    {
        "id": "first",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "tiny-a",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
    }
)
ROLE = chunk({"role": "assistant", "content": ""})


def said(*words: str) -> list[bytes]:
    return [chunk({"content": word}) for word in words]


def usage(prompt: int, completion: int, **more: object) -> bytes:
    counted = {"prompt_tokens": prompt, "completion_tokens": completion, **more}
    return event({"id": "x", "choices": [], "usage": counted})


def joined(cost: str | None = None) -> Joined:
    return Joined(ChatStream(wants_usage=True, cost=lambda _: cost))


def fed(stream: Joined, events: Iterable[bytes]) -> bytes:
    return b"".join([stream.feed(each) for each in events])


def documents(data: bytes) -> list[Json]:
    return [json.loads(each) for each in sse.documents(data)]


def text_of(data: bytes) -> str:
    return "".join(
        choice["delta"].get("content") or "" for each in documents(data) for choice in each.get("choices", ())
    )


def broken(*words: str, before: Usage | None = None) -> tuple[Joined, bytes]:
    """A stream that said these words and broke off."""
    stream = joined()
    out = fed(stream, [BEGAN, *said(*words)])
    stream.pause(before or Usage(10, 2))
    return stream, out


def test_the_first_half_passes_byte_for_byte() -> None:
    stream = joined()
    events = [BEGAN, b": keep-alive\n\n", *said("One", ", two"), chunk({}, "stop"), usage(3, 4), DONE]
    assert fed(stream, events) == b"".join(events[:-1])
    assert (stream.whole, stream.done, stream.usage) == (True, True, Usage(3, 4))
    assert stream.last() == DONE


def test_both_halves_are_one_answer() -> None:
    stream, out = broken("One", ", tw")
    beginning = stream.beginning()
    assert beginning == Beginning("One, tw", 2)
    stream.go_on(Seam(who=_raw({"resumed_by": "b"})))
    second = fed(stream, [ROLE, *said("o", ", three"), chunk({}, "length"), usage(14, 3), DONE])
    parts = documents(out + second)
    assert text_of(out + second) == "One, two, three"
    assert {(part["id"], part["created"], part["model"]) for part in documents(second)} == {("first", 7, "tiny-a")}
    assert [part["weighbridge"] for part in parts if "weighbridge" in part] == [{"resumed_by": "b"}]
    assert sum("role" in choice["delta"] for part in parts for choice in part["choices"]) == 1
    assert [choice["finish_reason"] for part in parts for choice in part["choices"]][-1] == "length"
    assert parts[-1]["usage"] == {"prompt_tokens": 24, "completion_tokens": 5, "total_tokens": 29}
    assert (stream.usage, stream.whole) == (Usage(14, 3), True)


def test_what_it_says_of_length_is_of_the_half_that_speaks() -> None:
    stream, _ = broken("One", ", two")
    assert stream.said_bytes == 0
    stream.go_on(Seam())
    fed(stream, said(", three"))
    assert stream.said_bytes == len(", three")


def test_a_third_half_goes_on_with_the_text_of_both() -> None:
    stream, out = broken("One", ", two")
    stream.go_on(Seam())
    out += fed(stream, said(", thr"))
    assert stream.beginning() == Beginning("One, two, thr", 4)
    stream.pause(Usage(30, 5))
    stream.go_on(Seam(repeated="One, two, thr"))
    out += fed(stream, [*said("One, two", ", three", "."), chunk({}, "stop"), usage(20, 2), DONE])
    assert text_of(out) == "One, two, three."
    assert documents(out)[-1]["usage"]["total_tokens"] == 57


def test_tokens_that_were_reported_count_for_those_that_were_said() -> None:
    stream = joined()
    fed(stream, [*said("One"), usage(10, 9)])
    assert stream.beginning() == Beginning("One", 9)
    stream.pause(Usage(10, 9))
    stream.go_on(Seam())
    fed(stream, [*said(", two"), usage(12, 3)])
    assert stream.beginning() == Beginning("One, two", 12)


@pytest.mark.parametrize(
    ("delta", "why"),
    [
        ({"reasoning_content": "Hm"}, "thinking"),
        ({"reasoning": "Hm"}, "thinking"),
        ({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]}, "tool"),
        ({"refusal": "No"}, "no text"),
        ({"content": [{"type": "text", "text": "x"}]}, "no text"),
    ],
)
def test_what_is_no_text_cannot_be_gone_on_with(delta: Json, why: str) -> None:
    stream = joined()
    fed(stream, [BEGAN, chunk(delta)])
    found = stream.beginning()
    assert isinstance(found, str)
    assert why in found


def test_nor_can_several_choices_or_a_chunk_that_is_none() -> None:
    for odd in (event({"choices": [{"index": 1, "delta": {"content": "x"}}]}), event({"choices": 7}), b"data: {\n\n"):
        stream = joined()
        fed(stream, [*said("One"), odd])
        assert isinstance(stream.beginning(), str)


def test_nor_can_an_answer_that_is_too_long_to_remember() -> None:
    stream = joined()
    fed(stream, said(*["x" * (MOST_TEXT // 4)] * 4))
    assert isinstance(stream.beginning(), Beginning)
    fed(stream, said("x"))
    assert isinstance(stream.beginning(), str)
    assert not stream._text


def test_an_answer_at_its_end_needs_nobody_to_go_on() -> None:
    stream = joined()
    fed(stream, [*said("One"), chunk({}, "stop")])
    assert stream.finished
    assert not joined().finished


@pytest.mark.parametrize(
    "fault",
    [
        event({"error": {"message": "overloaded", "code": 503}}),
        b'event: error\ndata: {"error":{"message":"overloaded"}}\n\n',
    ],
)
def test_an_error_is_not_told_to_the_form_as_another_may_go_on(fault: bytes) -> None:
    stream = joined()
    out = stream.feed(BEGAN + b"".join(said("One")) + fault + b"".join(said("lost")))
    assert (stream.fault, stream.broken, text_of(out)) == ("overloaded", None, "One")
    stream.pause(Usage(1, 1))
    stream.go_on(Seam())
    out += fed(stream, [*said(", two"), chunk({}, "stop"), DONE])
    assert (text_of(out), stream.whole) == ("One, two", True)


def test_half_an_event_of_the_one_that_broke_off_is_forgotten() -> None:
    stream = joined()
    out = fed(stream, [*said("One"), b'data: {"choi'])
    stream.pause(Usage(1, 1))
    stream.go_on(Seam())
    out += fed(stream, [*said(", two"), chunk({}, "stop"), DONE])
    assert (text_of(out), stream.whole) == ("One, two", True)


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (chunk({"reasoning_content": "Let me think"}), "think"),
        (event({"choices": [{"index": 1, "delta": {"content": "x"}}]}), "choices"),
        (event({"choices": "none"}), "read"),
        (b"data: {oops\n\n", "read"),
        (event({"error": {"message": "overloaded"}}), "overloaded"),
    ],
)
def test_one_that_does_not_go_on_has_broken_off(bad: bytes, fault: str) -> None:
    stream, _ = broken("One")
    stream.go_on(Seam())
    assert fed(stream, [bad, *said("x")]) == b""
    assert fault in (stream.fault or "")
    assert not stream.whole
    assert isinstance(stream.beginning(), Beginning)


def test_a_stop_across_the_seam_ends_the_answer() -> None:
    stream, out = broken("so it EN")
    stream.go_on(Seam(stops=("END",)))
    out += fed(stream, said("D", " of it"))
    assert (text_of(out), stream.done, stream.whole) == ("so it EN", True, True)
    assert documents(out)[-1]["choices"][0]["finish_reason"] == "stop"


def test_what_was_held_back_is_said_when_the_rest_ends() -> None:
    for end in ([chunk({}, "stop"), DONE], [DONE]):
        stream, out = broken("One One")
        stream.go_on(Seam(repeated="One One"))
        out += fed(stream, [*said("One"), *end])
        assert text_of(out) == "One OneOne"


def test_usage_in_its_makers_own_place_is_told_in_the_usual_one() -> None:
    counted = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
    for last in (
        event({"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": counted}]}),
        event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "x_groq": {"usage": counted}}),
    ):
        stream, _ = broken("One")
        stream.go_on(Seam())
        (told,) = documents(fed(stream, [last]))
        assert told["usage"]["total_tokens"] == 18
        assert "x_groq" not in told
        assert "usage" not in told["choices"][0]


def test_a_call_may_follow_the_text() -> None:
    stream, out = broken("Let me look")
    stream.go_on(Seam())
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    out += fed(stream, [chunk({"tool_calls": [call]}), chunk({}, "tool_calls"), DONE])
    assert documents(out)[-2]["choices"][0]["delta"] == {"tool_calls": [call]}
    assert stream.whole


def test_the_last_event_needs_no_blank_line() -> None:
    stream, _ = broken("One")
    stream.go_on(Seam())
    stream.feed(chunk({"content": ", two"}, "stop").rstrip())
    assert text_of(stream.end()) == ", two"
    assert stream.whole


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
