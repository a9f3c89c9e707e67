"""The leases of workers whose machine does not come back: who has what, and how it is written off.

A worker that is killed leaves a journal, and who finds it knows what was under way. Where the machine is lost with it,
what the worker had in advance is all that can have been under way: that much counts as used. `written_off` keeps how
much that is beyond what the ledger has, so that a journal that turns up after all puts it right (`leases.close`).
"""

import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from weighbridge import audit_log
from weighbridge.audit_log import GATEWAY, Actor, Change
from weighbridge.db import Connection, microseconds, moment, transaction
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Budget

QUIET: Final = timedelta(minutes=1)
"""For how long nobody must have heard of a worker that is written off."""


class NotLost(Exception):
    """There is no such worker, or it can come back: in words for whoever asked."""


class Worker(msgspec.Struct, frozen=True):
    """One that has leases, or was at work and did not say that it ended."""

    id: str
    host: str | None
    """Its machine; None: it has not been heard of since it was written off or ended."""
    journal: str | None
    """The file there in which it notes what is under way."""
    seen: datetime | None


class Held(msgspec.Struct, frozen=True):
    """What a worker has of one budget, over all whom the budget is for."""

    worker: Worker
    budget: str
    """Its id."""
    used: int
    """By entries that are written."""
    in_advance: int
    """Beyond that."""


def listing(connection: Connection) -> list[Held]:
    """What all workers have, those first that were heard of last. Raises db.Error."""
    rows = connection.execute(
        "SELECT lease.worker, host, journal, seen_at, budget, sum(used),"
        " sum(CASE WHEN granted > used THEN granted - used ELSE 0 END)"
        " FROM lease LEFT JOIN worker ON worker.id = lease.worker"
        " GROUP BY lease.worker, host, journal, seen_at, budget"
        " ORDER BY coalesce(seen_at, 0) DESC, lease.worker, budget"
    ).fetchall()
    return [
        Held(Worker(worker, host, journal, None if seen is None else moment(seen)), budget, int(used), int(unused))
        for worker, host, journal, seen, budget, used, unused in rows
    ]


def write_off(
    connection: Connection, name: str, *, now: datetime, free: bool = False, by: Actor = GATEWAY
) -> list[Held]:
    """Have the workers of a machine, or the one of this id, be gone: all they had in advance counts as used.

    With `free` it is anybody's again: for who knows that nothing was under way. What they had is returned. Raises
    NotLost, db.Error.
    """
    with transaction(connection):
        workers = _lost(connection, name, now)
        budgets = {each.id: each for each in table.listing(connection)}
        written: list[Held] = []
        for worker in workers:
            held = [each for each in listing(connection) if each.worker.id == worker.id]
            for budget, subject, begins, granted, used in _leases(connection, worker.id):
                counted = _counts(budgets.get(budget)) and not free
                _settle(connection, (worker.id, budget, subject, begins), used, granted if counted else used, now)
            connection.execute("DELETE FROM worker WHERE id = ?", (worker.id,))
            _log(connection, worker, held, free=free, by=by, now=now)
            written += held
    return written


def _counts(budget: Budget | None) -> bool:
    """Whether what is used of it is kept: of a limit, or of a budget that was removed, nothing need be."""
    return budget is not None and not budget.is_limit


def _lost(connection: Connection, name: str, now: datetime) -> list[Worker]:
    rows = connection.execute(
        "SELECT id, host, journal, seen_at FROM worker WHERE host = ? OR id = ? ORDER BY id", (name, name)
    ).fetchall()
    found = [Worker(id_, host, journal, moment(seen)) for id_, host, journal, seen in rows]
    if not found:
        orphaned = connection.execute("SELECT 1 FROM lease WHERE worker = ?", (name,)).fetchone()
        if orphaned is None:
            raise NotLost(f"no worker with leases has the machine or the id {name!r}")
        return [Worker(name, None, None, None)]
    for worker in found:
        if worker.seen is not None and now - worker.seen < QUIET:
            seconds = max(0, int((now - worker.seen).total_seconds()))
            raise NotLost(
                f"the worker {worker.id} of {worker.host} was heard of {seconds} s ago: it is at work; stop it, or wait"
                " until it was quiet for a minute"
            )
        if worker.host == socket.gethostname() and worker.journal is not None and Path(worker.journal).exists():
            raise NotLost(
                f"the worker {worker.id} has left its journal on this machine ({worker.journal}): start a gateway with "
                "that data directory, which enters what was under way to the request and gives back the rest"
            )
    return found


def _leases(connection: Connection, worker: str) -> list[tuple[str, str, int, int, int]]:
    rows: list[tuple[str, str, int, int, int]] = connection.execute(
        "SELECT budget, subject, begins, granted, used FROM lease WHERE worker = ? ORDER BY budget, subject, begins",
        (worker,),
    ).fetchall()
    return rows


def _settle(connection: Connection, lease: tuple[str, str, str, int], used: int, granted: int, now: datetime) -> None:
    """End a lease with so much of it used, of which the ledger has what is `used`."""
    beyond = max(0, granted - used)
    connection.execute(
        "INSERT INTO budget_use (budget, subject, begins, used) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (budget, subject, begins) DO UPDATE SET used = budget_use.used + excluded.used",
        (*lease[1:], used + beyond),
    )
    if beyond:
        connection.execute(
            "INSERT INTO written_off (worker, budget, subject, begins, amount, at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (worker, budget, subject, begins)"
            " DO UPDATE SET amount = written_off.amount + excluded.amount, at = excluded.at",
            (*lease, beyond, microseconds(now)),
        )
    connection.execute("DELETE FROM lease WHERE worker = ? AND budget = ? AND subject = ? AND begins = ?", lease)


def _log(connection: Connection, worker: Worker, held: list[Held], *, free: bool, by: Actor, now: datetime) -> None:
    change = Change(
        action="budget.write_off",
        target=worker.id,
        before={
            "machine": worker.host,
            "seen": worker.seen,
            "in_advance": {each.budget: each.in_advance for each in held},
        },
        after={"counted_as_used": not free},
    )
    audit_log.write(connection, by, change, now=now)
