"""An answer's body that is written down while it passes, for whoever wants to give it again."""

from collections.abc import Callable

from weighbridge.providers.base import Body


class Recorded:
    """A Body that remembers what came out of it, up to so many bytes, and tells it when it is closed."""

    __slots__ = ("_body", "_ended", "_left", "_parts")

    def __init__(self, body: Body, most: int, ended: Callable[[bytes | None], None]) -> None:
        """`ended` is called once; with None where there was more than `most`. It says nothing of whether all came."""
        self._body = body
        self._left = most
        self._parts: list[bytes] = []
        self._ended: Callable[[bytes | None], None] | None = ended

    @property
    def complete(self) -> bool:
        """See Body.complete."""
        return self._body.complete

    async def read(self) -> bytes:
        """See Body.read."""
        return self._noted(await self._body.read())

    def take(self) -> bytes:
        """See Body.take."""
        return self._noted(self._body.take())

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """See Body.pour."""
        return await self._body.pour(lambda data: sink(self._noted(data)))

    def close(self) -> None:
        """See Body.close."""
        self._body.close()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(b"".join(self._parts) if self._left >= 0 else None)
            self._parts.clear()

    def _noted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left >= 0:
            self._parts.append(data)
        else:
            self._parts.clear()
        return data
