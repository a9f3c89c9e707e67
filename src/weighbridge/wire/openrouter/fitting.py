"""A request in OpenRouter's dialect as a model with habits of its own wants it.

Thinking is switched by level or by budget, and the reasoning of earlier turns given back where the model must have it.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.habits.fitting import echoed, fit_chat, thinking
from weighbridge.wire.habits.profile import Habits
from weighbridge.wire.inner import Part, Reasoning, Thought, ToolUse

_Json = dict[str, msgspec.Raw]
_fields: Final = msgspec.json.Decoder(_Json)
_turns: Final = msgspec.json.Decoder(list[msgspec.Raw])
_values: Final = msgspec.json.Decoder()
_encode: Final = msgspec.json.Encoder().encode


class _Detail(msgspec.Struct):
    text: str | None = None
    summary: str | None = None


class _Turn(msgspec.Struct):
    role: str = ""
    reasoning: str | None = None
    reasoning_details: list[_Detail] | None = None
    tool_calls: list[msgspec.Raw] | None = None


_thoughts: Final = msgspec.json.Decoder(_Turn)
_OF_A_TURN: Final = ("reasoning", "reasoning_details")


def fit(plain: _Json, messages: msgspec.Raw, wanted: Reasoning | None, habits: Habits) -> bytes:
    """The request; `plain` is it without OpenRouter's own fields and `messages` are the client's own."""
    fields = plain | {"messages": _encode_turns(messages, habits)}
    if wanted is None:
        return fit_chat(_encode(fields), habits)
    fields.pop("reasoning_effort", None)
    fitted: dict[str, Any] = dict(_fields.decode(fit_chat(_encode(fields), habits)))
    return _encode(fitted | thinking(wanted, habits))


def without_reasoning(messages: msgspec.Raw) -> msgspec.Raw:
    """The turns as a provider takes them that wants no reasoning back."""
    return _encode_turns(messages, None)


def _encode_turns(messages: msgspec.Raw, habits: Habits | None) -> msgspec.Raw:
    if b'"reasoning' not in bytes(messages):
        return messages
    return msgspec.Raw(_encode([_turn(turn, habits) for turn in _turns.decode(messages)]))


def _turn(turn: msgspec.Raw, habits: Habits | None) -> msgspec.Raw:
    try:
        fields = _fields.decode(turn)
    except UNREADABLE:
        return turn  # no object, so it has no field of ours: the provider says what is wrong with it
    if not any(name in fields for name in _OF_A_TURN):
        return turn
    kept: dict[str, Any] = {name: value for name, value in fields.items() if name not in _OF_A_TURN}
    given = echoed(_parts(turn), habits)
    if "content" in given:  # it stands before the words
        given["content"] = _behind(given["content"], fields.get("content"))
    return msgspec.Raw(_encode(kept | given))


def _parts(turn: msgspec.Raw) -> Sequence[Part]:
    """What matters of an assistant's turn: what it thought, and whether it called."""
    try:
        said = _thoughts.decode(turn)
    except UNREADABLE:
        return ()
    if said.role != "assistant":
        return ()
    details = "".join(detail.text or detail.summary or "" for detail in said.reasoning_details or ())
    calls: list[Part] = [ToolUse(id="", name="", arguments="")] if said.tool_calls else []
    return [Thought(text=said.reasoning or details), *calls]


def _behind(thoughts: str, content: msgspec.Raw | None) -> str | list[object]:
    """The turn's words, a text or a list of parts, with its thoughts before them."""
    said = None if content is None else _values.decode(content)
    if isinstance(said, list):
        return [{"type": "text", "text": thoughts}, *said]
    return thoughts + said if isinstance(said, str) else thoughts
