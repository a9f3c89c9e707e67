"""Which policies were in force, at which worker, since when: written when a worker adopts one, read by the audit."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from weighbridge import audit_log
from weighbridge.audit_log import GATEWAY, Change
from weighbridge.db import Connection, microseconds, moment, transaction


@dataclass(frozen=True, slots=True)
class InForce:
    """From `since` on the worker obeyed the policy of this hash; None: no policy."""

    worker: str
    since: datetime
    policy: str | None


def adopt(connection: Connection, worker: str, now: Callable[[], datetime], policy: tuple[str, str] | None) -> None:
    """Write down that a worker obeys a policy (its hash and text) from now on. Raises db.Error.

    To be called just before it does. The clock is asked when the database is ours to write, and time that went back
    counts on from the last row, as rows are told apart by it.
    """
    with transaction(connection):
        if policy is not None:
            connection.execute("INSERT INTO policy (hash, text) VALUES (?, ?) ON CONFLICT DO NOTHING", policy)
        sql = "SELECT max(since) FROM policy_in_force WHERE worker = ?"
        (last,) = connection.execute(sql, (worker,)).fetchone()
        since = microseconds(now()) if last is None else max(microseconds(now()), last + 1)
        connection.execute(
            "INSERT INTO policy_in_force (worker, since, policy) VALUES (?, ?, ?)",
            (worker, since, None if policy is None else policy[0]),
        )
        _log(connection, None if policy is None else policy[0], moment(since))


def adopt_none(connection: Connection, now: datetime) -> None:
    """Write down that from now on no policy is in force, where one was. Raises db.Error."""
    if audit_log.last(connection, _ACTION) is not None:  # most have never had one, and need no lock for it
        with transaction(connection):
            _log(connection, None, now)


_ACTION: Final = "policy.put_in_force"


def _log(connection: Connection, policy: str | None, now: datetime) -> None:
    """Into the audit log, once for all workers: whoever could edit the settings did it, nobody knows who."""
    last = audit_log.last(connection, _ACTION)
    before = None if last is None or last.change.after is None else last.change.after.get("policy")
    if before != policy:
        change = Change(action=_ACTION, target="policy", before={"policy": before}, after={"policy": policy})
        audit_log.write(connection, GATEWAY, change, now=now)


def in_force(connection: Connection) -> list[InForce]:
    """All rows, by worker and time."""
    rows = connection.execute("SELECT worker, since, policy FROM policy_in_force ORDER BY worker, since")
    return [InForce(worker, moment(since), policy) for worker, since, policy in rows]


def texts(connection: Connection) -> dict[str, str]:
    """The text of each policy that was ever in force, by its hash."""
    return dict(connection.execute("SELECT hash, text FROM policy"))
