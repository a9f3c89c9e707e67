"""The note that `up` leaves in the data directory while a gateway runs, so that commands and the window find it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from weighbridge.app.unable import Unable


class Running(msgspec.Struct, frozen=True):
    """A gateway that was started here."""

    base_url: str
    """Such as http://127.0.0.1:8080/v1."""
    pid: int
    window: str | None = None
    """Where the window is, such as http://127.0.0.1:8081; None: there is none."""


@contextlib.contextmanager
def noted(home: Path, running: Running) -> Iterator[None]:
    """The note stands while the block runs."""
    path = _note(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(running))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def find(home: Path) -> Running | None:
    """The gateway that runs on this data directory; None where there is no note, or its process has died."""
    try:
        running = msgspec.json.decode(_note(home).read_bytes(), type=Running)
        os.kill(running.pid, 0)
    except (OSError, msgspec.DecodeError):
        return None
    return running


@contextlib.contextmanager
def alone(home: Path) -> Iterator[None]:
    """No second gateway runs on this data directory while the block does. Raises Unable where one does already."""
    (home / "run").mkdir(parents=True, exist_ok=True)
    with (home / "run" / "lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = find(home)
            where = f" at {other.base_url} (process {other.pid})" if other else ""
            raise Unable(
                f"a gateway runs on {home} already{where}", next_step="use it, or set WEIGHBRIDGE_HOME for another"
            ) from error
        yield


def state_file(home: Path) -> Path:
    """Where the supervisor says how its children are."""
    return home / "run" / "state.json"


def logs(home: Path) -> Path:
    """Where the children's output goes, a file each."""
    return home / "logs"


def local_url(host: str, port: int) -> str:
    """How a program on this machine reaches a gateway that listens on `host`."""
    return f"{local_address(host, port)}/v1"


def local_address(host: str, port: int) -> str:
    """The same for whatever listens there, without a path."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"


def _note(home: Path) -> Path:
    return home / "run" / "gateway.json"
