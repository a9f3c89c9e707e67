"""What one worker's breakers come to know is told to the others, on all machines, by the shared server.

What is told goes by a channel, and lies in a hash for those who come later, until it is over by the server's clock.
Only what holds elsewhere is told: of the same server with the same key, and not that somebody here finds it slow.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from weighbridge.routing.health import Health
from weighbridge.routing.hearsay import Hearsay
from weighbridge.routing.watch import Watch
from weighbridge.shared.resp import Garbled, pairs
from weighbridge.shared.server import SharedServer, Unavailable

log = logging.getLogger(__name__)

_PAUSE: Final = 0.02
"""Seconds between two tellings: what turns meanwhile goes together."""
_LEAST: Final = 0.25
"""Seconds by which a limit must be longer than what others know, to be told."""
_KEPT_MS: Final = b"1200000"
"""How long the hash is kept after it was written last: twice as long as anything in it holds."""
_MOST_KNOWN: Final = 4000


class Account(msgspec.Struct, frozen=True):
    """Who is asked there, and as whom."""

    mark: str
    """The same for all workers that ask the same server with the same key; it tells neither."""
    is_keyed: bool
    """Whether a limit is our key's, and not this machine's."""


class _News(msgspec.Struct, frozen=True, omit_defaults=True):
    """Times are the shared server's. One of `open`, `closed` and `limited` at least is there."""

    by: str
    account: str
    endpoint: str
    model: str
    open: float | None = None
    lasting: bool = False
    times: int = 0
    closed: bool = False
    limited: float | None = None


class _Known(msgspec.Struct, frozen=True, gc=False):
    """What others know of an endpoint, in this worker's time."""

    open: float | None = None
    limited: float = 0.0


_told: Final = msgspec.json.Decoder(list[_News])
_one: Final = msgspec.json.Decoder(_News)
_NOTHING: Final = _Known()


class Gossip:
    """For one worker. `run` in the background."""

    def __init__(
        self,
        server: SharedServer,
        health: Health,
        accounts: Mapping[str, Account],
        *,
        prefix: str,
        worker: str,
        seconds: Callable[[], float],
    ) -> None:
        """`accounts` are by provider, `seconds` is the clock that `health` goes by."""
        self._server = server
        self._health = health
        self._accounts = accounts
        self._worker = worker
        self._seconds = seconds
        self._channel = f"{prefix}:endpoints".encode()
        self._hash = f"{prefix}:left-alone".encode()
        self._known: dict[str, _Known] = {}
        self._own: dict[str, Watch] = {}
        """Those that this worker itself has seen open or limited."""
        self._waiting: dict[str, _News] = {}
        self._awake = asyncio.Event()
        self.told = 0
        self.heard = 0
        """News of others."""

    def start(self) -> None:
        """Listen to what is seen here."""
        self._health.turned = self.turned

    async def run(self) -> None:
        """Tell others, until it is cancelled."""
        while True:
            await self._awake.wait()
            self._awake.clear()
            news, self._waiting = list(self._waiting.values()), {}
            with contextlib.suppress(Unavailable):  # when it is reached again, all that still holds is told
                await self._tell(news)
            await asyncio.sleep(_PAUSE)

    async def began(self) -> None:
        """There is a new connection to the server: hear what holds, and tell what was seen. Raises Unavailable."""
        await self._server.listen_to(self._channel)
        (found,) = await self._server.do((b"HGETALL", self._hash))
        try:
            lying = list(pairs(found).values())
        except Garbled:
            lying = []
        for each in lying:
            if isinstance(each, bytes):
                self._take(each, _one.decode)
        own, self._own = self._own, {}
        for watch in own.values():
            self._known.pop(watch.id, None)
            self.turned(watch)

    def hear(self, channel: bytes, said: bytes) -> None:
        """Something was said on a channel."""
        if channel == self._channel:
            self._take(said, _told.decode)

    def turned(self, watch: Watch) -> None:
        """An endpoint has opened or closed here, or was limited."""
        account = self._accounts.get(watch.id.partition("/")[0])
        if account is None:
            return
        news = self._news(watch, account)
        if news is None:
            return
        before = self._waiting.get(watch.id)
        if before is not None:
            news = _together(before, news)
        self._waiting[watch.id] = news
        self._awake.set()

    def _news(self, watch: Watch, account: Account) -> _News | None:
        breaker, now = watch.breaker, self._seconds()
        known = self._known.get(watch.id, _NOTHING)
        until = breaker.until if breaker.why == "breaker" else None
        opened = until is not None and until > max(now, known.open or 0.0)
        closed = breaker.until is None and known.open is not None
        limited = breaker.limited if account.is_keyed else None
        if limited is not None and limited <= max(now, known.limited) + _LEAST:
            limited = None
        self._note(watch.id, _Known(until, limited or known.limited))
        if opened or limited is not None:
            self._own[watch.id] = watch
        elif breaker.until is None:
            self._own.pop(watch.id, None)
        if not (opened or closed or limited is not None):
            return None
        ahead = self._server.now() - now
        return _News(
            by=self._worker,
            account=account.mark,
            endpoint=watch.id,
            model=watch.model,
            open=until + ahead if opened and until is not None else None,
            lasting=opened and breaker.lasting,
            times=breaker.times if opened else 0,
            closed=closed,
            limited=None if limited is None else limited + ahead,
        )

    def _note(self, id_: str, known: _Known) -> None:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[id_] = known

    async def _tell(self, news: list[_News]) -> None:
        commands: list[tuple[bytes, ...]] = []
        for each in news:
            field = f"{each.account}/{each.endpoint}".encode()
            if each.open is not None:
                lying = msgspec.json.encode(msgspec.structs.replace(each, limited=None))
                commands.append((b"HSET", self._hash, b"open/" + field, lying))
            if each.closed:
                commands.append((b"HDEL", self._hash, b"open/" + field))
            if each.limited is not None:
                lying = msgspec.json.encode(msgspec.structs.replace(each, open=None, closed=False))
                commands.append((b"HSET", self._hash, b"limited/" + field, lying))
        commands.append((b"PEXPIRE", self._hash, _KEPT_MS))
        commands.append((b"PUBLISH", self._channel, msgspec.json.encode(news)))
        await self._server.do(*commands)
        self.told += len(news)

    def _take(self, said: bytes, read: "Callable[[bytes], _News | list[_News]]") -> None:
        try:
            found = read(said)
        except msgspec.DecodeError as exc:
            log.warning("what was said of endpoints cannot be read: %s", exc)
            return
        for news in found if isinstance(found, list) else [found]:
            self._hear(news)

    def _hear(self, news: _News) -> None:
        account = self._accounts.get(news.endpoint.partition("/")[0])
        if news.by == self._worker or account is None or account.mark != news.account:
            return
        ahead = self._server.now()
        open_, limited = _left(news.open, ahead), _left(news.limited, ahead)
        if open_ is None and limited is None and not news.closed:
            return  # over
        self.heard += 1
        watch = self._health.heard(
            news.endpoint,
            news.model,
            Hearsay(open_, news.lasting, news.times, news.closed, limited if account.is_keyed else None),
            self._seconds(),
        )
        breaker = watch.breaker
        self._note(watch.id, _Known(breaker.until if breaker.why == "breaker" else None, breaker.limited or 0.0))


def _together(before: _News, news: _News) -> _News:
    """Two things that have come to be known of one endpoint, the later one being `news`."""
    limited = max((each.limited for each in (before, news) if each.limited is not None), default=None)
    last = news if news.closed or news.open is not None else before
    return msgspec.structs.replace(last, limited=limited)


def _left(until: float | None, now: float) -> float | None:
    return None if until is None or until <= now else until - now
