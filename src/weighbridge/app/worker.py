"""A worker: its parts, from the front to the ledger, put together from its settings.

`weighbridge up` hands each worker a WorkerSpec on its standard input; the worker serves the listening socket it
inherited until SIGTERM.
"""

import asyncio
import contextlib
import functools
import gc
import logging
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from weighbridge import config, db
from weighbridge.accounts.chats import Chats as KeptChats
from weighbridge.accounts.keys import Key, Keyring
from weighbridge.accounts.responses import Responses as ResponseTable
from weighbridge.app.alerts import alerts_of
from weighbridge.app.budgets import Keeper
from weighbridge.app.forgetting_for_admins import forget
from weighbridge.app.naming import names
from weighbridge.app.offer import LOCAL, offered
from weighbridge.app.place import place
from weighbridge.app.policies import PolicyWatch
from weighbridge.app.renewing import Renewing
from weighbridge.app.shadows import shadowing_of
from weighbridge.app.sharing import Sharing, sharing_of
from weighbridge.app.surviving import dispatch, health, probe
from weighbridge.app.switching import SwitchWatch
from weighbridge.app.texts import keeper_of, users_of
from weighbridge.app.upstreams import patience, upstreams
from weighbridge.app.watching import Watching, budgets_now
from weighbridge.cache.cache import Cache
from weighbridge.catalog.model import Model
from weighbridge.catalog.shelf import Shelf
from weighbridge.config import Settings
from weighbridge.errors import LedgerUnavailable, Unauthorized, WeighbridgeError
from weighbridge.gateway.admin.desk import Desk
from weighbridge.gateway.admin.forgetting import AdminForgetting
from weighbridge.gateway.admin.openrouter_keys import limit_of
from weighbridge.gateway.caching import Caching
from weighbridge.gateway.certificates import Certificates, CertificateShown, shown_to
from weighbridge.gateway.chat import Chat
from weighbridge.gateway.default_model import DefaultModel
from weighbridge.gateway.embedding import Embedding
from weighbridge.gateway.health import Health
from weighbridge.gateway.holding import Holding
from weighbridge.gateway.keeping_texts import KeepingTexts
from weighbridge.gateway.market import Market
from weighbridge.gateway.metrics import Metrics
from weighbridge.gateway.models import Models
from weighbridge.gateway.openrouter import Host, OpenRouterAccount
from weighbridge.gateway.openrouter_models import OpenRouterModels
from weighbridge.gateway.planning import Planning
from weighbridge.gateway.receipts import Receipts
from weighbridge.gateway.responses import Responses
from weighbridge.gateway.responses_kept import KeptResponses
from weighbridge.gateway.resume import Resumption
from weighbridge.gateway.routes import Gateway, Route, routes
from weighbridge.gateway.stored_chat import StoredChat
from weighbridge.gateway.tab import Books
from weighbridge.gateway.usage import Usage
from weighbridge.ledger import rollups, store
from weighbridge.ledger.budgets.budget import Budget
from weighbridge.ledger.cost import cost
from weighbridge.ledger.entry import Entry, Ids
from weighbridge.ledger.policies import adopt, adopt_none
from weighbridge.ledger.questions import Question
from weighbridge.ledger.tally import Column, Tally
from weighbridge.ledger.writer import Writer
from weighbridge.market.figures import Figures
from weighbridge.market.store import Store
from weighbridge.providers.base import Provider
from weighbridge.providers.openai_compatible import OpenAICompatible
from weighbridge.providers.rows import Row, read_rows
from weighbridge.routing.health import Health as EndpointHealth
from weighbridge.routing.health import Snapshot
from weighbridge.routing.names import AUTO
from weighbridge.routing.planner import Planner
from weighbridge.routing.policy.law import Policies
from weighbridge.serving import parent
from weighbridge.serving.engines import Upstream
from weighbridge.serving.provider import LocalEngines
from weighbridge.transport.deadlines import Deadlines
from weighbridge.transport.message import Request
from weighbridge.transport.server import Limits, Server
from weighbridge.transport.turns import Turns
from weighbridge.transport.websocket import Bounds
from weighbridge.watching import logs
from weighbridge.watching.families import BudgetNow
from weighbridge.watching.gauges import Shared
from weighbridge.wire.calls import Task

log = logging.getLogger(__name__)

_GARBAGE: Final = 20_000
"""Objects made and not yet freed before the collector looks for cycles: a request leaves none, and has hundreds."""
LOOK_AGAIN: Final = 60.0
"""Seconds between two looks at the lists of models that providers publish."""

_SWEEP_SECONDS: Final = 3600.0
_OTHER_FILES: Final = 256
"""Files a worker has open besides its connections, generously."""


class WorkerSpec(msgspec.Struct, frozen=True):
    """What a worker is told by the process that starts it."""

    listen_fd: int
    """A bound, listening socket."""
    flags: dict[str, bool | int | str]
    """Settings given on the command line, as `config.read` takes them."""
    config_file: Path | None = None
    engines: tuple[Upstream, ...] = ()
    """Where the models we run ourselves answer."""

    def encode(self) -> bytes:
        """As JSON, for the standard input of a worker."""
        return msgspec.json.encode(self, enc_hook=str)

    @classmethod
    def decode(cls, text: bytes) -> "WorkerSpec":
        """The reverse of `encode`."""
        return msgspec.json.decode(text, type=cls, dec_hook=_path)


def main() -> None:
    """A worker process."""
    parent.end_with_parent()
    spec = WorkerSpec.decode(sys.stdin.buffer.read())
    settings = config.read(spec.flags, file=spec.config_file)
    logs.begin(settings.logging.format, settings.logging.level)
    _open_many_files(settings.server.max_connections)
    listening = socket.socket(fileno=spec.listen_fd)
    uvloop.run(serve(settings, spec.engines, listening))


async def serve(settings: Settings, engines: tuple[Upstream, ...], listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then let open answers end. Raises WeighbridgeError or ConfigError at the start."""
    stop = asyncio.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.set)
    worker = Worker(settings, engines)
    try:
        await worker.start(listening)
        gc.collect()
        gc.freeze()  # what the start has made stays: the collector need not look at it again
        gc.set_threshold(_GARBAGE)
        parent.say_ready()
        await stop.wait()
    finally:
        await worker.stop()


class Worker:
    """One process's parts, from the front to the ledger."""

    _stopped = False

    def __init__(self, settings: Settings, engines: tuple[Upstream, ...], *, look_again: float = LOOK_AGAIN) -> None:
        """`look_again` is the time in seconds between two looks at a provider's list of models."""
        deadlines = Deadlines(asyncio.get_running_loop())
        self._settings, self._look_again = settings, look_again
        rows = read_rows()
        self._rows = {row.id: row for row in rows}
        where = place(settings)
        self._writer = Writer(
            where,
            durability=settings.ledger.durability,
            reserve_bytes=settings.ledger.reserve_mib * 2**20,
        )
        self._ids = Ids()
        self._policy = PolicyWatch(settings)
        self._names = names(settings)
        self._reading, self._keeping, self._governing, self._asking = (_connected(where) for _ in range(4))
        self._keyring = Keyring(self._reading)
        self.texts, self._users = keeper_of(settings), users_of(settings)
        self._keeper = Keeper(
            _connected(where), self._ids.worker, settings.ledger_path.with_name("under-way"), _now, self._users
        )
        self._writer.written, self._writer.keep = self._keeper.written, self._keeper.keep
        self._writer.spools = settings.ledger.spool_entries if settings.ledger.when_unwritable == "spool" else 0
        self._kept, self._kept_chats = ResponseTable(self._keeping), KeptChats(self._keeping)
        # None where no webhook is set: `tell` is what parts are given that have something to tell.
        self._alerts = alerts_of(settings, deadlines, lambda: _connected(where), worker=self._ids.worker, now=_now)
        turns = Turns(deadlines.now)
        self._servers = upstreams(settings, rows, deadlines, turns)
        self._shelf = Shelf(offered(settings, tuple(self._servers), engines, _now()))
        self._providers: dict[str, Provider] = dict(self._servers)
        self._local: LocalEngines | None = None
        if engines:
            self._local = LocalEngines(engines, patience=patience(settings), deadlines=deadlines)
            self._providers[LOCAL] = self._local
        self._seen = health(settings)
        self._sharing, self._cache = _shared(settings, self._seen, rows, self._ids.worker)
        self._dispatch = dispatch(settings, self._providers, engines, self._seen, time.perf_counter)
        self._watching = Watching(
            settings,
            self._ids.worker,
            lambda: self._shelf.current,
            self._writer,
            self._dispatch,
            texts=self.texts,
            budgets=self._budgets_now,
            shared=Shared if self._sharing is None else self._sharing.seen,
        )
        watch = SwitchWatch(settings, lambda: _connected(where), self._planning, _now)
        self.switching, self.shadowing = watch, shadowing_of(settings, watch, self._alerts, _now)
        gateway = Gateway(self.routes(), cors_origins=settings.server.cors_origins, renew=self._renewing.now)
        self._server = Server(gateway, gateway.refuse, _limits(settings), deadlines, turns)
        self._background: list[asyncio.Task[None]] = []

    @functools.cached_property
    def _renewing(self) -> Renewing:
        return Renewing(self._keyring, self._keeper.look)

    @functools.cached_property
    def _planning(self) -> Planning:
        return Planning(
            lambda: self._shelf.current,
            self._providers,
            Planner(cost, self._settings.routing.sort),
            self._snapshot,
            names=self._names,
            laws=lambda: self._policy.laws,
        )

    def routes(self) -> tuple[Route, ...]:
        """The table of paths over this worker's parts."""
        catalog = lambda: self._shelf.current  # noqa: E731 - one line, handed to four
        chat = Chat(
            open=self._open,
            check_ledger=self._writer.check,
            planning=self._planning,
            providers=self._providers,
            dispatch=self._dispatch,
            books=Books(
                self._ids,
                self._writer.record if self._alerts is None else self._alerts.heeding(self._writer.record),
                time.perf_counter,
                self._keeper.journal,
                self._keeper.purse,
                users=None if self._users.naming == "plain" else self._users,
                watched=self._watching.watched,
                tracer=self._watching.tracer,
            ),
            holding=Holding(self._keeper.purse, self._keeper.ask, time.perf_counter, self._users),
            now=_now,
            spoken=frozenset[Task]().union(*(provider.natively for provider in self._providers.values())),
            default_model=DefaultModel(self._settings.server.default_model),
            caching=self._caching(),
            texts=KeepingTexts(self.texts),
            resumption=Resumption(
                self._dispatch,
                lambda endpoint: self._shelf.current.prefix_of(endpoint),
                self._settings.routing.resume,
                self._settings.routing.resumptions,
            ),
            switch=self.switching.switch,
            shadowing=self.shadowing,
        )
        self._chat = chat
        desk = Desk(self._governing, _now, self._users)
        return routes(
            chat,
            Models(lambda request: self._open(request, _now()), catalog, _now, self._own_names),
            Receipts(lambda request: self._open(request, _now()), self._find, self.texts.find),
            Health(self._writer.check, catalog, lambda: self._policy.fault, self._shared_fault),
            stored_chat=StoredChat(chat, self._kept_chats, self._users),
            responses=Responses(
                chat, KeptResponses(self._kept, _now, self._users), Bounds(self._settings.server.max_body_bytes)
            ),
            openrouter_models=OpenRouterModels(
                lambda request: self._open(request, _now()), catalog, _now, self._own_names, self._snapshot
            ),
            openrouter_account=OpenRouterAccount(
                lambda request: self._open(request, _now()),
                _now,
                self._find,
                self._spent,
                tuple(self._hosts()),
                self._limit,
            ),
            desk=desk,
            forgetting=AdminForgetting(desk, functools.partial(forget, self._settings)),
            usage=Usage(lambda request: self._open(request, _now()), self._tallied, catalog),
            metrics=Metrics(
                self._settings.server.metrics,
                lambda request: self._open(request, _now()),
                desk,
                self._watching.text,
            ),
            certificates=Certificates(lambda request: self._open(request, _now()), self._certificates),
            market=Market(lambda request: self._open(request, _now()), Figures(Store(self._settings.home / "market"))),
        )

    @property
    def budgets(self) -> Sequence[Budget]:
        """Those that it goes by just now."""
        return self._keeper.purse.budgets

    def _caching(self) -> Caching:
        cache = self._settings.cache
        local = self._providers.get(LOCAL)
        model = self._shelf.current.find(cache.embedding_model)
        here = None if model is None else next((one for one in model.endpoints if one.provider == LOCAL), None)
        embed = None if local is None or here is None else Embedding(local, here)
        return Caching(self._cache, cache.ttl_seconds, shared=cache.shared, wait=cache.wait_seconds, embed=embed)

    def _shared_fault(self) -> str | None:
        return None if self._sharing is None else self._sharing.server.fault

    def _own_names(self) -> Iterator[tuple[str, tuple[Model, ...]]]:
        yield from (own := list(self._names.listed(self._shelf.current, self._providers, _now())))
        switching = self.switching.switch.current
        if switching is not None and (meant := switching.auto_means()) and AUTO not in dict(own):
            yield AUTO, meant

    def _snapshot(self) -> Snapshot:
        return self._seen.snapshot(time.perf_counter())

    def _hosts(self) -> Iterator[Host]:
        for provider in self._providers:
            row = self._rows.get(provider)
            yield Host(provider, provider, None) if row is None else Host(row.id, row.name, row.country)

    async def start(self, listening: socket.socket) -> None:
        """Open the ledger, read the keys, and listen. Raises LedgerUnavailable."""
        try:
            db.migrate(self._reading)
            self._keyring.refresh()
            self._policy.begin(self._adopt)
            if self._policy.laws is None and adopt_none(self._reading, _now()):
                log.warning("no policy is in force any more: the settings name none, and no file says one")
            self._keeper.begin()
            self.switching.begin()
        except (db.Error, OSError) as exc:
            raise _unusable(place(self._settings), exc) from exc
        self._writer.open()
        if self._cache is not None:
            self._cache.start()
        self.texts.start()
        watches = (
            self._watching.keep(self._server),
            self._renewing.watch(),
            self._watch_models(),
            self._forget_kept(),
            self._policy.watch(functools.partial(self._adopt, at_start=False)),
            self._keeper.watch(),
            self.switching.watch(),
            self.shadowing.run(self._chat),
        )
        self._background = [asyncio.create_task(watch) for watch in watches]
        if self._sharing is not None:
            self._background.append(asyncio.create_task(self._sharing.run()))
        if self._alerts is not None:
            self._background.append(asyncio.create_task(self._alerts.run(self._snapshot, lambda: self._shelf.current)))
        if (every := self._settings.routing.probe_seconds) is not None:
            self._background.append(asyncio.create_task(probe(self._seen, self._servers, every, time.perf_counter)))
        await self._server.listen(listening)

    async def stop(self) -> None:
        """Let open answers end, within the settings' patience, and write the last entries. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        cut = await self._server.drain(self._settings.server.drain_seconds)
        if cut:
            log.warning("%d answers were cut off by the stop; their entries say so", cut)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        for server in self._servers.values():
            server.close()
        if self._local is not None:
            self._local.close()
        if self._cache is not None:
            await self._cache.close()
        await self.texts.close()
        await self._writer.close()
        self._keeper.end()
        await self._watching.end()
        self._reading.close()
        self._keeping.close()
        self._governing.close()
        self._asking.close()
        self.switching.close()
        if self._alerts is not None:
            await self._alerts.close()

    def _adopt(self, policies: Policies | None, *, at_start: bool = True) -> None:
        policy = None if policies is None else (policies.hash, policies.text)
        adopt(self._reading, self._ids.worker, _now, policy, at_start=at_start)

    def _open(self, request: Request, now: datetime) -> Key:
        scheme, _, presented = request.headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not presented:
            presented = request.headers.get(b"x-api-key", b"")
        if not presented:
            raise Unauthorized("no API key came with the request: send `Authorization: Bearer wb-…`, or `x-api-key`")
        return self._keyring.open(presented.strip(), now=now)

    async def _budgets_now(self) -> Sequence[BudgetNow]:
        """None are told while the database cannot be asked."""
        with contextlib.suppress(db.Error):
            return await db.in_thread(budgets_now, self._reading, _now())
        return ()

    async def _find(self, receipt: str) -> Entry | None:
        return await db.in_thread(store.find, self._reading, receipt)

    async def _tallied(self, question: Question, only: Mapping[Column, str | None]) -> list[Tally]:
        return await db.in_thread(
            rollups.tallies,
            self._asking,
            since=question.since,
            until=question.until,
            grain=question.grain,
            by_user=question.by_user,
            only=only,
        )

    async def _certificates(self, key: str) -> Sequence[CertificateShown]:
        return await db.in_thread(shown_to, self._asking, key)

    async def _limit(self, key: Key) -> tuple[float | None, float | None, str | None]:
        return await db.in_thread(limit_of, self._reading, key, _now())

    async def _spent(self, key: str, since: Sequence[datetime]) -> Sequence[Decimal]:
        return await db.in_thread(store.spent, self._reading, key, since)

    async def _forget_kept(self) -> None:
        """Delete the responses and chat completions that were kept long enough, now and every hour."""
        kept_for = timedelta(days=self._settings.responses.keep_days)
        while True:
            try:
                for kept in (self._kept, self._kept_chats):
                    await db.in_thread(kept.forget_older, _now() - kept_for)
            except db.Error as exc:
                log.warning("old responses and chat completions cannot be deleted: %s", exc)
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _watch_models(self) -> None:
        async with asyncio.TaskGroup() as group:
            for provider, server in self._servers.items():
                group.create_task(self._discover(provider, server))

    async def _discover(self, provider: str, server: OpenAICompatible) -> None:
        row = self._rows.get(provider)
        silent = False
        while True:
            try:
                models = await server.models()
                self._shelf.discovered(provider, models, price_provider=None if row is None else row.price_provider)
                silent = False
            except WeighbridgeError as exc:
                if not silent:
                    log.warning("the models of %s cannot be listed: %s", provider, exc.message)
                silent = True
            except Exception:  # a list may hold what nobody thought of; the others' lists are read all the same
                log.exception("the models of %s cannot be listed", provider)
            await asyncio.sleep(self._look_again)


def _open_many_files(connections: int) -> None:
    """Each client takes a file and its upstream another: the usual 1,024 would end it at 500 streams."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + _OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < connections + _OTHER_FILES:  # not all of them call upstream at once
        log.warning("only %d files may be open here: server.max_connections takes %d and more", allowed, connections)


def _shared(
    settings: Settings, kept: EndpointHealth, rows: Sequence[Row], worker: str
) -> tuple[Sharing | None, Cache | None]:
    """What is shared with other machines, and the cache, which is among it."""
    sharing = sharing_of(settings, kept, rows, worker=worker)
    if not settings.cache.enabled:
        return sharing, None
    beyond = None if sharing is None else sharing.answers
    cache = Cache(settings.cache_path, most_bytes=settings.cache.max_mib * 2**20, beyond=beyond)
    if sharing is not None:
        sharing.cache = cache
    return sharing, cache


def _connected(ledger: db.Place) -> db.Connection:
    try:
        return db.connect(ledger)
    except db.Error as exc:
        raise _unusable(ledger, exc) from exc


def _unusable(ledger: db.Place, exc: db.Error | OSError) -> LedgerUnavailable:
    return LedgerUnavailable(f"the ledger {str(ledger)!r} cannot be used: {exc}; `weighbridge doctor` looks at it")


def _path(wanted: type, text: str) -> Path:
    return Path(text)


def _now() -> datetime:
    return datetime.now(UTC)


def _limits(settings: Settings) -> Limits:
    server = settings.server
    return Limits(
        body_bytes=server.max_body_bytes,
        header_bytes=server.max_header_bytes,
        header_seconds=server.header_timeout_seconds,
        body_seconds=server.body_timeout_seconds,
        keep_alive_seconds=server.keep_alive_seconds,
        connections=server.max_connections,
    )
