"""One child process: what it is, as a value, and one run of it.

Restarting, order and reporting are the supervisor's.
"""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from weighbridge.serving import parent

LINE_LIMIT = 64 * 1024
LAST_LINES = 20
OUTPUT_AFTER_EXIT = 2.0
"""Seconds to wait for the rest of the output once the process is gone; a grandchild may hold the pipe."""

Role = Literal["window", "worker", "engine"]


@dataclass(frozen=True, slots=True)
class Restart:
    """When a child that ended comes back. All times in seconds."""

    first: float = 0.25
    """Wait before the first restart; each further wait is twice as long, give or take a quarter."""
    longest: float = 15.0
    stable: float = 30.0
    """Having been up this long, a child's failures are forgotten."""
    quick_failures: int = 5
    """So many failures without a stable time between them are a crash loop, which is reported."""


@dataclass(frozen=True, slots=True)
class Child:
    """What to run, and what its end means."""

    name: str
    argv: tuple[str, ...]
    role: Role
    """Workers stop first, so that answers under way can end: the engines give them, the window's readers read them."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the parent's environment."""
    pass_fds: tuple[int, ...] = ()
    """Descriptors the child inherits under the same numbers, such as listening sockets."""
    stdin: bytes = b""
    """What each run of the child reads from its standard input."""
    restart: Restart = Restart()
    vital: bool = False
    """A crash loop of a vital child ends the whole; any other goes on being tried at the longest wait."""
    quiet: bool = False
    """Its output goes to its log file only."""
    advice: str = ""
    """What the user can do when it crash-loops: one sentence."""


class Process:
    """One run of a child."""

    def __init__(self, child: Child, running: asyncio.subprocess.Process, ready: asyncio.Future[None]) -> None:
        self.child = child
        self.pid = running.pid
        self.ready = ready
        """Done when the child has said that it is ready; cancelled when it ended without."""
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._running = running

    async def exited(self, hear: Callable[[str], None]) -> int:
        """Hand each line of output to `hear` until the process has ended; its exit code (negative: a signal)."""
        reading = [
            asyncio.create_task(self._read(stream, hear))
            for stream in (self._running.stdout, self._running.stderr)
            if stream is not None
        ]
        try:
            code = await self._running.wait()
            await asyncio.wait(reading, timeout=OUTPUT_AFTER_EXIT)
        finally:
            for task in reading:
                task.cancel()
            self.ready.cancel()
        return code

    def send(self, what: signal.Signals) -> None:
        """Send a signal; nothing happens if the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._running.send_signal(what)

    async def _read(self, stream: asyncio.StreamReader, hear: Callable[[str], None]) -> None:
        while True:
            try:
                raw = await stream.readline()
            except ValueError:  # a line over LINE_LIMIT, which asyncio has dropped
                raw = b"(a line too long to show)\n"
            if not raw:
                return
            line = raw.decode("utf-8", "replace").rstrip()
            self.last_lines.append(line)
            hear(line)


async def start(child: Child) -> Process:
    """Start a child. Raises OSError when it can't be started (no such program, no memory)."""
    ready_read, ready_write = os.pipe()
    try:
        running = await asyncio.create_subprocess_exec(
            *child.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**parent.environment(ready_write), **child.env},
            pass_fds=(*child.pass_fds, ready_write),
            limit=LINE_LIMIT,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops its children in order
        )
    except BaseException:
        os.close(ready_read)
        raise
    finally:
        os.close(ready_write)
    if running.stdin is not None:
        running.stdin.write(child.stdin)
        running.stdin.close()
    return Process(child, running, _ready(ready_read))


def _ready(descriptor: int) -> asyncio.Future[None]:
    """A future that is done when `ready` arrives on the pipe; if the pipe closes without, it stays open."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def readable() -> None:
        said = os.read(descriptor, 64)
        loop.remove_reader(descriptor)
        os.close(descriptor)
        if said.startswith(parent.READY) and not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, readable)
    return ready
