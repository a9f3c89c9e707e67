"""Keeps child processes running: starts, restarts with back-off, reports, and stops them in order.

One event loop owns it. What the children do is theirs; see `process.Child` for what can be said about one.
"""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os import getpid
from pathlib import Path

import msgspec

from weighbridge.errors import ServingError
from weighbridge.serving.log import BoundedLog
from weighbridge.serving.process import Child, Process, Restart, Role, start
from weighbridge.serving.state import ChildState, Condition, SupervisorState, write_state

STOP_ORDER: tuple[Role, ...] = ("worker", "window", "engine")
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a child has to end after SIGTERM before it is killed, in seconds."""

    worker: float = 30.0
    engine: float = 5.0
    window: float = 10.0

    def of(self, role: Role) -> float:
        return {"worker": self.worker, "engine": self.engine, "window": self.window}[role]


@dataclass(slots=True)
class _Watched:
    """What the supervisor knows of one child; only its own task writes here."""

    child: Child
    log: BoundedLog
    state: ChildState
    ready: asyncio.Future[None]
    process: Process | None = None
    failures: int = 0


class Supervisor:
    """Runs children until told to stop.

    `say` gets what the user should read, line by line: the children's output as `[name] …`, and reports. With `worded`,
    a child's name and its line come to a line that says both, and when.
    """

    def __init__(
        self,
        *,
        state_file: Path,
        logs: Path,
        say: Callable[[str], None],
        patience: Patience | None = None,
        worded: Callable[[str, str], str] | None = None,
    ) -> None:
        self._state_file = state_file
        self._logs = logs
        self._say = say
        self._worded = worded
        self._patience = patience or Patience()
        self._since = datetime.now(UTC)
        self._watched: dict[str, _Watched] = {}
        self._exit_code = 0
        self._started = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()

    async def run(self, children: Sequence[Child]) -> int:
        """Keep `children` running until `stop` or a signal; the exit code (1: a vital child can't be kept up)."""
        self._watched = {child.name: self._watch(child) for child in children}
        self._started.set()
        with self._signals():
            async with asyncio.TaskGroup() as group:
                tasks = {name: group.create_task(self._keep(watched)) for name, watched in self._watched.items()}
                await self._stopping.wait()
                for role in STOP_ORDER:
                    await self._stop(role, tasks)
        self._state_file.unlink(missing_ok=True)
        return self._exit_code

    async def ready(self, name: str, timeout: float | None = None) -> None:
        """Wait until the child says that it is ready (again after a restart).

        Raises ServingError if it crash-loops or `timeout` (seconds) is over first.
        """
        await self._started.wait()
        watched = self._watched[name]
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(watched.ready)
        except TimeoutError as error:
            raise ServingError(f"{name} was not ready after {timeout:g} s; {self._where(watched)}") from error

    def stop(self) -> None:
        """Stop all in order, as SIGTERM does; called again, kill what still runs."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    def state(self) -> SupervisorState:
        """How the children are now."""
        children = {name: watched.state for name, watched in self._watched.items()}
        return SupervisorState(pid=getpid(), since=self._since, children=children)

    async def _keep(self, watched: _Watched) -> None:
        """Run one child again and again."""
        rule = watched.child.restart
        while not self._stopping.is_set():
            began = time.monotonic()
            ending = await self._run_once(watched)
            if self._stopping.is_set():
                break
            watched.failures = 1 if time.monotonic() - began >= rule.stable else watched.failures + 1
            self._ended(watched, ending)
            if watched.failures == rule.quick_failures and self._crash_loop(watched, ending):
                break
            await self._pause(delay(rule, watched.failures))
        self._now(watched, "stopped")
        watched.log.close()

    async def _run_once(self, watched: _Watched) -> str:
        """Start the child and wait for its end; how it ended, in words."""
        try:
            process = await start(watched.child)
        except OSError as error:
            return f"could not be started: {error}"
        watched.process = process
        process.ready.add_done_callback(lambda ready: None if ready.cancelled() else self._is_ready(watched))
        self._now(watched, "starting", pid=process.pid)
        if self._stopping.is_set():
            process.send(signal.SIGTERM)
        try:
            code = await process.exited(lambda line: self._heard(watched, line))
        except BaseException:
            process.send(signal.SIGKILL)
            raise
        watched.process = None
        return ending(code, process.last_lines)

    def _is_ready(self, watched: _Watched) -> None:
        if watched.ready.done():  # a crash loop was reported, and yet it came up
            watched.ready = asyncio.get_running_loop().create_future()
        watched.ready.set_result(None)
        if watched.state.condition == "starting":
            self._now(watched, "ready", pid=watched.state.pid)

    def _ended(self, watched: _Watched, ending: str) -> None:
        if watched.ready.done():
            watched.ready = asyncio.get_running_loop().create_future()
        self._log(watched, f"-- {ending}")
        watched.state = msgspec.structs.replace(
            watched.state,
            last_exit=ending,
            restarts=watched.state.restarts + 1,
            crash_loop=watched.failures >= watched.child.restart.quick_failures,
        )
        self._now(watched, "waiting")
        if watched.failures < watched.child.restart.quick_failures:
            self._say(f"[{watched.child.name}] {ending}; starting it again")

    def _crash_loop(self, watched: _Watched, ending: str) -> bool:
        """Report it once; whether the child is given up."""
        child = watched.child
        report = f"{child.name} failed {watched.failures} times in a row: it {ending}; {self._where(watched)}"
        self._say(report)
        watched.ready.set_exception(ServingError(report))
        watched.ready.exception()  # seen: nobody need be waiting
        if child.vital:
            self._exit_code = 1
            self._stopping.set()
        return child.vital

    async def _stop(self, role: Role, tasks: dict[str, asyncio.Task[None]]) -> None:
        """SIGTERM to all children of a role, and SIGKILL to those that take too long."""
        mine = [watched for watched in self._watched.values() if watched.child.role == role]
        running = [tasks[watched.child.name] for watched in mine]
        if not running:
            return
        for watched in mine:
            self._signal(watched, signal.SIGTERM)
        await self._in_time(running, self._patience.of(role))
        for watched in mine:
            self._signal(watched, signal.SIGKILL)
        await asyncio.wait(running)

    async def _in_time(self, running: Sequence[asyncio.Task[None]], seconds: float) -> None:
        """Wait for tasks to end, for so long at most, or until we are in a hurry."""
        hurry = asyncio.create_task(self._hurry.wait())
        waiting = asyncio.create_task(asyncio.wait(running))
        await asyncio.wait({hurry, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        waiting.cancel()

    def _signal(self, watched: _Watched, what: signal.Signals) -> None:
        if watched.process is None:
            return
        if what == signal.SIGKILL:
            self._say(f"[{watched.child.name}] did not end in time: killed")
        self._now(watched, "stopping", pid=watched.process.pid)
        watched.process.send(what)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _watch(self, child: Child) -> _Watched:
        return _Watched(
            child=child,
            log=BoundedLog(self._logs / f"{child.name}.log"),
            state=ChildState(condition="starting", since=datetime.now(UTC)),
            ready=asyncio.get_running_loop().create_future(),
        )

    def _now(self, watched: _Watched, condition: Condition, *, pid: int | None = None) -> None:
        watched.state = msgspec.structs.replace(watched.state, condition=condition, since=datetime.now(UTC), pid=pid)
        with contextlib.suppress(OSError):  # a full disk must not stop the gateway
            write_state(self._state_file, self.state())

    def _heard(self, watched: _Watched, line: str) -> None:
        said = self._log(watched, line)
        if not watched.child.quiet:
            self._say(said)

    def _log(self, watched: _Watched, line: str) -> str:
        """Write a line into the child's log; how it is said."""
        name = watched.child.name
        if self._worded is None:
            watched.log.write(line, datetime.now(UTC))
            return f"[{name}] {line}"
        said = self._worded(name, line)
        watched.log.write(said, None)
        return said

    def _where(self, watched: _Watched) -> str:
        log = self._logs / f"{watched.child.name}.log"
        return f"see {log}. {watched.child.advice}".rstrip()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for each in STOP_SIGNALS:
            loop.add_signal_handler(each, self.stop)
        try:
            yield
        finally:
            for each in STOP_SIGNALS:
                loop.remove_signal_handler(each)


def delay(rule: Restart, failures: int) -> float:
    """Seconds to wait after so many failures in a row; a quarter of it is chance, so that children do not march."""
    exact: float = min(rule.longest, rule.first * 2 ** min(failures - 1, 30))
    return exact * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret


def ending(code: int, last_lines: Sequence[str]) -> str:
    """How a process ended, in words: `ended with code 3 ("no such file")`."""
    if code == -signal.SIGKILL:  # by another hand, so that its last words have nothing to do with it
        return "was ended by SIGKILL (the system does that when memory runs out)"
    how = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with code {code}"
    last = next((line for line in reversed(last_lines) if line.strip()), None)
    return how if last is None else f'{how} ("{last.strip()[:200]}")'


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
