"""The leases' SQL: what of a budget a worker has in advance, so that it need not ask for each request.

    amount of the budget  >=  used by those whose leases are closed  +  granted to those at work

holds at every commit. What a worker uses is counted in its lease by the transaction that writes the entries
(`draw`), so the ledger and the budgets can't differ, whoever is killed when.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from weighbridge.db import Connection, microseconds, transaction
from weighbridge.ledger.entry import Claim, Draw

LIVE: Final = timedelta(seconds=10)
"""A worker that was not seen for so long has no share when what is left is dealt out; its leases stay."""
_ONE_STATEMENT: Final = 64
"""Rows at most."""
_KEPT: Final = 3_600_000_000
"""Microseconds for which what was used in a period stays after the next has begun, however many there were since."""
_ENTERED: Final = "UPDATE budget_use SET used = used WHERE budget = ? AND subject = ? AND begins = ?"
_FORGOTTEN: Final = (
    "DELETE FROM budget_use WHERE budget = ? AND subject = ? AND begins < ? AND begins < ("
    "SELECT max(begins) FROM budget_use AS later WHERE later.budget = ? AND later.subject = ? AND later.begins < ?)"
)
"""Of a subject's periods the last stays, for whoever's clock is slow. Of limits by the minute nothing must pile up."""
_MINE: Final = "worker = ? AND budget = ? AND subject = ? AND begins = ?"


class Grant(msgspec.Struct, frozen=True, gc=False):
    """The answer to a worker that asked for more."""

    more: int
    """What it has got."""
    left: int
    """What nobody has yet."""
    others: int
    """What other workers have in advance and have not used."""


def begin(connection: Connection, worker: str, host: str, journal: str, now: datetime) -> None:
    """A worker begins."""
    at = microseconds(now)
    connection.execute(
        "INSERT INTO worker (id, host, journal, since, seen_at) VALUES (?, ?, ?, ?, ?)", (worker, host, journal, at, at)
    )


def seen(connection: Connection, worker: str, now: datetime) -> int:
    """A worker is at work; how many are."""
    connection.execute("UPDATE worker SET seen_at = ? WHERE id = ?", (microseconds(now), worker))
    return at_work(connection, now)


def at_work(connection: Connection, now: datetime) -> int:
    """How many workers are."""
    count: int = connection.execute(
        "SELECT count(*) FROM worker WHERE seen_at > ?", (microseconds(now - LIVE),)
    ).fetchone()[0]
    return count


def take(connection: Connection, worker: str, claim: Claim, amount: int, *, least: int, parts: int) -> Grant:
    """Ask for more of a budget of this amount: at least `least`, or nothing; one of so many parts of what is left.

    Raises db.Error.
    """
    with transaction(connection):
        # whoever asks for the same waits here until this transaction is over
        if not connection.execute(_ENTERED, claim.cells).rowcount:
            connection.execute(_FORGOTTEN, (*claim.cells[:2], claim.begins - _KEPT, *claim.cells))
            connection.execute(
                "INSERT INTO budget_use (budget, subject, begins) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", claim.cells
            )
            connection.execute(_ENTERED, claim.cells)
        used: int = connection.execute(
            "SELECT used FROM budget_use WHERE budget = ? AND subject = ? AND begins = ?", claim.cells
        ).fetchone()[0]
        granted, unused = connection.execute(
            "SELECT coalesce(sum(CASE WHEN granted > used THEN granted ELSE used END), 0),"
            " coalesce(sum(CASE WHEN worker <> ? AND granted > used THEN granted - used ELSE 0 END), 0)"
            " FROM lease WHERE budget = ? AND subject = ? AND begins = ?",
            (worker, *claim.cells),
        ).fetchone()
        left = amount - used - int(granted)
        more = 0 if left < least else max(least, left // parts)
        if more:
            connection.execute(
                "INSERT INTO lease (worker, budget, subject, begins, granted) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (worker, budget, subject, begins)"
                " DO UPDATE SET granted = lease.granted + excluded.granted",
                (worker, *claim.cells, more),
            )
    return Grant(more, left - more, int(unused))


def give_back(connection: Connection, worker: str, amounts: Mapping[Claim, int]) -> None:
    """A worker does not need so much of what it has. Raises db.Error, and then it has it still."""
    with transaction(connection):
        for claim, amount in amounts.items():
            connection.execute(
                # of a lease that was written off meanwhile nothing goes back
                f"UPDATE lease SET granted = granted - ? WHERE {_MINE} AND granted >= ?",  # noqa: S608 - a constant
                (amount, worker, *claim.cells, amount),
            )


def draw(connection: Connection, draws: Iterable[tuple[str, Draw]]) -> None:
    """Count what the entries of these workers take: within the transaction that writes the entries."""
    sums: dict[tuple[str, Claim], int] = {}
    for worker, one in draws:
        same = (worker, one.claim)
        sums[same] = sums.get(same, 0) + one.amount
    rows = [(worker, *claim.cells, amount) for (worker, claim), amount in sorted(sums.items(), key=_place)]
    for at in range(0, len(rows), _ONE_STATEMENT):
        some = rows[at : at + _ONE_STATEMENT]
        connection.execute(_counted(len(some)), [cell for row in some for cell in row])


@functools.cache
def _counted(rows: int) -> str:
    places = ", ".join(["(?, ?, ?, ?, ?)"] * rows)
    return (
        f"INSERT INTO lease (worker, budget, subject, begins, used) VALUES {places}"  # noqa: S608 - question marks
        " ON CONFLICT (worker, budget, subject, begins) DO UPDATE SET used = lease.used + excluded.used"
    )


def _place(item: tuple[tuple[str, Claim], int]) -> tuple[str, str, str, int]:
    """In one order for all, so that no two writers wait for each other."""
    (worker, claim), _ = item
    return worker, *claim.cells


def close(connection: Connection, worker: str, claims: Sequence[Claim] | None = None) -> None:
    """A worker's leases, or these of them, are over: what it has used is used, the rest is anybody's.

    Of all of them: the worker is gone. What was written off as lost with it (`lost.py`) was not lost, and is taken off.
    """
    with transaction(connection):
        written_off = _written_off(connection, worker)
        every = {*_claims(connection, worker), *written_off} if claims is None else claims
        for claim in sorted(every, key=lambda claim: claim.cells):
            row = connection.execute(
                f"SELECT used FROM lease WHERE {_MINE}",  # noqa: S608 - a constant
                (worker, *claim.cells),
            ).fetchone()
            if row is None and claim not in written_off:
                continue
            connection.execute(
                "INSERT INTO budget_use (budget, subject, begins, used) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (budget, subject, begins) DO UPDATE SET used = budget_use.used + excluded.used",
                (*claim.cells, (0 if row is None else row[0]) - written_off.get(claim, 0)),
            )
            if claim in written_off:
                connection.execute(f"DELETE FROM written_off WHERE {_MINE}", (worker, *claim.cells))  # noqa: S608 - a constant
            connection.execute(f"DELETE FROM lease WHERE {_MINE}", (worker, *claim.cells))  # noqa: S608 - a constant
        if claims is None:
            connection.execute("DELETE FROM worker WHERE id = ?", (worker,))


def _written_off(connection: Connection, worker: str) -> dict[Claim, int]:
    rows = connection.execute("SELECT budget, subject, begins, amount FROM written_off WHERE worker = ?", (worker,))
    return {Claim(budget, subject, begins): amount for budget, subject, begins, amount in rows.fetchall()}


def _claims(connection: Connection, worker: str) -> list[Claim]:
    rows: list[tuple[str, str, int]] = connection.execute(
        "SELECT budget, subject, begins FROM lease WHERE worker = ? ORDER BY budget, subject, begins", (worker,)
    ).fetchall()
    return [Claim(*row) for row in rows]
