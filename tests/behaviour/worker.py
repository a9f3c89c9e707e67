"""A worker in a process of its own, as `weighbridge up` starts it: one that can be killed, and whose words are kept."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.gateway.house import House, furnished
from weighbridge.app.place import place
from weighbridge.app.worker import WorkerSpec


@dataclass
class Process(House):
    """A worker's process, and where its standard output and error go."""

    process: asyncio.subprocess.Process
    said: Path

    async def kill(self) -> None:
        """SIGKILL: it can do nothing any more."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        """SIGTERM: it ends what is under way, and itself."""
        self.process.terminate()
        assert await self.process.wait() == 0, self.said.read_text()

    async def listens(self) -> bool:
        """Whether it still takes clients."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except ConnectionError:
            return False
        writer.close()
        return True


@asynccontextmanager
async def process(
    home: Path, toml: str, environ: Mapping[str, str] | None = None, *, within: Sequence[str] = ()
) -> AsyncIterator[Process]:
    """A worker while the block runs; killed at its end if it still runs. `home` may have served one before.

    `within` is a command that becomes what follows it, somewhere else: in a namespace.
    """
    settings, key = furnished(home, toml, environ or {})
    said = home.with_name(f"{home.name}.said")
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening, said.open("ab") as output:
        port = listening.getsockname()[1]
        spec = WorkerSpec(listening.fileno(), {"local.enabled": False}, settings.file)
        child = await asyncio.create_subprocess_exec(
            *(*within, sys.executable, "-m", "weighbridge.app"),
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=[listening.fileno()],
            env={**os.environ, "WEIGHBRIDGE_HOME": str(home), **(environ or {})},
        )
    assert child.stdin is not None
    child.stdin.write(spec.encode())
    child.stdin.close()
    try:
        yield Process(
            port=port, key=key, ledger=settings.ledger_path, database=place(settings), process=child, said=said
        )
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
