"""Which policies were in force, at which worker, since when: written when a worker adopts one, read by the audit."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from weighbridge import audit_log
from weighbridge.audit_log import GATEWAY, Change
from weighbridge.db import Connection, microseconds, moment, transaction
from weighbridge.ledger.budgets.leases import LIVE


@dataclass(frozen=True, slots=True)
class InForce:
    """From `since` on the worker obeyed the policy of this hash; None: no policy."""

    worker: str
    since: datetime
    policy: str | None


def adopt(
    connection: Connection,
    worker: str,
    now: Callable[[], datetime],
    policy: tuple[str, str] | None,
    *,
    at_start: bool = True,
) -> None:
    """Write down that a worker obeys a policy (its hash and text) from now on; None: none. Raises db.Error.

    To be called just before it does. The clock is asked when the database is ours to write, and time that went back
    counts on from the last row, as rows are told apart by it. A worker that has obeyed none since its start, and does
    not start now, gets a row that says so as well: its requests of just before are then told from those of nobody.
    """
    with transaction(connection):
        if policy is not None:
            connection.execute("INSERT INTO policy (hash, text) VALUES (?, ?) ON CONFLICT DO NOTHING", policy)
        sql = "SELECT max(since) FROM policy_in_force WHERE worker = ?"
        (last,) = connection.execute(sql, (worker,)).fetchone()
        since = microseconds(now()) if last is None else max(microseconds(now()), last + 1)
        rows = [(worker, since, None if policy is None else policy[0])]
        if last is None and not at_start:
            rows.insert(0, (worker, since - 1, None))
        for row in rows:
            connection.execute("INSERT INTO policy_in_force (worker, since, policy) VALUES (?, ?, ?)", row)
        _log(connection, None if policy is None else policy[0], moment(since))


def adopt_none(connection: Connection, now: datetime) -> bool:
    """Write down that from now on no policy is in force; whether one was, until then. Raises db.Error."""
    if audit_log.last(connection, PUT_IN_FORCE) is None:  # most have never had one, and need no lock for it
        return False
    with transaction(connection):
        return _log(connection, None, now)


PUT_IN_FORCE: Final = "policy.put_in_force"
"""The action of the audit log."""


def _log(connection: Connection, policy: str | None, now: datetime) -> bool:
    """Into the audit log, once for all workers: whoever could edit the settings did it, nobody knows who."""
    last = audit_log.last(connection, PUT_IN_FORCE)
    before = None if last is None or last.change.after is None else last.change.after.get("policy")
    if before == policy:
        return False
    change = Change(action=PUT_IN_FORCE, target="policy", before={"policy": before}, after={"policy": policy})
    audit_log.write(connection, GATEWAY, change, now=now)
    return True


def in_force(connection: Connection) -> list[InForce]:
    """All rows, by worker and time."""
    rows = connection.execute("SELECT worker, since, policy FROM policy_in_force ORDER BY worker, since")
    return [InForce(worker, moment(since), policy) for worker, since, policy in rows]


def obeyed(connection: Connection, now: datetime) -> list[InForce]:
    """What each worker that is at work obeys, by worker. Raises db.Error."""
    rows = connection.execute(
        """
        SELECT worker.id, coalesce(found.since, worker.since), found.policy FROM worker
        LEFT JOIN policy_in_force AS found ON found.worker = worker.id AND found.since = (
            SELECT max(since) FROM policy_in_force WHERE policy_in_force.worker = worker.id
        ) WHERE worker.seen_at > ? ORDER BY worker.id
        """,
        (microseconds(now - LIVE),),
    ).fetchall()
    return [InForce(worker, moment(since), policy) for worker, since, policy in rows]


def texts(connection: Connection) -> dict[str, str]:
    """The text of each policy that was ever in force, by its hash."""
    return dict(connection.execute("SELECT hash, text FROM policy"))
