"""The window on loopback over a seeded database, and somebody who is signed in; with a real worker where wished for."""

import asyncio
import random
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

import uvicorn
from starlette.datastructures import Headers

from tests.gateway.house import Gateway, house
from tests.ledger.made_up import charge, entry
from weighbridge import config, db
from weighbridge.accounts import admins, keys, tree
from weighbridge.accounts.keys import Key, Labels
from weighbridge.app import offer
from weighbridge.app.market import MarketHere
from weighbridge.app.place import place
from weighbridge.app.switch.under_way import Runs
from weighbridge.config import Secret, Settings
from weighbridge.ledger import store
from weighbridge.ledger.entry import Attempt, Entry
from weighbridge.serving.engines import Upstream as Engine
from weighbridge.web.asking import Asking
from weighbridge.web.parts import Database, Parts
from weighbridge.web.window import build
from weighbridge.wire.usage import Usage

NOWHERE = "http://127.0.0.1:9"
"""Where no gateway is."""
DAYS = 40


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of the window."""

    status: int
    headers: Headers
    text: str

    @property
    def location(self) -> str:
        """Where it leads."""
        return self.headers["location"]


@dataclass
class Browser:
    """Cookies, and requests by plain HTTP; it follows nothing by itself."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Page:
        """A page; names of headers with _ for -."""
        return await self._ask("GET", path, b"", {name.replace("_", "-"): text for name, text in headers.items()})

    async def post(
        self, path: str, form: Mapping[str, str] | None = None, *, of: str | None = None, **headers: str
    ) -> Page:
        """A form as the page `of` (else the same path) has it, so with its token."""
        page = await self.get(of or path)
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        fields = {} if found is None else {"csrf": found[1]}
        return await self.send(path, {**fields, **(form or {})}, **headers)

    async def send(self, path: str, form: Mapping[str, str], **headers: str) -> Page:
        """A form as it is."""
        kind = {"content-type": "application/x-www-form-urlencoded"}
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return await self._ask("POST", path, urlencode(form).encode(), {**kind, **named})

    async def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Page:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        sent = {"host": f"127.0.0.1:{self.port}", "connection": "close", "content-length": str(len(body)), **headers}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        raw = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        return self._read(raw)

    def _read(self, raw: bytes) -> Page:
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        for name, value in pairs:
            if name == "set-cookie":
                cookie, _, _ = value.partition(";")
                key, _, text = cookie.partition("=")
                self.cookies[key] = text
        headers = Headers(raw=[(name.encode(), value.encode("latin-1")) for name, value in pairs])
        if headers.get("transfer-encoding") == "chunked":
            body = _unchunked(body)
        return Page(int(first.split()[1]), headers, body.decode())


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            break
        whole, body = whole + body[:length], body[length + 2 :]
    return whole


@dataclass
class Window:
    """The window that is served, and what stands behind it."""

    port: int
    parts: Parts
    settings: Settings
    browser: Browser
    """Signed in as the owner."""
    owner: str
    """An owner's key."""
    gateway: Gateway | None = None
    upstream: object = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> db.Place:
        """Where it reads."""
        return place(self.settings)

    def admin(self, role: str = "owner", **scope: str) -> str:
        """Another admin key."""
        with closing(db.connect(self.database)) as connection:
            where = tree.Place(scope.get("organisation"), scope.get("project"))
            _, secret = admins.create(connection, name=f"a {role}", role=role, scope=where, now=datetime.now(UTC))  # type: ignore[arg-type]
        return secret

    async def signed_in(self, key: str) -> Browser:
        """A browser of whoever has this key."""
        browser = Browser(self.port)
        page = await browser.send("/sign-in", {"key": key, "next": "/"})
        assert page.status == 303, page.text
        return browser


@asynccontextmanager
async def window(
    home: Path,
    toml: str = "",
    *,
    seeded: bool = True,
    worker: bool = False,
    engines: tuple[Engine, ...] = (),
    now: datetime | None = None,
) -> AsyncIterator[Window]:
    """Served by uvicorn as it is in earnest. With `worker` a real gateway is beside it, on the same database."""
    if worker:
        async with house(home, toml, engines=engines) as gateway:
            settings = config.read({}, {"WEIGHBRIDGE_HOME": str(home)}, file=home / "weighbridge.toml")
            async with _served(settings, gateway.url.removesuffix("/v1"), gateway.key, seeded, now) as made:
                made.gateway = gateway
                yield made
        return
    home.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before anything is served
    file = home / "weighbridge.toml"
    head, _, tables = toml.partition("[")
    file.write_text(f'home = "{home}"\n{head}\n[{tables}' if tables else f'home = "{home}"\n{toml}')
    settings = config.read({}, {}, file=file)
    with closing(db.connect(place(settings))) as connection:
        db.migrate(connection)
    async with _served(settings, NOWHERE, None, seeded, now) as made:
        yield made


@asynccontextmanager
async def _served(
    settings: Settings, gateway: str, key: str | None, seeded: bool, now: datetime | None
) -> AsyncIterator[Window]:
    when = now or datetime.now(UTC)
    with closing(db.connect(place(settings))) as connection:
        _, owner = admins.create(connection, name="Owner", role="owner", now=when)
        if seeded:
            seed(connection, when)
    catalog = offer.whole(settings, when)
    parts = Parts(
        settings=settings,
        database=Database(place(settings)),
        gateway=Asking(gateway),
        key=None if key is None else Secret(key),
        catalog=lambda: catalog,
        ever=lambda: catalog,
        market=MarketHere(settings),
        runs=Runs(settings),
        public_url=settings.window.public_url,
        now=lambda: now or datetime.now(UTC),
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(build(parts), log_level="warning", lifespan="on", timeout_graceful_shutdown=1, ws="none")
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with asyncio.timeout(20):
            while not server.started:  # noqa: ASYNC110 - uvicorn sends no word
                await asyncio.sleep(0.01)
        port = listening.getsockname()[1]
        made = Window(port, parts, settings, Browser(port), owner)
        made.browser = await made.signed_in(owner)
        yield made
    finally:
        server.should_exit = True
        await serving


def seed(connection: db.Connection, now: datetime, count: int = 400) -> list[Key]:
    """Keys of two organisations, and entries over 40 days: several models, errors, tags and users."""
    chance = random.Random(7)
    made = [
        keys.create(connection, name=name, now=now - timedelta(days=DAYS + 1), labels=labels)[0]
        for name, labels in (
            ("desk", Labels("acme", "support", ("prod",))),
            ("batch", Labels("acme", "research", ())),
            ("lab", Labels("globex", "lab", ())),
            ("mine", Labels(None, None, ())),
        )
    ]
    models = (
        ("qwen/qwen3-32b", "groq", "qwen/qwen3-32b", "0.29", "0.59"),
        ("deepseek/deepseek-v3.2", "deepseek", "deepseek-chat", "0.28", "0.42"),
        ("openai/gpt-5-mini", "openai", "gpt-5-mini", "0.25", "2"),
    )
    times = [now - timedelta(minutes=1) - timedelta(days=DAYS) * (1 - each / count) for each in range(1, count + 1)]
    store.add(connection, [_entry(chance, at, number, made, models) for number, at in enumerate(times)])
    return made


def _entry(
    chance: random.Random, at: datetime, number: int, made: list[Key], models: tuple[tuple[str, ...], ...]
) -> Entry:
    model, provider, upstream, price_in, price_out = chance.choice(models)
    prompt, completion = chance.randrange(50, 4000), chance.randrange(5, 900)
    cost = (prompt * Decimal(price_in) + completion * Decimal(price_out)) / 1_000_000
    failed = chance.random() < 0.08
    key = chance.choice(made)
    seconds = 0.2 + chance.random() * 4
    ended: dict[str, object] = (
        {"ending": "upstream_broke", "status": 502, "error": "upstream_error", "charge": None}
        if failed
        else {"charge": charge(str(round(cost, 12)), Usage(prompt, completion))}
    )
    return entry(
        id=f"wbr-{db.microseconds(at) // 1000:012x}{number:020x}",
        at=at,
        key=key.id,
        model=model,
        asked_model=model,
        provider=provider,
        upstream_model=upstream,
        organisation=key.labels.organisation,
        project=key.labels.project,
        tags=("prod",) if chance.random() < 0.3 else (),
        user=f"user-{chance.randrange(20)}",
        first_byte=min(0.3, seconds),
        duration=seconds,
        attempts=(Attempt(provider, upstream, "upstream_error" if failed else None, seconds),),
        **ended,
    )
