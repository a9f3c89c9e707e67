"""OpenAI's chat completions as a surface: what comes in goes to the provider as it is, and the answer likewise."""

from typing import Final

import msgspec

from weighbridge.errors import WeighbridgeError
from weighbridge.wire import calls
from weighbridge.wire.chat.stream import ChatStream
from weighbridge.wire.defaults import Dialect
from weighbridge.wire.surface import Asked, Cost, Form, Stream


class Fault(msgspec.Struct):
    """What went wrong. `code` is stable: compare it, never the message."""

    message: str
    type: str
    param: str | None
    code: str


class Failure(msgspec.Struct):
    """The document of an error, in OpenAI's shape."""

    error: Fault


class _AsItIs(msgspec.Struct, frozen=True):
    """The answer in the provider's own bytes; the usage of a stream gets its cost, if the client asked for usage."""

    wants_usage: bool

    def whole(self, document: bytes, cost: str | None) -> bytes:
        """See Form.whole."""
        return document

    def stream(self, cost: Cost) -> Stream:
        """See Form.stream."""
        return ChatStream(wants_usage=self.wants_usage, cost=cost)


_WITH_USAGE: Final = _AsItIs(wants_usage=True)
_WITHOUT: Final = _AsItIs(wants_usage=False)


def as_it_is(*, wants_usage: bool) -> Form:
    """The answer in the provider's own bytes, but for the usage of a stream: with its cost, or only where asked for."""
    return _WITH_USAGE if wants_usage else _WITHOUT


class ChatSurface:
    """See Surface."""

    dialect: Dialect | None = "chat"

    def read(self, body: bytes) -> Asked:
        """See Surface.read."""
        call = calls.read_chat(body)
        return Asked(call, body, as_it_is(wants_usage=call.wants_usage))

    def error(self, error: WeighbridgeError) -> bytes:
        """See Surface.error."""
        said = Fault(message=error.message, type=error.kind, param=error.param, code=error.code)
        return msgspec.json.encode(Failure(said))

    def error_event(self, error: WeighbridgeError) -> bytes:
        """See Surface.error_event."""
        return b"data: " + self.error(error) + b"\n\n"


CHAT: Final = ChatSurface()
