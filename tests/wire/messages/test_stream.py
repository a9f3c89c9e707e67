"""A Messages stream that passes: the same bytes but for the cost, and the end only when there is a receipt."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.messages.test_answer import ANSWERS, RECORDED
from tests.wire.test_sse import cut
from weighbridge.wire import sse
from weighbridge.wire.messages.stream import STOP, Passed
from weighbridge.wire.usage import Usage


@dataclass(frozen=True, slots=True)
class Seen:
    """What a stream comes to."""

    passed: bytes
    last: bytes
    usage: Usage | None
    done: bool
    fault: str | None
    whole: bool
    said_bytes: int


def run(pieces: list[bytes], *, cost: str | None = None) -> Seen:
    stream = Passed(lambda _: cost)
    passed = b"".join(map(stream.feed, pieces)) + stream.end()
    return Seen(passed, stream.last(), stream.usage, stream.done, stream.fault, stream.whole, stream.said_bytes)


def recorded(name: str) -> bytes:
    return (RECORDED / f"{name}.sse").read_bytes()


def events(*documents: bytes, end: bytes = b"\n") -> bytes:
    return b"".join(b"data: " + document + end + end for document in documents)


def says(text: bytes) -> bytes:
    return b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}' % text


BEGINS = b'{"type":"message_start","message":{"id":"1","usage":{"input_tokens":3,"output_tokens":1}}}'
ENDS = b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}'
PRICED = b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"cost":0.5,"output_tokens":5}}'
STOPS = b'{"type":"message_stop"}'
BROKE = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
USED = Usage(3, 5)


@pytest.mark.parametrize("name", ANSWERS)
def test_every_byte_passes_and_the_end_waits(name: str) -> None:
    seen = run([recorded(name)])
    assert seen.passed + seen.last == recorded(name)
    assert seen.last == STOP
    assert (seen.usage, seen.done, seen.fault, seen.whole) == (ANSWERS[name].usage, True, None, True)
    assert seen.said_bytes > 0


TRAPS = (
    BEGINS,
    ENDS,
    STOPS,
    BROKE,
    says(b"hi"),
    says(b"[DONE]"),
    says(b'\\"error\\": {\\"message\\":\\"no\\"}'),
    says(b'\\"usage\\":{\\"input_tokens\\":9}'),
    says(b'event: message_stop\\ndata: {\\"type\\":\\"message_stop\\"}'),
    b'{"type":"ping"}',
    b'{"type":"message_delta","delta":{},"usage":null}',
    b'{"type":"message_delta","delta":{},"usage":{"output_tokens":"many"}}',
    b'{"type":"message_delta","usage":5}',
    b"not JSON",
    b'not JSON "message_"',
    b"",
)
FRAMES = (
    lambda document, end: b"data: " + document + end + end,
    lambda document, end: b"event: x" + end + b"data: " + document + end + b"id: 1" + end + end,
    lambda document, end: b"data: " + document.replace(b",", b"," + end + b"data: ", 1) + end + end,
    lambda _, end: b": keep-alive" + end + end,
)
streams = st.builds(
    lambda parts, end, rest: b"".join(frame(document, end) for document, frame in parts) + rest,
    st.lists(st.tuples(st.sampled_from(TRAPS), st.sampled_from(FRAMES)), max_size=8),
    st.sampled_from((b"\n", b"\r\n", b"\r")),
    st.sampled_from((b"", b"data: " + STOPS, b"data: " + ENDS, b"data: {", b": x")),
)


@given(streams, st.lists(st.integers(0, 2000), max_size=10), st.sampled_from((None, "0.5")))
def test_how_the_bytes_were_cut_changes_nothing(stream: bytes, at: list[int], cost: str | None) -> None:
    at_once = run([stream], cost=cost)
    assert run(cut(stream, at), cost=cost) == at_once
    assert run([stream[place : place + 1] for place in range(len(stream))], cost=cost) == at_once


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_the_usage_gets_its_cost(end: bytes) -> None:
    stream = b": keep-alive" + end + end + events(BEGINS, says(b"hi"), ENDS, STOPS, end=end)
    seen = run([stream], cost="0.5")
    passed = b": keep-alive" + end + end + events(BEGINS, says(b"hi"), PRICED, end=end)
    assert seen == Seen(passed, events(STOPS, end=end), USED, True, None, True, 2)


def test_a_usage_on_several_lines_gets_its_cost_too() -> None:
    lines = b"event: message_delta\n" + events(ENDS.replace(b',"usage"', b',\ndata: "usage"'))
    seen = run([events(BEGINS) + lines], cost="0.5")
    assert sse.documents(seen.passed)[-1].replace(b" ", b"") == PRICED.replace(b" ", b"")
    assert run([events(BEGINS) + lines]).passed == events(BEGINS) + lines


def test_what_comes_after_the_end_waits_with_it() -> None:
    seen = run([events(BEGINS, ENDS, STOPS, says(b"hi"))])
    assert (seen.passed, seen.last) == (events(BEGINS, ENDS), events(STOPS, says(b"hi")))


def test_an_error_is_a_fault_and_neither_it_nor_anything_after_it_passes() -> None:
    seen = run([events(BEGINS, says(b"hi"), BROKE, says(b"hi"), ENDS, STOPS)])
    assert seen == Seen(events(BEGINS, says(b"hi")), STOP, None, False, "Overloaded", False, 2)
    assert run([events(BEGINS), events(BROKE), events(says(b"hi"))]).passed == events(BEGINS)
    assert run([recorded("error")]).fault == "Overloaded"


def test_an_end_that_cannot_be_read_is_a_fault() -> None:
    seen = run([events(BEGINS, b'{"type":"message_delta","usage":5}')])
    assert (seen.passed, seen.whole) == (events(BEGINS), False)
    assert "cannot be read" in (seen.fault or "")


@pytest.mark.parametrize(
    ("stream", "done", "whole"),
    [
        (events(BEGINS, says(b"hi"), ENDS, STOPS), True, True),
        (events(BEGINS, says(b"hi"), ENDS), False, True),
        (events(BEGINS, says(b"hi"), ENDS) + b"data: " + STOPS, True, True),
        (events(BEGINS, says(b"hi")) + b"data: " + ENDS, False, True),
        (events(BEGINS, says(b"hi")) + b"data: " + ENDS[:-1], False, False),
        (events(BEGINS, says(b"hi")), False, False),
        (b"", False, False),
    ],
)
def test_a_stream_is_whole_when_it_said_so_or_had_a_reason_to_stop(stream: bytes, done: bool, whole: bool) -> None:
    seen = run([stream])
    assert (seen.done, seen.whole) == (done, whole)
    assert seen.last.strip() == (STOP.strip() if not done else b"data: " + STOPS)


def test_an_answer_that_breaks_off_is_counted_by_its_length_and_not_by_the_tokens_it_began_with() -> None:
    seen = run([events(BEGINS, *[says(b"x" * 1000)] * 200)])
    assert (seen.usage, seen.said_bytes) == (None, 200_000)


def test_an_event_over_the_limit_breaks_the_stream() -> None:
    stream = Passed(lambda _: None)
    stream.feed(b"x" * sse.MAX_EVENT)
    with pytest.raises(sse.TooLong):
        stream.feed(b"x")
