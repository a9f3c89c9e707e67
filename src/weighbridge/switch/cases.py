"""Requests of any dialect as cases: chat completions, as the gateway would ask a provider for them.

What a request says of its stream, its user and fallbacks is no part of a case: a replay is one whole answer of one
model, and nobody's. What it asks of providers stays: a request that may not go everywhere may not do so in a replay.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.routing.quality.fingerprint import ANY_KEY, APP, fingerprint
from weighbridge.routing.quality.look import look
from weighbridge.switch.answers import answer_of
from weighbridge.switch.case import Case, Expected
from weighbridge.texts.text import Dialect, Text
from weighbridge.wire import steering
from weighbridge.wire.chat.surface import CHAT
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.messages.surface import MessagesSurface
from weighbridge.wire.openrouter.surface import OpenRouterSurface
from weighbridge.wire.preferences import Preferences
from weighbridge.wire.responses.read import Earlier
from weighbridge.wire.responses.surface import ResponsesSurface
from weighbridge.wire.surface import Asked, Surface

_SURFACES: Final[Mapping[Dialect, Callable[[], Surface]]] = {
    "chat": lambda: CHAT,
    "openrouter": OpenRouterSurface,
    "messages": MessagesSurface,
    "responses": lambda: ResponsesSurface("", lambda: 0, Earlier(), may_store=True),
}
_LEFT_OUT: Final = frozenset(
    {
        "metadata",
        "models",
        "n",
        "prompt_cache_key",
        "prompt_cache_retention",
        "provider",  # it comes back with what was read of it
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "user",
    }
)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Unusable(Exception):
    """A request that is no case; the message says why, and what would be one. It has nothing of the request."""


class Skipped(msgspec.Struct, frozen=True):
    """What is no case, and why."""

    where: str
    """Such as `line 12`, or a receipt."""
    why: str


def of_text(text: Text, *, reference: str | None, whole: bool) -> Case:
    """A kept text as a case. Its answer is taken along where `reference` gave it and it is `whole`. Raises Unusable."""
    answer = None
    if whole and text.answer is not None and not text.events and text.model == reference:
        answer = answer_of(text.answer, text.dialect)
    if answer is not None:
        answer = msgspec.structs.replace(answer, receipt=text.receipt)
    app = app_of(text.headers)
    made = of_request(text.request, text.receipt, dialect=text.dialect, key=text.key, app=app, at=text.at)
    return msgspec.structs.replace(made, reference=answer)


def of_request(
    body: bytes,
    id_: str,
    *,
    dialect: Dialect = "chat",
    key: str = ANY_KEY,
    app: str = "",
    at: datetime | None = None,
    expected: Expected | None = None,
) -> Case:
    """A request of some dialect as a case, without an answer. Raises Unusable."""
    surface = _SURFACES.get(dialect)
    if surface is None:
        raise Unusable(f"{dialect} is not moved: a case is a request of chat, Messages or Responses")
    if dialect == "responses" and _goes_on(body):
        raise Unusable(
            "it goes on with a response that is not in it (previous_response_id): give the conversation as `input`"
        )
    try:
        asked = steering.read(surface(), body)
        seen = look(asked.body)
    except BadRequest as error:
        raise Unusable(error.message) from error
    if asked.preset is not None or "@preset/" in asked.call.model.lower():
        raise Unusable("it names a preset, which its replays would lack: name a model instead")
    route = fingerprint(key, seen.system, seen.tools, seen.format, app)
    return Case(id=id_, route=route, body=_plain(asked), at=at, expected=expected)


def app_of(headers: Mapping[str, str]) -> str:
    """The application that a request names itself by."""
    return headers.get(APP.decode(), "")


def with_model(
    body: bytes,
    model: str,
    *,
    effort: str | None = None,
    most_tokens: int | None = None,
    only: Collection[str] | None = None,
) -> bytes:
    """A case's request to a model, with another effort of reasoning and another limit where these are given.

    With `only` it goes to these providers at the most, and to none that it does not allow itself. Raises Unusable where
    none is left.
    """
    fields = _fields.decode(body)
    fields["model"] = _raw(model)
    if only is not None:
        fields["provider"] = _raw(_within(fields.get("provider"), only))
    if effort is not None:
        fields["reasoning_effort"] = _raw(effort)
    if most_tokens is not None:
        limit = "max_completion_tokens" if "max_completion_tokens" in fields else "max_tokens"
        fields[limit] = _raw(most_tokens)
    return msgspec.json.encode(fields)


def named_model(body: bytes) -> str | None:
    """The model that a request of any dialect names; None where it names none."""
    try:
        return _named.decode(body).model
    except UNREADABLE:
        return None


def _within(told: msgspec.Raw | None, only: Collection[str]) -> Preferences:
    own = Preferences() if told is None else _preferences.decode(told)
    left = [each for each in own.only or sorted(only) if each.partition("/")[0] in only]
    if not left:
        raise Unusable("none of the providers that it allows may be asked for this model")
    return msgspec.structs.replace(own, only=left)


_preferences: Final = msgspec.json.Decoder(Preferences)


class _Named(msgspec.Struct):
    model: str | None = None


class _Continued(msgspec.Struct):
    previous_response_id: str | None = None
    conversation: msgspec.Raw = msgspec.Raw()


_named: Final = msgspec.json.Decoder(_Named)
_continued: Final = msgspec.json.Decoder(_Continued)


def _goes_on(body: bytes) -> bool:
    try:
        found = _continued.decode(body)
    except UNREADABLE:
        return False
    return found.previous_response_id is not None or bytes(found.conversation) not in (b"", b"null")


def _plain(asked: Asked) -> bytes:
    fields = {name: value for name, value in _fields.decode(asked.body).items() if name not in _LEFT_OUT}
    if asked.preferences is not None:
        fields["provider"] = _raw(asked.preferences)
    return msgspec.json.encode(fields)


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
