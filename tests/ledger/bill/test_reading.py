"""The ledger's tallies for a bill: every entry of the time in one of them, whatever the cuts."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger.made_up import NOW, charge, entry
from weighbridge.db import Connection
from weighbridge.ledger import store
from weighbridge.ledger.bill import reading
from weighbridge.ledger.bill.seen import ENOUGH, Sight, seen
from weighbridge.ledger.bill.tally import Cuts, Tally
from weighbridge.ledger.entry import Entry
from weighbridge.wire.usage import Source, Usage

MONTH = NOW.replace(day=1, hour=0)
NEXT = MONTH.replace(month=12)


def all_of(connection: Connection, cuts: Cuts | None = None, *, by_user: bool = False) -> list[Tally]:
    return list(reading.tallies(connection, since=MONTH, until=NEXT, cuts=cuts or Cuts(), by_user=by_user))


def test_alike_entries_are_one_tally_with_their_sums(connection: Connection) -> None:
    usage = Usage(1000, 50, cached=400, written=100, reasoning=20)
    store.add(connection, [entry(charge=charge("0.5", usage)), entry(charge=charge("0.25", usage))])
    (found,) = all_of(connection)
    assert (found.entries, found.requests, found.cost) == (2, 2, Decimal("0.75"))
    assert (found.prompt, found.completion, found.fresh, found.cached, found.written) == (2000, 100, 1000, 800, 200)
    assert (found.reasoning, found.untold, found.longest, found.longest_whole) == (40, 0, 1000, 1050)
    assert (found.model, found.provider, found.key, found.day) == ("qwen/tiny", "near", "key-1", NOW.date())


def test_what_differs_for_a_bill_is_told_apart(connection: Connection) -> None:
    different = [
        entry(),
        entry(key="key-2"),
        entry(model=None, asked_model="odd", charge=None),
        entry(charge=charge(None)),
        entry(charge=charge(counted_by="estimate")),
        entry(imported="a file"),
        entry(corrects="wbr-1", charge=charge("0.00001", Usage(-5, -1, cached=-9))),
        entry(at=NOW + timedelta(days=1)),
        entry(project="p"),
    ]
    store.add(connection, different)
    found = all_of(connection)
    assert [each.entries for each in found] == [1] * len(different)
    assert sum(each.requests for each in found) == len(different) - 1
    assert [(each.fresh, each.cached) for each in found if each.adjusts] == [(4, -9)]
    assert [each.model for each in found if each.counted_by is None] == ["odd"]


def test_users_are_told_apart_when_asked_only(connection: Connection) -> None:
    store.add(connection, [entry(user="ann"), entry(user="bob"), entry(user=None)])
    assert len(all_of(connection)) == 1
    assert {each.user for each in all_of(connection, by_user=True)} == {"ann", "bob", None}


def test_the_month_ends_where_the_next_begins(connection: Connection) -> None:
    moments = (MONTH - timedelta(microseconds=1), MONTH, NEXT - timedelta(microseconds=1), NEXT)
    store.add(connection, [entry(at=at) for at in moments])
    assert sorted(each.at for each in all_of(connection)) == [moments[1], moments[2]]


def test_cuts_tell_apart_what_a_price_would(connection: Connection) -> None:
    hour = 3_600_000_000
    sizes = (10, 11, 20, 21)
    store.add(connection, [entry(charge=charge(usage=Usage(size, 0))) for size in sizes])
    store.add(connection, [entry(at=NOW.replace(hour=at), charge=charge(usage=Usage(5, 0))) for at in (1, 2, 7, 8)])
    found = all_of(connection, Cuts(hours=(2 * hour, 8 * hour), prompts=(10, 20)))
    assert sorted((each.at.hour, each.longest, each.entries) for each in found) == [
        (1, 5, 1), (2, 5, 2), (8, 10, 2), (12, 20, 2), (12, 21, 1),
    ]  # fmt: skip
    wholes = all_of(connection, Cuts(wholes=(15,)))
    assert sorted(each.entries for each in wholes if each.longest >= 10) == [2, 6]


_sizes = st.integers(0, 10**6)
_entries = st.builds(
    lambda minutes, prompt, completion, cost, by: entry(
        at=MONTH + timedelta(minutes=minutes), charge=charge(cost, Usage(prompt, completion), by)
    ),
    st.integers(0, 30 * 24 * 60 - 1),
    _sizes,
    _sizes,
    st.none() | st.integers(0, 10**18).map(lambda smallest: f"{smallest}E-12"),
    st.sampled_from(("provider", "estimate", "engine")),
)
_cuts = st.lists(st.integers(1, 10**6), max_size=3).map(lambda many: tuple(sorted(set(many))))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.lists(_entries, max_size=30), st.builds(Cuts, hours=_cuts, prompts=_cuts, wholes=_cuts))
def test_nothing_is_lost_and_nothing_is_counted_twice(connection: Connection, added: list[Entry], cuts: Cuts) -> None:
    before = all_of(connection)
    store.add(connection, added)
    found = all_of(connection, cuts)
    charges = [each.charge for each in added if each.charge is not None]
    assert sum(each.entries for each in found) == sum(each.entries for each in before) + len(added)
    assert sum(each.prompt for each in found) == sum(each.prompt for each in before) + sum(
        each.usage.prompt for each in charges
    )
    paid = sum((each.cost for each in charges if each.cost is not None), Decimal(0))
    assert sum((each.cost for each in found), Decimal(0)) == sum((each.cost for each in before), Decimal(0)) + paid


def test_the_roll_ups_tell_of_as_many(connection: Connection) -> None:
    store.add(connection, [entry(), entry(corrects="wbr-1"), entry(at=NEXT)])
    assert reading.summed(connection, since=MONTH, until=NEXT) == 2


def test_progress_is_told_from_nothing_to_all(connection: Connection) -> None:
    store.add(connection, [entry(id=f"wbr-{at:012x}{'0' * 20}") for at in range(0, 10**9, 10**7)])
    told: list[tuple[int, int]] = []
    found = list(
        reading.tallies(connection, since=MONTH, until=NEXT, progress=lambda done, total: told.append((done, total)))
    )
    assert (told[0][0], told[-1][0]) == (0, told[-1][1])
    assert len(told) > 10
    assert sum(each.entries for each in found) == 100


def sight(**more: int) -> Sight:
    given = {"requests": 60, "prompt": 1000, "cached": 0, "completion": 100, "reasoning": 0, **more}
    return Sight("far", **given)


@pytest.mark.parametrize(
    ("sights", "reasoning"),
    [
        ([], None),
        ([sight(reasoning=50, requests=ENOUGH - 1)], None),
        ([sight(), sight()], None),
        ([sight(reasoning=50), sight(reasoning=50)], (0.5, 1, 1.5)),
        ([sight(reasoning=50), sight(reasoning=50), sight(reasoning=50)], (1, 1, 1)),
        ([sight(reasoning=20), sight(reasoning=50), sight(reasoning=80)], (0.25, 1, 4)),
    ],
)
def test_how_long_a_model_reasons_is_believed_when_it_was_seen_often_enough(
    sights: list[Sight], reasoning: tuple[float, float, float] | None
) -> None:
    found = seen(sights).reasoning
    assert (found and tuple(map(float, found))) == reasoning


def test_the_share_from_a_cache_is_seen_by_provider() -> None:
    found = seen([sight(cached=200), sight(cached=500), sight(cached=800)])
    assert {name: tuple(map(float, rate)) for name, rate in found.cached.items()} == {"far": (0.8, 0.5, 0.2)}


def test_the_ledger_is_asked_what_it_has_seen_of_a_model(connection: Connection) -> None:
    def answers(count: int, usage: Usage, by: Source = "provider") -> list[Entry]:
        return [entry(charge=charge(usage=usage, counted_by=by)) for _ in range(count)]

    store.add(connection, answers(ENOUGH, Usage(100, 40, cached=25, reasoning=30)))
    store.add(connection, answers(50, Usage(999, 999, reasoning=999), "estimate"))
    store.add(connection, [entry(model="qwen/other")])
    found = reading.seen_of(connection, "qwen/tiny")
    assert found.requests == ENOUGH
    assert found.reasoning is not None
    assert [found.reasoning[1], found.cached["near"][1]] == [Decimal(3), Decimal("0.25")]
