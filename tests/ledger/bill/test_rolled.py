"""A bill's tallies out of the roll-ups: the sums of the entries, and what is told apart."""

from datetime import date, timedelta
from decimal import Decimal

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger.made_up import NOW, charge, entry
from weighbridge.db import Connection
from weighbridge.ledger import store
from weighbridge.ledger.bill import reading
from weighbridge.ledger.bill.book import Apart
from weighbridge.ledger.bill.rolled import InRollUps
from weighbridge.ledger.bill.tally import NO_CUTS, Cuts, Tally
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.within import ALL, Within
from weighbridge.wire.usage import Source, Usage

MONTH = NOW.replace(day=1, hour=0)
NEXT = MONTH.replace(month=12)
AT_ONCE = Cuts(days=())


def all_of(
    connection: Connection, cuts: Cuts = AT_ONCE, apart: tuple[Apart, ...] = (), within: Within = ALL
) -> list[Tally]:
    return list(InRollUps(connection, MONTH, NEXT, within).tallies(cuts, apart, lambda done, total: None))


def test_alike_requests_of_many_days_and_keys_are_one_tally_with_their_sums(connection: Connection) -> None:
    usage = Usage(1000, 50, cached=400, written=100, reasoning=20)
    added = [entry(at=NOW - timedelta(days=day), key=f"key-{day}", charge=charge("0.5", usage)) for day in range(3)]
    store.add(connection, added)
    (found,) = all_of(connection)
    assert (found.entries, found.requests, found.cost, found.priced) == (3, 3, Decimal("1.5"), True)
    assert (found.prompt, found.completion, found.fresh, found.cached, found.written) == (3000, 150, 1500, 1200, 300)
    assert (found.reasoning, found.untold, found.longest, found.longest_whole) == (60, 0, 1000, 1050)
    assert (found.model, found.provider, found.key, found.counted_by) == ("qwen/tiny", "near", "", "provider")


def test_what_is_counted_otherwise_elsewhere_is_told_apart(connection: Connection) -> None:
    different = [
        entry(),
        entry(model=None, asked_model="odd", charge=None),
        entry(provider="far"),
        entry(charge=msgspec.structs.replace(charge(None), price_id=None)),
        entry(charge=charge(counted_by="estimate")),
        entry(charge=charge("0.00001", Usage(12, 5, cached=2))),
        entry(charge=charge("0.00001", Usage(12, 5, reasoning=2)), key="key-2"),
        entry(imported="a file"),
    ]
    store.add(connection, [different[0], *different[1:5], different[7]])
    assert [each.entries for each in all_of(connection)] == [1] * 6
    assert [each.model for each in all_of(connection) if each.counted_by is None] == ["odd"]
    assert [each.priced for each in all_of(connection)].count(False) == 1
    store.add(connection, different[6:7])
    assert [each.reasoning for each in all_of(connection, apart=("key",)) if each.key == "key-2"] == [2]


def test_days_and_hours_are_told_apart_at_the_cuts(connection: Connection) -> None:
    store.add(connection, [entry(at=NOW - timedelta(days=2)), entry(), entry(at=NOW + timedelta(hours=3))])
    assert len(all_of(connection)) == 1
    assert len(all_of(connection, Cuts(days=(date(2026, 11, 21),)))) == 2
    assert len(all_of(connection, Cuts(hours=(13 * 3_600_000_000,), days=()))) == 2
    assert {each.day for each in all_of(connection, NO_CUTS)} == {NOW.date(), NOW.date() - timedelta(days=2)}


def test_who_asked_is_told_where_it_is_wanted(connection: Connection) -> None:
    whose = {"organisation": "acme", "project": "search", "tags": ("a", "b"), "key_tags": ("a",)}
    store.add(connection, [entry(**whose), entry()])
    assert len(all_of(connection)) == 1
    apart: tuple[Apart, ...] = ("model", "provider", "key", "organisation", "project", "tags")
    found = {each.organisation: each for each in all_of(connection, apart=apart)}
    assert (found["acme"].project, found["acme"].tags, found["acme"].key_tags) == ("search", ("a", "b"), ("a",))
    assert [each.entries for each in all_of(connection, within=Within("acme"))] == [1]


_sources: st.SearchStrategy[Source] = st.sampled_from(("provider", "engine", "estimate", "cache"))
_usages = st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**5), cached=st.none() | st.integers(0, 10**5))
_entries = st.builds(
    lambda usage, source, cost, hours, model: entry(
        charge=charge(cost, usage, source), at=MONTH + timedelta(hours=hours), model=model
    ),
    _usages,
    _sources,
    st.none() | st.integers(0, 10**9).map(lambda smallest: f"0.{smallest:012}"),
    st.integers(0, 30 * 24 - 1),
    st.sampled_from(("lab/one", "lab/other", None)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(st.lists(_entries, max_size=20))
def test_they_sum_up_to_what_the_entries_do(connection: Connection, added: list[Entry]) -> None:
    store.add(connection, added)
    rolled = all_of(connection)
    read = list(reading.tallies(connection, since=MONTH, until=NEXT))
    for name in ("entries", "requests", "prompt", "completion", "cached", "cost"):
        assert sum(getattr(each, name) for each in rolled) == sum(getattr(each, name) for each in read)
