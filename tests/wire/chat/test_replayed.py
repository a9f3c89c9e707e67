"""A whole answer told as a stream says the same, and a stream told whole."""

import json
from typing import Any

import pytest

from tests.gateway.upstream import ANSWER, DONE, EVENTS, USED
from weighbridge.wire import sse
from weighbridge.wire.chat.replayed import chunks_of, document_of
from weighbridge.wire.chat.stream import ChatStream

Json = Any  # any JSON value

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
LOGPROBS = {"content": [{"token": "Hi", "logprob": -0.10, "bytes": [72, 105], "top_logprobs": []}], "refusal": None}


def answer(*choices: Json, **more: Json) -> Json:
    head = {"id": "chatcmpl-9", "object": "chat.completion", "created": 7, "model": "tiny"}
    return {**head, "choices": list(choices), "usage": USED, **more}


def choice(message: Json, finish: str = "stop", index: int = 0, **more: Json) -> Json:
    return {"index": index, "message": {"role": "assistant", **message}, "finish_reason": finish, **more}


ANSWERS: dict[str, Json] = {
    "words": answer(choice({"content": "Hello."})),
    "thoughts and words": answer(choice({"content": "Hello.", "reasoning_content": "A greeting."})),
    "tool calls": answer(choice({"content": None, "tool_calls": [CALL, {**CALL, "id": "call_2"}]}, "tool_calls")),
    "several choices": answer(choice({"content": "One."}), choice({"content": "Two."}, "length", 1)),
    "log probabilities": answer(choice({"content": "Hi"}, logprobs=LOGPROBS)),
    "fields nobody knows": answer(choice({"content": "Hi", "x": {"y": 1}}, z=[1]), system_fingerprint="fp", w=2),
    "nothing at all": answer(choice({"content": ""})),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_a_whole_answer_told_as_a_stream_comes_to_itself_again(case: str) -> None:
    whole = ANSWERS[case]
    events = chunks_of(json.dumps(whole).encode())
    assert events.endswith(DONE)
    again = json.loads(document_of(events))
    assert again == whole


def test_its_stream_is_one_to_the_gateway() -> None:
    machine = ChatStream(wants_usage=True, cost=lambda usage: "0.5")
    passed = machine.feed(chunks_of(json.dumps(ANSWER).encode())) + machine.end()
    assert machine.whole
    assert machine.usage is not None
    assert (machine.usage.prompt, machine.usage.completion, machine.usage.cached) == (12, 5, 4)
    assert json.loads(sse.documents(passed)[-1])["usage"]["cost"] == 0.5
    words = [json.loads(text)["choices"][0]["delta"].get("content") for text in sse.documents(passed)[:-1]]
    assert "".join(filter(None, words)) == "Hello."


def test_a_stream_told_whole_has_all_its_words_its_usage_and_its_id() -> None:
    whole = json.loads(document_of(b"".join(EVENTS)))
    assert whole["id"] == "chatcmpl-1"
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "Hello, world."}
    assert (whole["choices"][0]["finish_reason"], whole["usage"]) == ("stop", USED)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"choices":1}', b'{"choices":[{}]}', b'{"choices":[1]}', b"\xff"])
def test_what_is_no_answer_is_told_so(text: bytes) -> None:
    with pytest.raises(ValueError, match="no chat completion"):
        chunks_of(text)


@pytest.mark.parametrize("text", [b"", b"data: 1\n\n", b'data: {"error":{"message":"no"}}\n\n', b"data: [DONE]\n\n"])
def test_what_is_no_stream_is_told_so(text: bytes) -> None:
    with pytest.raises(ValueError, match="stream"):
        document_of(text)
