"""Runs of plans on this machine: who runs one holds its lock, so that nobody else does, and all can see it.

The lock is a file's, and falls with the process that holds it, however that ends. A run that the window has begun is a
process of its own: it outlives the page and the window, and is found again by its lock.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Final, TypeVar

import msgspec

from weighbridge.app.unable import Unable
from weighbridge.config import Settings
from weighbridge.ledger.cost import plain

_FOLDER: Final = "switch"
_TOLD: Final = 2000
"""Characters of what a run has said last that are shown."""


class Running(msgspec.Struct, frozen=True):
    """Who runs a plan."""

    pid: int
    since: datetime


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is begun: as the command's options say."""

    budget: Decimal | None = None
    at_once: int | None = None
    keep_answers: int | None = None
    """Days."""
    holds: int | None = None
    """Days."""
    run_code: bool = False

    @property
    def words(self) -> list[str]:
        """As the command takes them."""
        valued = {
            "--budget": None if self.budget is None else plain(self.budget),
            "--at-once": self.at_once,
            "--keep-answers": self.keep_answers,
            "--holds": self.holds,
        }
        said = [word for name, value in valued.items() if value is not None for word in (name, str(value))]
        return [*said, "--run-code"] if self.run_code else said


class Ended(msgspec.Struct, frozen=True):
    """What a run that the window has begun said at its end."""

    stopped: str | None = None
    """Why before its time."""
    left: int = 0
    """Replays that nobody has answered yet."""


@contextmanager
def under_way(settings: Settings, plan: str) -> Iterator[None]:
    """Be the one that runs a plan, whom `stop` can stop. Raises Unable where another does."""
    path = _path(settings, plan, "lock")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _hear_key_presses()
    with path.open("a+b") as file:
        if not _take(file):
            raise Unable(f"{plan} is run already", next_step="weighbridge switch status shows how far it has come")
        file.truncate(0)
        file.write(msgspec.json.encode(Running(os.getpid(), datetime.now(UTC))))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def running(settings: Settings, plan: str) -> Running | None:
    """Who runs a plan on this machine now."""
    try:
        with _path(settings, plan, "lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _decoded(file.read(), Running)
    except FileNotFoundError:
        pass
    return None


def stop(settings: Settings, plan: str) -> bool:
    """Have a run end; what it has done stays. False: nobody runs it."""
    found = running(settings, plan)
    if found is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGINT)
    return True


class Runs:
    """The runs that this process has begun, and what is known of all."""

    def __init__(self, settings: Settings, program: Sequence[str] = (sys.executable, "-m", "weighbridge")) -> None:
        self._settings = settings
        self._program = tuple(program)
        self._begun: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self, plan: str, options: Options, *, base_url: str | None = None) -> None:
        """Begin a run, as a process that goes on without us. Raises Unable where it is run already."""
        if self.running(plan) is not None:
            raise Unable(f"{plan} is run already")
        output = _path(self._settings, plan, "json")
        output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        words = [*self._program, "switch", "run", plan, "--json", *options.words]
        words += [] if base_url is None else ["--base-url", base_url]
        words += [] if self._settings.file is None else ["--config", str(self._settings.file)]
        with _written(output) as said, _written(_path(self._settings, plan, "err")) as wrong:
            self._begun[plan] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=wrong, start_new_session=True
            )

    def running(self, plan: str) -> Running | None:
        """Who runs it now; one that was begun just now counts before it has its lock."""
        begun = self._begun.get(plan)
        is_alive = begun is not None and begun.poll() is None
        if begun is not None and not is_alive:
            del self._begun[plan]
        found = running(self._settings, plan)
        if found is None and begun is not None and is_alive:
            return Running(begun.pid, datetime.now(UTC))
        return found

    def stop(self, plan: str) -> bool:
        """See stop."""
        return stop(self._settings, plan)

    def ended(self, plan: str) -> Ended | None:
        """What the last run said that a window has begun here; None: there was none, or it was killed."""
        said = _decoded(_read(_path(self._settings, plan, "json")), Ended)
        wrong = _read(_path(self._settings, plan, "err")).decode(errors="replace").strip()
        if said is None:
            return Ended(wrong[-_TOLD:].removeprefix("Error: ")) if wrong else None
        return said


def _hear_key_presses() -> None:
    """A shell has what it begins in the background ignore them, and all that this begins."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _path(settings: Settings, plan: str, kind: str) -> Path:
    return settings.home / _FOLDER / f"{plan}.{kind}"


def _take(file: IO[bytes]) -> bool:
    """Get the lock; False: another runs the plan."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = _decoded(file.read(), Running)
        if holder is not None and _lives(holder.pid):
            return False
        fcntl.flock(file, fcntl.LOCK_EX)  # somebody looks at it, and is done in a moment
    return True


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_Read = TypeVar("_Read")


def _decoded(document: bytes, kind: type[_Read]) -> _Read | None:
    try:
        return msgspec.json.decode(document, type=kind)
    except msgspec.MsgspecError:
        return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """A new file that its owner alone reads."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    with path.open("wb") as file:
        yield file
