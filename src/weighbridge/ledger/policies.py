"""Which policies were in force, at which worker, since when: written when a worker adopts one, read by the audit."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from weighbridge.db import Connection, microseconds, moment, transaction


@dataclass(frozen=True, slots=True)
class InForce:
    """From `since` on the worker obeyed the policy of this hash; None: no policy."""

    worker: str
    since: datetime
    policy: str | None


def adopt(
    connection: Connection, worker: str, now: Callable[[], datetime], policy: tuple[str, str] | None
) -> None:
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


def in_force(connection: Connection) -> list[InForce]:
    """All rows, by worker and time."""
    rows = connection.execute("SELECT worker, since, policy FROM policy_in_force ORDER BY worker, since")
    return [InForce(worker, moment(since), policy) for worker, since, policy in rows]


def texts(connection: Connection) -> dict[str, str]:
    """The text of each policy that was ever in force, by its hash."""
    return dict(connection.execute("SELECT hash, text FROM policy"))
