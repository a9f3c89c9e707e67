"""The shared server as one worker sees it: asked for a bounded time, left alone while it is amiss, and found again.

A request never connects, never tries whether the server is well again, and never waits longer than it was told to: all
that is done here in the background, once a second. Where the server cannot be asked the answer is at once that it
cannot.

Its clock is the one that all workers go by when they tell each other times: it is asked for with each look.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Final

from weighbridge.shared.address import Address
from weighbridge.shared.line import Gone, Line, connect
from weighbridge.shared.resp import ErrorReply, Reply

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0
"""Between two looks."""
_SILENT_SECONDS: Final = 2.0
"""Without an answer to a look the connection is given up: a cut network says nothing."""
_CONNECT_SECONDS: Final = 2.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
"""Seconds before it is connected to again."""
_FAILURES: Final = 3
"""Waits in a row that were too long: left alone."""
_ALONE_SECONDS: Final = 1.0
_LONGEST_ALONE: Final = 30.0


class Unavailable(Exception):
    """Not now, or not in time: go on without it."""


class SharedServer:
    """Run `keep` in the background; then `ask`."""

    def __init__(
        self,
        where: Address,
        context: ssl.SSLContext | None,
        *,
        wait: float,
        name: str,
        prefix: str,
        chance: Random,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wait` is how long a look may take, in seconds, for the server to count as well; `name` is told to it.

        All that is ours there begins with `prefix`. `seconds` is a clock that only goes forward.
        """
        self._where = where
        self._context = context
        self._wait = wait
        self._name = name
        self._trial = f"{prefix}:trial".encode()
        self._chance = chance
        self._seconds = seconds
        self._line: Line | None = None
        self._ahead = 0.0
        self._failures = 0
        self._alone_until = 0.0
        self._alone_for = _ALONE_SECONDS
        self._answers = False
        self._full: str | None = None
        self._deaf: str | None = None
        self._why: str | None = "it was not reached yet"
        self._said: str | None = None
        self.failures = 0
        """Times that it was asked and did not answer well in time."""
        self.heard: Callable[[bytes, bytes], None] = lambda channel, said: None
        """Is told a channel that was listened to, and what was said there."""
        self.began: Callable[[], Awaitable[None]] | None = None
        """Is awaited when there is a new connection: what was said meanwhile was missed."""

    @property
    def fault(self) -> str | None:
        """Why it cannot be used, or not be written; None when all is well."""
        return self._why or self._full or self._deaf

    def now(self) -> float:
        """The server's clock, in seconds since 1970, to within some milliseconds once it was reached."""
        return self._seconds() + self._ahead

    async def ask(self, *parts: bytes, wait: float) -> Reply:
        """For a request: the answer to a command that reads, within so many seconds. Raises Unavailable."""
        if not self._answers:
            raise Unavailable(self._why or "it is left alone")
        try:
            (reply,) = await self._asked([parts], wait)
        except Unavailable as exc:
            self._failed(str(exc))
            raise
        if isinstance(reply, ErrorReply):
            self._failed(reply.said[:200])
            raise Unavailable(reply.said)
        self._failures = 0
        return reply

    async def do(self, *commands: Sequence[bytes]) -> Sequence[Reply]:
        """In the background, however slow it is: commands, all of them or none, and what came of each.

        Raises Unavailable.
        """
        replies = await self._asked([(b"MULTI",), *commands, (b"EXEC",)], _SILENT_SECONDS)
        done = replies[-1]
        found = done if isinstance(done, tuple) else ()
        refused = next((each for each in (*replies[:-1], *found) if isinstance(each, ErrorReply)), None)
        self._full = None if refused is None else f"it does not take what is to be written: {refused.said[:200]}"
        self._say()
        if refused is not None:
            raise Unavailable(refused.said)
        return found

    async def listen_to(self, channel: bytes) -> None:
        """From here on `heard` is told what is said there. Raises Unavailable."""
        (said,) = await self._asked([(b"SUBSCRIBE", channel)], _SILENT_SECONDS)
        self._deaf = f"it does not let us listen: {said.said[:200]}" if isinstance(said, ErrorReply) else None
        self._say()
        if isinstance(said, ErrorReply):
            raise Unavailable(said.said)

    async def _asked(self, commands: Sequence[Sequence[bytes]], wait: float) -> list[Reply]:
        line = self._line
        if line is None:
            raise Unavailable(self._why or "it was not reached yet")
        try:
            futures = [line.ask(*parts) for parts in commands]
        except Gone as exc:
            raise Unavailable(str(exc)) from exc
        await asyncio.wait((futures[-1],), timeout=wait)
        if not futures[-1].done() or futures[-1].cancelled():
            raise Unavailable(f"no answer within {wait * 1000:g} ms")
        return [future.result() for future in futures]

    def _failed(self, why: str) -> None:
        self.failures += 1
        self._failures += 1
        if self._failures >= _FAILURES and self._answers:
            self._leave_alone(why)

    def _leave_alone(self, why: str) -> None:
        self._answers = False
        self._why = why
        self._alone_until = self._seconds() + self._alone_for
        self._alone_for = min(_LONGEST_ALONE, 2 * self._alone_for)
        self._say()

    # in the background

    async def keep(self) -> None:
        """Connect, look, and connect again, until it is cancelled."""
        pause = _FIRST_PAUSE
        while True:
            try:
                line = await connect(self._where, self._context, _CONNECT_SECONDS, self._hear, self._name)
            except Gone as exc:
                self._why = str(exc)
                self._say()
            else:
                began = self._seconds()
                await self._with(line)
                if self._seconds() - began > _LONGEST_PAUSE:
                    pause = _FIRST_PAUSE
            await asyncio.sleep(pause * (0.5 + self._chance.random()))
            pause = min(_LONGEST_PAUSE, 2 * pause)

    async def _with(self, line: Line) -> None:
        """Use a connection until it ends."""
        listening = asyncio.create_task(line.listen())
        looking = asyncio.create_task(self._look(line))
        try:
            await asyncio.wait((listening, looking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._line, self._answers, self._failures = None, False, 0
            line.close()
            looking.cancel()
            listening.cancel()
            ends = await asyncio.gather(listening, looking, return_exceptions=True)
        self._why = next((str(end) for end in reversed(ends) if isinstance(end, Gone)), "the connection has ended")
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, Gone):
                log.error("the shared server %s: a fault of ours", self._where, exc_info=end)
        self._say()

    async def _look(self, line: Line) -> None:
        """Ask for the time, again and again. Raises Gone."""
        self._line = line
        is_new = True
        while True:
            sent = self._seconds()
            looked = line.ask(b"TIME")
            await asyncio.wait((looked,), timeout=_SILENT_SECONDS)
            if not looked.done():
                raise Gone(f"no answer within {_SILENT_SECONDS:g} seconds")
            if looked.cancelled():
                return
            took = self._seconds() - sent
            if self._set_clock(looked.result(), sent + took / 2):
                if self._seconds() >= self._alone_until:
                    self._looked(took)
                if is_new and self.began is not None:
                    with contextlib.suppress(Unavailable):  # then the next look finds out
                        await self.began()
                        is_new = False
            if self._full is not None:
                with contextlib.suppress(Unavailable):
                    await self.do((b"SET", self._trial, b"1", b"PX", b"1000"))
            await asyncio.sleep(_LOOK_SECONDS)

    def _looked(self, took: float) -> None:
        """It has answered, after so long."""
        if took > self._wait and not self._answers:
            self._why = f"its answers take {took * 1000:.0f} ms, and shared.wait_seconds is {self._wait:g}"
        elif took <= self._wait:
            if self._answers and self._failures == 0:
                self._alone_for = _ALONE_SECONDS
            self._answers, self._why = True, None
        self._say()

    def _set_clock(self, reply: Reply, at: float) -> bool:
        match reply:
            case (bytes(seconds), bytes(micros)) if seconds.isdigit() and micros.isdigit():
                self._ahead = int(seconds) + int(micros) / 1e6 - at
                return True
            case ErrorReply(said):
                self._answers, self._why = False, said[:200]
                self._say()
        return False

    def _hear(self, channel: bytes, said: bytes) -> None:
        self.heard(channel, said)

    def _say(self) -> None:
        """Once when it goes wrong, and once when it is well again."""
        fault = self.fault
        if fault is not None and self._said is None:
            log.warning("the shared server %s: %s; requests go on without it", self._where, fault)
        elif fault is None and self._said is not None:
            log.warning("the shared server %s is well again", self._where)
        self._said = fault
