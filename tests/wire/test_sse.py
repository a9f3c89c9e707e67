"""Event streams, however the bytes were cut."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.wire import sse

LINE_ENDS = (b"\n", b"\r\n", b"\r")
LINES = (
    b"data: {}",
    b"data:x",
    b"data: two",
    b"data",
    b": keep-alive",
    b":",
    b"event: message",
    b"id: 7",
    b"retry: 10",
)

streams = st.builds(
    lambda events, end: b"".join(end.join(lines) + end + end for lines in events),
    st.lists(st.lists(st.sampled_from(LINES), min_size=1, max_size=3), max_size=6),
    st.sampled_from(LINE_ENDS),
)


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    places = sorted({place % (len(stream) + 1) for place in at} | {0, len(stream)})
    return [stream[start:end] for start, end in itertools.pairwise(places)]


@given(streams, st.lists(st.integers(0, 1000), max_size=8))
def test_events_come_out_whole_and_as_they_came_however_they_were_cut(stream: bytes, at: list[int]) -> None:
    splitter = sse.Splitter()
    events = [event for piece in cut(stream, at) for event in sse.events(splitter.feed(piece))]
    assert b"".join(events) + splitter.rest == stream
    assert events == list(sse.events(stream))


@given(st.lists(st.sampled_from((b"\n", b"\r", b"a")), max_size=12), st.lists(st.integers(0, 12), max_size=4))
def test_no_byte_is_lost_or_moved_whatever_the_line_ends(pieces: list[bytes], at: list[int]) -> None:
    stream = b"".join(pieces)
    splitter = sse.Splitter()
    whole = b"".join(splitter.feed(piece) for piece in cut(stream, at))
    assert whole + splitter.rest == stream
    assert b"".join(sse.events(stream)) == stream


@pytest.mark.parametrize("end", LINE_ENDS, ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(
    ("lines", "document"),
    [
        ((b"data: {}",), b"{}"),
        ((b"data:{}",), b"{}"),
        ((b"data:  {} ",), b"{}"),
        ((b"event: x", b"data: {}", b"id: 3"), b"{}"),
        ((b'data: {"a":', b"data: 1}"), b'{"a":\n1}'),
        ((b"data: [DONE]",), b"[DONE]"),
        ((b"data:",), b""),
        ((b": keep-alive",), None),
        ((b"",), None),
        ((b"event: ping",), None),
        ((b"database: x",), None),
    ],
)
def test_an_events_document_is_its_data_lines(lines: tuple[bytes, ...], document: bytes | None, end: bytes) -> None:
    assert sse.document(end.join(lines) + end + end) == document


def test_an_event_that_has_not_ended_has_the_lines_so_far() -> None:
    assert sse.document(b"data: {}\n:") == b"{}"
    assert sse.document(b"data: {") == b"{"


def test_an_event_up_to_the_limit_passes_and_one_over_it_is_none() -> None:
    splitter = sse.Splitter()
    assert splitter.feed(b"x" * (sse.MAX_EVENT - 2)) == b""
    assert len(splitter.feed(b"\n\n")) == sse.MAX_EVENT
    splitter.feed(b"x" * sse.MAX_EVENT)
    with pytest.raises(sse.TooLong):
        splitter.feed(b"x")


@pytest.mark.parametrize(("size", "pieces"), [(1, 100_000), (64, 60_000), (1024, 8_000)])
def test_the_time_to_split_grows_with_the_bytes_and_not_with_their_square(size: int, pieces: int) -> None:
    eighth, whole = _seconds_to_split(size, pieces // 8), _seconds_to_split(size, pieces)
    assert whole < 8 * 3 * eighth + 0.05  # a square would be 64 times


def _seconds_to_split(size: int, pieces: int) -> float:
    """One event in so many pieces; the best of three, as the machine has others to serve."""
    best = float("inf")
    for _ in range(3):
        splitter = sse.Splitter()
        piece = b"x" * size
        started = time.perf_counter()
        for _ in range(pieces):
            splitter.feed(piece)
        best = min(best, time.perf_counter() - started)
        assert len(splitter.rest) == size * pieces
    return best
