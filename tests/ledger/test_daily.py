"""Sums of whole days: those of the roll-ups, for whoever sees all of the ledger or a part of it."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger.made_up import NOW, charge, entries, entry
from weighbridge.db import Connection
from weighbridge.ledger import rollups, store
from weighbridge.ledger.daily import anything, by_day, models_since
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.tally import Sums, together
from weighbridge.ledger.within import ALL, Within
from weighbridge.wire.usage import Usage

TODAY = NOW.date()
EVER = date(1970, 1, 1)


def test_each_day_has_its_own_sums(connection: Connection) -> None:
    broke = entry(ending="upstream_broke", error="upstream_timeout", charge=charge("0.5", Usage(7, 3), "estimate"))
    store.add(connection, [entry(), broke, entry(at=NOW - timedelta(days=1), charge=charge(None))])
    found = by_day(connection, since=TODAY - timedelta(days=1))
    assert list(found) == [TODAY - timedelta(days=1), TODAY]
    before, today = found.values()
    assert (before.requests, before.unpriced, before.cost) == (1, 1, 0)
    assert (today.requests, today.complete, today.errors, today.estimated) == (2, 1, 1, 1)
    assert (today.prompt_tokens, today.completion_tokens, today.cost) == (19, 8, 500_010_000_000)
    assert sum(today.first) == sum(today.took) == 2
    assert list(by_day(connection, since=TODAY)) == [TODAY]
    assert list(by_day(connection, since=EVER, until=TODAY)) == [TODAY - timedelta(days=1)]


@pytest.mark.parametrize(
    ("within", "seen"),
    [
        (ALL, {"a", "b", "c", "d"}),
        (Within("acme"), {"b", "c"}),
        (Within("acme", "search"), {"c"}),
        (Within(None, "search"), {"d"}),
        (Within(keys=frozenset({"a", "d"})), {"a", "d"}),
        (Within("acme", keys=frozenset({"a", "b"})), {"b"}),
        (Within(keys=frozenset()), set()),
    ],
)
def test_who_sees_a_part_is_told_of_that_part(connection: Connection, within: Within, seen: set[str]) -> None:
    own = {"a": (None, None), "b": ("acme", None), "c": ("acme", "search"), "d": (None, "search")}
    store.add(
        connection,
        [
            entry(key=key, model=f"lab/{key}", organisation=organisation, project=project)
            for key, (organisation, project) in own.items()
        ],
    )
    found = by_day(connection, since=EVER, within=within)
    assert sum(each.requests for each in found.values()) == len(seen)
    assert {model for model, _, _ in models_since(connection, TODAY, within)} == {f"lab/{key}" for key in seen}
    assert anything(connection, within) == bool(seen)


def test_of_an_empty_ledger_there_is_nothing(connection: Connection) -> None:
    assert (by_day(connection, since=EVER), models_since(connection, EVER), anything(connection)) == ({}, [], False)


def test_who_answered_long_ago_answers_no_more(connection: Connection) -> None:
    store.add(
        connection, [entry(at=NOW - timedelta(days=40), model="lab/old"), entry(), entry(model=None, provider=None)]
    )
    assert models_since(connection, TODAY - timedelta(days=30)) == [("qwen/tiny", "near", "tiny")]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(entries, max_size=6, unique_by=lambda each: each.id))
def test_they_are_the_sums_of_the_roll_ups(connection: Connection, found: list[Entry]) -> None:
    store.add(connection, found)
    days: dict[date, list[Sums]] = {}
    for tally in rollups.tallies(connection, grain="day"):
        assert tally.hour is not None
        days.setdefault(EVER + timedelta(hours=tally.hour), []).append(tally.sums)
    expected = {day: together(sums) for day, sums in days.items()}
    told = by_day(connection, since=EVER)
    assert told.keys() == expected.keys()
    for day, sums in told.items():
        of_caches = {"saved": expected[day].saved, "saved_unknown": expected[day].saved_unknown}
        assert {name: getattr(sums, name) for name in Sums.__slots__ if name not in of_caches} == {
            name: getattr(expected[day], name) for name in Sums.__slots__ if name not in of_caches
        }
