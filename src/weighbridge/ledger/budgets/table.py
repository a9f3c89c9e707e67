"""The budgets' SQL: which there are."""

import secrets
import sqlite3
from datetime import datetime
from typing import Final, cast

import msgspec

from weighbridge.db import microseconds, moment, transaction
from weighbridge.ledger.budgets.budget import Budget, Period, Scope, Unit

_COLUMNS: Final = "id, scope, name, unit, period, amount, soft, hard, created_at"


def put(connection: sqlite3.Connection, budget: Budget) -> Budget:
    """Set a budget, whose id is not looked at; as it is kept.

    One of the same scope, name, unit and period is replaced: what was used of that one counts on.
    """
    same = (budget.scope, budget.name, budget.unit, budget.period)
    amount, soft, hard = budget.amount, budget.soft, int(budget.hard)
    with transaction(connection):
        row = connection.execute(
            "SELECT id, created_at FROM budget WHERE scope = ? AND name = ? AND unit = ? AND period = ?"
            " AND removed_at IS NULL",
            same,
        ).fetchone()
        if row is None:
            row = (f"bud-{secrets.token_hex(6)}", microseconds(budget.created))
            connection.execute(
                f"INSERT INTO budget ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
                (row[0], *same, amount, soft, hard, row[1]),
            )
        else:
            connection.execute(
                "UPDATE budget SET amount = ?, soft = ?, hard = ? WHERE id = ?", (amount, soft, hard, row[0])
            )
    return msgspec.structs.replace(budget, id=row[0], created=moment(row[1]))


def remove(connection: sqlite3.Connection, budget_id: str, *, now: datetime) -> bool:
    """Take a budget away; False where there is none of that id."""
    with transaction(connection):
        done = connection.execute(
            "UPDATE budget SET removed_at = ? WHERE id = ? AND removed_at IS NULL", (microseconds(now), budget_id)
        )
    return done.rowcount == 1


def listing(connection: sqlite3.Connection) -> list[Budget]:
    """All budgets that bind, the widest scope first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM budget WHERE removed_at IS NULL ORDER BY created_at, id"  # noqa: S608 - a constant
    ).fetchall()
    return [
        Budget(
            id_,
            cast("Scope", scope),
            name,
            cast("Unit", unit),
            cast("Period", period),
            amount,
            moment(at),
            soft,
            bool(hard),
        )
        for id_, scope, name, unit, period, amount, soft, hard, at in rows
    ]


def version(connection: sqlite3.Connection) -> int:
    """Goes up with every change of a budget."""
    found: int = connection.execute("SELECT version FROM budget_version").fetchone()[0]
    return found
