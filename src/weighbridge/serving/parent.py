"""What a child and the supervisor above it agree on: how it says that it is ready, and that it ends with it."""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping

READY = b"ready"

_READY_FD = "WEIGHBRIDGE_READY_FD"
_PARENT = "WEIGHBRIDGE_SUPERVISOR"
BETWEEN_US = frozenset({_READY_FD, _PARENT})
"""Variables that a child has and that are no settings."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def environment(ready_fd: int) -> Mapping[str, str]:
    """The environment of a child of this process, whose write end of the ready pipe is `ready_fd`."""
    inherited = os.environ  # noqa: TID251 - handed on as it is, not read
    return {**inherited, _READY_FD: str(ready_fd), _PARENT: str(os.getpid())}


def say_ready() -> None:
    """In a child: tell the supervisor, if there is one, that this process does its work now."""
    descriptor = os.environ.pop(_READY_FD, None)  # noqa: TID251 - not a setting: a word between two processes
    if descriptor is not None:
        os.write(int(descriptor), READY + b"\n")
        os.close(int(descriptor))


def end_with_parent(how: signal.Signals = signal.SIGTERM) -> None:
    """In a child, first thing: have the kernel send us `how` when the supervisor ends, whatever ended it.

    Nothing happens without a supervisor, or where there is no prctl (other systems than Linux).
    """
    supervisor = os.environ.get(_PARENT)  # noqa: TID251 - not a setting: a word between two processes
    if supervisor is None or sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(how), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != int(supervisor):  # it ended before we asked
        os.kill(os.getpid(), how)
