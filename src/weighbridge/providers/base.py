"""What a provider is to the gateway: something that answers a call with a stream of bytes."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.wire.calls import Call, Task
from weighbridge.wire.usage import Source


class Body(Protocol):
    """An answer's body as it arrives."""

    @property
    def complete(self) -> bool:
        """Whether it has wholly arrived, so that what `read` gives next is the last of it."""
        ...

    async def read(self) -> bytes:
        """What has arrived since the last call, at least a byte; `b""` at the end.

        Raises UpstreamError when the upstream breaks off.
        """
        ...

    def take(self) -> bytes:
        """The same without waiting: `b""` when nothing has arrived."""
        ...

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """Hand what arrives to `sink` the moment it does, until it says False or there is no more; True: no more.

        Raises UpstreamError when the upstream breaks off, and what the sink raises.
        """
        ...

    def close(self) -> None:
        """Give the connection back if the body was read whole, else drop it. Idempotent."""
        ...


class Whole:
    """A Body that is all here: an answer that was not passed on but made."""

    complete = True

    def __init__(self, document: bytes) -> None:
        self._left = document

    async def read(self) -> bytes:
        """See Body.read."""
        return self.take()

    def take(self) -> bytes:
        """See Body.take."""
        document, self._left = self._left, b""
        return document

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """See Body.pour."""
        sink(self.take())
        return True

    def close(self) -> None:
        """See Body.close."""


class Rewriter(Protocol):
    """Bytes in, in whatever pieces they come; the same in another format out."""

    def feed(self, data: bytes) -> bytes:
        """Some more of them; what can be said of them now."""
        ...

    def end(self) -> bytes:
        """There are no more; what is still to be said."""
        ...


class Rewritten:
    """A Body that is another one in another format."""

    complete = False

    def __init__(self, body: Body, rewriter: Rewriter) -> None:
        self._body = body
        self._rewriter = rewriter
        self._ended = False

    async def read(self) -> bytes:
        """See Body.read."""
        while data := await self._body.read():
            if said := self._rewriter.feed(data):
                return said
        return self._end()

    def take(self) -> bytes:
        """See Body.take."""
        data = self._body.take()
        return self._rewriter.feed(data) if data else b""

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """See Body.pour."""

        def rewritten(data: bytes) -> bool:
            said = self._rewriter.feed(data)
            return sink(said) if said else True

        if not await self._body.pour(rewritten):
            return False
        last = self._end()
        if last:
            sink(last)
        return True

    def close(self) -> None:
        """See Body.close."""
        self._body.close()

    def _end(self) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        return self._rewriter.end()


class Answer(msgspec.Struct, frozen=True):
    """A good (2xx) answer: its head has come, its body is on the way."""

    content_type: bytes
    body: Body
    counted_by: Source
    """Who counts the tokens it reports."""
    tell: Callable[[str], str]
    """What of the provider's words about a fault may be told on: no key of ours, and no more than a few lines."""
    request_id: str | None = None
    """The provider's own id of the request, for disputes."""
    exhausted: float | None = None
    """Seconds for which the provider has nothing left for us, by its own word; None: it has, or says nothing."""


class Provider(Protocol):
    """One upstream, whatever it speaks."""

    @property
    def natively(self) -> frozenset[Task]:
        """The formats besides OpenAI's chat that it is asked in by clients that speak them."""
        ...

    async def ask(self, task: Task, endpoint: Endpoint, call: Call, body: bytes, headers: bytes = b"") -> Answer:
        """Send a request in the format of the task; `body` is the client's, `call` what was read of it.

        `headers` go along, each with its end of line.

        Raises UpstreamError or BadRequest before the first byte or not at all. Cancellation closes the upstream.
        """
        ...
