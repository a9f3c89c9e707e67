"""Only an answer that came whole, and is one, is given again."""

import json
from typing import Any

import pytest

from tests.gateway.upstream import ANSWER, DONE, EVENTS, USAGE, chunk, event
from weighbridge.wire.calls import Task
from weighbridge.wire.repeatable import repeatable

Json = Any  # any JSON value
STREAM = b"".join(EVENTS)
TEXT = event({"choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]})
MESSAGE = (
    b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
)
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def chat(finish: str | None = "stop", **message: Json) -> Json:
    said = {"role": "assistant", "content": "Hi", **message}
    return {"choices": [{"index": 0, "message": said, "finish_reason": finish}]}


def response(status: str, kind: str = "output_text", reason: str | None = None) -> Json:
    details = None if reason is None else {"reason": reason}
    return {"status": status, "output": [{"content": [{"type": kind}]}], "incomplete_details": details}


DOCUMENTS: list[tuple[str, Task, Json, bool]] = [
    ("an answer", "chat", ANSWER, True),
    ("cut at the limit that was asked for", "chat", chat("length"), True),
    ("a tool call", "chat", chat("tool_calls"), True),
    ("filtered", "chat", chat("content_filter"), False),
    ("refused", "chat", chat(refusal="I will not."), False),
    ("no reason to end", "chat", chat(None), False),
    ("a reason nobody knows", "chat", chat("insufficient_system_resource"), False),
    ("one choice of two filtered", "chat", {"choices": chat()["choices"] + chat("content_filter")["choices"]}, False),
    ("no choice", "chat", {"choices": []}, False),
    ("an error", "chat", {**chat(), "error": {"message": "no"}}, False),
    ("vectors", "embeddings", {"data": [{"embedding": [1.0]}]}, True),
    ("no vectors", "embeddings", {"data": []}, False),
    ("a ranking", "rerank", {"results": [{"index": 0}]}, True),
    ("a text", "completions", {"choices": [{"text": "Hi", "finish_reason": "stop"}]}, True),
    ("a message", "messages", {"content": [], "stop_reason": "end_turn"}, True),
    ("a message refused", "messages", {"content": [], "stop_reason": "refusal"}, False),
    ("a message to be gone on with", "messages", {"content": [], "stop_reason": "pause_turn"}, False),
    ("a response", "responses", response("completed"), True),
    ("a response at its limit", "responses", response("incomplete", reason="max_output_tokens"), True),
    ("a response filtered", "responses", response("incomplete", reason="content_filter"), False),
    ("a response that failed", "responses", response("failed"), False),
    ("a response that refuses", "responses", response("completed", "refusal"), False),
    ("a count", "count_tokens", {"input_tokens": 1}, False),
]


@pytest.mark.parametrize(
    ("task", "document", "good"), [row[1:] for row in DOCUMENTS], ids=[row[0] for row in DOCUMENTS]
)
def test_which_documents_are_given_again(task: Task, document: Json, good: bool) -> None:
    text = json.dumps(document).encode()
    assert repeatable(text, streamed=False, task=task, repair=None) == (text if good else None)
    assert repeatable(text[:-1], streamed=False, task=task, repair=None) is None


STREAMS: list[tuple[str, Task, bytes, bool]] = [
    ("a stream", "chat", STREAM, True),
    ("without [DONE], but finished", "chat", STREAM.removesuffix(DONE), True),
    ("cut before its end", "chat", b"".join(EVENTS[:3]), False),
    ("cut within an event", "chat", STREAM[:200], False),
    ("an error in the middle", "chat", b"".join((*EVENTS[:3], event({"error": {"message": "no"}}), DONE)), False),
    ("filtered", "chat", b"".join((*EVENTS[:5], chunk({}, "content_filter"), DONE)), False),
    ("not finished, but [DONE]", "chat", b"".join((*EVENTS[:5], USAGE, DONE)), False),
    ("texts", "completions", TEXT + DONE, True),
    ("texts cut", "completions", TEXT, False),
    ("a message", "messages", MESSAGE + STOP, True),
    ("a message cut", "messages", MESSAGE, False),
    ("a response", "responses", event({"type": "response.completed", "response": response("completed")}), True),
    ("a response cut", "responses", event({"type": "response.output_text.delta", "delta": {}}), False),
]


@pytest.mark.parametrize(("task", "stream", "good"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS])
def test_which_streams_are_given_again(task: Task, stream: bytes, good: bool) -> None:
    kept = repeatable(stream, streamed=True, task=task, repair=None)
    assert (kept is not None) == good
    if kept is not None and task == "chat":
        assert kept == STREAM


@pytest.mark.parametrize("cut", range(0, len(STREAM) - len(DONE) - 1, 7))
def test_a_stream_cut_anywhere_before_its_reason_to_end_is_not_given_again(cut: int) -> None:
    finished = STREAM.index(b'"stop"') + len(b'"stop"}]}')
    assert (repeatable(STREAM[:cut], streamed=True, task="chat", repair=None) is None) == (cut < finished)
