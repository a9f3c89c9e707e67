"""The audit log: every change that somebody made of keys, admins, budgets and policies; append-only.

A row is written in the transaction of the change itself: both are there, or neither. Each row has a hash over itself
and the hash of the row before, so that a row that was changed or taken out shows. Whoever can write the file can also
write the whole chain anew: note its head elsewhere from time to time (`weighbridge audit-log verify` prints it, and
takes it).

What is written has no secrets in it: a key is named by its id and told by its last four characters.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from weighbridge.db import Connection, microseconds, moment

Facts = Mapping[str, object]
"""What a thing is, as the API shows it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change, and from where."""

    id: str
    """An admin key's id, `cli:<user of the system>`, or `gateway`."""
    address: str | None = None
    """Of the client, over HTTP."""


GATEWAY: Final = Actor("gateway")
"""The gateway itself: the key of its first start, the policies that it finds in its settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done to what."""

    action: str
    """Such as `key.create`."""
    target: str
    """Its id."""
    organisation: str | None = None
    """Whose the target is: it decides who may read of it."""
    project: str | None = None
    before: Facts | None = None
    """None: it was not there. Of a change only what differs need be in either."""
    after: Facts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the log."""

    id: int
    at: datetime
    actor: Actor
    change: Change
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows are looked for; None is any."""

    since: datetime | None = None
    after: int = 0
    """The id of the row before the first; of the one that follows the last where the newest come first."""
    newest_first: bool = False
    action: str | None = None
    target: str | None = None
    actor: str | None = None
    within: tuple[str | None, str | None] = (None, None)
    """An organisation, or a project of one; a project alone is one of no organisation."""
    limit: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at the whole chain came to; `fault` is None where it is whole."""

    rows: int
    head: str
    """The hash of the last row that holds."""
    fault: str | None = None


_FIELDS: Final = "id, at, actor, address, action, target, organisation, project, before, after"
_Cells = tuple[int, int, str, str | None, str, str, str | None, str | None, str | None, str | None]
_facts: Final = msgspec.json.Decoder(dict[str, object])
_canonical: Final = msgspec.json.Encoder(order="deterministic", decimal_format="string")


def write(connection: Connection, by: Actor, change: Change, *, now: datetime) -> None:
    """Add a row. To be called inside the transaction of the change. Raises db.Error."""
    head = connection.execute("UPDATE audit_log_head SET length = length + 1 RETURNING length, hash").fetchall()
    ((id_, previous),) = head  # from here on the log is this transaction's: no other can have the same id
    cells: _Cells = (
        id_,
        microseconds(now),
        by.id,
        by.address,
        change.action,
        change.target,
        change.organisation,
        change.project,
        _written(change.before),
        _written(change.after),
    )
    hash_ = _hash(previous, cells)
    sql = f"INSERT INTO audit_log ({_FIELDS}, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    connection.execute(sql, (*cells, hash_))
    connection.execute("UPDATE audit_log_head SET hash = ?", (hash_,))


def differing(before: Facts, after: Facts) -> tuple[Facts, Facts]:
    """Of both, only what is not the same in the other."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in names}, {name: after.get(name) for name in names}


def rows(connection: Connection, wanted: Wanted) -> list[Row]:
    """Those that are wanted, oldest first or newest first. Raises db.Error."""
    conditions = {
        "at >= ?": None if wanted.since is None else microseconds(wanted.since),
        "id < ?" if wanted.newest_first else "id > ?": wanted.after or None,
        "action = ?": wanted.action,
        "target = ?": wanted.target,
        "actor = ?": wanted.actor,
    }
    organisation, project = wanted.within
    if project is not None:
        conditions |= {"coalesce(organisation, '') = ?": organisation or "", "project = ?": project}
    elif organisation is not None:
        conditions["organisation = ?"] = organisation
    given = {condition: value for condition, value in conditions.items() if value is not None}
    sql = f"SELECT {_FIELDS}, hash FROM audit_log WHERE {' AND '.join(given) or '1 = 1'}"  # noqa: S608 - no value of it
    order = f" ORDER BY id{' DESC' if wanted.newest_first else ''} LIMIT ?"
    return [_row(row[:-1], row[-1]) for row in connection.execute(sql + order, (*given.values(), wanted.limit))]


def last(connection: Connection, action: str) -> Row | None:
    """The newest row of an action. Raises db.Error."""
    found = rows(connection, Wanted(action=action, newest_first=True, limit=1))
    return found[0] if found else None


def verify(connection: Connection, *, noted: str | None = None) -> Verified:
    """Go through the whole chain. `noted` is a head that was noted before: a row must still have it.

    Raises db.Error.
    """
    count, head, has_noted = 0, "", noted in (None, "")
    for cells, hash_ in _chain(connection):
        if cells[0] != count + 1:
            missing = f"row {count + 1} is" if cells[0] == count + 2 else f"rows {count + 1} to {cells[0] - 1} are"
            return Verified(count, head, f"{missing} missing")
        if _hash(head, cells) != hash_:
            return Verified(count, head, f"row {cells[0]} was changed, or its hash, or that of the row before it")
        count, head = cells[0], hash_
        has_noted = has_noted or head == noted
    length, kept = connection.execute("SELECT length, hash FROM audit_log_head").fetchone()
    if (length, kept) != (count, head):
        return Verified(count, head, f"it ends at row {count}, and row {length} was written")
    if not has_noted:
        return Verified(
            count, head, f"no row has the hash {noted}: the log was cut and written anew since it was noted"
        )
    return Verified(count, head)


def _chain(connection: Connection) -> Iterator[tuple[_Cells, str]]:
    for row in connection.execute(f"SELECT {_FIELDS}, hash FROM audit_log ORDER BY id"):  # noqa: S608
        yield row[:-1], row[-1]


def _hash(previous: str, cells: _Cells) -> str:
    return hashlib.sha256(_canonical.encode([previous, *cells])).hexdigest()


def _written(facts: Facts | None) -> str | None:
    return None if facts is None else _canonical.encode(facts).decode()


def _row(cells: _Cells, hash_: str) -> Row:
    id_, at, actor, address, action, target, organisation, project, before, after = cells
    return Row(
        id=id_,
        at=moment(at),
        actor=Actor(actor, address),
        change=Change(
            action=action,
            target=target,
            organisation=organisation,
            project=project,
            before=None if before is None else _facts.decode(before),
            after=None if after is None else _facts.decode(after),
        ),
        hash=hash_,
    )
