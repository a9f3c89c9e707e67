"""Messages answers as chat completions: the recorded ones, those that break off, and what the gateway makes of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.wire.messages.test_answer import ANSWERS, RECORDED, documents, whole
from weighbridge.wire import sse
from weighbridge.wire.chat.read import Unreadable, read_answer
from weighbridge.wire.chat.stream import ChatStream
from weighbridge.wire.messages.translating import ChatChunks, chat_document

Json = dict[str, Any]


def recorded(name: str) -> bytes:
    return (RECORDED / f"{name}.sse").read_bytes()


def chunks(stream: bytes) -> bytes:
    machine = ChatChunks(7)
    return machine.feed(stream) + machine.end()


def passed(stream: bytes) -> ChatStream:
    """The gateway's own machine, after it has read the chunks."""
    found = ChatStream(wants_usage=True, cost=lambda _: None)
    found.feed(chunks(stream))
    found.end()
    return found


@pytest.mark.parametrize("name", ANSWERS)
def test_a_recorded_stream_is_a_whole_chat_stream(name: str) -> None:
    found = passed(recorded(name))
    assert (found.done, found.whole, found.fault, found.usage) == (True, True, None, ANSWERS[name].usage)
    assert found.said_bytes > 0


def test_a_recorded_message_is_a_chat_completion() -> None:
    said: Json = json.loads(chat_document(whole("tool-use"), 7))
    assert said["choices"][0]["finish_reason"] == "tool_calls"
    assert [call["function"]["name"] for call in said["choices"][0]["message"]["tool_calls"]] == [
        "get_weather",
        "get_time",
    ]
    assert said["usage"]["prompt_tokens"] == 1496
    assert said["usage"]["prompt_tokens_details"] == {"cached_tokens": 1024, "cache_write_tokens": 0}
    assert said["created"] == 7


def test_thoughts_reach_a_chat_client_with_all_it_must_give_back() -> None:
    parts = read_answer(chat_document(whole("thinking"))).parts
    assert parts == ANSWERS["thinking"].parts


def test_an_error_in_the_middle_is_an_error_and_nothing_comes_after_it() -> None:
    broken = recorded("error")
    found = passed(broken + recorded("text"))
    assert (found.fault, found.whole, found.done) == ("Overloaded", False, False)
    last = json.loads(sse.documents(chunks(broken + recorded("text")))[-1])
    assert last == {"error": {"message": "Overloaded", "type": "upstream_error", "code": None}}


def test_an_event_that_cannot_be_read_is_an_error() -> None:
    found = passed(recorded("text").replace(b'"text":"Hello"', b'"text":5'))
    assert not found.whole
    assert "cannot be read" in (found.fault or "")


def until(name: str, mark: str) -> bytes:
    """A stream up to the event with this mark."""
    events = list(sse.events(recorded(name)))
    return b"".join(events[: next(at for at, event in enumerate(events) if mark.encode() in event)])


@pytest.mark.parametrize("mark", ["content_block_start", "content_block_stop", "message_delta"])
def test_a_stream_that_ends_before_its_reason_to_stop_is_not_whole(mark: str) -> None:
    found = passed(until("text", mark))
    assert (found.whole, found.done, found.usage) == (False, False, None)


def test_a_stream_without_its_last_event_is_whole() -> None:
    found = passed(until("text", "message_stop"))
    assert (found.whole, found.usage) == (True, ANSWERS["text"].usage)


def test_a_last_event_without_its_blank_line_counts() -> None:
    assert chunks(recorded("text").rstrip()) == chunks(recorded("text"))
    assert passed(recorded("text").rstrip()[:-3]).whole


def test_what_comes_after_the_end_is_not_said() -> None:
    assert chunks(recorded("text") + recorded("tool-use")) == chunks(recorded("text"))


def test_pings_keep_the_connection_alive() -> None:
    stream = chunks(recorded("text"))
    assert stream.count(b": ping\n\n") == 1
    assert chunks(b": nothing\n\n") == b""


@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
def test_line_ends_make_no_difference(end: bytes) -> None:
    assert chunks(recorded("thinking").replace(b"\n", end)) == chunks(recorded("thinking"))


def test_an_event_over_the_limit_breaks_the_stream() -> None:
    machine = ChatChunks()
    machine.feed(b"x" * sse.MAX_EVENT)
    with pytest.raises(sse.TooLong):
        machine.feed(b"x")


def test_what_is_no_message_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        chat_document(b'{"choices":[]}')


def test_there_is_a_recording_for_every_answer() -> None:
    assert {path.stem for path in Path(RECORDED).glob("*.sse")} == {*ANSWERS, "error"}
    assert documents("text")
