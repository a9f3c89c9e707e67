"""A connection whose client and we have switched to another protocol: what comes in is its successor's from then on."""

import asyncio
from typing import Protocol

from weighbridge.transport.message import Successor


class Former(Protocol):
    """The connection as it was: everything but what comes in stays its affair."""

    @property
    def closing(self) -> bool:
        """Whether it has been let go of."""
        ...

    def discard(self, size: int) -> None:
        """So many bytes came that nobody reads."""
        ...

    def eof_received(self) -> bool | None:
        """See asyncio.Protocol."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        ...

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        ...

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        ...


class Switched(asyncio.Protocol):
    """Takes the connection's place at its transport, so that reading requests costs nothing more."""

    def __init__(self, former: Former, successor: Successor) -> None:
        self._former = former
        self._successor = successor

    def data_received(self, data: bytes) -> None:
        if self._former.closing:
            self._former.discard(len(data))
        else:
            self._successor.received(data)

    def eof_received(self) -> bool | None:
        return self._former.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._former.connection_lost(exc)

    def pause_writing(self) -> None:
        self._former.pause_writing()

    def resume_writing(self) -> None:
        self._former.resume_writing()
