"""The ledger's sums of itself are those of its entries, to the last digit, whoever writes and whatever is asked."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.engines import Fresh, tampering
from tests.ledger import made_up
from tests.ledger.made_up import NOW, charge, entry, later
from weighbridge import db
from weighbridge.ledger import store
from weighbridge.ledger.entry import Charge, Entry
from weighbridge.ledger.rollups import ARCHIVED, differences, tallies
from weighbridge.ledger.summing import WORTH_IT
from weighbridge.ledger.tally import BOUNDS, BUCKETS, Grain, Sums, Tally, together
from weighbridge.wire.usage import Usage


def bucket(seconds: float | None) -> int | None:
    return None if seconds is None else sum(bound <= round(seconds * 1e6) for bound in BOUNDS)


def counted(ones: Sequence[Entry]) -> Sums:
    """The sums of entries, worked out from the entries alone."""
    requests = [one for one in ones if one.corrects is None]
    charges = [one.charge for one in ones if one.charge is not None]
    firsts, tooks = (
        Counter(bucket(one.first_byte) for one in requests),
        Counter(bucket(one.duration) for one in requests),
    )
    return Sums(
        requests=len(requests),
        adjustments=len(ones) - len(requests),
        complete=sum(one.ending == "complete" for one in requests),
        errors=sum(one.ending not in ("complete", "client_left") for one in requests),
        estimated=sum(one.charge is not None and one.charge.counted_by == "estimate" for one in requests),
        unpriced=sum(one.charge is not None and one.charge.cost is None for one in requests),
        prompt_tokens=sum(each.usage.prompt for each in charges),
        completion_tokens=sum(each.usage.completion for each in charges),
        cached_tokens=sum(each.usage.cached or 0 for each in charges),
        written_tokens=sum(each.usage.written or 0 for each in charges),
        reasoning_tokens=sum(each.usage.reasoning or 0 for each in charges),
        cost=sum(int(each.cost.scaleb(12)) for each in charges if each.cost is not None),
        first_bytes=sum(one.first_byte is not None for one in requests),
        first_byte=sum(round(one.first_byte * 1e6) for one in requests if one.first_byte is not None),
        duration=sum(round(one.duration * 1e6) for one in requests),
        first=tuple(firsts[place] for place in range(14)),
        took=tuple(tooks[place] for place in range(14)),
    )


def summed(found: Sequence[Tally]) -> Sums:
    return together(tally.sums for tally in found)


@settings(deadline=None)
@given(st.lists(made_up.entries, max_size=8, unique_by=lambda one: one.id))
def test_sums_are_those_of_the_entries_by_every_way_to_ask(fresh: Fresh, ones: list[Entry]) -> None:
    with fresh() as connection:
        store.add(connection, ones)
        expected = counted(ones)
        for by_user in (False, True):
            for grain in get_args(Grain):
                assert summed(tallies(connection, grain=grain, by_user=by_user)) == expected
        for key in {one.key for one in ones}:
            own = [one for one in ones if one.key == key]
            assert summed(tallies(connection, only={"key": key})) == counted(own)
        for user in {one.user for one in ones}:
            theirs = [one for one in ones if one.user == user]
            assert summed(tallies(connection, only={"user": user})) == counted(theirs)
        assert differences(connection) == []


@pytest.mark.parametrize("count", [WORTH_IT - 1, WORTH_IT, 150])
def test_a_group_is_summed_up_once_whoever_does_it(fresh: Fresh, count: int) -> None:
    with fresh() as connection:
        ones = [entry(at=later(hours / 7), duration=2.0**hours / 50) for hours in range(count % 64)]
        ones += [entry(charge=None, first_byte=None) for _ in range(count - len(ones))]
        store.add(connection, ones)
        assert summed(tallies(connection)) == counted(ones)
        assert differences(connection) == []


def test_a_group_that_cannot_be_written_leaves_the_sums_to_the_trigger_and_as_they_were(tmp_path: Path) -> None:
    with closing(db.connect(tmp_path / "ledger.db")) as connection:
        db.migrate(connection)
        ones = [entry() for _ in range(WORTH_IT)]
        with pytest.raises(db.Error):
            store.add(connection, [*ones, ones[0]])
        assert summed(tallies(connection)).requests == 0
        store.add(connection, ones[:1])
        assert (summed(tallies(connection)), differences(connection)) == (counted(ones[:1]), [])


@given(st.lists(made_up.entries, max_size=8, unique_by=lambda one: one.id))
def test_what_was_there_before_is_summed_by_the_migration(ones: list[Entry]) -> None:
    steps = db.shipped()
    with closing(db.connect(Path(":memory:"))) as connection:
        db.migrate(connection, {number: step for number, step in steps.items() if number < 8})
        for one in ones:
            store.add(connection, [one])
        db.migrate(connection, steps)
        assert summed(tallies(connection)) == counted(ones)
        assert differences(connection) == []


def test_an_hour_is_taken_whole_so_that_nothing_asked_for_is_left_out(fresh: Fresh) -> None:
    with fresh() as connection:
        times = [NOW + timedelta(minutes=minutes) for minutes in (-1, 0, 59, 60, 119, 120)]
        store.add(connection, [entry(at=at) for at in times])
        found = tallies(connection, since=NOW + timedelta(minutes=30), until=NOW + timedelta(minutes=90), grain="hour")
        start = int(NOW.timestamp()) // 3600
        assert [(tally.hour, tally.sums.requests) for tally in found] == [(start, 2), (start + 1, 2)]
        assert summed(tallies(connection, since=NOW, until=NOW)).requests == 0


def test_a_day_begins_at_midnight(fresh: Fresh) -> None:
    with fresh() as connection:
        store.add(connection, [entry(at=NOW), entry(at=later(0.4)), entry(at=later(0.6))])
        found = tallies(connection, grain="day")
        assert sorted((tally.hour, tally.sums.requests) for tally in found) == [
            (int(NOW.timestamp()) // 86400 * 24, 2),
            (int(NOW.timestamp()) // 86400 * 24 + 24, 1),
        ]


def test_an_adjustment_is_no_request_and_its_figures_count(fresh: Fresh) -> None:
    with fresh() as connection:
        first = entry(charge=charge("0.5", Usage(100, 50), "estimate"))
        less = entry(corrects=first.id, charge=charge("-0.25", Usage(-10, 5)), first_byte=None, duration=0.0)
        store.add(connection, [first, less])
        sums = summed(tallies(connection))
        assert (sums.requests, sums.adjustments, sums.complete, sums.estimated) == (1, 1, 1, 1)
        assert (sums.prompt_tokens, sums.completion_tokens, sums.cost) == (90, 55, 250_000_000_000)
        assert (sums.first_bytes, sum(sums.took)) == (1, 1)
        assert differences(connection) == []


def test_sums_of_costs_may_be_more_than_a_column_holds(fresh: Fresh) -> None:
    with fresh() as connection:
        store.add(connection, [entry(charge=charge("9000000.000000000001")) for _ in range(3)])
        assert summed(tallies(connection)).cost == 27_000_000 * 10**12 + 3


def test_an_answer_given_again_saves_what_it_had_cost(fresh: Fresh) -> None:
    with fresh() as connection:
        paid = entry(charge=charge("1.000000000001"))
        again = Charge(Usage(12, 5), "cache", Decimal(0), "cache", "hit", None)
        copies = [entry(charge=again, provider=None, upstream_request=of) for of in (paid.id, paid.id, "wbr-gone")]
        left = entry(charge=again, provider=None, upstream_request=paid.id, ending="client_left")
        store.add(connection, [paid])
        store.add(connection, [*copies, left])
        for by_user in (False, True):
            sums = summed(tallies(connection, by_user=by_user))
            assert (sums.given_again, sums.saved, sums.saved_unknown) == (3, 2 * 10**12 + 2, 1)


@pytest.mark.parametrize("column", ["requests", "cost_low", "prompt_tokens", "took_3"])
def test_a_sum_that_is_off_by_one_is_found(fresh: Fresh, column: str) -> None:
    with fresh() as connection:
        store.add(connection, [entry(), entry(at=later(1))])
        connection.execute(f"UPDATE rollup SET {column} = {column} + 1 WHERE hour = ?", (int(NOW.timestamp()) // 3600,))
        (found,) = differences(connection)
        assert (found.hour, found.by) == (int(NOW.timestamp()) // 3600, {column.replace("cost_low", "cost"): 1})


def test_an_entry_that_no_sum_knows_is_found(fresh: Fresh) -> None:
    with fresh() as connection:
        store.add(connection, [entry()])
        with tampering(connection):
            store.add(connection, [entry()])
        (found,) = differences(connection)
        assert found.by["requests"] == -1


def test_sums_stay_when_the_entries_are_taken_back(fresh: Fresh) -> None:
    """A group that fails leaves neither."""
    with fresh() as connection:
        once = entry()
        store.add(connection, [once])
        with pytest.raises(db.Error):
            store.add(connection, [entry(), replace(once, user="twice")])
        assert summed(tallies(connection)).requests == 1
        assert differences(connection) == []


def test_users_of_entries_that_are_gone_are_one_so_that_totals_stay(fresh: Fresh) -> None:
    with fresh() as connection:
        store.add(connection, [entry(user="ann"), entry(user="ben"), entry(user=None)])
        with tampering(connection):
            connection.execute("DELETE FROM entry WHERE end_user = 'ben'")
        found = {tally.user: tally.sums.requests for tally in tallies(connection, by_user=True)}
        assert found == {"ann": 1, None: 1, ARCHIVED: 1}
        assert [tally.user for tally in tallies(connection, only={"user": ARCHIVED})] == [ARCHIVED]


def test_the_migration_and_this_code_have_the_same_buckets(fresh: Fresh) -> None:
    with fresh() as connection:
        seconds = [0.0, *(bound / 1e6 for bound in BOUNDS), *((bound - 1) / 1e6 for bound in BOUNDS), 1e4]
        store.add(connection, [entry(first_byte=each, duration=each) for each in seconds])
        sums = summed(tallies(connection))
        assert sums.first == sums.took == (2, *(2,) * 12, 2)
        assert BUCKETS == 14
