"""What is told of budgets: at which share, and once for each that has a budget to itself."""

from datetime import UTC, datetime

import msgspec
import pytest

from tests.engines import Fresh
from weighbridge.app.budget_alerts import due, events
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Budget, Period
from weighbridge.ledger.budgets.uses import Use
from weighbridge.ledger.entry import Claim

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEGINS = 1793491200000000


def budget(amount: int = 1000, *, soft: int | None = 80, period: Period = "month", hard: bool = True) -> Budget:
    return Budget("bud-1", "project", "search", "tokens", period, amount, NOW, soft, hard)


def told(of: Budget, used: int, granted: int = 0) -> list[tuple[str, object]]:
    use = Use(Claim(of.id, "search", BEGINS), used, granted)
    return [(event.type, event.figures["percent"]) for event in events({of.id: of}, [use], NOW)]


def told_of(organisation: str) -> object:
    of = msgspec.structs.replace(budget(), organisation=organisation)
    (event,) = events({of.id: of}, [Use(Claim(of.id, "search", BEGINS), 1000, 0)], NOW)
    return event.subject


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (0, []),
        (799, []),
        (800, [("budget.warned", 80)]),
        (989, [("budget.warned", 98)]),
        (990, [("budget.spent", 99)]),
        (1000, [("budget.spent", 100)]),
        (2500, [("budget.spent", 250)]),
    ],
)
def test_the_threshold_and_the_end_are_told_by_what_is_used(used: int, expected: list[tuple[str, int]]) -> None:
    assert told(budget(), used, granted=1000) == expected


def test_without_a_threshold_only_the_end_is_told() -> None:
    assert told(budget(soft=None), 980) == []
    assert told(budget(soft=None), 990) == [("budget.spent", 99)]


@pytest.mark.parametrize("period", ["minute", "at once"])
def test_limits_are_not_told(period: Period) -> None:
    assert told(budget(period=period), 1000) == []


def test_an_event_says_whose_how_much_of_what_and_when_it_renews() -> None:
    of = Budget("bud-2", "user", "*", "usd", "month", 5 * 10**12, NOW, 50)
    uses = [Use(Claim("bud-2", name, BEGINS), 3 * 10**12, 0) for name in ("ann", "bob")]
    first, second = events({"bud-2": of}, uses, NOW)
    assert first.mark != second.mark
    assert told_of("acme") == {"budget": "bud-1", "scope": "project", "organisation": "acme", "name": "search"}
    assert (first.subject, second.subject["name"]) == ({"budget": "bud-2", "scope": "user", "name": "ann"}, "bob")
    assert first.figures == {
        "unit": "usd",
        "period": "month",
        "amount": "5",
        "used": "3",
        "percent": 60,
        "hard": True,
        "renews": "2026-12-01T00:00:00+00:00",
    }


def test_of_many_those_are_told_that_have_used_enough(fresh: Fresh) -> None:
    with fresh() as connection:
        for of in (budget(period="total"), msgspec.structs.replace(budget(period="total"), scope="user", name="*")):
            table.put(connection, of)
        single, each = sorted(table.listing(connection), key=lambda of: of.scope)
        rows = [(each.id, f"u{number}", number) for number in range(795, 805)] + [(single.id, "search", 990)]
        for row in rows:
            connection.execute("INSERT INTO budget_use (budget, subject, begins, used) VALUES (?, ?, 0, ?)", row)
        connection.execute("INSERT INTO lease VALUES ('w1', ?, 'u795', 0, 50, 20)", (each.id,))
        connection.execute("INSERT INTO lease VALUES ('w1', ?, 'nobody', 0, 50, 799)", (each.id,))
        found = [(event.type, event.subject["name"], event.figures["used"]) for event in due(connection, NOW)]
    many = [("budget.warned", "u795", 815)] + [("budget.warned", f"u{used}", used) for used in range(804, 799, -1)]
    assert sorted(found, key=str) == sorted([("budget.spent", "search", 990), *many], key=str)


def test_one_of_each_period_is_told_and_anew_when_it_is_set_higher() -> None:
    def mark(of: Budget, begins: int) -> str:
        (event,) = events({of.id: of}, [Use(Claim(of.id, "s", begins), of.amount, 0)], NOW)
        return event.mark

    assert mark(budget(), 1) == mark(budget(), 1)
    assert len({mark(budget(), 1), mark(budget(), 2), mark(budget(2000), 1)}) == 3
