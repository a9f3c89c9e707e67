"""A ledger of millions of entries as a busy gateway's would be, in SQLite or PostgreSQL: `window.py` asks pages of it.

Ninety days that end now: days and nights, weekends, forty keys of four organisations of which some ask much and most
little, two dozen of the catalogue's models at its prices, failures, answers that another endpoint gave, users. Its rows
and its sums go in by the ledger's own tables, as an import's do, and a seed gives the same ledger again but for the
keys' ids. A few requests are like no others (`RARE_KEY`, `RARE_TAG`, `RARE_ERROR`, `RARE_USER`): who looks for them has
the whole ledger to search.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from bench.hundred_million import known_models, priced_endpoints
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.keys import Key, Labels
from weighbridge.db import Connection, Place, Server, microseconds
from weighbridge.ledger import summing
from weighbridge.ledger.server import prepare_months
from weighbridge.ledger.store import Kinds

RARE_KEY: Final = "a night job"
RARE_TAG: Final = "audit-2026"
RARE_ERROR: Final = "answer_too_long"
RARE_USER: Final = "user-of-old"
DAYS: Final = 90

_KEYS: Final = 40
_MODELS: Final = 24
_MOST_ENDPOINTS: Final = 6
_CHOICES: Final = 32
_USERS: Final = 20_000
_RARE: Final = 25_000
"""Of so many entries, one is like few others."""
_WORKER: Final = "00000000bb"
_MILLISECONDS: Final = 1_000
_COLUMNS: Final = (
    "id, at, kind, upstream_request, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost,"
    " first_byte, duration, answered, end_user, written_tokens, attempts"
)

_Whole = npt.NDArray[np.int64]
_json: Final = msgspec.json.Encoder()


class _Priced(NamedTuple):
    """One of the catalogue's endpoints; a token in, out and cached in 1e-12 US dollars."""

    model: str
    provider: str
    upstream_model: str
    price_id: str
    fresh: int
    answered: int
    cached: int


class _Ended(NamedTuple):
    """A way in which requests end, and how many of ten thousand do so."""

    ending: str
    status: int
    error: str | None
    counted_by: str | None
    of_10_000: int


_ENDED: Final = (
    _Ended("complete", 200, None, "provider", 9_480),
    _Ended("complete", 200, None, "estimate", 60),
    _Ended("client_left", 499, "client_left", "estimate", 150),
    _Ended("upstream_broke", 504, "upstream_timeout", "estimate", 80),
    _Ended("upstream_broke", 429, "upstream_busy", None, 60),
    _Ended("refused", 400, "bad_request", None, 110),
    _Ended("refused", 402, "budget_spent", None, 40),
    _Ended("stopped", 503, "stopped", "estimate", 20),
)


@dataclass(frozen=True, slots=True)
class Made:
    """What there is now."""

    entries: int
    kinds: int
    keys: tuple[Key, ...]


def make(place: Place, *, entries: int, until: datetime, days: int = DAYS, seed: int = 1) -> Made:
    """Fill a new database with `entries` entries of the `days` before `until`. Raises db.Error."""
    random = np.random.default_rng(seed)
    with closing(db.connect(place)) as connection:
        db.migrate(connection)
        if isinstance(place, Server):
            prepare_months(connection, until - timedelta(days=days + 1), until)
        else:
            connection.execute("PRAGMA synchronous = OFF")
        made = tuple(_make_keys(connection, until - timedelta(days=days)))
        kinds = _Kinds(connection, made, _chosen(random), random)
        count = 0
        for start, end, many in _slices(entries, until, days):
            at = np.sort(random.integers(microseconds(start), microseconds(end), many, dtype=np.int64))
            rows = list(_rows(at, kinds, random, count))
            count += many
            _write(place, connection, rows)
        (different,) = connection.execute("SELECT count(*) FROM kind").fetchone()
        connection.execute("ANALYZE" if isinstance(place, Server) else "PRAGMA wal_checkpoint(TRUNCATE)")
    return Made(count, different, made)


def _make_keys(connection: Connection, at: datetime) -> Iterator[Key]:
    for number in range(_KEYS):
        organisation = ("acme", "umbrella", "globex", "initech")[number % 4]
        labels = Labels(organisation, f"project-{number % 12:02}", ("ci",) if number % 10 == 7 else ())
        name = RARE_KEY if number == _KEYS - 1 else f"service {number:02}"
        yield keys.create(connection, name=name, now=at, labels=labels)[0]


def _chosen(random: np.random.Generator) -> list[_Priced]:
    """Endpoints of some models, dear and cheap: those with several that serve them, by chance."""
    endpoints = [_Priced(*each) for each in priced_endpoints(known_models())]
    models = sorted({each.model for each in endpoints if each.fresh > 0})
    picked = set(random.choice(models, min(_MODELS, len(models)), replace=False).tolist())
    return [each for each in endpoints if each.model in picked and each.fresh > 0]


def _slices(entries: int, until: datetime, days: int) -> Iterator[tuple[datetime, datetime, int]]:
    """Hours with how many entries each has: more by day than by night, fewer at weekends."""
    hours = [until - timedelta(hours=back) for back in range(days * 24, 0, -1)]
    weights = np.array([_busy(hour) for hour in hours])
    bounds = np.round(np.cumsum(weights) / weights.sum() * entries).astype(int)
    before = 0
    for hour, bound in zip(hours, bounds.tolist(), strict=True):
        yield hour, hour + timedelta(hours=1), bound - before
        before = bound


def _busy(hour: datetime) -> float:
    by_day = 1.2 + float(np.cos((hour.hour - 14) / 24 * 2 * np.pi))
    return by_day * (0.4 if hour.weekday() >= 5 else 1.0)


class _Kinds:
    """The numbers of the kinds of entries that there are, and which of them an entry is of."""

    def __init__(
        self,
        connection: Connection,
        made: tuple[Key, ...],
        endpoints: list[_Priced],
        random: np.random.Generator,
    ) -> None:
        self._kinds = Kinds(connection)
        self._known: dict[tuple[int, int, int, int, int], int] = {}
        self.keys = made
        self.endpoints = endpoints
        self.fresh = np.array([each.fresh for each in endpoints])
        self.answered = np.array([each.answered for each in endpoints])
        self.cached = np.array([each.cached for each in endpoints])
        self.by_key = _falling(len(made) - 1, 1.1)
        self.asks = _asked_by(len(made), len(endpoints), random)
        self.by_ending = np.array([each.of_10_000 for each in _ENDED]) / 10_000

    def number(self, key: int, endpoint: int, ended: int, streamed: int, rare: int) -> int:
        """The number of one; `rare` is 0 for most."""
        same = (key, endpoint, ended, streamed, rare)
        number = self._known.get(same)
        if number is None:
            number = self._known[same] = self._kinds.numbered(self._kind(*same))
        return number

    def _kind(self, key: int, endpoint: int, ended: int, streamed: int, rare: int) -> tuple[str | int | None, ...]:
        at, how, whose = self.endpoints[endpoint], _ENDED[ended], self.keys[-1 if rare == 1 else key]
        worked = how.counted_by is not None
        tags = tuple(sorted({*whose.labels.tags, *([RARE_TAG] if rare == 2 else ())}))
        return (
            whose.id,
            at.model,
            at.model,
            None if how.ending == "refused" else at.provider,
            None if how.ending == "refused" else at.upstream_model,
            how.ending,
            how.status,
            RARE_ERROR if rare == 3 and how.error is not None else how.error,
            streamed,
            how.counted_by,
            at.price_id if worked else None,
            "a list" if worked else None,
            None,
            whose.labels.organisation,
            whose.labels.project,
            _json.encode(tags).decode() if tags else None,
            _json.encode(whose.labels.tags).decode() if whose.labels.tags else None,
            None,
            None,
            None,
            None,
        )


def _asked_by(keys_: int, endpoints: int, random: np.random.Generator) -> _Whole:
    """For each key the endpoints it asks, `_CHOICES` of a few different: what a service is built on is not much."""
    common = random.permutation(_falling(endpoints, 1.3))
    rows = []
    for _ in range(keys_):
        few = random.choice(endpoints, random.integers(1, _MOST_ENDPOINTS + 1), replace=False, p=common)
        rows.append(random.choice(few, _CHOICES, p=_falling(len(few), 1.0)))
    return np.array(rows, dtype=np.int64)


def _falling(count: int, power: float) -> npt.NDArray[np.float64]:
    weights = np.arange(1, count + 1, dtype=np.float64) ** -power
    shares: npt.NDArray[np.float64] = weights / weights.sum()
    return shares


def _rows(at: _Whole, kinds: _Kinds, random: np.random.Generator, first: int) -> Iterator[tuple[Any, ...]]:
    """Rows of the table `entry`, in the order of `_COLUMNS`. Any: texts, numbers and None."""
    many = len(at)
    key = random.choice(len(kinds.by_key), many, p=kinds.by_key)
    endpoint = kinds.asks[key, random.integers(0, _CHOICES, many)]
    ended = random.choice(len(_ENDED), many, p=kinds.by_ending)
    streamed = (random.random(many) < 0.7).astype(np.int64)
    rare = np.where(random.integers(0, _RARE, many) == 0, random.integers(1, 5, many), 0)
    prompt = np.minimum(200_000, 20 + np.exp(random.normal(6.3, 1.3, many))).astype(np.int64)
    completion = np.minimum(32_000, 1 + np.exp(random.normal(5.2, 1.1, many))).astype(np.int64)
    cached = np.where(random.random(many) < 0.35, prompt * 3 // 4, 0)
    cost = (prompt - cached) * kinds.fresh[endpoint] + completion * kinds.answered[endpoint]
    cost += cached * kinds.cached[endpoint]
    first_byte = (30_000 + np.exp(random.normal(13, 0.8, many))).astype(np.int64)
    duration = first_byte + (10_000 + np.exp(random.normal(14.2, 0.9, many))).astype(np.int64)
    user = np.where(random.random(many) < 0.5, (_USERS * random.random(many) ** 3).astype(np.int64), -1)
    again = random.random(many) < 0.02
    columns = (at, key, endpoint, ended, streamed, rare, prompt, completion, cached, cost, first_byte, duration)
    for number, cells in enumerate(zip(*(each.tolist() for each in (*columns, user, again)), strict=True), first):
        yield _row(number, kinds, *cells)


def _row(  # noqa: PLR0913, PLR0917 - a column each
    number: int,
    kinds: _Kinds,
    at: int,
    key: int,
    endpoint: int,
    ended: int,
    streamed: int,
    rare: int,
    prompt: int,
    completion: int,
    cached: int,
    cost: int,
    first_byte: int,
    duration: int,
    user: int,
    again: int,
) -> tuple[Any, ...]:
    how, to = _ENDED[ended], kinds.endpoints[endpoint]
    worked = how.counted_by is not None
    began = how.ending in {"complete", "client_left"}
    attempts = None
    if again and began:
        failed = ["elsewhere", to.upstream_model, "upstream_busy", first_byte // 3]
        attempts = _json.encode([failed, [to.provider, to.upstream_model, None, first_byte // 2]]).decode()
    elif not began and how.ending == "upstream_broke":
        attempts = _json.encode([[to.provider, to.upstream_model, how.error, duration]]).decode()
    return (
        f"wbr-{at // _MILLISECONDS:012x}{_WORKER}{number:010x}",
        at,
        kinds.number(key, endpoint, ended, streamed, rare),
        f"chatcmpl-{number * 2654435761 % 2**48:012x}" if worked else None,
        prompt if worked else None,
        completion if worked else None,
        cached if worked else None,
        completion // 2 if worked and number % 5 == 0 else None,
        cost if worked else None,
        first_byte if began else None,
        duration if began else min(duration, 2_000_000),
        first_byte if began and attempts is None else None,
        RARE_USER if rare == 4 else None if user < 0 else f"user-{user:05}",
        None,
        attempts,
    )


def _write(place: Place, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    if isinstance(place, Server):
        _copy(place, rows)
        return
    with db.transaction(connection):
        summing.begin(connection)
        sql = f"INSERT INTO entry ({_COLUMNS}) VALUES ({', '.join('?' * len(_COLUMNS.split(', ')))})"  # noqa: S608 - constants
        for row in rows:
            connection.execute(sql, row)
        summing.add(connection, [row[: summing.COLUMNS] for row in rows])


def _copy(place: Server, rows: list[tuple[Any, ...]]) -> None:
    import psycopg  # noqa: PLC0415 - an extra

    with psycopg.connect(place.url) as connection, connection.cursor() as cursor:  # noqa: SIM117 - one by one
        with cursor.copy(f"COPY entry ({_COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
