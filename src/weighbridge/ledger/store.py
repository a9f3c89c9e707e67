"""The ledger's SQL. Rows go in and are never changed."""
# ruff: noqa: S608 - the statements are put together from constants of this file

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, cast

import msgspec

from weighbridge.db import Connection, microseconds, moment, transaction
from weighbridge.ledger import summing
from weighbridge.ledger.budgets import leases
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.entry import WORKER, Attempt, Charge, Decided, Draw, Draws, Ending, Entry
from weighbridge.wire.usage import Source, Usage

_BEGINNING: Final = moment(0)
_AN_HOUR: Final = timedelta(hours=1)
_SMALLEST_PLACES: Final = -SMALLEST.adjusted()
_json: Final = msgspec.json.Encoder()
_ONE_STATEMENT: Final = 64
"""Rows at most. One statement of many rows is one crossing into SQLite: each crossing gives up the interpreter's lock,
and to get it back the event loop must be interrupted."""


class _Receipt(msgspec.Struct, array_like=True):
    """A row of the view `receipt`, its columns in their order: times in microseconds, cost in 1e-12 US dollars."""

    id: str
    at: int
    key: str
    asked_model: str | None
    model: str | None
    provider: str | None
    upstream_model: str | None
    upstream_request: str | None
    ending: Ending
    status: int
    error: str | None
    streamed: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    written_tokens: int | None
    reasoning_tokens: int | None
    counted_by: Source | None
    cost: int | None
    price_id: str | None
    price_source: str | None
    price_since: str | None
    first_byte: int | None
    duration: int
    answered: int | None
    attempts: str | None
    organisation: str | None
    project: str | None
    tags: str | None
    key_tags: str | None
    policy: str | None
    rule: str | None
    facts: str | None
    end_user: str | None
    corrects: str | None
    imported: str | None


_RECEIPT: Final = ", ".join(_Receipt.__struct_fields__)
_USUAL: Final = (
    "id, at, kind, upstream_request, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost, "
    "first_byte, duration, answered"
)
_RARE: Final = "end_user, written_tokens, attempts, corrects"
"""Columns that most entries leave empty: left out where all do, as sqlite3 looks for an adapter for each None, which
takes as long as ten numbers."""
_COLUMNS: Final = len(_USUAL.split())
_NAMED: Final = _COLUMNS + 1
"""With the user."""
_NONE_BEHIND: Final = (None,) * (len(_RARE.split()) - 1)
_KIND: Final = (
    "key, asked_model, model, provider, upstream_model, ending, status, error, streamed, counted_by, "
    "price_id, price_source, price_since, organisation, project, tags, key_tags, imported, policy, rule, facts"
)
_KIND_PLACES: Final = ", ".join("?" * len(_KIND.split()))
_AT_ONCE: Final = 0.05
"""Seconds after which an endpoint was asked because it had to be waited for: that is written down."""
_KINDS: Final = 10_000
"""Kinds remembered at most: a model's name is the client's to choose."""


class _Part(msgspec.Struct, omit_defaults=True):
    """The charge of one attempt; cost in 1e-12 US dollars."""

    prompt_tokens: int
    completion_tokens: int
    counted_by: Source
    cached_tokens: int | None = None
    written_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: int | None = None
    price_id: str | None = None
    price_source: str | None = None
    price_since: str | None = None


class _Tried(msgspec.Struct, array_like=True):
    """An item of the column `attempts`."""

    provider: str
    upstream_model: str
    error: str | None
    microseconds: int
    charge: _Part | None = None
    answered_as: str | None = None
    began: int | None = None
    """Microseconds since the request came."""


_tags: Final = msgspec.json.Decoder(tuple[str, ...])
_tried: Final = msgspec.json.Decoder(list[_Tried])

Cell = str | int | None


class Kinds:
    """What many entries have in common, by the number it has in one file."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[Cell, ...], int] = {}

    def number(self, entry: Entry) -> int:
        """The kind of an entry, made where it is new. Raises db.Error."""
        kind = _kind(entry)
        number = self._known.get(kind)
        return self.numbered(kind) if number is None else number

    def numbered(self, kind: tuple[Cell, ...]) -> int:
        """The number of a kind, by the columns of _KIND. Raises db.Error."""
        number = self._known.get(kind)
        if number is None:
            number = self._make(kind)
            if len(self._known) >= _KINDS:
                self._known.clear()
            self._known[kind] = number
        return number

    def _make(self, kind: tuple[Cell, ...]) -> int:
        if kind[-1] is not None:
            kind = (*kind[:-1], self._facts(kind[-1]))
        name = _json.encode(kind).decode()
        sql = f"INSERT INTO kind (name, {_KIND}) VALUES (?, {_KIND_PLACES}) ON CONFLICT DO NOTHING"
        self._connection.execute(sql, (name, *kind))
        number: int = self._connection.execute("SELECT id FROM kind WHERE name = ?", (name,)).fetchone()[0]
        return number

    def _facts(self, text: Cell) -> int:
        self._connection.execute("INSERT INTO facts (text) VALUES (?) ON CONFLICT DO NOTHING", (text,))
        number: int = self._connection.execute("SELECT id FROM facts WHERE text = ?", (text,)).fetchone()[0]
        return number


def add(connection: Connection, entries: Sequence[Entry], kinds: Kinds | None = None) -> None:
    """Write entries in one transaction: all or, on db.Error, none. `kinds` remembers from one time to the next."""
    kinds = kinds or Kinds(connection)
    rows = [_row(entry, kinds.number(entry)) for entry in entries]  # before the transaction: a kind stays when it fails
    draws = list(_drawn(entries))
    sums_up = summing.sums_up(connection, len(rows)) and all(entry.corrects is None for entry in entries)
    if len(rows) <= _ONE_STATEMENT and not draws and not sums_up:
        _insert(connection, rows)  # a statement is a transaction of its own
        return
    with transaction(connection):
        if sums_up:
            summing.begin(connection)
        for at in range(0, len(rows), _ONE_STATEMENT):
            _insert(connection, rows[at : at + _ONE_STATEMENT])
        if sums_up:
            summing.add(connection, [cast("summing.Row", row[: summing.COLUMNS]) for row in rows])
        leases.draw(connection, draws)


def add_once(connection: Connection, entries: Sequence[Entry], kinds: Kinds | None = None) -> None:
    """Write those that are not there yet, by their ids, in one transaction: all or, on db.Error, none."""
    kinds = kinds or Kinds(connection)
    rows = [_row(entry, kinds.number(entry)) for entry in entries]
    with transaction(connection):
        there = written(connection, [entry.id for entry in entries if entry.draws is not None])
        for at in range(0, len(rows), _ONE_STATEMENT):
            _insert(connection, rows[at : at + _ONE_STATEMENT], once=True)
        leases.draw(connection, _drawn(entry for entry in entries if entry.id not in there))


def cells_of(receipt: Mapping[str, Cell], kinds: Kinds) -> tuple[Cell, ...]:
    """A row of the view `receipt` as `put_back` takes it; its user is `user`. Raises db.Error."""
    kind = kinds.numbered(tuple(_as_stored(receipt[name]) for name in _KIND.split(", ")))
    known: dict[str, Cell] = {**receipt, "kind": kind, "end_user": receipt["user"]}
    return tuple(known[name] for name in f"{_USUAL}, {_RARE}".split(", "))


def _as_stored(cell: Cell) -> Cell:
    return int(cell) if isinstance(cell, bool) else cell


def put_back(connection: Connection, rows: Sequence[tuple[Cell, ...]]) -> None:
    """Write entries that were in the ledger before, inside a transaction; one that is there stays. Raises db.Error."""
    for at in range(0, len(rows), _ONE_STATEMENT):
        _insert(connection, rows[at : at + _ONE_STATEMENT], once=True)


def _drawn(entries: Iterable[Entry]) -> Iterator[tuple[str, Draw]]:
    """What they take of budgets, with the worker that took it; of those that are alike in sum."""
    sums: dict[tuple[str, int], Draws] = {}
    for entry in entries:
        draws = entry.draws
        if draws is None:
            continue
        same = entry.id[WORKER], id(draws.claims)
        known = sums.get(same)
        if known is None:
            sums[same] = draws
        else:
            usd, tokens = known.usd + draws.usd, known.tokens + draws.tokens
            sums[same] = Draws(draws.claims, usd, tokens, known.requests + draws.requests)
    for (worker, _), draws in sums.items():
        for draw in draws.each():
            yield worker, draw


def _insert(connection: Connection, rows: Sequence[tuple[Cell, ...]], *, once: bool = False) -> None:
    if not rows:
        return
    width = max(map(_width, rows))
    cells = [cell for row in rows for cell in row[:width]]
    statement = _statement(len(rows), width)
    connection.execute(f"{statement} ON CONFLICT DO NOTHING" if once else statement, cells)


def _width(row: tuple[Cell, ...]) -> int:
    """How many of its columns are to be written: those behind are empty. Few widths, as each is a statement."""
    if row[_NAMED:] != _NONE_BEHIND:
        return len(row)
    return _COLUMNS if row[_COLUMNS] is None else _NAMED


@functools.cache
def _statement(rows: int, width: int) -> str:
    columns = ", ".join(f"{_USUAL}, {_RARE}".split(", ")[:width])
    places = f"({', '.join('?' * width)})"
    return f"INSERT INTO entry ({columns}) VALUES {', '.join([places] * rows)}"


def find(connection: Connection, receipt: str) -> Entry | None:
    """The entry of a receipt."""
    row = connection.execute(f"SELECT {_RECEIPT} FROM receipt WHERE id = ?", (receipt,)).fetchone()
    return None if row is None else _entry(row)


def some(connection: Connection, receipts: Sequence[str]) -> list[Entry]:
    """The entries of receipts, in the same order; one that has none is left out."""
    there: dict[str, Entry] = {}
    for at in range(0, len(receipts), _ONE_STATEMENT):
        ids = receipts[at : at + _ONE_STATEMENT]
        places = ", ".join("?" * len(ids))
        rows = connection.execute(f"SELECT {_RECEIPT} FROM receipt WHERE id IN ({places})", ids)
        there.update((entry.id, entry) for entry in map(_entry, rows))
    return [there[receipt] for receipt in receipts if receipt in there]


def written(connection: Connection, receipts: Sequence[str]) -> set[str]:
    """Those of the receipts that have their entry."""
    found: set[str] = set()
    for at in range(0, len(receipts), _ONE_STATEMENT):
        some = receipts[at : at + _ONE_STATEMENT]
        places = ", ".join("?" * len(some))
        found.update(id_ for (id_,) in connection.execute(f"SELECT id FROM entry WHERE id IN ({places})", some))
    return found


def entries(connection: Connection, *, since: datetime = _BEGINNING) -> list[Entry]:
    """All entries from `since` on, oldest first."""
    sql = f"SELECT {_RECEIPT} FROM receipt WHERE at >= ? ORDER BY id"
    return [_entry(row) for row in connection.execute(sql, (microseconds(since),))]


def between(connection: Connection, since: datetime, until: datetime) -> Iterator[Entry]:
    """Entries whose request came from `since` to before `until`, and all that put one of them right, in no order.

    Their ids, which sort by time, are looked at from an hour before to an hour after.
    """
    low, high = (f"wbr-{max(0, microseconds(each)) // 1000:012x}" for each in (since - _AN_HOUR, until + _AN_HOUR))
    sql = f"SELECT {_RECEIPT} FROM receipt WHERE id >= ? AND id < ? AND corrects IS NULL AND at >= ? AND at < ?"
    for row in connection.execute(sql, (low, high, microseconds(since), microseconds(until))):
        yield _entry(row)
    sql = f"SELECT {_RECEIPT} FROM receipt WHERE id >= ? AND corrects >= ? AND corrects < ?"
    for row in connection.execute(sql, (low, low, high)):
        yield _entry(row)


def spent(connection: Connection, key: str, since: Sequence[datetime]) -> list[Decimal]:
    """What the answers of a key have cost since each of the times, in US dollars; an unknown cost counts nothing."""
    parts = [f"coalesce(sum({part}) FILTER (WHERE at >= ?), 0)" for part in ("cost / 1000000", "cost % 1000000")]
    times = [microseconds(each) for each in since for _ in parts]
    sql = f"SELECT {', '.join(parts * len(since))} FROM receipt WHERE key = ?"
    row: tuple[int, ...] = connection.execute(sql, (*times, key)).fetchone()
    return [(high * Decimal(1_000_000) + low) * SMALLEST for high, low in zip(row[::2], row[1::2], strict=True)]


def _kind(entry: Entry) -> tuple[Cell, ...]:
    """In the order of _KIND."""
    charge = entry.charge
    common = (entry.key, entry.asked_model, entry.model, entry.provider, entry.upstream_model, entry.ending)
    outcome = (entry.status, entry.error, int(entry.streamed))
    law = _law(entry)
    if charge is None:
        return (*common, *outcome, None, None, None, None, *law)
    return (*common, *outcome, charge.counted_by, charge.price_id, charge.price_source, charge.price_since, *law)


def _law(entry: Entry) -> tuple[Cell, ...]:
    tags, decided = entry.tags, entry.decided
    belongs = entry.organisation is not None or entry.project is not None
    if decided is None and not (belongs or tags or entry.key_tags or entry.imported is not None):
        return _NO_LAW
    return (
        entry.organisation,
        entry.project,
        _json.encode(tags).decode() if tags else None,
        _json.encode(entry.key_tags).decode() if entry.key_tags else None,
        entry.imported,
        *(_UNDECIDED if decided is None else (decided.policy, decided.rule, decided.facts)),
    )


_UNDECIDED: Final = (None, None, None)
_NO_LAW: Final = (None,) * 8


def _row(entry: Entry, kind: int) -> tuple[Cell, ...]:
    """In the order of _USUAL and _RARE."""
    charge = entry.charge
    answered, attempts = _tries(entry)
    return (
        entry.id,
        microseconds(entry.at),
        kind,
        entry.upstream_request,
        *_counts(charge),
        None if entry.first_byte is None else round(entry.first_byte * 1e6),
        round(entry.duration * 1e6),
        answered,
        entry.user,
        None if charge is None else charge.usage.written,
        attempts,
        entry.corrects,
    )


def _counts(charge: Charge | None) -> tuple[int | None, ...]:
    """The columns from prompt_tokens to cost."""
    if charge is None:
        return (None,) * 5
    usage = charge.usage
    return usage.prompt, usage.completion, usage.cached, usage.reasoning, _whole(charge.cost)


def _tries(entry: Entry) -> tuple[int | None, str | None]:
    """The columns `answered` and `attempts`: one endpoint that answered at once needs no list."""
    tries = entry.attempts
    if len(tries) == 1:
        only = tries[0]
        alone = only.error is None and only.charge is None and only.answered_as is None
        alone = alone and (only.began is None or only.began < _AT_ONCE)
        if alone and only.provider == entry.provider and only.upstream_model == entry.upstream_model:
            return round(only.seconds * 1e6), None
    return None, _json.encode([_listed(one) for one in tries]).decode()


def _listed(one: Attempt) -> tuple[object, ...]:
    """Without what nothing is said of at its end."""
    began = None if one.began is None else round(one.began * 1e6)
    listed = (one.provider, one.upstream_model, one.error, round(one.seconds * 1e6))
    if one.charge is None and one.answered_as is None and began is None:
        return listed
    more = (None if one.charge is None else _part(one.charge), one.answered_as, began)
    return (*listed, *(more if began is not None else more[:2] if one.answered_as is not None else more[:1]))


def _part(charge: Charge) -> _Part:
    usage = charge.usage
    return _Part(
        prompt_tokens=usage.prompt,
        completion_tokens=usage.completion,
        counted_by=charge.counted_by,
        cached_tokens=usage.cached,
        written_tokens=usage.written,
        reasoning_tokens=usage.reasoning,
        cost=_whole(charge.cost),
        price_id=charge.price_id,
        price_source=charge.price_source,
        price_since=charge.price_since,
    )


def _whole(cost: Decimal | None) -> int | None:
    """In 1e-12 US dollars."""
    return None if cost is None else int(cost.scaleb(_SMALLEST_PLACES))


def _entry(cells: tuple[object, ...]) -> Entry:
    row = msgspec.convert(cells, _Receipt)  # checked on the way: a ledger that was tampered with is not believed
    charge = None
    if row.prompt_tokens is not None and row.counted_by is not None:
        charge = _charge(row, row.prompt_tokens, row.completion_tokens or 0, row.counted_by)
    return Entry(
        id=row.id,
        at=moment(row.at),
        key=row.key,
        asked_model=row.asked_model,
        model=row.model,
        provider=row.provider,
        upstream_model=row.upstream_model,
        upstream_request=row.upstream_request,
        ending=row.ending,
        status=row.status,
        error=row.error,
        streamed=bool(row.streamed),
        charge=charge,
        first_byte=None if row.first_byte is None else row.first_byte / 1e6,
        duration=row.duration / 1e6,
        attempts=_attempts(row),
        organisation=row.organisation,
        project=row.project,
        tags=() if row.tags is None else _tags.decode(row.tags),
        key_tags=() if row.key_tags is None else _tags.decode(row.key_tags),
        decided=None if row.policy is None else Decided(row.policy, row.rule or "", row.facts),
        user=row.end_user,
        corrects=row.corrects,
        imported=row.imported,
    )


def _charge(row: _Receipt | _Part, prompt: int, completion: int, counted_by: Source) -> Charge:
    return Charge(
        usage=Usage(
            prompt=prompt,
            completion=completion,
            cached=row.cached_tokens,
            written=row.written_tokens,
            reasoning=row.reasoning_tokens,
        ),
        counted_by=counted_by,
        cost=None if row.cost is None else row.cost * SMALLEST,
        price_id=row.price_id,
        price_source=row.price_source,
        price_since=row.price_since,
    )


def _attempts(row: _Receipt) -> tuple[Attempt, ...]:
    if row.attempts is not None:
        return tuple(map(_attempt, _tried.decode(row.attempts)))
    if row.answered is None or row.provider is None or row.upstream_model is None:
        return ()
    return (Attempt(row.provider, row.upstream_model, None, row.answered / 1e6),)


def _attempt(tried: _Tried) -> Attempt:
    part = tried.charge
    charge = None if part is None else _charge(part, part.prompt_tokens, part.completion_tokens, part.counted_by)
    seconds, began = tried.microseconds / 1e6, None if tried.began is None else tried.began / 1e6
    return Attempt(tried.provider, tried.upstream_model, tried.error, seconds, charge, tried.answered_as, began)
