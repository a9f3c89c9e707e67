"""The outbox: alerts from when they are told until they are delivered, kept over a restart, shared by all workers."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from weighbridge.alerts.event import Event, EventType
from weighbridge.db import Connection, microseconds, moment

LEASE: Final = timedelta(minutes=2)
"""How long whoever took an alert has it to itself; longer than one delivery takes."""
KEPT: Final = timedelta(days=100)
"""How long one is listed, and not told again, once it is delivered or given up."""


class Payload(msgspec.Struct, frozen=True):
    """The body of a webhook, in the form that the Standard Webhooks specification recommends."""

    id: str
    type: EventType
    timestamp: datetime
    data: "Data"


class Data(msgspec.Struct, frozen=True):
    """What it is about, and what there is to know of it."""

    subject: dict[str, Any]
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One of the outbox."""

    id: str
    type: str
    at: datetime
    body: bytes
    """As it is sent and signed."""
    tries: int
    next: datetime
    delivered: datetime | None = None
    given_up: datetime | None = None
    trouble: str | None = None
    """What the last try came to, where it came to nothing."""


_FIELDS: Final = "id, type, at, payload, tries, next_at, delivered_at, given_up_at, trouble"


def written(event: Event) -> tuple[str, bytes]:
    """The id of an event that is told now, and its body."""
    id_ = f"evt-{secrets.token_hex(12)}"
    data = Data(dict(event.subject), dict(event.figures))
    return id_, msgspec.json.encode(Payload(id_, event.type, event.at, data))


def put(connection: Connection, event: Event) -> bool:
    """Keep an event to be delivered; False where one of its mark is there already. Raises db.Error."""
    id_, body = written(event)
    at = microseconds(event.at)
    done = connection.execute(
        "INSERT INTO alert (id, mark, type, at, payload, tries, next_at) VALUES (?, ?, ?, ?, ?, 0, ?)"
        " ON CONFLICT (mark) DO NOTHING",
        (id_, event.mark, event.type, at, body.decode(), at),
    )
    return done.rowcount == 1


def take(connection: Connection, *, now: datetime) -> Alert | None:
    """One that is due, which nobody else takes while the lease lasts; None: none is. Raises db.Error."""
    at = microseconds(now)
    rows = connection.execute(
        "UPDATE alert SET next_at = ?, tries = tries + 1 WHERE next_at <= ? AND delivered_at IS NULL"  # noqa: S608
        " AND given_up_at IS NULL AND id = (SELECT id FROM alert WHERE next_at <= ? AND delivered_at IS NULL"
        f" AND given_up_at IS NULL ORDER BY next_at, id LIMIT 1) RETURNING {_FIELDS}",
        (microseconds(now + LEASE), at, at),
    ).fetchall()
    return _alert(rows[0]) if rows else None


def delivered(connection: Connection, id_: str, *, now: datetime) -> None:
    """It has arrived. Raises db.Error."""
    connection.execute("UPDATE alert SET delivered_at = ?, trouble = NULL WHERE id = ?", (microseconds(now), id_))


def failed(connection: Connection, id_: str, trouble: str, *, now: datetime, again: datetime | None) -> None:
    """It has not: try `again` then, or give it up. Raises db.Error."""
    if again is None:
        sql, when = "UPDATE alert SET given_up_at = ?, trouble = ? WHERE id = ?", now
    else:
        sql, when = "UPDATE alert SET next_at = ?, trouble = ? WHERE id = ?", again
    connection.execute(sql, (microseconds(when), trouble, id_))


def retry(connection: Connection, *, now: datetime) -> int:
    """Try all now that are not delivered, those too that were given up; how many they are. Raises db.Error."""
    sql = "UPDATE alert SET next_at = ?, given_up_at = NULL, tries = 0 WHERE delivered_at IS NULL"
    return connection.execute(sql, (microseconds(now),)).rowcount


def listing(connection: Connection, *, waiting: bool = False) -> list[Alert]:
    """All that are kept, or those that are not delivered; the newest first. Raises db.Error."""
    where = "WHERE delivered_at IS NULL" if waiting else ""
    rows = connection.execute(f"SELECT {_FIELDS} FROM alert {where} ORDER BY at DESC, id DESC")  # noqa: S608
    return [_alert(row) for row in rows]


def recent(connection: Connection, *, since: datetime, limit: int) -> list[Alert]:
    """Those of events since then, the newest first. Raises db.Error."""
    sql = f"SELECT {_FIELDS} FROM alert WHERE at >= ? ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608 - a constant
    return [_alert(row) for row in connection.execute(sql, (microseconds(since), limit))]


def forget_old(connection: Connection, *, now: datetime) -> int:
    """Delete those that were delivered or given up long ago; how many they were. Raises db.Error."""
    before = microseconds(now - KEPT)
    sql = "DELETE FROM alert WHERE delivered_at < ? OR given_up_at < ?"
    return connection.execute(sql, (before, before)).rowcount


def _alert(row: tuple[Any, ...]) -> Alert:
    id_, type_, at, payload, tries, next_at, delivered_at, given_up_at, trouble = row
    return Alert(
        id=id_,
        type=type_,
        at=moment(at),
        body=payload.encode(),
        tries=tries,
        next=moment(next_at),
        delivered=None if delivered_at is None else moment(delivered_at),
        given_up=None if given_up_at is None else moment(given_up_at),
        trouble=trouble,
    )
