"""What a tokenizer is given of a text that was kept: the words, in every dialect, and nothing where there is more."""

from datetime import UTC, datetime

import msgspec
import pytest

from weighbridge.texts.text import Dialect, Text
from weighbridge.texts.words import Words, words


def text(dialect: Dialect, request: object, answer: object, **more: object) -> Text:
    made = Text(
        "wbr-1",
        datetime(2026, 11, 22, tzinfo=UTC),
        "key-1",
        dialect,
        "lab/model",
        msgspec.json.encode(request),
        None if answer is None else msgspec.json.encode(answer),
    )
    return msgspec.structs.replace(made, **more)


TOOL = {"type": "function", "function": {"name": "add"}}
CHAT_ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi", "reasoning_content": "hm"}}]}


@pytest.mark.parametrize(
    ("dialect", "request_", "answer", "found"),
    [
        (
            "chat",
            {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]},
            CHAT_ANSWER,
            Words("Be brief.\nHello", "Hi"),
        ),
        (
            "chat",
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "Add"}]}], "tools": [TOOL]},
            {"choices": [{"message": {"content": None, "tool_calls": [
                {"id": "x", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}}]}}]},
            Words('Add\n[{"type":"function","function":{"name":"add"}}]', 'add\n{"a":1}'),
        ),
        (
            "messages",
            {"system": [{"type": "text", "text": "S"}], "messages": [{"role": "user", "content": "Q"}]},
            {"type": "message", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "A"},
                                            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]},
            Words("S\nQ", 'A\nf\n{"a":1}'),
        ),
        (
            "responses",
            {"instructions": "I", "input": [{"role": "user", "content": [{"type": "input_text", "text": "Q"}]}]},
            {"output": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                        {"type": "message", "content": [{"type": "output_text", "text": "A"}]},
                        {"type": "function_call", "name": "f", "arguments": "{}"}]},
            Words("I\nQ", "A\nf\n{}"),
        ),
        ("completions", {"prompt": "Once"}, {"choices": [{"text": " upon"}]}, Words("Once", " upon")),
    ],
)  # fmt: skip
def test_the_words_of_a_dialect(dialect: Dialect, request_: object, answer: object, found: Words) -> None:
    assert words(text(dialect, request_, answer)) == found


PICTURE = [{"type": "image_url", "image_url": {"url": "data:"}}, {"type": "text", "text": "What is it?"}]


@pytest.mark.parametrize(
    "kept",
    [
        text("chat", {"messages": [{"role": "user", "content": PICTURE}]}, CHAT_ANSWER),
        text("chat", {"messages": []}, None),
        text("chat", {"messages": []}, CHAT_ANSWER, events=True),
        msgspec.structs.replace(text("chat", {}, {}), answer=b"not json"),
        text("chat", [1], CHAT_ANSWER),
        text("embeddings", {"input": "a"}, {"data": []}),
        text("responses", {"input": "and?", "previous_response_id": "resp-1"}, {"output": []}),
    ],
    ids=["a picture", "no answer", "events", "no json", "no object", "embeddings", "a response that goes on"],
)
def test_what_is_more_than_words_is_not_read(kept: Text) -> None:
    assert words(kept) is None
