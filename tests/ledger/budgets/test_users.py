"""A client's users in the tables of budgets: renamed where they are to be hashed, and gone where they are forgotten."""

from datetime import UTC, datetime

from weighbridge.alerts import outbox
from weighbridge.alerts.event import Event
from weighbridge.db import Connection
from weighbridge.ledger.budgets import leases, table, users
from weighbridge.ledger.budgets.budget import Budget, Scope
from weighbridge.ledger.budgets.uses import uses as uses_of
from weighbridge.ledger.entry import Claim, Draw
from weighbridge.ledger.users import Users

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HASHED = Users("hashed", "0123456789abcdef")


def put(connection: Connection, name: str, amount: int = 9, scope: Scope = "user") -> Budget:
    return table.put(connection, Budget("", scope, name, "requests", "total", amount, NOW))


def drawn(connection: Connection, budget: Budget, subject: str, amount: int, worker: str = "w1") -> None:
    """Some of it is used by a worker."""
    leases.draw(connection, [(worker, Draw(Claim(budget.id, subject, 0), amount))])


def uses(connection: Connection, *budgets: Budget) -> dict[tuple[str, str], int]:
    found = uses_of(connection, {budget.id: 0 for budget in budgets})
    return {(use.claim.budget, use.claim.subject): use.used for use in found}


def test_they_are_renamed_with_all_that_they_have_used(connection: Connection) -> None:
    each, own, tag = put(connection, "*"), put(connection, "ann"), put(connection, "ann", scope="tag")
    drawn(connection, each, "ann", 2)
    leases.close(connection, "w1")
    for budget in (each, own, tag):
        drawn(connection, budget, "ann", 3)
    drawn(connection, each, HASHED.of_budget("ann"), 5)
    ann = HASHED.of_budget("ann")
    assert users.rename(connection, HASHED.renamed, NOW) == 1
    assert uses(connection, each, own, tag) == {(each.id, ann): 10, (own.id, ann): 3, (tag.id, "ann"): 3}
    names = {(one.scope, one.name) for one in table.listing(connection)}
    assert names == {("user", "*"), ("user", ann), ("tag", "ann")}
    assert users.rename(connection, HASHED.renamed, NOW) == 0


def test_of_two_budgets_of_one_user_that_of_the_new_name_stays(connection: Connection) -> None:
    put(connection, "ann", 9)
    newer = put(connection, HASHED.of_budget("ann"), 4)
    users.rename(connection, HASHED.renamed, NOW)
    assert table.listing(connection) == [newer]
    names = connection.execute("SELECT DISTINCT name FROM budget").fetchall()
    assert names == [(HASHED.of_budget("ann"),)]


def test_one_is_forgotten_and_all_others_have_used_what_they_had(connection: Connection) -> None:
    each, own, tag = put(connection, "*"), put(connection, "ann"), put(connection, "ann", scope="tag")
    for budget, subject in ((each, "ann"), (own, "ann"), (tag, "ann"), (each, "bob")):
        drawn(connection, budget, subject, 3)
        leases.close(connection, "w1")
        drawn(connection, budget, subject, 4, worker="w2")
    for subject in ("ann", "bob"):
        mark = f"budget.warned {each.id} {subject!r} 0 9 80"
        outbox.put(connection, Event(type="budget.warned", at=NOW, subject={"name": subject}, figures={}, mark=mark))
    version = table.version(connection)
    assert users.forget(connection, ["ann", "h:x"]) == (1, 2)
    assert table.version(connection) > version
    assert uses(connection, each, own, tag) == {(tag.id, "ann"): 7, (each.id, "bob"): 7}
    assert {one.id for one in table.listing(connection)} == {each.id, tag.id}
    (payload,) = connection.execute("SELECT payload FROM alert").fetchone()
    assert "bob" in payload
    assert users.forget(connection, ["ann", "h:x"]) == (0, 0)
    drawn(connection, each, "ann", 1)
    leases.close(connection, "w1")
    assert uses(connection, each)[each.id, "ann"] == 1, "who comes again begins anew"
