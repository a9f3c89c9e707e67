"""How budgets stand: the most used of many, those near their end, and what is kept of periods that are over."""

from random import Random

import pytest

from weighbridge.db import Connection
from weighbridge.ledger.budgets import leases
from weighbridge.ledger.budgets.uses import Most, Use, most_used, use_of, used_from, uses
from weighbridge.ledger.entry import Claim, Draw

AT = 1_800_000_000_000_000
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
BUDGET = "bud-1"


def use(connection: Connection, subject: str, used: int, *, budget: str = BUDGET, begins: int = AT) -> None:
    connection.execute("INSERT INTO budget_use VALUES (?, ?, ?, ?)", (budget, subject, begins, used))


def lease(connection: Connection, worker: str, claim: Claim, amounts: tuple[int, int]) -> None:
    """Granted and used."""
    connection.execute("INSERT INTO lease VALUES (?, ?, ?, ?, ?, ?)", (worker, *claim.cells, *amounts))


def crowd(connection: Connection, seed: int) -> list[Use]:
    """Subjects with and without leases, many of them alike, among other budgets and periods; as they must stand."""
    random, found = Random(seed), []
    for number in range(60):
        subject, settled = f"u{number:02}", random.choice((0, 0, 3, 5, 40))
        held = [(random.choice((0, 4, 20)), random.choice((0, 4, 50))) for _ in range(random.choice((0, 0, 1, 3)))]
        if settled or not held:
            use(connection, subject, settled)
        for worker, (granted, used) in enumerate(held):
            lease(connection, f"w{worker}", Claim(BUDGET, subject, AT), (granted, used))
        used = settled + sum(used for _, used in held)
        unused = sum(max(0, granted - used) for granted, used in held)
        found.append(Use(Claim(BUDGET, subject, AT), used, unused))
        use(connection, subject, 1000, budget="bud-2")
        use(connection, subject, 1000, begins=AT - DAY)
        lease(connection, "w9", Claim(BUDGET, subject, AT + DAY), (1000, 1000))
    return sorted(found, key=lambda each: (-each.used, each.claim.subject))


@pytest.mark.parametrize("seed", range(3))
def test_the_most_used_are_the_first_of_all(connection: Connection, seed: int) -> None:
    every = crowd(connection, seed)
    assert [each for each in uses(connection, {BUDGET: AT, "none": AT}) if each.claim.budget == BUDGET] == every
    for most in (1, 7, 59, 60, 100):
        assert most_used(connection, BUDGET, AT, most) == Most(every[:most], max(0, 60 - most))
    for least in (0, 1, 5, 54, 10_000):
        assert used_from(connection, BUDGET, AT, least) == [each for each in every if each.used >= least]
    assert [use_of(connection, each.claim) for each in every] == every
    nobody = Claim(BUDGET, "nobody", AT)
    assert use_of(connection, nobody) == Use(nobody, 0, 0)
    assert most_used(connection, BUDGET, AT + MINUTE, 10) == Most([], 0)


def test_the_others_are_counted_as_far_as_they_matter(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    every = crowd(connection, 1)
    monkeypatch.setattr("weighbridge.ledger.budgets.uses.MOST_COUNTED", 20)
    assert most_used(connection, BUDGET, AT, 10) == Most(every[:10], 20)
    assert most_used(connection, BUDGET, AT, 45) == Most(every[:45], 15)


def test_many_budgets_are_asked_for_at_once(connection: Connection) -> None:
    begins = {f"bud-{number}": AT - number % 3 * DAY for number in range(1200)}
    for budget, begin in begins.items():
        use(connection, "a", int(budget[4:]), budget=budget, begins=begin)
        use(connection, "a", 7, budget=budget, begins=begin - DAY)
    found = {each.claim.budget: each.used for each in uses(connection, begins)}
    assert found == {budget: int(budget[4:]) for budget in begins}


def periods(connection: Connection, subject: str) -> list[int]:
    """The beginnings of those of which something is kept."""
    rows = connection.execute("SELECT begins FROM budget_use WHERE subject = ? ORDER BY begins", (subject,))
    return [begins for (begins,) in rows.fetchall()]


def take(connection: Connection, subject: str, begins: int, amount: int = 10) -> int:
    return leases.take(connection, "w1", Claim(BUDGET, subject, begins), 100, least=amount, parts=1000).more


def test_minutes_that_are_over_do_not_pile_up(connection: Connection) -> None:
    for minute in range(200):
        assert take(connection, "a", AT + minute * MINUTE) == 10
        take(connection, "b", AT)
        leases.close(connection, "w1", [Claim(BUDGET, "a", AT + minute * MINUTE)])
    assert periods(connection, "a") == [AT + minute * MINUTE for minute in range(139, 200)]
    assert periods(connection, "b") == [AT]


def test_of_long_periods_the_last_one_stays_however_long_it_is_ago(connection: Connection) -> None:
    for month in (0, 1, 2, 7):
        take(connection, "a", AT + 30 * month * DAY)
    assert periods(connection, "a") == [AT + 60 * DAY, AT + 210 * DAY]


def test_a_worker_with_a_slow_clock_cannot_overspend_the_period_before(connection: Connection) -> None:
    before, now = Claim(BUDGET, "a", AT), Claim(BUDGET, "a", AT + 30 * DAY)
    assert leases.take(connection, "w1", before, 100, least=90, parts=1).more == 100
    leases.draw(connection, [("w1", Draw(before, 95))])
    leases.close(connection, "w1", [before])
    assert leases.take(connection, "w2", now, 100, least=10, parts=10).more == 10
    assert leases.take(connection, "w1", before, 100, least=10, parts=1).more == 0
    assert leases.take(connection, "w1", before, 100, least=5, parts=1).more == 5
