"""What an answer says, whichever dialect it was given in."""

import json

import pytest

from weighbridge.switch.answers import answer_of
from weighbridge.switch.case import Answer, ToolCall
from weighbridge.texts.text import Dialect

LOOK = ToolCall("look", '{"at":1}')
CHAT = {"prompt_tokens": 9, "completion_tokens": 4}
MESSAGES = {"input_tokens": 5, "output_tokens": 4, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 1}
RESPONSES = {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 3}}


def chat(message: object, finish: str | None = "stop") -> dict[str, object]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": CHAT}


def responses(*items: object, **other: object) -> dict[str, object]:
    return {"output": list(items), "usage": RESPONSES, **other}


def said(*parts: object) -> dict[str, object]:
    return {"type": "message", "role": "assistant", "content": list(parts)}


CASES: list[tuple[Dialect, dict[str, object], Answer]] = [
    ("chat", chat({"content": "Hello."}), Answer("Hello.", finish="stop")),
    ("openrouter", chat({"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo."}]}, "length"),
     Answer("Hello.", finish="length")),
    ("chat", chat({"content": None, "tool_calls": [{"function": {"name": "look", "arguments": '{"at":1}'}}]},
                  "tool_calls"), Answer(calls=(LOOK,), finish="tool_calls")),
    ("chat", chat({"content": None, "function_call": {"name": "look", "arguments": '{"at":1}'}}, "function_call"),
     Answer(calls=(LOOK,), finish="function_call")),
    ("chat", chat({"content": "", "refusal": "No."}), Answer(refusal="No.", finish="stop")),
    ("messages", {"content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hello."}],
                  "stop_reason": "end_turn", "usage": MESSAGES}, Answer("Hello.", finish="stop")),
    ("messages", {"content": [{"type": "tool_use", "id": "t", "name": "look", "input": {"at": 1}}],
                  "stop_reason": "tool_use", "usage": MESSAGES}, Answer(calls=(LOOK,), finish="tool_calls")),
    ("messages", {"content": [], "stop_reason": "refusal", "usage": MESSAGES}, Answer(finish="content_filter")),
    ("responses", responses({"type": "reasoning", "summary": []}, said({"type": "output_text", "text": "Hello."})),
     Answer("Hello.", finish="stop")),
    ("responses", responses({"type": "function_call", "name": "look", "arguments": '{"at":1}'}),
     Answer(calls=(LOOK,), finish="tool_calls")),
    ("responses", responses(said({"type": "refusal", "refusal": "No."}),
                            incomplete_details={"reason": "max_output_tokens"}),
     Answer(refusal="No.", finish="length")),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "document", "answer"), CASES)
def test_an_answer_is_read_in_every_dialect(dialect: Dialect, document: dict[str, object], answer: Answer) -> None:
    found = answer_of(json.dumps(document).encode(), dialect)
    assert found is not None
    assert (found.text, found.calls, found.finish, found.refusal) == (
        answer.text,
        answer.calls,
        answer.finish,
        answer.refusal,
    )
    assert (found.prompt_tokens, found.completion_tokens) == (9, 4)


@pytest.mark.parametrize(
    ("dialect", "document"),
    [
        ("chat", b'{"error": {"code": "upstream_error"}}'),
        ("chat", b'{"choices": []}'),
        ("chat", b'"a text"'),
        ("chat", b"{"),
        ("messages", b'{"choices": [{"message": {"content": "Hi"}}]}'),
        ("embeddings", b'{"data": []}'),
    ],
)
def test_what_is_no_answer_is_none(dialect: Dialect, document: bytes) -> None:
    assert answer_of(document, dialect) is None
