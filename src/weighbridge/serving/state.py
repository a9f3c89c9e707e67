"""The file in which a running supervisor says how its children are, for `weighbridge doctor`."""

import os
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

Condition = Literal["starting", "ready", "waiting", "stopping", "stopped"]
"""`waiting`: it ended and is to be started again after its back-off."""


class ChildState(msgspec.Struct, frozen=True):
    """How one child is. `since` (UTC) is when it came into this condition."""

    condition: Condition
    since: datetime
    pid: int | None = None
    restarts: int = 0
    crash_loop: bool = False
    last_exit: str | None = None
    """How its last run ended, in words with its last line of output; None: it has not ended yet."""


class SupervisorState(msgspec.Struct, frozen=True):
    """The whole: the supervisor's own process id and its children by name."""

    pid: int
    since: datetime
    children: dict[str, ChildState]

    def running(self) -> bool:
        """Whether the supervisor that wrote this is still there (the file outlives a `kill -9`)."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def write_state(path: Path, state: SupervisorState) -> None:
    """Replace the file at once, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(msgspec.json.encode(state))
    partial.replace(path)


def read_state(path: Path) -> SupervisorState | None:
    """What the file says; None when there is none or it can't be understood."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=SupervisorState)
    except (OSError, msgspec.MsgspecError):
        return None
