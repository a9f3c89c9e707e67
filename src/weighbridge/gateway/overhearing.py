"""A reply that passes everything on to the one that the client gets, and hears what is said on its way."""

from typing import Final

from weighbridge.transport.message import Client, Headers, Reply, Successor

_STREAM: Final = b"text/event-stream"


class Overheard(Reply):
    """See Reply. Everything is the inner one's; whoever listens overrides `hear`."""

    __slots__ = ("inner", "streamed")

    def __init__(self, inner: Reply) -> None:
        self.inner = inner
        self.streamed = False
        """Whether the answer is a stream of events."""

    def hear(self, data: bytes) -> None:
        """Some of the body has gone out."""
        raise NotImplementedError

    @property
    def also(self) -> Headers:
        """See Reply.also."""
        return self.inner.also

    @also.setter
    def also(self, headers: Headers) -> None:
        self.inner.also = headers

    @property
    def called_off(self) -> bool:  # type: ignore[override]
        """See Reply.called_off."""
        return self.inner.called_off

    @property
    def started(self) -> bool:  # type: ignore[override]
        """See Reply.started."""
        return self.inner.started

    @property
    def ended(self) -> bool:  # type: ignore[override]
        """See Reply.ended."""
        return self.inner.ended

    @property
    def peer(self) -> str | None:
        """See Reply.peer."""
        return self.inner.peer

    @property
    def left(self) -> bool:
        """See Reply.left."""
        return self.inner.left

    @property
    def unframed(self) -> bool:
        """See Reply.unframed."""
        return self.inner.unframed

    @property
    def choked(self) -> bool:
        """See Reply.choked."""
        return self.inner.choked

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        """See Reply.send."""
        self.inner.send(status, headers, body)
        self.streamed = _is_stream(headers)
        self.hear(body)

    def start(self, status: int, headers: Headers) -> None:
        """See Reply.start."""
        self.inner.start(status, headers)
        self.streamed = _is_stream(headers)

    def write(self, data: bytes) -> None:
        """See Reply.write."""
        self.inner.write(data)
        self.hear(data)

    def end(self, data: bytes = b"") -> None:
        """See Reply.end."""
        self.inner.end(data)
        self.hear(data)

    def abort(self) -> None:
        """See Reply.abort."""
        self.inner.abort()

    async def drain(self) -> None:
        """See Reply.drain."""
        await self.inner.drain()

    def switch(self, headers: Headers, successor: Successor) -> Client:
        """See Reply.switch."""
        return self.inner.switch(headers, successor)


def _is_stream(headers: Headers) -> bool:
    return any(name == b"content-type" and value[: len(_STREAM)].lower() == _STREAM for name, value in headers)
