"""One look at the shared server, from the command line."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from weighbridge.shared.address import Address
from weighbridge.shared.line import Gone, connect
from weighbridge.shared.resp import ErrorReply, Reply
from weighbridge.shared.server import Unavailable

_SECONDS: Final = 5.0


@asynccontextmanager
async def visit(where: Address, context: ssl.SSLContext | None) -> AsyncIterator[Callable[..., Awaitable[Reply]]]:
    """What asks it, a command at a time, which raises Unavailable. Raises Unavailable."""
    try:
        line = await connect(where, context, _SECONDS, lambda channel, said: None, "weighbridge-visit")
    except Gone as exc:
        raise Unavailable(str(exc)) from exc
    listening = asyncio.create_task(line.listen())

    async def ask(*parts: bytes) -> Reply:
        try:
            asked = line.ask(*parts)
        except Gone as exc:
            raise Unavailable(str(exc)) from exc
        await asyncio.wait((asked,), timeout=_SECONDS)
        if not asked.done() or asked.cancelled():
            raise Unavailable(f"no answer within {_SECONDS:g} seconds")
        said = asked.result()
        if isinstance(said, ErrorReply):
            raise Unavailable(said.said)
        return said

    try:
        yield ask
    finally:
        listening.cancel()
        line.close()
        with contextlib.suppress(asyncio.CancelledError, Gone):
            await listening
