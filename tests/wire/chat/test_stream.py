"""A chat stream: what the client is to have, what was used, whether it came to its end; however the bytes were cut."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.test_sse import cut
from weighbridge.wire import sse
from weighbridge.wire.chat.stream import ChatStream
from weighbridge.wire.usage import Usage


def chunk(content: bytes = b"hi", more: bytes = b"") -> bytes:
    return b'{"id":"c","choices":[{"index":0,"delta":{"content":"' + content + b'"}' + more + b"}]}"


SAYS = chunk()
STOPS = b'{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
USED = b'{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}'
USED_PRICED = b'{"id":"c","choices":[],"usage":{"cost":0.5,"prompt_tokens":3,"completion_tokens":5}}'
SAYS_AND_USED = b'{"choices":[{"delta":{"content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}'
SAYS_AND_USED_PRICED = (
    b'{"choices":[{"delta":{"content":"hi"}}],"usage":{"cost":0.5,"prompt_tokens":3,"completion_tokens":1}}'
)
BROKE = b'{"error":{"message":"out of memory","code":500}}'


@dataclass(frozen=True, slots=True)
class Seen:
    """What a stream comes to."""

    passed: bytes
    usage: Usage | None
    done: bool
    fault: str | None
    whole: bool
    said_bytes: int


def run(pieces: list[bytes], *, wants_usage: bool = True, cost: str | None = "0.5") -> Seen:
    stream = ChatStream(wants_usage=wants_usage, cost=lambda _: cost)
    passed = b"".join(stream.feed(piece) for piece in pieces) + stream.end()
    return Seen(passed, stream.usage, stream.done, stream.fault, stream.whole, stream.said_bytes)


def events(*documents: bytes, end: bytes = b"\n") -> bytes:
    return b"".join(b"data: " + document + end + end for document in documents)


TRAPS = (
    SAYS,
    STOPS,
    USED,
    SAYS_AND_USED,
    BROKE,
    b"[DONE]",
    b'{"choices":[],"usage":null}',
    b'{"choices":[],"usage":"none"}',
    b'{"choices":[],"error":null}',
    b'{"choices":[],"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2}}}',
    chunk(b"[DONE]"),
    chunk(b"error"),
    chunk(b"usage"),
    chunk(b'\\"usage\\": {\\"prompt_tokens\\":1,\\"completion_tokens\\":9}'),
    chunk(b'\\"error\\": {\\"message\\":\\"no\\"}'),
    chunk(b"data: [DONE]\\n\\n"),
    b"not JSON",
    b"",
)
FRAMES = (
    lambda document, end: b"data: " + document + end + end,
    lambda document, end: b"data:" + document + end + end,
    lambda document, end: b"event: x" + end + b"data: " + document + end + b"id: 1" + end + end,
    lambda document, end: b"data: " + document.replace(b",", b"," + end + b"data: ", 1) + end + end,
    lambda _, end: b": keep-alive" + end + end,
)

streams = st.builds(
    lambda parts, end, missing: b"".join(frame(document, end) for document, frame in parts).removesuffix(end * missing),
    st.lists(st.tuples(st.sampled_from(TRAPS), st.sampled_from(FRAMES)), max_size=8),
    st.sampled_from((b"\n", b"\r\n", b"\r")),
    st.integers(0, 2),
)


@given(streams, st.lists(st.integers(0, 2000), max_size=10), st.booleans(), st.sampled_from(("0.5", None)))
def test_how_the_bytes_were_cut_changes_nothing(stream: bytes, at: list[int], wants: bool, cost: str | None) -> None:
    at_once = run([stream], wants_usage=wants, cost=cost)
    assert run(cut(stream, at), wants_usage=wants, cost=cost) == at_once
    assert run([stream[place : place + 1] for place in range(len(stream))], wants_usage=wants, cost=cost) == at_once


@given(streams)
def test_what_is_passed_on_is_byte_for_byte_what_came_but_for_the_cost(stream: bytes) -> None:
    passed = run([stream], cost=None).passed
    came = list(sse.events(stream))
    for event in sse.events(passed):
        while event != came[0]:  # dropped: the end, an error, and what came after
            came.pop(0)
            if not came:  # the last event came without its blank line
                assert stream.rstrip(b"\r\n").endswith(event.rstrip(b"\r\n"))
                return
        came.pop(0)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_a_stream_with_usage_ends_whole_and_priced(end: bytes) -> None:
    seen = run([events(SAYS, SAYS, STOPS, USED, b"[DONE]", end=end)])
    assert seen == Seen(events(SAYS, SAYS, STOPS, USED_PRICED, end=end), Usage(3, 5), True, None, True, 4)


@pytest.mark.parametrize(
    ("documents", "wants", "passed", "usage"),
    [
        ((SAYS, USED), True, (SAYS, USED_PRICED), Usage(3, 5)),
        ((SAYS, USED), False, (SAYS,), Usage(3, 5)),
        ((SAYS_AND_USED,), True, (SAYS_AND_USED_PRICED,), Usage(3, 1)),
        ((SAYS_AND_USED,), False, (SAYS_AND_USED_PRICED,), Usage(3, 1)),
        ((SAYS_AND_USED, USED), True, (SAYS_AND_USED_PRICED, USED_PRICED), Usage(3, 5)),
        ((SAYS_AND_USED, USED), False, (SAYS_AND_USED_PRICED,), Usage(3, 5)),
        ((SAYS, b'{"choices":[],"usage":null}'), False, (SAYS, b'{"choices":[],"usage":null}'), None),
        ((SAYS,), True, (SAYS,), None),
    ],
    ids=[
        "in a chunk of its own",
        "in a chunk of its own, not asked for",
        "beside a choice",
        "beside a choice, not asked for",
        "in every chunk, growing",
        "in every chunk, growing, not asked for",
        "null",
        "never",
    ],
)
def test_usage_is_counted_wherever_it_stands_and_shown_to_whom_asked(
    documents: tuple[bytes, ...],
    wants: bool,
    passed: tuple[bytes, ...],
    usage: Usage | None,
) -> None:
    seen = run([events(*documents, STOPS, b"[DONE]")], wants_usage=wants)
    assert (seen.passed, seen.usage) == (events(*passed, STOPS), usage)


def test_where_the_price_is_not_known_the_usage_chunk_is_left_alone() -> None:
    assert run([events(SAYS, USED, b"[DONE]")], cost=None).passed == events(SAYS, USED)


def test_the_usage_chunk_keeps_its_other_lines() -> None:
    framed = b"event: x\r\ndata: %s\r\nid: 9\r\n\r\n"
    assert run([framed % USED]).passed == framed % USED_PRICED


def test_a_usage_chunk_on_several_lines_stays_one_event() -> None:
    first, second = USED[:20], USED[20:]
    seen = run([b"data: " + first + b"\ndata: " + second + b"\n\n"])
    assert sse.document(seen.passed) == USED_PRICED[:20] + b" " + USED_PRICED[20:]


@pytest.mark.parametrize(
    ("stream", "done", "whole"),
    [
        (events(SAYS, STOPS, b"[DONE]"), True, True),
        (events(SAYS, STOPS), False, True),
        (events(SAYS), False, False),
        (events(SAYS, b"[DONE]"), True, True),
        (events(SAYS) + b"data: [DONE]", True, True),
        (events(SAYS) + b"data: [DONE]\n", True, True),
        (events(SAYS) + b"data: " + STOPS, False, True),
        (events(SAYS) + b"data: " + STOPS[:-2], False, False),
        (events(chunk(b"[DONE]")), False, False),
        (b"", False, False),
    ],
)
def test_a_stream_is_whole_when_it_said_so_or_a_choice_was_finished(stream: bytes, done: bool, whole: bool) -> None:
    seen = run([stream])
    assert (seen.done, seen.whole) == (done, whole)


def test_a_last_event_without_its_blank_line_is_given_one() -> None:
    assert run([events(SAYS) + b"data: " + STOPS]).passed == events(SAYS, STOPS)


def test_a_last_event_cut_in_the_middle_is_not_passed_on() -> None:
    assert run([events(SAYS) + b"data: " + STOPS[:-5]]).passed == events(SAYS)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (BROKE, "out of memory"),
        (b'{"error":"overloaded"}', "overloaded"),
        (b'{"object":"error","message":"too long","code":400}', "too long"),
        (b'{"error":{"message":"gone"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}', "gone"),
        (b'{"error":{"oops":1}}', '{"oops":1}'),
    ],
)
def test_an_error_in_the_middle_is_kept_and_nothing_after_it_passes(error: bytes, fault: str) -> None:
    seen = run([events(SAYS, error, SAYS, USED, b"[DONE]")])
    assert (seen.passed, seen.fault, seen.whole, seen.usage) == (events(SAYS), fault, False, None)


@pytest.mark.parametrize(
    "text",
    [
        b"[DONE]",
        b"error",
        b"usage",
        b'\\"usage\\":{\\"prompt_tokens\\":1,\\"completion_tokens\\":1}',
        b'data: [DONE]\\n\\ndata: {\\"error\\":{\\"message\\":\\"no\\"}}',
    ],
)
def test_words_of_the_protocol_in_a_text_are_only_words(text: bytes) -> None:
    stream = events(chunk(text), chunk(b"", b',"error":null'), STOPS)
    assert run([stream, events(b"[DONE]")]) == Seen(stream, None, True, None, True, len(text))


def test_text_is_measured_in_a_stream_longer_than_what_is_kept() -> None:
    assert run([events(SAYS) * 100] * 100).said_bytes == 2 * 100 * 100


def test_what_is_kept_of_a_long_stream_is_bounded() -> None:
    stream = ChatStream(wants_usage=False, cost=lambda _: None)
    for _ in range(2_000):
        stream.feed(events(chunk(b"x" * 1_000)))
    assert stream._kept_bytes <= 64 * 1024


def test_an_event_over_the_limit_breaks_the_stream() -> None:
    stream = ChatStream(wants_usage=False, cost=lambda _: None)
    stream.feed(b"x" * sse.MAX_EVENT)
    with pytest.raises(sse.TooLong):
        stream.feed(b"x")
