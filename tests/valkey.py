"""A Valkey or Redis server of the tests' own, on a socket or a port of loopback that nobody else knows."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

PROGRAMS = ("valkey-server", "redis-server")
PATIENCE = 10.0


class Valkey:
    """One that runs. Stop it, kill it, hold it and start it as you like."""

    def __init__(self, program: str, directory: Path, *options: str) -> None:
        """`options` are as on its command line."""
        self._program = program
        self._directory = directory
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.path = directory / "socket"
        self.url = f"unix://{self.path}"
        self.start()

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program, "--port", "0", "--unixsocket", str(self.path), "--save", "", "--appendonly", "no",
                    "--dir", str(self._directory), "--daemonize", "no", *self._options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )  # fmt: skip
        until = time.monotonic() + PATIENCE
        while not self._answers():
            said = (self._directory / "log").read_text()[-2000:]
            assert self._process.poll() is None, said
            assert time.monotonic() < until, said

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def hold(self) -> None:
        """Let it take what comes, and answer nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `hold`."""
        self._signal(signal.SIGCONT)

    def say(self, *words: str) -> bytes:
        """A command on a connection of its own, and the bytes that come back first."""
        parts = [word.encode() for word in words]
        with closing(socket.socket(socket.AF_UNIX)) as line:
            line.settimeout(PATIENCE)
            line.connect(str(self.path))
            line.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(each), each) for each in parts))
            return line.recv(2**20)

    def names(self) -> list[str]:
        """The names of all that is there."""
        lines = self.say("KEYS", "*").decode().split("\r\n")
        return sorted(line for line in lines if line and line[0] not in "*$")

    def _answers(self) -> bool:
        try:
            return self.say("PING") != b""
        except OSError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._signal(number)
            self._signal(signal.SIGCONT)
            self._process.wait(PATIENCE)

    def close(self) -> None:
        """For good."""
        self._end(signal.SIGKILL)


@contextmanager
def valkey(*options: str) -> Iterator[Valkey]:
    """A server while the block runs; the test is skipped where none is installed, but in CI."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name)) is not None), None)
    if program is None:
        assert not os.environ.get("CI"), "no Valkey or Redis is installed, and CI must try it: apt install redis-server"
        pytest.skip("no Valkey or Redis is installed")
    directory = Path(tempfile.mkdtemp(prefix="wb-vk-"))  # a socket's path is short
    try:
        made = Valkey(program, directory, *options)
        try:
            yield made
        finally:
            made.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
