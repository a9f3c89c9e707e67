"""Budgets of projects that have the name of another organisation's, and those from before these were told apart."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.engines import Cluster
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.keys import Labels
from weighbridge.db import Connection
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Budget
from weighbridge.ledger.budgets.uses import uses as uses_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STEP = 12
"""That tells them apart."""


@pytest.fixture(params=["sqlite", "postgresql"])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A database of each engine as it was before they were told apart."""
    place: db.Place = tmp_path / "ledger.db"
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        place = cluster.bare()
    with closing(db.connect(place)) as connection:
        shipped = db.shipped(db.engine(connection))
        db.migrate(connection, {step: sql for step, sql in shipped.items() if step < STEP})
        yield connection


def old(connection: Connection, id_: str, name: str) -> None:
    """Set a budget as it was then."""
    connection.execute(
        "INSERT INTO budget (id, scope, name, unit, period, amount, soft, hard, created_at)"
        " VALUES (?, 'project', ?, 'requests', 'total', 100, NULL, 1, 0)",
        (id_, name),
    )


def used(connection: Connection, budget: str, subject: str, amount: int, worker: str | None = None) -> None:
    """So much is used of it."""
    if worker is None:
        connection.execute("INSERT INTO budget_use VALUES (?, ?, 0, ?)", (budget, subject, amount))
    else:
        connection.execute("INSERT INTO lease VALUES (?, ?, ?, 0, 50, ?)", (worker, budget, subject, amount))


def named(connection: Connection, *places: tuple[str | None, str]) -> None:
    """Make a key of each organisation and project."""
    for organisation, project in places:
        keys.create(connection, name="k", now=NOW, labels=Labels(organisation, project))


def uses(connection: Connection) -> dict[tuple[str, str], tuple[int, int]]:
    """What is used of each, and what is in advance."""
    ids = {id_: 0 for (id_,) in connection.execute("SELECT id FROM budget").fetchall()}
    return {(use.claim.budget, use.claim.subject): (use.used, use.granted) for use in uses_of(connection, ids)}


def test_a_budget_becomes_that_of_the_organisation_whose_keys_name_the_project(before: Connection) -> None:
    named(before, ("acme", "web"), ("acme", "web"), (None, "lab"), ("a", "both"), ("b", "both"), (None, "also"))
    named(before, ("c", "also"))
    for id_, name in [("bud-w", "web"), ("bud-l", "lab"), ("bud-b", "both"), ("bud-a", "also"), ("bud-n", "nobody")]:
        old(before, id_, name)
        used(before, id_, name, 30)
    used(before, "bud-b", "both", 5, worker="w1")
    db.migrate(before)
    found = {each.id: (each.organisation, each.name, each.amount) for each in table.listing(before)}
    assert found == {
        "bud-w": ("acme", "web", 100),
        "bud-l": (None, "lab", 100),
        "bud-b": ("a", "both", 100),
        "bud-b-1": ("b", "both", 100),
        "bud-a": (None, "also", 100),
        "bud-a-1": ("c", "also", 100),
        "bud-n": (None, "nobody", 100),
    }
    assert uses(before) == {
        ("bud-w", "web"): (30, 0),
        ("bud-l", "lab"): (30, 0),
        ("bud-b", "both"): (35, 45),
        ("bud-b-1", "both"): (35, 0),
        ("bud-a", "also"): (30, 0),
        ("bud-a-1", "also"): (30, 0),
        ("bud-n", "nobody"): (30, 0),
    }


def test_what_each_project_has_used_goes_on_under_its_organisations_name(before: Connection) -> None:
    named(before, ("acme", "web"), (None, "lab"), ("a/b", "both"), ("b", "both"), (None, "also"), ("c", "also"))
    old(before, "bud-1", "*")
    for name in ("web", "lab", "both", "also", "gone"):
        used(before, "bud-1", name, 30)
    used(before, "bud-1", "web", 5, worker="w1")
    db.migrate(before)
    assert uses(before) == {
        ("bud-1", "acme/web"): (35, 45),
        ("bud-1", "lab"): (30, 0),
        ("bud-1", "a%2Fb/both"): (30, 0),
        ("bud-1", "b/both"): (30, 0),
        ("bud-1", "also"): (30, 0),
        ("bud-1", "c/also"): (30, 0),
        ("bud-1", "gone"): (30, 0),
    }
    (kept,) = table.listing(before)
    assert (kept.organisation, kept.name) == (None, "*")


def test_projects_of_one_name_have_a_budget_each(connection: Connection) -> None:
    first, second, none = (
        table.put(connection, Budget("", "project", "web", "requests", "day", 5, NOW, organisation=organisation))
        for organisation in ("acme", "other", None)
    )
    changed = Budget("", "project", "web", "requests", "day", 9, NOW, organisation="acme")
    assert table.put(connection, changed).id == first.id
    amounts = {each.id: (each.organisation, each.amount) for each in table.listing(connection)}
    assert amounts == {first.id: ("acme", 9), second.id: ("other", 5), none.id: (None, 5)}
