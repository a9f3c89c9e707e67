"""A chat request for the rest of an answer: what was said so far is the beginning of the assistant's message.

Text can be gone on with. What cannot is named by `why_not` and, of the answer itself, by `joined.Joined`.
"""

from typing import Any, Final

import msgspec

from weighbridge.wire import calls
from weighbridge.wire.calls import ChatCall
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.habits.profile import Prefix

_Json = dict[str, msgspec.Raw]


class ContinuedCall(ChatCall, kw_only=True):
    """A request for the rest of an answer."""

    elsewhere: str | None = msgspec.field(default=None, name="weighbridge elsewhere")
    """Where the provider is asked for it; set when the request is made, whatever it says itself."""

    @property
    def path(self) -> str | None:
        """See Call."""
        return self.elsewhere


class _Kind(msgspec.Struct):
    type: str | None = None


class _Request(msgspec.Struct):
    n: int | None = None
    logprobs: object = None
    tool_choice: object = None
    modalities: list[str] | None = None
    response_format: _Kind | None = None
    stop: str | list[str] | None = None


class _Message(msgspec.Struct):
    role: str | None = None
    content: object = None


_requests: Final = msgspec.json.Decoder(_Request)
_calls: Final = msgspec.json.Decoder(ContinuedCall)
_fields: Final = msgspec.json.Decoder(_Json)
_messages: Final = msgspec.json.Decoder(list[msgspec.Raw])
_message: Final = msgspec.json.Decoder(_Message)
_limits: Final = msgspec.json.Decoder(int | None)
_encode: Final = msgspec.json.Encoder().encode
_OPEN_CHOICES: Final = (None, "auto", "none")
_FORMATS: Final = frozenset(
    (
        "guided_json",
        "guided_regex",
        "guided_choice",
        "guided_grammar",
        "structured_outputs",
        "grammar",
        "json_schema",
        "regex",
        "ebnf",
    )
)
"""Fields of engines that hold an answer to a format, besides `response_format`."""


def why_not(body: bytes) -> str | None:
    """Why the answer to a chat request cannot be gone on with elsewhere, whoever is asked; None: it can.

    Several choices stand half-way each; probabilities are measurements of one deployment; a call that must be made is
    begun by the provider's own means; speech has no text to begin with.
    """
    try:
        request = _requests.decode(body)
        last = _message.decode(_messages.decode(_fields.decode(body)["messages"])[-1])
    except UNREADABLE:
        return "the request cannot be read"
    if (request.n or 1) > 1:
        return "several choices were asked for"
    if request.logprobs not in (None, False):
        return "probabilities were asked for"
    if request.tool_choice not in _OPEN_CHOICES:
        return "a tool must be called"
    if request.modalities not in (None, ["text"]):
        return "more than text was asked for"
    if last.role == "assistant" and not isinstance(last.content, str):
        return "the answer was begun by the client, and not with a text"
    return None


def has_format(body: bytes) -> bool:
    """Whether the answer must keep to a format, which most providers hold only what they add to."""
    fields = _fields.decode(body)
    kind = _requests.decode(body).response_format
    return (kind is not None and kind.type != "text") or not _FORMATS.isdisjoint(fields)


def stops_of(body: bytes) -> tuple[str, ...]:
    """The texts at which the answer ends."""
    stop = _requests.decode(body).stop
    return tuple(each for each in ([stop] if isinstance(stop, str) else stop or ()) if each)


def rest_of(body: bytes, said: str, tokens: int, prefix: Prefix | None) -> tuple[ContinuedCall, bytes]:
    """The request for what comes after `said`, which took so many tokens at least; and what was read of it.

    Without anything said it is the request as it was. Where the client had begun the answer itself, `said` goes behind
    its words. Raises BadRequest where that is no chat request any more.
    """
    path = None
    if said and prefix is not None:
        fields = _fields.decode(body)
        messages = _messages.decode(fields["messages"])
        begun: dict[str, Any] = {"role": "assistant", "content": said}
        if (last := _message.decode(messages[-1])).role == "assistant":
            begun = {**_fields.decode(messages.pop()), "content": f"{last.content}{said}"}
        new: dict[str, Any] = {**fields, "messages": [*messages, begun | dict(prefix.message)], **prefix.request}
        body = _encode(new | _less(fields, tokens))
        path = prefix.path
    call = calls.read(body, _calls)
    call.elsewhere = path
    return call, body


def _less(fields: _Json, tokens: int) -> dict[str, int]:
    """The limits of the answer's length, without what it has already; one token is the least that can be asked for."""
    lessened = {}
    for name in ("max_tokens", "max_completion_tokens"):
        limit = _limits.decode(fields[name]) if name in fields else None
        if limit is not None and limit > 0:  # -1 is none
            lessened[name] = max(1, limit - tokens)
    return lessened
