"""The names of a client's users in the tables of budgets: another way of naming them, and whatever is kept of one gone.

What is overwritten or deleted here may still be in the pages of an SQLite file: whoever calls sees to that.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from weighbridge.db import Connection, microseconds, transaction
from weighbridge.ledger.budgets.budget import EACH

_OF_USERS: Final = "budget IN (SELECT id FROM budget WHERE scope = 'user')"
_TOLD: Final = ("budget.warned", "budget.spent")


def rename(connection: Connection, name: Callable[[str], str], now: datetime) -> int:
    """Have users stand there as `name` says, which leaves a name of its own as it is; how many were renamed.

    Where a budget is set under both, that of the new name stays. Raises db.Error.
    """
    with transaction(connection):
        connection.execute("UPDATE budget_version SET version = version")  # whoever renames too waits here
        found = {user for (user,) in connection.execute(_NAMES, (EACH,)).fetchall()}
        others = {user: name(user) for user in sorted(found) if name(user) != user}
        for before, after in others.items():
            _renamed(connection, before, after, microseconds(now))
    return len(others)


def forget(connection: Connection, names: Sequence[str]) -> tuple[int, int]:
    """Delete what is set for a user alone, and what it has used, whichever of these names it has.

    How many budgets those were, and of how many periods. Raises db.Error.
    """
    marks = ", ".join("?" * len(names))
    with transaction(connection):
        for id_, name in connection.execute("SELECT id, name FROM budget WHERE scope = 'user'").fetchall():
            for user in names if name == EACH else (name,):
                if user in names:
                    _untold(connection, id_, user)
        of = f"{_OF_USERS} AND subject IN ({marks})"
        rows = connection.execute(
            f"SELECT budget, subject, begins FROM budget_use WHERE {of}"  # noqa: S608 - constants and marks
            f" UNION SELECT budget, subject, begins FROM lease WHERE {of}",
            (*names, *names),
        ).fetchall()
        for table, _, _ in _TABLES:
            connection.execute(f"DELETE FROM {table} WHERE {of}", names)  # noqa: S608 - constants and marks
        sql = f"DELETE FROM budget WHERE scope = 'user' AND name IN ({marks})"  # noqa: S608 - marks alone
        budgets = connection.execute(sql, names).rowcount
        if budgets:
            connection.execute("UPDATE budget_version SET version = version + 1")
    return budgets, len(rows)


def _untold(connection: Connection, budget: str, user: str) -> None:
    """No alert names the user."""
    for kind in _TOLD:
        mark = f"{kind} {budget} {user!r}"
        connection.execute("DELETE FROM alert WHERE mark >= ? AND mark < ?", (f"{mark} ", f"{mark}!"))


_NAMES: Final = f"""
    SELECT name FROM budget WHERE scope = 'user' AND name <> ?
    UNION SELECT subject FROM budget_use WHERE {_OF_USERS}
    UNION SELECT subject FROM lease WHERE {_OF_USERS}
    UNION SELECT subject FROM written_off WHERE {_OF_USERS}
"""  # noqa: S608 - constants
_TABLES: Final = (
    ("budget_use", "budget, begins", "used"),
    ("lease", "worker, budget, begins", "granted, used"),
    ("written_off", "worker, budget, begins, at", "amount"),
)
"""With what a row of a user is by, and what it sums."""


def _renamed(connection: Connection, before: str, after: str, now: int) -> None:
    connection.execute(
        "UPDATE budget SET removed_at = ? WHERE scope = 'user' AND name = ? AND removed_at IS NULL AND EXISTS ("
        "SELECT 1 FROM budget AS there WHERE there.scope = 'user' AND there.name = ? AND there.unit = budget.unit"
        " AND there.period = budget.period AND there.removed_at IS NULL)",
        (now, before, after),
    )
    connection.execute("UPDATE budget SET name = ? WHERE scope = 'user' AND name = ?", (after, before))
    for table, by, sums in _TABLES:
        key = ", ".join(column for column in by.split(", ") if column != "at")
        more = ", ".join(f"{each} = {table}.{each} + excluded.{each}" for each in sums.split(", "))
        connection.execute(
            f"INSERT INTO {table} (subject, {by}, {sums}) SELECT ?, {by}, {sums} FROM {table}"  # noqa: S608 - constants
            f" WHERE {_OF_USERS} AND subject = ? ON CONFLICT (subject, {key}) DO UPDATE SET {more}",
            (after, before),
        )
        connection.execute(f"DELETE FROM {table} WHERE {_OF_USERS} AND subject = ?", (before,))  # noqa: S608 - constants
