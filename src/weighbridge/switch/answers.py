"""An answer as a grader reads it, out of whatever document it was given in."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from weighbridge.switch.case import Answer, ToolCall
from weighbridge.texts.text import Dialect
from weighbridge.wire.decoding import UNREADABLE

_Json = dict[str, Any]  # Any: an answer is whatever its provider has made of it
_documents: Final = msgspec.json.Decoder(_Json)
_MESSAGES_END: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_RESPONSES_END: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}


def answer_of(document: bytes, dialect: Dialect = "chat") -> Answer | None:
    """What a document says, in the words of a chat completion; None where it is no answer, or an error."""
    read = _READERS.get(dialect)
    if read is None:
        return None
    try:
        found = _documents.decode(document)
        return None if found.get("error") else read(found)
    except (*UNREADABLE, KeyError, IndexError, TypeError, AttributeError):
        return None


def _chat(document: _Json) -> Answer:
    choice = document["choices"][0]
    message = choice["message"]
    calls = [_call(each["function"]) for each in message.get("tool_calls") or () if each.get("function")]
    if message.get("function_call"):
        calls.append(_call(message["function_call"]))
    finish = choice.get("finish_reason")
    return _told(document, _text(message.get("content")), calls, finish, message.get("refusal"))


def _messages(document: _Json) -> Answer:
    blocks = document["content"]
    text = "".join(each["text"] for each in blocks if each.get("type") == "text")
    calls = [
        ToolCall(each["name"], msgspec.json.encode(each.get("input")).decode())
        for each in blocks
        if each.get("type") == "tool_use"
    ]
    return _told(document, text, calls, _MESSAGES_END.get(document.get("stop_reason") or "", "stop"), None)


def _responses(document: _Json) -> Answer:
    parts = [part for item in document["output"] if item.get("type") == "message" for part in item["content"]]
    text = "".join(part["text"] for part in parts if part.get("type") == "output_text")
    refusal = "".join(part["refusal"] for part in parts if part.get("type") == "refusal")
    calls = [_call(item) for item in document["output"] if item.get("type") == "function_call"]
    cut = (document.get("incomplete_details") or {}).get("reason")
    finish = _RESPONSES_END.get(cut or "", "tool_calls" if calls else "stop")
    return _told(document, text, calls, finish, refusal or None)


_READERS: Final[Mapping[Dialect, Callable[[_Json], Answer]]] = {
    "chat": _chat,
    "openrouter": _chat,
    "messages": _messages,
    "responses": _responses,
}


def _told(document: _Json, text: str, calls: list[ToolCall], finish: str | None, refusal: str | None) -> Answer:
    usage: _Json = document.get("usage") or {}
    prompt: int | None = usage.get("prompt_tokens", usage.get("input_tokens"))
    completion = usage.get("completion_tokens", usage.get("output_tokens"))
    if prompt is not None:  # of Messages, what was read from a cache or written to it comes on top
        prompt += sum(usage.get(name) or 0 for name in ("cache_read_input_tokens", "cache_creation_input_tokens"))
    return Answer(
        text=text,
        calls=tuple(calls),
        finish=finish,
        refusal=refusal or None,
        prompt_tokens=prompt,
        completion_tokens=completion,
    )


def _text(content: object) -> str:
    """Of a text, or of the parts that are one."""
    if isinstance(content, list):
        return "".join(each.get("text") or "" for each in content if each.get("type", "text") == "text")
    return content if isinstance(content, str) else ""


def _call(function: _Json) -> ToolCall:
    arguments = function.get("arguments")
    told = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    return ToolCall(function["name"], told)
