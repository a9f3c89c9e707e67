"""Periods, whose a budget is, and what makes no sense."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.db import microseconds
from weighbridge.ledger.budgets.budget import Asker, Budget, Period, Scope, Unit, check, subject_of, subjects, window

NOW = datetime(2026, 11, 22, 17, 30, 15, 250, UTC)
"""A Sunday."""


@pytest.mark.parametrize(
    ("period", "begins", "ends"),
    [
        ("minute", datetime(2026, 11, 22, 17, 30, tzinfo=UTC), datetime(2026, 11, 22, 17, 31, tzinfo=UTC)),
        ("day", datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)),
        ("week", datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)),
        ("month", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_periods_begin_and_end_with_the_calendar_of_utc(period: Period, begins: datetime, ends: datetime) -> None:
    for at in (begins, NOW, ends):
        found = window(period, microseconds(at))
        inside = at < ends
        assert (found.begins == microseconds(begins)) == inside
        assert (found.ends == microseconds(ends)) == inside
        assert found.begins <= microseconds(at) < found.ends


@pytest.mark.parametrize("at", [datetime(2024, 2, 29, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)])
def test_months_are_as_long_as_they_are(at: datetime) -> None:
    found = window("month", microseconds(at))
    assert found.ends - found.begins in {29 * 86_400_000_000, 31 * 86_400_000_000}
    assert window("month", found.ends).begins == found.ends


@pytest.mark.parametrize("period", ["total", "at once"])
def test_some_never_end(period: Period) -> None:
    assert window(period, microseconds(NOW)) == window(period, 0)


@pytest.mark.parametrize(
    ("scope", "name", "expected"),
    [
        ("all", "", [""]),
        ("organisation", "bank", ["bank"]),
        ("organisation", "other", []),
        ("project", "*", ["bank/web"]),
        ("key", "key-1", ["key-1"]),
        ("user", "*", ["ann"]),
        ("user", "bob", []),
        ("tag", "*", ["a", "b"]),
        ("tag", "b", ["b"]),
    ],
)
def test_whom_a_budget_binds(scope: Scope, name: str, expected: list[str]) -> None:
    asker = Asker("key-1", "bank", "web", "ann", ("a", "b"))
    assert list(subjects(Budget("", scope, name, "usd", "day", 1, NOW), asker)) == expected


@pytest.mark.parametrize(
    ("organisation", "name", "expected"),
    [
        ("bank", "web", ["web"]),
        ("other", "web", []),
        (None, "web", []),
        (None, "*", ["bank/web"]),
        ("bank", "*", ["bank/web"]),
        ("other", "*", []),
    ],
)
def test_a_project_is_one_of_its_organisation(organisation: str | None, name: str, expected: list[str]) -> None:
    of = Budget("", "project", name, "usd", "day", 1, NOW, organisation=organisation)
    assert list(subjects(of, Asker("key-1", "bank", "web"))) == expected


@pytest.mark.parametrize(("name", "expected"), [("web", ["web"]), ("*", ["web"])])
def test_so_is_one_of_no_organisation(name: str, expected: list[str]) -> None:
    assert list(subjects(Budget("", "project", name, "usd", "day", 1, NOW), Asker("key-1", None, "web"))) == expected


names = st.none() | st.text("/%25Fab", min_size=1, max_size=5)


@given(names, names, names, names)
def test_no_two_projects_are_taken_for_one(a: str | None, b: str | None, c: str | None, d: str | None) -> None:
    if b is not None and d is not None:
        assert (subject_of(a, b) == subject_of(c, d)) == ((a, b) == (c, d))


def test_nobody_is_bound_by_what_he_does_not_have() -> None:
    scopes: list[Scope] = ["organisation", "project", "user", "tag"]
    for scope in scopes:
        assert list(subjects(Budget("", scope, "*", "usd", "day", 1, NOW), Asker("key-1"))) == []


@pytest.mark.parametrize(
    ("scope", "name", "unit", "period", "amount", "soft", "said"),
    [
        ("all", "", "usd", "day", 0, None, "more than nothing"),
        ("all", "", "usd", "day", 9_000_001 * 10**12, None, "at most 9,000,000"),
        ("all", "", "usd", "at once", 5, None, "only requests"),
        ("all", "x", "usd", "day", 5, None, "for somebody, or for all"),
        ("key", "", "usd", "day", 5, None, "for somebody, or for all"),
        ("all", "", "usd", "day", 5, 101, "percentage"),
    ],
)
def test_what_makes_no_sense_is_told(  # noqa: PLR0917 - a row of the table
    scope: Scope, name: str, unit: Unit, period: Period, amount: int, soft: int | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        check(Budget("", scope, name, unit, period, amount, NOW, soft))


def test_only_budgets_of_tokens_or_dollars_that_refuse_make_answers_shorter() -> None:
    good = Budget("", "all", "", "usd", "day", 1, NOW, shorten_to=1)
    check(good)
    for wrong in ({"unit": "requests"}, {"hard": False}, {"shorten_to": 0}):
        with pytest.raises(ValueError, match="answers are made shorter"):
            check(msgspec.structs.replace(good, **wrong))


def test_only_projects_are_of_an_organisation() -> None:
    with pytest.raises(ValueError, match="only a project"):
        check(Budget("", "user", "ann", "usd", "day", 1, NOW, organisation="bank"))


def test_a_budget_says_what_it_is() -> None:
    project = Budget("", "project", "web", "tokens", "day", 5, NOW, organisation="bank")
    assert str(project) == "5 tokens a day for project 'web' of 'bank'"
    assert str(Budget("", "key", "*", "usd", "month", 25 * 10**11, NOW)) == "2.5 USD a month for each key"
    assert str(Budget("", "all", "", "requests", "at once", 1, NOW)) == "1 request at once for the whole gateway"
    assert str(Budget("", "project", "web", "tokens", "total", 1500, NOW)) == "1,500 tokens in total for project 'web'"
