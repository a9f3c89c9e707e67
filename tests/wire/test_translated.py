"""A chat stream in another dialect: the same events however the bytes were cut, and an end only when there is one."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.chat.test_stream import BROKE, SAYS, STOPS, USED, chunk, events, streams
from tests.wire.test_sse import cut
from weighbridge.wire import sse
from weighbridge.wire.inner import Answer, Began, Event, Finished, Refusal, Said, Text, Thought, ToolUse
from weighbridge.wire.translated import Gatherer, Translated, events_of
from weighbridge.wire.usage import Usage


class Plainly:
    """An EventWriter that writes events as Python does."""

    def write(self, event: Event) -> bytes:
        return f"{event}\n".encode()

    def last(self, usage: Usage | None, cost: str | None) -> bytes:
        return f"{usage} {cost}\n".encode()


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


def run(pieces: list[bytes], *, cost: str | None = "0.5") -> Seen:
    stream = Translated(Plainly(), lambda _: cost)
    passed = b"".join(stream.feed(piece) for piece in pieces) + stream.end()
    return Seen(passed, stream.last(), stream.usage, stream.done, stream.fault, stream.whole, stream.said_bytes)


def said(*found: Event) -> bytes:
    return b"".join(map(Plainly().write, found))


BEGAN = Began("c", "")


@given(streams, st.lists(st.integers(0, 2000), max_size=10))
def test_how_the_bytes_were_cut_changes_nothing(stream: bytes, at: list[int]) -> None:
    at_once = run([stream])
    assert run(cut(stream, at)) == at_once
    assert run([stream[place : place + 1] for place in range(len(stream))]) == at_once


@given(streams)
def test_each_document_is_what_its_event_says(stream: bytes) -> None:
    whole = sse.Splitter().feed(stream)
    assert sse.documents(whole) == [found for event in sse.events(whole) if (found := sse.document(event)) is not None]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_a_stream_becomes_events_and_ends_with_its_usage_and_cost(end: bytes) -> None:
    seen = run([b": keep-alive" + end + end + events(SAYS, SAYS, STOPS, USED, b"[DONE]", end=end)])
    passed = said(BEGAN, Said("hi"), Said("hi"), Finished("stop"))
    assert seen == Seen(passed, b"%a 0.5\n" % Usage(3, 5), Usage(3, 5), True, None, True, 4)


@pytest.mark.parametrize(
    ("stream", "done", "whole"),
    [
        (events(SAYS, STOPS, b"[DONE]"), True, True),
        (events(SAYS, STOPS), False, True),
        (events(SAYS), False, False),
        (events(SAYS, b"[DONE]"), True, True),
        (events(SAYS) + b"data: [DONE]", True, True),
        (events(SAYS) + b"data: " + STOPS, False, True),
        (events(SAYS) + b"data: " + STOPS[:-2], False, False),
        (events(chunk(b"[DONE]")), False, False),
        (b"", False, False),
    ],
)
def test_a_stream_is_whole_when_it_said_so_or_was_finished(stream: bytes, done: bool, whole: bool) -> None:
    seen = run([stream])
    assert (seen.done, seen.whole) == (done, whole)


def test_nothing_is_known_of_a_usage_that_never_came() -> None:
    assert run([events(SAYS, STOPS, b"[DONE]")]).last == b"None None\n"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (BROKE, "out of memory"),
        (b'{"error":"overloaded"}', "overloaded"),
        (b"not JSON", "cannot be read"),
        (b'{"choices":[{"delta":{"content":5}}]}', "cannot be read"),
    ],
)
def test_an_error_or_what_cannot_be_read_is_a_fault_and_nothing_after_it_passes(error: bytes, fault: str) -> None:
    seen = run([events(SAYS, error, SAYS, USED, b"[DONE]")])
    assert (seen.passed, seen.whole, seen.usage) == (said(BEGAN, Said("hi")), False, None)
    assert fault in (seen.fault or "")


def test_words_of_the_protocol_in_a_text_are_only_words() -> None:
    text = b'data: [DONE]\\n\\ndata: {\\"error\\":{\\"message\\":\\"no\\"}}'
    seen = run([events(chunk(text), chunk(b"", b',"error":null'), STOPS)])
    assert seen.passed == said(BEGAN, Said('data: [DONE]\n\ndata: {"error":{"message":"no"}}'), Finished("stop"))


def test_an_event_over_the_limit_breaks_the_stream() -> None:
    stream = Translated(Plainly(), lambda _: None)
    stream.feed(b"x" * sse.MAX_EVENT)
    with pytest.raises(sse.TooLong):
        stream.feed(b"x")


ANSWER = Answer(
    id="c",
    model="m",
    created=7,
    parts=[
        Thought(text="hm", signature="s"),
        Thought(sealed="x"),
        Text(text="Hi"),
        ToolUse(id="a", name="f", arguments='{"x":1}'),
        ToolUse(id="b", name="f", arguments=""),
        Refusal(text="No."),
    ],
    finish="tool_use",
    stop_sequence="END",
    usage=Usage(3, 5),
)


def test_a_whole_answer_comes_apart_and_together_again() -> None:
    found: list[Answer] = []

    def keep(answer: Answer, cost: str | None) -> bytes:
        found.append(answer)
        return f"{cost}".encode()

    gatherer = Gatherer(keep)
    assert b"".join(map(gatherer.write, events_of(ANSWER))) == b""
    assert gatherer.last(ANSWER.usage, "0.5") == b"0.5"
    assert found == [ANSWER]
