"""A message from a provider that speaks Messages itself: the client's request goes there, and the answer comes back.

All of it as it is, but for the model's name in the request, and in the answer the usage, which has the cost.
"""

from typing import Annotated, Final

import msgspec

from weighbridge.errors import UpstreamError
from weighbridge.wire import calls, reported
from weighbridge.wire.calls import Call
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.messages.answer import said, usage_in
from weighbridge.wire.messages.stream import Passed
from weighbridge.wire.surface import Cost, Native, Stream

_ABSENT: Final = msgspec.Raw(b"")


class CountedCall(Call, kw_only=True):
    """A request to count tokens: what decides where it goes."""

    betas: bytes = msgspec.field(default=b"", name="weighbridge betas")
    """The client's `anthropic-beta` header; set when the request is read, whatever it says itself."""

    @property
    def headers(self) -> bytes:
        """See Call."""
        return b"anthropic-beta: %b\r\n" % self.betas if self.betas else b""


class PassedCall(CountedCall, kw_only=True):
    """A request for a message: what also decides what it may cost."""

    messages: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1)]
    max_tokens: Annotated[int, msgspec.Meta(ge=0)]
    stream: bool | None = None
    system: msgspec.Raw = _ABSENT
    tools: msgspec.Raw = _ABSENT

    @property
    def streamed(self) -> bool:
        """See Call."""
        return self.stream is True

    @property
    def prompt_bytes(self) -> int:
        """See Call."""
        return sum(map(calls.text_bytes, (*self.messages, self.system, self.tools)))

    @property
    def opening(self) -> bytes:
        """See Call."""
        return bytes(self.system)[: calls.OPENING] + bytes(self.messages[0])[: calls.OPENING]

    @property
    def most_tokens(self) -> int | None:
        """See Call."""
        return self.max_tokens


class _Message(msgspec.Struct):
    content: list[msgspec.Raw]


_calls: Final = msgspec.json.Decoder(PassedCall)
_messages: Final = msgspec.json.Decoder(_Message)
_counted: Final = msgspec.json.Decoder(CountedCall)


class _AsItIs(msgspec.Struct, frozen=True):
    """See surface.Form."""

    def whole(self, document: bytes, cost: str | None) -> bytes:
        """See Form.whole."""
        try:
            _messages.decode(document)
        except UNREADABLE as exc:
            raise UpstreamError(f"the provider answered 200 with no message: {exc}") from exc
        return document if cost is None else reported.with_cost(document, cost)

    def stream(self, cost: Cost) -> Stream:
        """See Form.stream."""
        return Passed(cost)


_FORM: Final = _AsItIs()


def read_count(body: bytes, betas: bytes) -> CountedCall:
    """A request to count tokens. Raises BadRequest naming the field at fault."""
    call = calls.read(body, _counted)
    call.betas = betas
    return call


def native(body: bytes, betas: bytes) -> Native:
    """The request as it came. Raises BadRequest naming the field at fault."""
    call = calls.read(body, _calls)
    call.betas = betas
    return Native("messages", call, body, _FORM, usage_in, lambda document: said(document)[0])
