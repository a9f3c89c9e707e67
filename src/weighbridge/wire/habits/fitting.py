"""A request as one model at one provider wants it: how thinking is switched, fields by their other names.

What the provider has no way to say is left out: a level or a budget where there is only on and off, and the wish not to
think where a model always does.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from weighbridge.wire import splice
from weighbridge.wire.habits.profile import Fields, Habits, Switch
from weighbridge.wire.inner import Message, Part, Reasoning, Thought, ToolUse

_Json = dict[str, Any]  # Any: the fields of a request, whatever JSON they hold
_LEVELS: Final = ((1024, "low"), (8192, "medium"))
"""Up to so many tokens of thought; above, the level is high."""

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_effort: Final = msgspec.json.Decoder(str)
_encode: Final = msgspec.json.Encoder().encode


def thinking(wanted: Reasoning, habits: Habits | None) -> _Json:
    """The fields of a chat request that switch the model's thinking as it is wanted."""
    if habits is None or (habits.switch is None and habits.thinks != "never"):
        return {} if wanted.effort is None else {"reasoning_effort": wanted.effort}
    return {} if habits.switch is None else _switched(wanted, habits.switch)


def _switched(wanted: Reasoning, switch: Switch) -> _Json:
    if wanted.on is False or wanted.effort == "none":
        return _copy(switch.off or {})
    if wanted.on is None and wanted.effort is None and wanted.budget is None:
        return {}
    fields = _copy(switch.on or {})
    if wanted.budget is not None and switch.budget is not None:
        _put(fields, switch.budget, wanted.budget)
        return fields
    level = wanted.effort or (None if wanted.budget is None else _level(wanted.budget))
    if level is not None and switch.effort is not None:
        _put(fields, switch.effort, switch.levels.get(level, level))
    return fields


def _level(budget: int) -> str:
    return next((level for most, level in _LEVELS if budget <= most), "high")


def _copy(fields: Fields) -> _Json:
    return {name: _copy(value) if isinstance(value, dict) else value for name, value in fields.items()}


def _put(fields: _Json, path: str, value: object) -> None:
    *outer, name = path.split(".")
    for each in outer:
        fields = fields.setdefault(each, {})
    fields[name] = value


def echoed(parts: Sequence[Part], habits: Habits | None) -> _Json:
    """The fields of an assistant's message that give its reasoning back; `content` holds only what goes before it."""
    if habits is None or habits.echo in ("never", "may"):
        return {}
    if habits.echo == "tools" and not any(isinstance(part, ToolUse) for part in parts):
        return {}
    text = "".join(part.text for part in parts if isinstance(part, Thought))
    if not text:
        return {}
    if habits.echo_as == "text":
        open_, close = habits.echo_tags
        return {"content": f"{open_}\n{text}\n{close}\n\n"}
    if habits.echo_as == "reasoning_details":
        return {habits.echo_as: [{"type": "reasoning.text", "text": text}]}
    return {habits.echo_as: text}


def fit(body: _Json, messages: Sequence[Message], habits: Habits) -> _Json:
    """A request of ours: fields by their other names, those it refuses left out, a begun answer marked as one."""
    fitted = {habits.rename.get(name, name): value for name, value in body.items() if name not in habits.drop}
    prefix = habits.prefix
    if messages and messages[-1].role == "assistant" and prefix is not None and prefix.path is None:
        fitted["messages"][-1] |= prefix.message
        fitted |= prefix.request
    return fitted


def fit_chat(body: bytes, habits: Habits) -> bytes:
    """A client's own chat request: two fields by their other names, and `reasoning_effort` as this model is told it.

    Everything else stays as it came, byte for byte, and so does what the model refuses: its provider says so.
    """
    names = [name for name in habits.rename if name in _RENAMED and body.find(f'"{name}"'.encode()) >= 0]
    switch = habits.switch
    switches = switch is not None and body.find(b'"reasoning_effort"') >= 0
    if not names and not switches:
        return body
    fields = _fields.decode(body)
    changed = {name: name for name in names if name in fields and habits.rename[name] not in fields}
    for name in changed:
        body = _renamed(body, name, habits.rename[name])
    if switches and switch is not None and "reasoning_effort" in fields:
        body = _with_effort(body, fields, switch)
    return body


_RENAMED: Final = frozenset({"max_tokens", "max_completion_tokens"})
"""Fields whose meaning is the same under the other name."""


def _renamed(body: bytes, name: str, other: str) -> bytes:
    for field, (start, _) in splice.fields(body):
        if field == name:
            at = body.rindex(b'"' + name.encode() + b'"', 0, start)
            return body[:at] + _encode(other) + body[at + len(name) + 2 :]
    return body


def _with_effort(body: bytes, fields: dict[str, msgspec.Raw], switch: Switch) -> bytes:
    try:
        level = _effort.decode(fields["reasoning_effort"])
    except msgspec.DecodeError:
        return body
    native = switch.effort == "reasoning_effort" and level not in switch.levels and level != "none"
    told = _switched(Reasoning(effort=level), switch)
    if native or told == {"reasoning_effort": level}:
        return body
    new = {name: value for name, value in fields.items() if name != "reasoning_effort"}
    return _encode({name: msgspec.Raw(_encode(value)) for name, value in told.items()} | new)
