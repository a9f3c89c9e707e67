"""The words of a text that was kept: what a tokenizer makes tokens of, without the form around them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weighbridge.texts.text import Text

_ASKED: Final = ("system", "instructions", "messages", "input", "prompt")
_ANSWERED: Final = ("choices", "content", "output")
_SAID: Final = frozenset(("content", "text", "input", "output", "arguments", "name", "refusal", "message", "function"))
"""Fields under which words stand, in any dialect; `tool_calls` and the like hold lists of such."""
_WITHIN: Final = frozenset(("tool_calls", "parts", "tool_result", "tool_use"))
_NOT_WORDS: Final = frozenset(
    ("image_url", "image", "input_image", "input_audio", "audio", "video", "document", "file", "input_file")
)
"""Types of parts that are counted otherwise than by their words."""
_HIDDEN: Final = frozenset(("reasoning", "thinking", "redacted_thinking", "reasoning_content"))


@dataclass(frozen=True, slots=True)
class Words:
    """What was asked, with its tools, and what was answered, without its reasoning."""

    prompt: str
    answer: str


class _NotWords(Exception):
    """There is more than words in it."""


def words(text: Text) -> Words | None:
    """The words of a text; None where it has pictures, sounds or files as well, no answer, or is not to be read."""
    if text.answer is None or text.events or text.dialect in {"embeddings", "rerank", "compact"}:
        return None
    try:
        asked, answered = msgspec.json.decode(text.request), msgspec.json.decode(text.answer)
        if not isinstance(asked, dict) or not isinstance(answered, dict) or asked.get("previous_response_id"):
            return None  # a response that goes on with another has a prompt that is not in it
        prompt = [line for field in _ASKED for line in _said(asked.get(field))]
        tools = asked.get("tools")
        if tools:
            prompt.append(msgspec.json.encode(tools).decode())
        answer = [line for field in _ANSWERED for line in _said(answered.get(field))]
    except (msgspec.DecodeError, _NotWords):
        return None
    return Words("\n".join(prompt), "\n".join(answer))


def _said(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever JSON
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _said(each)
    elif isinstance(value, dict):
        yield from _of_object(value)


def _of_object(value: dict[str, Any]) -> Iterator[str]:  # Any: whatever JSON
    kind = value.get("type")
    if kind in _NOT_WORDS or any(field in value for field in ("image_url", "input_audio")):
        raise _NotWords
    if kind in _HIDDEN:
        return
    if kind == "tool_use":
        yield str(value.get("name", ""))
        yield msgspec.json.encode(value.get("input")).decode()
        return
    for field, each in value.items():
        if field in _SAID or field in _WITHIN:
            yield from _said(each)
