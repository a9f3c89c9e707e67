"""What a request is to say where its client said nothing, put into the client's own bytes, in its own dialect.

A field that the client set stays as it is, whatever it says; one that is null was not set. Instructions are set where
the conversation has some.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire import splice
from weighbridge.wire.decoding import UNREADABLE

Dialect = Literal["chat", "openrouter", "messages", "responses", "completions"]
"""One that asks for text, and so can be told how to write it."""


class Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """None is no word."""

    system: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    """What the model is told before the conversation."""
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """The longest answer."""
    stop: list[str] | None = None
    """Texts at which the answer ends."""
    seed: int | None = None
    frequency_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    reasoning: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    """How hard to think."""


class _Place(msgspec.Struct, frozen=True):
    """How a dialect says it: the fields that do, and what is written for a value."""

    fields: tuple[str, ...]
    write: Callable[[Any], Mapping[str, object]]


def _plain(name: str, *also: str) -> _Place:
    """As it is, under this name; `also` are fields that say the same."""
    return _Place((name, *also), lambda value: {name: value})


def _thinking(effort: str) -> Mapping[str, object]:
    """Anthropic's words: it has no effort below `low`."""
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    return {"output_config": {"effort": "low" if effort == "minimal" else effort}}


_EFFORT: Final = _Place(("reasoning", "reasoning_effort"), lambda effort: {"reasoning": {"effort": effort}})
_SAMPLING: Final = {name: _plain(name) for name in ("temperature", "top_p")}
_TEXT: Final = _SAMPLING | {name: _plain(name) for name in ("stop", "seed", "frequency_penalty", "presence_penalty")}
_CHAT: Final = {**_TEXT, "max_tokens": _plain("max_tokens", "max_completion_tokens"), "system": _plain("messages")}

_PLACES: Final[Mapping[Dialect, Mapping[str, _Place]]] = {
    "chat": {**_CHAT, "reasoning": _plain("reasoning_effort")},
    "openrouter": {**_CHAT, "reasoning": _EFFORT},
    "completions": {**_TEXT, "max_tokens": _plain("max_tokens")},
    "messages": {
        **_SAMPLING,
        "max_tokens": _plain("max_tokens"),
        "stop": _plain("stop_sequences"),
        "system": _plain("system"),
        "reasoning": _Place(("output_config", "thinking"), _thinking),
    },
    "responses": {
        **_SAMPLING,
        "max_tokens": _plain("max_output_tokens"),
        "system": _plain("instructions"),
        "reasoning": _EFFORT,
    },
}
"""What each dialect can be told, and how; it has no way to say the rest."""
_INSTRUCTIONS: Final = ("system", "developer")


class _Turn(msgspec.Struct):
    role: str = ""


_turns: Final = msgspec.json.Decoder(list[_Turn])
_encode: Final = msgspec.json.Encoder().encode


def with_defaults(body: bytes, defaults: Defaults, dialect: Dialect, origin: str) -> bytes:
    """The request with what it leaves open filled in; `body` is a JSON object, and every byte of it stays.

    Raises BadRequest where the dialect has no word for one of them; `origin` is what they are called there.
    """
    places = _PLACES[dialect]
    present = {name for name, (start, end) in splice.fields(body) if body[start:end] != b"null"}
    for name in Defaults.__struct_fields__:
        value = getattr(defaults, name)
        if value is None:
            continue
        place = places.get(name)
        if place is None:
            raise BadRequest(
                f"{origin} sets {name}, which {_CALLED[dialect]} cannot say; leave it out there, or ask in chat",
                param="model",
            )
        if "messages" in place.fields:
            body = _instructed(body, value)
        elif present.isdisjoint(place.fields):
            for field, said in place.write(value).items():
                body = _put(body, field, _encode(said))
    return body


def with_limit(body: bytes, dialect: Dialect, tokens: int) -> bytes:
    """The request with an answer of so many tokens at most, whatever it said; `body` is a JSON object."""
    place, value = _PLACES[dialect]["max_tokens"], _encode(tokens)
    present = {name for name, (start, end) in splice.fields(body) if body[start:end] != b"null"}
    for name in present.intersection(place.fields) or place.fields[:1]:
        body = _put(body, name, value)
    return body


def with_effort(body: bytes, effort: str) -> bytes:
    """The chat completion request with so much effort of thinking, whatever it said; `body` is a JSON object."""
    return _put(body, "reasoning_effort", _encode(effort))


_CALLED: Final[Mapping[Dialect, str]] = {
    "chat": "a chat completion",
    "openrouter": "a chat completion",
    "messages": "a message",
    "responses": "a response",
    "completions": "a completion",
}


def _put(body: bytes, name: str, value: bytes) -> bytes:
    nulls = splice.places(body, name)
    return splice.replaced(body, nulls, value) if nulls else splice.inserted(body, name, value)


def _instructed(body: bytes, system: str) -> bytes:
    """The chat with these instructions at its start, unless it has some."""
    for start, end in splice.places(body, "messages"):
        try:
            turns = _turns.decode(body[start:end])
        except UNREADABLE:
            return body  # whoever reads the request says what is wrong with it
        if turns and not any(turn.role in _INSTRUCTIONS for turn in turns):
            first = _encode({"role": "system", "content": system})
            return body[: start + 1] + first + b"," + body[start + 1 :]
    return body
