"""A whole worker on loopback, and a client that speaks to it in bytes."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from weighbridge import config, db
from weighbridge.accounts import keys
from weighbridge.app.place import place
from weighbridge.app.worker import Worker
from weighbridge.config import Settings
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry
from weighbridge.serving.engines import Upstream as Engine

PATIENCE = 10
"""Seconds after which a test has failed; nothing waits for them to pass."""
ASKED: Mapping[str, object] = {"model": "near/tiny", "messages": [{"role": "user", "content": "Say hello."}]}


@dataclass
class Answer:
    """An answer as it stood on the wire; `broken` if it was cut off."""

    status: int
    headers: dict[str, str]
    body: bytes
    broken: bool = False

    @property
    def document(self) -> dict[str, object]:
        """The body as JSON."""
        found: dict[str, object] = json.loads(self.body)
        return found

    @property
    def error(self) -> dict[str, object]:
        """What an error says."""
        found = self.document["error"]
        assert isinstance(found, dict)
        return found

    @property
    def receipt(self) -> str:
        """The id of its entry."""
        return self.headers["x-weighbridge-receipt"]


class Client:
    """One request on a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> Answer:
        """The answer so far: status and headers."""
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in raw[1:] if line)
        return Answer(int(raw[0].split(" ")[1]), headers, b"")

    async def piece(self) -> bytes:
        """The next chunk of a chunked body; `b""` at its end."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        data = await self.reader.readexactly(size)
        await self.reader.readexactly(2)
        return data

    async def answer(self) -> Answer:
        """The whole answer, or what came of it."""
        answer = await self.head()
        try:
            if "content-length" in answer.headers:
                answer.body = await self.reader.readexactly(int(answer.headers["content-length"]))
            else:
                while data := await self.piece():
                    answer.body += data
        except (asyncio.IncompleteReadError, ConnectionError):
            answer.broken = True
        return answer

    def leave(self) -> None:
        """Close the connection, whatever is under way."""
        self.writer.transport.abort()


@dataclass
class House:
    """A gateway as its clients see it: its port, a key that opens it, and its ledger."""

    port: int
    key: str
    ledger: Path
    """Its file, where it is none on a server."""
    database: db.Place

    async def send(
        self, body: object, *, key: str | None = None, target: str = "/v1/chat/completions", headers: str = ""
    ) -> Client:
        """Send a request and leave the answer to the caller."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"POST {target} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {key or self.key}\r\n{headers}"
        writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(data) + data)
        return Client(reader, writer)

    async def ask(
        self, body: object = ASKED, *, key: str | None = None, target: str = "/v1/chat/completions", headers: str = ""
    ) -> Answer:
        """A request and its whole answer."""
        async with asyncio.timeout(PATIENCE):
            client = await self.send(body, key=key, target=target, headers=headers)
            try:
                return await client.answer()
            finally:
                client.leave()

    async def get(self, target: str, *, key: str | None = None, method: str = "GET", headers: str = "") -> Answer:
        """A request without a body; `key` may be `""` for none."""
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            bearer = self.key if key is None else key
            authorization = f"authorization: Bearer {bearer}\r\n" if bearer else ""
            writer.write(f"{method} {target} HTTP/1.1\r\nhost: test\r\n{authorization}{headers}\r\n".encode())
            client = Client(reader, writer)
            try:
                return await (client.head() if method == "HEAD" else client.answer())
            finally:
                client.leave()

    def entries(self) -> list[Entry]:
        """Everything in the ledger."""
        with closing(db.connect(self.database)) as connection:
            return store.entries(connection)

    async def entry(self, *, after: int = 0) -> Entry:
        """The one entry written after the first `after`; waits for it, since nobody is told when a client has left."""
        async with asyncio.timeout(PATIENCE):
            while len(entries := self.entries()) <= after:  # noqa: ASYNC110 - a database sends no word
                await asyncio.sleep(0.005)
        assert len(entries) == after + 1
        return entries[after]

    @property
    def url(self) -> str:
        """What a client of OpenAI's takes for `base_url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def new_key(
        self,
        name: str,
        *,
        models: tuple[str, ...] | None = None,
        expires: datetime | None = None,
        store: bool = False,
    ) -> str:
        """One more key; it counts at once."""
        now = datetime.now(UTC)
        with closing(db.connect(self.database)) as connection:
            return keys.create(connection, name=name, now=now, models=models, expires=expires, store=store)[1]

    def sql(self, statement: str) -> None:
        """Meddle with the ledger."""
        with closing(db.connect(self.database)) as connection:
            connection.execute(statement)

    def revoke(self, name: str) -> None:
        """Take a key's rights; it counts within a second."""
        with closing(db.connect(self.database)) as connection:
            (found,) = [key for key in keys.listing(connection) if key.name == name]
            assert keys.revoke(connection, found.id, now=datetime.now(UTC))

    async def until(self, target: str, key: str, status: int) -> None:
        """Ask again until the answer has this status: within the second in which keys are looked at, and some."""
        async with asyncio.timeout(3 * keys.FRESH_SECONDS):
            while (await self.get(target, key=key)).status != status:  # noqa: ASYNC110 - keys are read by the clock
                await asyncio.sleep(0.02)


@dataclass
class Gateway(House):
    """One whose worker runs in this very process."""

    worker: Worker


def furnished(home: Path, toml: str, environ: Mapping[str, str]) -> tuple[Settings, str]:
    """A home with settings in TOML, a ledger, and a key that opens it. Endpoints are asked once, if it says no more."""
    home.mkdir(exist_ok=True)
    file = home / "weighbridge.toml"
    file.write_text(toml if "[routing]" in toml else f"{toml}\n[routing]\nretries = 0\n")
    settings = config.read({}, {"WEIGHBRIDGE_HOME": str(home), **environ}, file=file)
    with closing(db.connect(place(settings))) as connection:
        db.migrate(connection)
        _, key = keys.create(connection, name="test", now=datetime.now(UTC))
    return settings, key


@asynccontextmanager
async def house(
    home: Path,
    toml: str,
    environ: Mapping[str, str] | None = None,
    *,
    look_again: float = 60,
    engines: tuple[Engine, ...] = (),
) -> AsyncIterator[Gateway]:
    """A worker that runs on settings in TOML while the block does."""
    settings, key = furnished(home, toml, environ or {})
    listening = socket.create_server(("127.0.0.1", 0))
    worker = Worker(settings, engines, look_again=look_again)
    await worker.start(listening)
    try:
        yield Gateway(listening.getsockname()[1], key, settings.ledger_path, place(settings), worker)
    finally:
        await worker.stop()
