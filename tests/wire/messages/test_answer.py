"""Messages, whole and as events, as inner answers: what Anthropic's documentation shows, and what may go wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import Message as SdkMessage

from weighbridge.wire import sse
from weighbridge.wire.chat.read import Unreadable, answer_of
from weighbridge.wire.inner import (
    Answer,
    Began,
    Event,
    Finish,
    Finished,
    Part,
    Refusal,
    Said,
    Text,
    Thought,
    ThoughtOn,
    ToolBegan,
    ToolUse,
    ToolWent,
)
from weighbridge.wire.messages.answer import EventReader, read_answer, said, usage_in
from weighbridge.wire.usage import Usage

Json = dict[str, Any]
RECORDED = Path(__file__).with_name("recorded")
SONNET, OPUS = "claude-sonnet-4-5-20250929", "claude-opus-4-7"
THOUGHT = "I need to find the GCD of 1071 and 462\n\n1071 = 2 * 462 + 147\n462 = 3 * 147 + 21\nSo GCD(1071, 462) = 21"
SIGNATURE = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds8x0mVnPvI+o="
SEALED = "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIwxtE3rAFBa8cr3qpP"
WEATHER = '{"location": "San Francisco, CA", "unit": "fahrenheit"}'

ANSWERS: dict[str, Answer] = {
    "text": Answer(
        "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY", SONNET, [Text(text="Hello!")], "stop", usage=Usage(25, 15)
    ),
    "tool-use": Answer(
        "msg_014p7gG3wDgGV9EUtLvnow3U",
        SONNET,
        [
            Text(text="Okay, let me check the weather for San Francisco, CA:"),
            ToolUse(id="toolu_01T1x1fJ34qAmk2tNTrN7Up6", name="get_weather", arguments=WEATHER),
            ToolUse(id="toolu_01A09q90qw90lq917835lq9", name="get_time", arguments="{}"),
        ],
        "tool_use",
        usage=Usage(1496, 89, cached=1024, written=0),
    ),
    "thinking": Answer(
        "msg_01Xh9tNvqeGwFr3oqTwJ2a7e",
        SONNET,
        [
            Thought(text=THOUGHT, signature=SIGNATURE),
            Thought(sealed=SEALED),
            Text(text="The greatest common divisor of 1071 and 462 is **21**."),
        ],
        "stop",
        usage=Usage(2089, 184, cached=0, written=2048, reasoning=150),
    ),
    "citations": Answer(
        "msg_01Cited", SONNET, [Text(text="Of cats it says that they purr.")], "stop", usage=Usage(610, 21)
    ),
    "refusal": Answer(
        "msg_01Refused",
        OPUS,
        [Text(text="To begin"), Refusal(text="This request was refused due to policy.")],
        "refusal",
        usage=Usage(20, 3),
    ),
}


def documents(name: str) -> list[bytes]:
    return sse.documents((RECORDED / f"{name}.sse").read_bytes())


def whole(name: str) -> bytes:
    return (RECORDED / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", ANSWERS)
def test_a_message_and_its_stream_are_the_same_answer(name: str) -> None:
    SdkMessage.model_validate_json(whole(name))
    reader = EventReader()
    events = [event for document in documents(name) for event in reader.read(document)]
    assert read_answer(whole(name)) == answer_of(events, reader.usage) == ANSWERS[name]
    assert (reader.done, reader.finished, reader.fault) == (True, True, None)
    assert said(whole(name)) == (reader.said_bytes, True)
    assert usage_in(whole(name)) == reader.usage == ANSWERS[name].usage


def test_an_error_in_the_middle_is_a_fault() -> None:
    reader = EventReader()
    events = [event for document in documents("error") for event in reader.read(document)]
    assert events == [Began("msg_01Broke", SONNET, usage=Usage(25, 1)), Said("Hello")]
    assert (reader.fault, reader.done, reader.finished, reader.usage) == ("Overloaded", False, False, None)
    assert reader.said_bytes == 5


def read(*found: Json) -> list[Event]:
    reader = EventReader()
    return [event for each in found for event in reader.read(json.dumps(each).encode())]


def start(block: Json, index: int = 0) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int = 0, **fields: object) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(index: int = 0) -> Json:
    return {"type": "content_block_stop", "index": index}


def test_blocks_may_begin_with_what_they_say() -> None:
    use = {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}}
    assert read(start({"type": "text", "text": "Hi"})) == [Said("Hi")]
    assert read(start({"type": "thinking", "thinking": "hm", "signature": "s"})) == [ThoughtOn("hm", "s")]
    assert read(start(use), stop()) == [ToolBegan(0, "1", "f"), ToolWent(0, '{"a": 1}')]


def test_tools_are_numbered_by_themselves_and_an_empty_input_is_an_object() -> None:
    one: Json = {"type": "tool_use", "id": "1", "name": "f", "input": {}}
    two = {**one, "id": "2"}
    more = delta(3, type="input_json_delta", partial_json="{}")
    assert read(start({"type": "text", "text": ""}), stop(), start(one, 1), stop(1), start(two, 3), more, stop(3)) == [
        ToolBegan(0, "1", "f"),
        ToolWent(0, "{}"),
        ToolBegan(1, "2", "f"),
        ToolWent(1, "{}"),
    ]


def test_half_an_event_says_nothing() -> None:
    kinds = ("content_block_start", "content_block_delta", "content_block_stop", "message_delta")
    assert read(*({"type": kind} for kind in kinds)) == []
    assert read({"type": "message_start"}) == [Began("", "")]


def test_what_nobody_asked_for_says_nothing() -> None:
    block = {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}}
    citation = delta(type="citations_delta", citation={"cited_text": "x"})
    assert read(start(block), delta(type="input_json_delta", partial_json='{"q"'), stop(), citation) == []
    assert read({"type": "ping"}, {"type": "tomorrow"}, delta(type="tomorrow", x=1)) == []


REASONS: dict[str, Finish] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "tool_use": "tool_use",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "length",
    "tomorrow": "stop",
}


def message(**fields: object) -> bytes:
    usage = {"input_tokens": 1, "output_tokens": 2}
    given = {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage, **fields}
    return json.dumps(given).encode()


@pytest.mark.parametrize("reason", REASONS)
def test_reasons_to_stop(reason: str) -> None:
    ended = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}}
    assert read(ended) == [Finished(REASONS[reason])]
    assert read_answer(message(stop_reason=reason)).finish == REASONS[reason]


def test_a_text_that_ended_the_answer_is_named() -> None:
    ended = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    assert read({"type": "message_delta", "delta": ended}) == [Finished("stop_sequence", "END")]
    answer = read_answer(message(**ended))
    assert (answer.finish, answer.stop_sequence) == ("stop_sequence", "END")


USAGES: dict[str, tuple[Json | None, Usage | None]] = {
    "plain": ({"input_tokens": 1, "output_tokens": 2}, Usage(1, 2)),
    "with the cache": (
        {"input_tokens": 1, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 100, "output_tokens": 2},
        Usage(111, 2, cached=10, written=100),
    ),
    "nulls": (
        {"input_tokens": 1, "cache_read_input_tokens": None, "output_tokens": 2, "output_tokens_details": None},
        Usage(1, 2),
    ),
    "thoughts": (
        {"input_tokens": 1, "output_tokens": 2, "output_tokens_details": {"thinking_tokens": 9}},
        Usage(1, 2, reasoning=2),
    ),
    "only the answer": ({"output_tokens": 2}, None),
    "below zero": ({"input_tokens": -1, "output_tokens": 2}, None),
    "no number": ({"input_tokens": True, "output_tokens": "2"}, None),
    "none": (None, None),
}


@pytest.mark.parametrize("case", USAGES)
def test_the_prompt_is_all_that_was_read_cached_or_not(case: str) -> None:
    counts, expected = USAGES[case]
    assert usage_in(message(usage=counts)) == expected
    assert read_answer(message(usage=counts)).usage == expected


def test_a_stream_counts_the_prompt_first_and_the_answer_last() -> None:
    reader = EventReader()
    begun = {"input_tokens": 1, "cache_read_input_tokens": 10, "output_tokens": 1}
    (began,) = reader.read(json.dumps({"type": "message_start", "message": {"id": "1", "usage": begun}}).encode())
    assert began == Began("1", "", usage=Usage(11, 1, cached=10))
    assert reader.usage is None
    for count, expected in (
        ({"output_tokens": 5}, Usage(11, 5, cached=10)),
        ({"input_tokens": 2}, Usage(12, 5, cached=10)),
    ):
        reader.read(json.dumps({"type": "message_delta", "delta": {}, "usage": count}).encode())
        assert reader.usage == expected


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"not JSON", "cannot be read"),
        (b"[]", "cannot be read"),
        (b'{"type":"message"}', "no message"),
        (b'{"choices":[]}', "no message"),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "Overloaded"),
        (b'{"type":"message","content":[{"text":"a"}]}', "type"),
        (b'{"type":"message","content":[{"type":"text","text":1}]}', "text"),
        (b'{"a":' * 9999, "cannot be read"),
        (b'{"type":"message","id":"\xff"}', "cannot be read"),
    ],
)
def test_what_is_no_message_is_unreadable(document: bytes, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        read_answer(document)


@pytest.mark.parametrize(
    "document", [b"not JSON", b"[]", b'{"type":5}', b"{}", b'{"type":"content_block_delta","index":""}']
)
def test_what_is_no_event_is_unreadable(document: bytes) -> None:
    with pytest.raises(Unreadable):
        EventReader().read(document)


def test_nothing_is_said_by_what_cannot_be_read() -> None:
    assert said(b"not JSON") == said(b"[]") == (0, False)
    assert usage_in(b"not JSON") is None
    parts: list[Part] = read_answer(message(content=[{"type": "text", "text": "é"}])).parts
    assert parts == [Text(text="é")]
    assert said(message(content=[{"type": "text", "text": "é"}])) == (2, False)
