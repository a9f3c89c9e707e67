"""The budgets' SQL: which there are."""

import secrets
from datetime import datetime
from typing import Final, cast

import msgspec

from weighbridge import audit_log
from weighbridge.audit_log import GATEWAY, Actor, Change, Facts, differing
from weighbridge.db import Connection, microseconds, moment, transaction
from weighbridge.ledger.budgets.budget import Budget, Period, Scope, Unit
from weighbridge.ledger.cost import SMALLEST, plain

_COLUMNS: Final = "id, scope, name, unit, period, amount, soft, hard, created_at, organisation, shorten_to"
_FIND: Final = (
    f"SELECT {_COLUMNS} FROM budget"  # noqa: S608 - a constant
    " WHERE scope = ? AND name = ? AND unit = ? AND period = ? AND organisation IS NOT DISTINCT FROM ?"
    " AND removed_at IS NULL"
)


def facts(budget: Budget) -> Facts:
    """What a budget is, as the API shows it and the audit log has it; dollars are a text of digits."""
    amount = plain(budget.amount * SMALLEST) if budget.unit == "usd" else budget.amount
    return {
        "id": budget.id,
        "scope": budget.scope,
        "organisation": budget.organisation,
        "name": budget.name,
        "unit": budget.unit,
        "period": budget.period,
        "amount": amount,
        "soft": budget.soft,
        "hard": budget.hard,
        "shorten_to": budget.shorten_to,
        "created": budget.created,
    }


def put(connection: Connection, budget: Budget, *, by: Actor = GATEWAY) -> Budget:
    """Set a budget, whose id is not looked at; as it is kept.

    One for the same, of the same unit and period is replaced: what was used of that one counts on.
    """
    with transaction(connection):
        return enter(connection, budget, by=by)


def enter(connection: Connection, budget: Budget, *, by: Actor) -> Budget:
    """The same inside a transaction."""
    same = (budget.scope, budget.name, budget.unit, budget.period)
    amount, soft, hard = budget.amount, budget.soft, int(budget.hard)
    row = connection.execute(_FIND, (*same, budget.organisation)).fetchone()
    before = None if row is None else _budget(row)
    if before is None:
        kept = msgspec.structs.replace(budget, id=f"bud-{secrets.token_hex(6)}")
        connection.execute(
            f"INSERT INTO budget ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
            (kept.id, *same, amount, soft, hard, microseconds(budget.created), budget.organisation, budget.shorten_to),
        )
    else:
        kept = msgspec.structs.replace(budget, id=before.id, created=before.created)
        connection.execute(
            "UPDATE budget SET amount = ?, soft = ?, hard = ?, shorten_to = ? WHERE id = ?",
            (amount, soft, hard, budget.shorten_to, kept.id),
        )
    action = "budget.create" if before is None else "budget.change"
    _write(connection, action, (before, kept), by=by, now=budget.created)
    return kept


def remove(connection: Connection, budget_id: str, *, now: datetime, by: Actor = GATEWAY) -> bool:
    """Take a budget away; False where there is none of that id."""
    with transaction(connection):
        return strike(connection, budget_id, now=now, by=by)


def strike(connection: Connection, budget_id: str, *, now: datetime, by: Actor) -> bool:
    """The same inside a transaction."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM budget WHERE id = ? AND removed_at IS NULL",  # noqa: S608 - a constant
        (budget_id,),
    ).fetchone()
    if row is None:
        return False
    connection.execute("UPDATE budget SET removed_at = ? WHERE id = ?", (microseconds(now), budget_id))
    _write(connection, "budget.remove", (_budget(row), None), by=by, now=now)
    return True


def listing(connection: Connection) -> list[Budget]:
    """All budgets that bind, oldest first."""
    sql = f"SELECT {_COLUMNS} FROM budget WHERE removed_at IS NULL ORDER BY created_at, id"  # noqa: S608 - a constant
    return [_budget(row) for row in connection.execute(sql).fetchall()]


def version(connection: Connection) -> int:
    """Goes up with every change of a budget."""
    found: int = connection.execute("SELECT version FROM budget_version").fetchone()[0]
    return found


def _write(
    connection: Connection, action: str, change: tuple[Budget | None, Budget | None], *, by: Actor, now: datetime
) -> None:
    before, after = change
    of = after or before
    if of is None:
        return
    was, is_ = (None if each is None else facts(each) for each in (before, after))
    if was is not None and is_ is not None:
        was, is_ = differing(was, is_)
    place = {"organisation": of.organisation}
    if of.scope in ("organisation", "project"):
        place[of.scope] = of.name
    audit_log.write(connection, by, Change(action=action, target=of.id, before=was, after=is_, **place), now=now)


def _budget(row: tuple[str, str, str, str, str, int, int | None, int, int, str | None, int | None]) -> Budget:
    id_, scope, name, unit, period, amount, soft, hard, at, organisation, shorten_to = row
    kinds = cast("tuple[Scope, str, Unit, Period]", (scope, name, unit, period))
    return Budget(id_, *kinds, amount, moment(at), soft, bool(hard), organisation, shorten_to)
