"""Runs code that a model wrote against tests, in a process of its own. For code that errs, not for code that attacks.

What is done: another process group and, where the system lets us, other process and network namespaces (`unshare`), so
that nothing outlives the run or reaches a network; limits on processor time, memory, size and number of files, and
processes; a temporary directory; an empty environment; nothing installed but Python's standard library; a hard end.

What is not: the code runs as the user who grades, so it can read what that user can read (keys and databases too),
write where that user can write, and use any hole of the kernel. For root, limits on processes do not hold, and root can
lift the others. Without namespaces (see `isolated`) it also reaches the network, and a process that it detaches lives
on. Code that means to can make its own tests pass. Whoever does not trust the models they weigh runs the grading in a
container or a machine without keys.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.switch.graders.grader import GraderError
from weighbridge.switch.graders.sandboxed import STARTED

_NAMESPACES: Final = ("--user", "--map-root-user", "--net", "--ipc", "--pid", "--fork", "--kill-child")
_INSIDE: Final = Path(__file__).with_name("sandboxed.py")


class Limits(msgspec.Struct, frozen=True):
    """How much one run may take."""

    seconds: float = 20
    """By the clock, then it is killed: more than of the processor, so that right code may wait for it."""
    cpu_seconds: int = 8
    memory_mib: int = 512
    """Of addresses, for each process."""
    file_mib: int = 8
    open_files: int = 64
    processes: int = 128
    """All that the user has count, where it is not in namespaces of its own."""


@cache
def isolated() -> bool:
    """Whether code runs here without a network and with processes that end with it."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    return subprocess.run([unshare, *_NAMESPACES, "true"], capture_output=True, check=False).returncode == 0


def passes(code: str, tests: str, limits: Limits | None = None) -> bool:
    """Whether all tests pass: asserts at their top level, and functions whose names begin with `test`.

    Blocks for as long as the code runs, `limits.seconds` at most. Raises GraderError where the sandbox itself failed,
    which says nothing of the code.
    """
    limits = limits or Limits()
    token = secrets.token_hex(16)
    told = msgspec.json.encode({"token": token, "code": code, "tests": tests, "limits": limits})
    command = [sys.executable, "-I", "-S", "-B", str(_INSIDE)]
    if isolated():
        command = [shutil.which("unshare") or "unshare", *_NAMESPACES, *command]
    reader, writer = os.pipe()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            _run([*command, str(writer)], told, writer, folder, limits.seconds)
        os.set_blocking(reader, False)
        said = _said(reader)
    finally:
        os.close(reader)
    if not said.startswith(STARTED):
        raise GraderError(f"the sandbox did not start within {limits.seconds:g} s: {' '.join(command[:2])} … ended")
    return said == STARTED + token.encode()


def _run(command: list[str], told: bytes, writer: int, folder: str, seconds: float) -> None:
    environment = {"HOME": folder, "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "TMPDIR": folder}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            pass_fds=(writer,),
            start_new_session=True,
        )
    finally:
        os.close(writer)
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(told, timeout=seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with process:
            pass  # what it was not told any more is let go, and its end is waited for


def _said(reader: int) -> bytes:
    try:
        return os.read(reader, 64)
    except BlockingIOError:
        return b""
