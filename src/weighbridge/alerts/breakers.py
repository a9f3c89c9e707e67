"""Which endpoints are left alone, over all workers: told when the first worker leaves one alone, and the last returns.

Each worker has its own eyes. Of one that is gone nothing is known: what it said counts no more after a while. So an
endpoint that a worker leaves alone over its restart is told once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from weighbridge.alerts import outbox
from weighbridge.alerts.event import Event, Figure
from weighbridge.db import Connection, microseconds, moment, transaction

FRESH: Final = timedelta(seconds=30)
"""A worker says again that it leaves an endpoint alone before so long."""
_GONE: Final = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the two events are wanted."""

    opened: bool = True
    closed: bool = True


def note(
    connection: Connection,
    worker: str,
    alone: Mapping[str, Mapping[str, Figure]],
    *,
    now: datetime,
    wanted: Wanted = Wanted(),
) -> None:
    """Write down which endpoints this worker leaves alone, with what it knows of each, and tell of those that turn.

    Raises db.Error.
    """
    at, gone = microseconds(now), microseconds(now - _GONE)
    with transaction(connection):
        # The row without an endpoint is there to be locked: workers take turns from here on.
        connection.execute("UPDATE left_alone SET seen_at = ? WHERE endpoint = ''", (at,))
        before: dict[str, int] = dict(
            connection.execute("SELECT endpoint, min(since) FROM left_alone WHERE endpoint <> '' GROUP BY endpoint")
        )
        connection.execute("DELETE FROM left_alone WHERE endpoint <> '' AND seen_at < ?", (gone,))
        mine = [row[0] for row in connection.execute("SELECT endpoint FROM left_alone WHERE worker = ?", (worker,))]
        for endpoint in set(mine) - alone.keys() - {""}:
            connection.execute("DELETE FROM left_alone WHERE endpoint = ? AND worker = ?", (endpoint, worker))
        for endpoint in alone:
            connection.execute(
                "INSERT INTO left_alone (endpoint, worker, since, seen_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (endpoint, worker) DO UPDATE SET seen_at = excluded.seen_at",
                (endpoint, worker, at, at),
            )
        after = {row[0] for row in connection.execute("SELECT endpoint FROM left_alone WHERE endpoint <> ''")}
        if wanted.opened:
            for endpoint in after - before.keys():
                outbox.put(connection, _opened(endpoint, alone[endpoint], now))
        if wanted.closed:
            for endpoint in before.keys() - after:
                outbox.put(connection, _closed(endpoint, before[endpoint], now))


def _opened(endpoint: str, figures: Mapping[str, Figure], now: datetime) -> Event:
    return Event(
        type="breaker.opened",
        at=now,
        subject=_subject(endpoint),
        figures=figures,
        mark=f"breaker.opened {endpoint} {microseconds(now)}",
    )


def _closed(endpoint: str, since: int, now: datetime) -> Event:
    return Event(
        type="breaker.closed",
        at=now,
        subject=_subject(endpoint),
        figures={"opened": moment(since).isoformat(), "seconds": round((now - moment(since)).total_seconds(), 3)},
        mark=f"breaker.closed {endpoint} {since}",
    )


def _subject(endpoint: str) -> dict[str, str | None]:
    return {"endpoint": endpoint, "provider": endpoint.partition("/")[0]}
