"""What is typed into the playground, and the requests that are made of it. Pure.

Everything typed comes back into the form as it was, but for a key: that is never in what a page is made from.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import msgspec

Side = Literal["a", "b"]
"""One of two conversations beside each other."""
SIDES: Final[tuple[Side, ...]] = get_args(Side)
Effort = Literal["none", "minimal", "low", "medium", "high"]
"""How hard a model is to think, in OpenAI's words."""
EFFORTS: Final[tuple[Effort, ...]] = get_args(Effort)
AskWith = Literal["own", "pasted"]
"""This machine's own key, or one that is pasted."""

_HOTTEST: Final = 2
_LONGEST_ANSWER: Final = 10_000_000
_LONGEST_NAME: Final = 300
Gettext = Callable[[str], str]
"""A sentence in the reader's language."""


class Function(msgspec.Struct, frozen=True):
    """What a model wants called: its arguments are JSON, or what the model took for it."""

    name: str = ""
    arguments: str = ""


class Call(msgspec.Struct, frozen=True):
    """A call of a tool."""

    id: str = ""
    type: str = "function"
    function: Function = Function()


class Turn(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a conversation, as it is sent again with the next question."""

    role: Literal["user", "assistant", "tool"]
    content: str | None
    reasoning_content: str | None = None
    """Only of an answer that calls tools: some models want it back with what the tools gave."""
    tool_calls: tuple[Call, ...] = ()
    tool_call_id: str | None = None


class BadForm(Exception):
    """What is typed makes no request. `errors` has a sentence for each field at fault."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The fields of the form, as they were typed."""

    models: Mapping[Side, str]
    """Side b may be empty: then one model is asked."""
    say: str = ""
    system: str = ""
    temperature: str = ""
    most: str = ""
    """Tokens of the answer."""
    tools: str = ""
    schema: str = ""
    effort: str = ""
    ask_with: AskWith = "own"
    turns: Mapping[Side, str]
    """The conversations so far, as JSON."""
    outputs: Mapping[Side, tuple[str, ...]]
    """What the tools gave that the last answer called, in its order."""

    def sides(self) -> tuple[Side, ...]:
        """Who is asked."""
        return tuple(side for side in SIDES if side == "a" or self.models[side])


def typed(form: Mapping[str, str], *, model: str = "") -> Typed:
    """The fields of a form; `model` is asked where it names none."""
    return Typed(
        models={"a": form.get("model-a", model).strip(), "b": form.get("model-b", "").strip()},
        say=form.get("say", ""),
        system=form.get("system", ""),
        temperature=form.get("temperature", "").strip(),
        most=form.get("most", "").strip(),
        tools=form.get("tools", ""),
        schema=form.get("schema", ""),
        effort=form.get("effort", ""),
        ask_with="pasted" if form.get("ask-with") == "pasted" else "own",
        turns={side: form.get(f"turns-{side}", "") for side in SIDES},
        outputs={side: _outputs(form, side) for side in SIDES},
    )


def _outputs(form: Mapping[str, str], side: Side) -> tuple[str, ...]:
    found: list[str] = []
    while (text := form.get(f"output-{side}-{len(found)}")) is not None:
        found.append(text)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, to be made."""

    side: Side
    model: str
    turns: tuple[Turn, ...]
    """The conversation with what is said now."""
    fields: Mapping[str, object]
    """Of the request, but for its messages."""
    system: str

    def body(self, *, stream: bool) -> bytes:
        """The chat completion request."""
        first = [{"role": "system", "content": self.system}] if self.system.strip() else []
        asked: dict[str, object] = {"model": self.model, "messages": [*first, *self.turns], **self.fields}
        if stream:
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        return msgspec.json.encode(asked)


def asked(what: Typed, gettext: Gettext) -> list[Asked]:
    """A request for each model. Raises BadForm."""
    errors: dict[str, str] = {}
    fields = _fields(what, gettext, errors)
    found = []
    for side in what.sides():
        name = what.models[side]
        if not name or len(name) > _LONGEST_NAME:
            errors[f"model-{side}"] = gettext("Name a model, such as one of the list.")
        turns = _said(what, side, gettext, errors)
        found.append(Asked(side, name, turns, fields, what.system))
    if errors:
        raise BadForm(errors)
    return found


def turns_in(text: str) -> tuple[Turn, ...]:
    """A conversation from its JSON. Raises ValueError where it is none."""
    try:
        return msgspec.json.decode(text, type=tuple[Turn, ...]) if text else ()
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(str(error)) from error


def as_json(turns: Sequence[Turn]) -> str:
    """A conversation for the next form."""
    return msgspec.json.encode(turns).decode()


def calls_open(turns: Sequence[Turn]) -> tuple[Call, ...]:
    """The calls of tools that a conversation waits for."""
    return turns[-1].tool_calls if turns and turns[-1].role == "assistant" else ()


def _said(what: Typed, side: Side, gettext: Gettext, errors: dict[str, str]) -> tuple[Turn, ...]:
    try:
        before = turns_in(what.turns[side])
    except ValueError:
        errors["say"] = gettext("The conversation so far cannot be read. Start a new one.")
        return ()
    given = what.outputs[side]
    calls = calls_open(before)
    outputs = tuple(
        Turn("tool", given[place] if place < len(given) else "", tool_call_id=call.id)
        for place, call in enumerate(calls)
    )
    if what.say.strip():
        return (*before, *outputs, Turn("user", what.say))
    if not any(text.strip() for text in given[: len(calls)]):
        errors["say"] = gettext("Write something to the model.")
    return (*before, *outputs)


def _fields(what: Typed, gettext: Gettext, errors: dict[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, field, read in (
        ("temperature", "temperature", _temperature),
        ("max_tokens", "most", _most),
        ("tools", "tools", _tools),
        ("response_format", "schema", _format),
        ("reasoning_effort", "effort", _effort),
    ):
        text: str = getattr(what, field).strip()
        if not text:
            continue
        try:
            found[name] = read(text, gettext)
        except ValueError as error:
            errors[field] = str(error)
    return found


def _temperature(text: str, gettext: Gettext) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found <= _HOTTEST:
        raise ValueError(gettext("Write a number from 0 to 2, such as 0.7."))
    return found


def _most(text: str, gettext: Gettext) -> int:
    if not text.isdecimal() or len(text) > len(str(_LONGEST_ANSWER)) or not 1 <= int(text) <= _LONGEST_ANSWER:
        raise ValueError(gettext("Write a whole number of tokens, from 1 on."))
    return int(text)


def _effort(text: str, gettext: Gettext) -> str:
    if text not in EFFORTS:
        raise ValueError(gettext("Choose one of the list."))
    return text


def _tools(text: str, gettext: Gettext) -> list[object]:
    """As they are written, or functions by themselves: `{"name": …, "parameters": …}`."""
    given = _json(text, gettext)
    listed = given if isinstance(given, list) else [given]
    tools = [each for each in listed if isinstance(each, dict) and ("type" in each or "name" in each)]
    if not listed or len(tools) < len(listed):
        raise ValueError(gettext("Write a JSON list of tools; each is an object with a name and parameters."))
    return [each if "type" in each else {"type": "function", "function": each} for each in tools]


def _format(text: str, gettext: Gettext) -> object:
    """A schema by itself, one with a name, or all of `response_format`."""
    given = _json(text, gettext)
    if not isinstance(given, dict):
        raise ValueError(gettext("Write a JSON schema: an object, such as one with type and properties."))
    if given.get("type") in _FORMATS:
        return given
    named = given if "schema" in given and "name" in given else {"name": "answer", "schema": given}
    return {"type": "json_schema", "json_schema": named}


_FORMATS: Final = ("json_schema", "json_object", "text")
"""The types of a `response_format`: a schema's own are others."""


def _json(text: str, gettext: Gettext) -> object:
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(gettext("This is no JSON: %(why)s") % {"why": _isolated(f"{error}")}) from error


def _isolated(english: str) -> str:
    """A text in another direction than the sentence it stands in."""
    return f"\u2066{english}\u2069"
