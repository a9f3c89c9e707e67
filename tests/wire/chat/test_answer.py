"""Inner answers as chat completions: the document and the chunks to the field, as OpenAI's client takes them."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from weighbridge.wire import reported, sse
from weighbridge.wire.chat.answer import ChunkWriter, write_answer
from weighbridge.wire.chat.stream import ChatStream
from weighbridge.wire.inner import (
    Answer,
    Began,
    Event,
    Finish,
    Finished,
    Likely,
    Part,
    Refusal,
    Refused,
    Said,
    Text,
    Thought,
    ThoughtOn,
    ToolBegan,
    ToolUse,
    ToolWent,
)
from weighbridge.wire.usage import Usage

Json = dict[str, Any]
USED = Usage(12, 5, cached=4, written=2, reasoning=3)
COUNTED = {
    "prompt_tokens": 12,
    "completion_tokens": 5,
    "total_tokens": 17,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 3},
}


def whole(*parts: Part, finish: Finish = "stop", at: str | None = None, usage: Usage | None = None) -> Json:
    answer = Answer("msg_1", "m", list(parts), finish, stop_sequence=at, usage=usage)
    document = write_answer(answer, 7)
    ChatCompletion.model_validate_json(document, strict=True)
    found: Json = json.loads(document)
    return found


def chunks(*events: Event, usage: Usage | None = USED) -> list[Json]:
    writer = ChunkWriter(7)
    stream = b"".join(map(writer.write, events)) + writer.last(usage, None)
    *documents, done = sse.documents(stream)
    assert done == b"[DONE]"
    for document in documents:
        ChatCompletionChunk.model_validate_json(document, strict=True)
    return [json.loads(document) for document in documents]


def deltas(*events: Event) -> list[Json]:
    _, *said, _ = chunks(Began("msg_1", "m"), *events)
    return [chunk["choices"][0]["delta"] for chunk in said]


def test_a_whole_completion() -> None:
    assert whole(Text(text="Hi"), usage=USED) == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": COUNTED,
    }


def test_what_is_not_known_is_not_there() -> None:
    assert "usage" not in whole(Text(text="Hi"))
    assert whole(usage=Usage(1, 2))["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert json.loads(write_answer(Answer("1", "m", [], "stop", created=9), 7))["created"] == 9


def test_all_that_an_answer_says_has_its_place() -> None:
    message = whole(
        Thought(text="hm", signature="s"),
        Thought(sealed="x"),
        Text(text="a"),
        ToolUse(id="1", name="f", arguments="{}"),
        Text(text="b"),
        Refusal(text="No."),
        finish="tool_use",
    )["choices"][0]["message"]
    assert message == {
        "role": "assistant",
        "content": "ab",
        "refusal": "No.",
        "reasoning_content": "hm",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0},
            {"type": "reasoning.encrypted", "data": "x", "index": 1},
        ],
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }


def test_likely_tokens_stand_beside_the_text() -> None:
    likely = Likely("a", -0.5, [97], [Likely("b", -1.0)])
    said = whole(Text(text="a", logprobs=[likely]))["choices"][0]["logprobs"]
    (chunk,) = chunks(Began("1", "m"), Said("a", [likely]))[1:-1]
    top = {"token": "b", "logprob": -1.0, "bytes": None, "top_logprobs": []}
    expected = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [top]}
    assert said == chunk["choices"][0]["logprobs"] == {"content": [expected], "refusal": None}


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_use", "tool_calls"),
        ("filter", "content_filter"),
        ("refusal", "content_filter"),
        ("pause", "stop"),
    ],
)
def test_reasons_to_stop(finish: Finish, reason: str) -> None:
    *_, ended, _ = chunks(Began("1", "m"), Said("Hi"), Finished(finish))
    for choice in (whole(Text(text="Hi"), finish=finish)["choices"][0], ended["choices"][0]):
        assert choice["finish_reason"] == reason
        assert "stop_reason" not in choice


def test_a_text_that_ended_the_answer_is_named() -> None:
    *_, ended, _ = chunks(Began("1", "m"), Finished("stop_sequence", "END"))
    for choice in (whole(finish="stop_sequence", at="END")["choices"][0], ended["choices"][0]):
        assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", "END")


def test_a_stream_to_the_byte() -> None:
    writer = ChunkWriter(7)
    events: tuple[Event, ...] = (Began("msg_1", "m"), Said('"H'), Said("i"), Finished("stop"))
    written = b"".join(map(writer.write, events)) + writer.last(Usage(1, 2), "0.5")
    head = '{"id":"msg_1","object":"chat.completion.chunk","created":7,"model":"m","choices":['
    more = '"logprobs":null,"finish_reason"'
    assert written.decode().split("\n\n") == [
        f'data: {head}{{"index":0,"delta":{{"role":"assistant","content":""}},{more}:null}}]}}',
        f'data: {head}{{"index":0,"delta":{{"content":"\\"H"}},{more}:null}}]}}',
        f'data: {head}{{"index":0,"delta":{{"content":"i"}},{more}:null}}]}}',
        f'data: {head}{{"index":0,"delta":{{}},{more}:"stop"}}]}}',
        f'data: {head}],"usage":{{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cost":0.5}}}}',
        "data: [DONE]",
        "",
    ]


def test_each_event_is_a_delta() -> None:
    events = (
        ThoughtOn("h"),
        ThoughtOn("m"),
        ThoughtOn("", "s"),
        ThoughtOn(sealed="x"),
        Refused("No."),
        ToolBegan(0, "1", "f"),
        ToolWent(0, "{"),
        ToolBegan(1, "2", "g"),
    )
    assert deltas(*events) == [
        {"reasoning_content": "h", "reasoning_details": [{"type": "reasoning.text", "text": "h", "index": 0}]},
        {"reasoning_content": "m", "reasoning_details": [{"type": "reasoning.text", "text": "m", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "", "signature": "s", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "index": 1}]},
        {"refusal": "No."},
        {"tool_calls": [{"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]},
        {"tool_calls": [{"index": 1, "id": "2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
    ]


def test_no_usage_is_told_where_nobody_counted() -> None:
    assert [chunk["choices"][0]["delta"] for chunk in chunks(Began("1", "m"), Said("Hi"), usage=None)] == [
        {"role": "assistant", "content": ""},
        {"content": "Hi"},
    ]


def test_an_answer_without_an_id_is_given_one_of_its_own() -> None:
    first, second = (chunks(Began("", "m"))[0]["id"] for _ in range(2))
    assert first.startswith("chatcmpl-")
    assert first != second


def test_the_gateway_reads_it_as_any_other_answer() -> None:
    writer = ChunkWriter(7)
    events: tuple[Event, ...] = (Began("1", "m"), ThoughtOn("hm"), Said("Hi"), Finished("stop"))
    written = b"".join(map(writer.write, events)) + writer.last(USED, None)
    stream = ChatStream(wants_usage=False, cost=lambda _: None)
    passed = stream.feed(written)
    assert (stream.usage, stream.done, stream.whole, stream.said_bytes) == (USED, True, True, 4)
    assert b'"usage"' not in passed
    document = write_answer(Answer("1", "m", [Thought(text="hm"), Text(text="Hi")], "stop", usage=USED))
    assert reported.usage_in(document) == USED
    assert reported.said(document) == (4, True)
