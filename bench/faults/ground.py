"""What every fault stands on: the faulty provider and `weighbridge up`, as processes on loopback, and the ledger."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from bench.faults.client import Client
from bench.faults.provider import Answered, Log, Ports, Spec
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry
from weighbridge.serving.state import read_state

_LONG: Final = 60.0
_LOOK_AGAIN: Final = 0.02
"""Seconds between two looks at a file or a table, which send no word."""


@dataclass(frozen=True, slots=True)
class Faulty:
    """The provider's process, as `bench.faults.provider` has it."""

    ports: Ports

    async def go(self, storm: int) -> None:
        """Let the schedules of a storm begin."""
        await self._get(f"/-/go/{storm}")

    async def log(self) -> dict[str, list[Answered]]:
        """What came to each endpoint so far."""
        return msgspec.json.decode(await self._get("/-/log"), type=Log).answered

    async def working(self, requests: int) -> None:
        """Return once so many requests are being answered at the first port."""
        async with asyncio.timeout(_LONG):
            while json.loads(await self._get("/-/busy")) != requests:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(_LOOK_AGAIN)

    async def _get(self, target: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports.by_path)
        writer.write(f"POST {target} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        writer.close()
        return body


@asynccontextmanager
async def faulty(spec: Spec) -> AsyncIterator[Faulty]:
    """The provider while the block runs."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.faults.provider"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(msgspec.json.encode(spec) + b"\n")
        yield Faulty(msgspec.json.decode(await child.stdout.readline(), type=Ports))
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


@dataclass(frozen=True, slots=True)
class Gateway:
    """`weighbridge up` as its clients see it, and what it leaves in its home."""

    port: int
    key: str
    home: Path
    process: asyncio.subprocess.Process
    said: Path
    """Where its output goes."""

    def client(self) -> Client:
        """One more client."""
        return Client(self.port, self.key)

    def entries(self) -> list[Entry]:
        """Everything in the ledger."""
        with closing(db.connect(self.home / "ledger.db")) as connection:
            return store.entries(connection)

    async def entered(self, count: int) -> list[Entry]:
        """Everything in the ledger, once there are so many entries: nobody is told when a client has left."""
        async with asyncio.timeout(_LONG):
            while self._count() < count:  # noqa: ASYNC110 - a database sends no word
                await asyncio.sleep(_LOOK_AGAIN)
        return self.entries()

    async def worker(self, *, after: int = 0) -> int:
        """The process of its one worker, once that is ready and has been started anew `after` times."""
        async with asyncio.timeout(_LONG):
            while True:
                state = read_state(self.home / "run" / "state.json")
                worker = None if state is None else state.children["worker-1"]
                if worker is not None and worker.condition == "ready" and worker.restarts == after and worker.pid:
                    return worker.pid
                await asyncio.sleep(_LOOK_AGAIN)

    async def stop(self) -> None:
        """SIGTERM; all its entries are written then. Raises RuntimeError where it did not end well."""
        self.process.terminate()
        async with asyncio.timeout(_LONG):
            code = await self.process.wait()
        if code != 0:
            raise RuntimeError(f"the gateway ended with code {code}: {_end_of(self.said)}")

    def _count(self) -> int:
        with closing(db.connect(self.home / "ledger.db")) as connection:
            found: int = connection.execute("SELECT count(*) FROM entry").fetchone()[0]
            return found


@asynccontextmanager
async def gateway(
    home: Path, toml: str, *, workers: int = 1, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Gateway]:
    """The gateway on settings in TOML while the block runs; killed at its end where it was not stopped."""
    settings, key = _furnished(home, toml)
    # the caller's provider keys would put more providers into the catalogue: none of them comes along
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    said = home / "said"
    with said.open("ab") as output:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "weighbridge", "up", "--no-local", "--port", "0"),
            *("--workers", str(workers), "--config", str(settings)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**inherited, "HOME": str(home), "WEIGHBRIDGE_HOME": str(home), **(environ or {})},
            start_new_session=True,
        )
    try:
        yield Gateway(await _port(home, child, said), key, home, child, said)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


def _furnished(home: Path, toml: str) -> tuple[Path, str]:
    """A home with settings, a ledger and a key; the settings' file and the key."""
    home.mkdir(exist_ok=True)
    settings = home / "weighbridge.toml"
    settings.write_text(toml)
    with closing(db.connect(home / "ledger.db")) as connection:
        db.migrate(connection)
        return settings, keys.create(connection, name="faults", now=datetime.now(UTC))[1]


def _end_of(said: Path) -> str:
    return said.read_text("utf-8", "replace")[-2000:]


async def _port(home: Path, child: asyncio.subprocess.Process, said: Path) -> int:
    """Where it listens, once all its workers are ready."""
    note, state = home / "run" / "gateway.json", home / "run" / "state.json"
    async with asyncio.timeout(_LONG):
        while child.returncode is None:
            found = read_state(state)
            if (
                note.exists()
                and found is not None
                and {each.condition for each in found.children.values()} == {"ready"}
            ):
                port: int = int(json.loads(note.read_bytes())["base_url"].split(":")[2].partition("/")[0])
                return port
            await asyncio.sleep(_LOOK_AGAIN)
    raise RuntimeError(f"the gateway did not start: {_end_of(said)}")
