"""The same requests on another model: exact where nothing changes, monotone in price, and nothing dropped."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.bill.made_up import NOON, price, prices, replaced, tally, target, usages
from weighbridge.catalog.model import Endpoint, Price, Rate
from weighbridge.catalog.tokenizers import Ratio
from weighbridge.ledger.bill.modelled import Bases, Seen, Target, Traits
from weighbridge.ledger.bill.recount import Recount, best, multiple
from weighbridge.ledger.bill.tally import Measured, Tally
from weighbridge.wire.usage import Usage

HERE = Traits("here")
SAME_TEXT: dict[str | None, Ratio] = {"lab/here": Ratio(Decimal(1), Decimal(1), Decimal(1))}


def money(*amounts: float | str) -> tuple[Decimal, ...]:
    return tuple(Decimal(each) for each in amounts)


def with_rate(row: Price, part: str, rate: Rate) -> Price:
    return replace(row, **{part: rate})  # type: ignore[arg-type] # one of its rates


def recounted(on: Target, *tallies: Tally, here: Traits = HERE, by: tuple[str, ...] = ("model",)) -> Recount:
    recount = Recount(on, by, {"lab/here": here})  # type: ignore[arg-type] # names of dimensions
    for each in tallies:
        recount.add(each)
    return recount


@given(st.lists(st.tuples(usages, st.integers(1, 5)), max_size=8), prices)
def test_on_the_same_model_and_price_it_is_the_bill_to_the_last_digit(
    many: list[tuple[Usage, int]], row: Price
) -> None:
    tallies = [tally(usage, row, entries=entries) for usage, entries in many]
    recount = recounted(target(row, model="lab/here", provider="near"), *tallies)
    paid = sum((each.cost for each in tallies), Decimal(0))
    assert recount.total.recorded == paid
    assert recount.total.there == (paid, paid, paid)


@given(st.lists(usages, min_size=1, max_size=8), prices, st.integers(0, 3), st.integers(0, 10**8))
def test_a_dearer_price_makes_no_request_cheaper(many: list[Usage], row: Price, which: int, more: int) -> None:
    part = ("input", "output", "cache_read", "cache_write")[which]
    rate = getattr(row, part) or row.input
    extra = Decimal(more).scaleb(-6)
    dear = Rate(rate.base + extra, tuple((start, each + extra) for start, each in rate.tiers))
    both = [
        recounted(target(one), *(tally(usage, price()) for usage in many)).total.there
        for one in (with_rate(row, part, rate), with_rate(row, part, dear))
    ]
    assert all(cheap <= dearer for cheap, dearer in zip(*both, strict=True))


@given(
    st.lists(st.tuples(usages, st.sampled_from("abc"), st.sampled_from("xy"), st.integers(1, 28)), max_size=20), prices
)
def test_segments_add_up_to_the_total_to_the_last_digit(many: list[tuple[Usage, str, str, int]], row: Price) -> None:
    tallies = [
        tally(usage, price(), model="lab/here", key=key, project=project, at=NOON.replace(day=day))
        for usage, key, project, day in many
    ]
    recount = recounted(target(row), *tallies, by=("model", "key", "project", "day"))
    segments = recount.segments.values()
    assert sum(each.requests for each in segments) == recount.total.requests == len(many)
    assert sum((each.recorded for each in segments), Decimal(0)) == recount.total.recorded
    for scenario in range(3):
        assert sum((each.there[scenario] for each in segments), Decimal(0)) == recount.total.there[scenario]


@given(usages, prices)
def test_what_is_expected_is_between_the_bounds(usage: Usage, row: Price) -> None:
    row = replace(row, cache_read=row.input)  # a cache that is dearer than none turns the bounds round
    low, middle, high = recounted(target(replace(row, cache_write=None)), tally(usage, price())).total.there
    if not row.input.tiers and not row.output.tiers:
        assert low <= middle <= high


def test_a_tokenizer_that_makes_more_tokens_costs_more_and_says_between_what() -> None:
    ratios = {"lab/here": Ratio(Decimal("1.5"), Decimal("1.2"), Decimal(2))}
    found = recounted(target(price("1", "2"), ratios=ratios), tally(Usage(1_000_000, 100_000), price("10", "20")))
    assert found.total.recorded == 12
    assert found.total.there == (Decimal("1.44"), Decimal("1.8"), Decimal("2.4"))
    assert str(multiple(found.total)) == "6.7x cheaper (5.0 to 8.3)"


def test_a_dearer_model_is_said_to_be_dearer() -> None:
    found = recounted(target(price("10", "20"), ratios=SAME_TEXT), tally(Usage(1_000_000, 0), price("4", "8")))
    assert str(multiple(found.total)) == "2.5x dearer"


def test_what_costs_nothing_has_no_multiple() -> None:
    free = recounted(target(price("0", "0")), tally(Usage(1_000, 10), price()))
    assert multiple(free.total) is None
    assert free.total.requests == 1


def test_prices_are_those_of_the_day_and_the_hour() -> None:
    night = (time(20, tzinfo=UTC), time(6, tzinfo=UTC))
    rows = (price("1", "0"), price("2", "0", since=date(2026, 11, 10)), price("8", "0", hours=night))
    early, late = replaced(tally(Usage(1_000_000, 0), price()), at=datetime(2026, 11, 9, 12, tzinfo=UTC)), NOON
    found = recounted(
        target(*rows, ratios=SAME_TEXT),
        early,
        replaced(early, at=late),
        replaced(early, at=late.replace(hour=21)),
        by=("day",),
    )
    assert {day: each.there[1] for (day,), each in found.segments.items()} == {"2026-11-09": 1, "2026-11-22": 10}


def test_a_longer_tokenizer_may_reach_a_dearer_tier() -> None:
    row = Price("list:row", "a list", Rate(Decimal(1), ((200_000, Decimal(3)),)), Rate(Decimal(0)))
    ratios = {"lab/here": Ratio(Decimal(1), Decimal(1), Decimal("1.25"))}
    low, middle, high = recounted(target(row, ratios=ratios), tally(Usage(180_000, 0), price())).total.there
    assert (low, middle, high) == (Decimal("0.18"), Decimal("0.18"), Decimal("0.675"))


@pytest.mark.parametrize(
    ("reasons", "seen", "here", "usage", "there", "basis"),
    [
        (False, None, HERE, Usage(0, 1000, reasoning=0), (1000, 1000, 1000), "none"),
        (False, None, Traits("here", True), Usage(0, 1000, reasoning=800), (200, 200, 200), "dropped"),
        (None, None, Traits("here", True), Usage(0, 1000, reasoning=800), (200, 200, 1000), "unknown"),
        (None, ("1", "1.5", "2"), HERE, Usage(0, 1000), (2000, 2500, 3000), "seen"),
        (True, None, HERE, Usage(0, 1000), (1000, 3000, 6000), "default"),
        (True, None, Traits("here", True), Usage(0, 1000, reasoning=800), (600, 1000, 3400), "default"),
        (True, None, Traits("here", True), Usage(0, 1000), (1000, 1000, 4000), "default"),
        (True, ("1", "1.5", "2"), HERE, Usage(0, 1000, reasoning=0), (2000, 2500, 3000), "seen"),
        (True, ("1", "1.5", "2"), Traits("here", True), Usage(0, 1000, reasoning=800), (400, 500, 600), "seen"),
    ],
)  # fmt: skip
def test_reasoning_is_added_dropped_or_as_it_was_seen(  # noqa: PLR0917 - a row of the table
    reasons: bool | None,
    seen: tuple[str, str, str] | None,
    here: Traits,
    usage: Usage,
    there: tuple[int, int, int],
    basis: str,
) -> None:
    low, middle, high = map(Decimal, seen or ("0", "0", "0"))
    on = target(
        price("0", "1000000"),
        ratios=SAME_TEXT,
        traits=Traits("there", reasons),
        seen=Seen(200, (low, middle, high) if seen else None),
    )
    found = recounted(on, tally(usage, price()), here=here)
    assert found.total.there == money(*there)
    assert [bases.reasoning for _, bases in found.rests] == [basis]


@pytest.mark.parametrize(
    ("cached", "seen", "there", "basis"),
    [
        (0, None, (1000, 1000, 1000), "none"),
        (600, None, (460, 730, 1000), "default"),
        (600, ("0.9", "0.5", "0.1"), (190, 550, 910), "seen"),
        (0, ("0.9", "0.5", "0.1"), (190, 550, 910), "seen"),
    ],
)
def test_what_comes_from_a_cache_is_as_it_was_seen_or_between_none_and_what_was_recorded(
    cached: int, seen: tuple[str, str, str] | None, there: tuple[int, int, int], basis: str
) -> None:
    high, middle, low = map(Decimal, seen or ("0", "0", "0"))
    on = target(
        price("1000000", "0", "100000"),
        ratios=SAME_TEXT,
        seen=Seen(200, None, {"far": (high, middle, low)} if seen else {}),
    )
    found = recounted(on, tally(Usage(1000, 0, cached=cached), price()))
    assert found.total.there == money(*there)
    assert [bases.cache for _, bases in found.rests] == [basis]


GAPS: dict[str, tuple[Target, dict[str, object]]] = {
    "not offered": (replace(target(price()), endpoint=Endpoint("far", "m", "m", (price(),), until=NOON.date())), {}),
    "no price": (target(), {}),
    "too long": (target(price(), context=1000), {}),
    "another kind": (target(price(), traits=Traits("there", embeds=True)), {}),
    "unpriced": (target(price()), {"priced": False, "cost": Decimal(0)}),
}


@pytest.mark.parametrize("why", GAPS)
def test_what_cannot_be_compared_is_named_with_what_it_cost(why: str) -> None:
    on, more = GAPS[why]
    bad = replaced(tally(Usage(1000, 1), price()), **more)
    found = recounted(on, bad)
    assert found.total.entries == 0
    assert {gap: (each.requests, each.recorded) for gap, each in found.gaps.items()} == {why: (1, bad.cost)}


def test_what_may_not_be_asked_there_is_named() -> None:
    recount = Recount(target(price()), ("model",), {}, lambda tally: "public" in tally.tags)
    recount.add(tally(Usage(1000, 1), price()))
    recount.add(replaced(tally(Usage(1000, 1), price()), tags=("public",)))
    assert (recount.total.requests, recount.gaps["not allowed"].requests) == (1, 1)


def test_what_has_no_price_here_is_counted_there_all_the_same() -> None:
    found = recounted(
        target(price("1000000", "0"), ratios=SAME_TEXT),
        tally(Usage(7, 0), price(), priced=False, cost=Decimal(0)),
        tally(Usage(5, 0), price("3000000", "0")),
    )
    assert (found.total.there[1], found.gaps["unpriced"].there[1]) == money(5, 7)
    assert str(multiple(found.total)) == "3.0x cheaper"


def test_an_answer_that_was_given_again_costs_nothing_there_either() -> None:
    found = recounted(target(price()), tally(Usage(9, 9), price(), counted_by="cache", cost=Decimal(0)))
    assert (found.total.requests, found.total.there) == (1, money(0, 0, 0))


def test_what_nothing_was_used_for_is_in_no_comparison() -> None:
    idle = Tally(at=NOON, model="lab/here", counted_by=None, priced=False)
    found = recounted(target(price()), idle)
    assert (found.total.entries, found.gaps) == (0, {})


def test_an_entry_that_puts_another_right_is_counted_again_as_well_and_is_no_request() -> None:
    on = target(price("1000000", "0"), ratios=SAME_TEXT)
    right = tally(Usage(100, 0), price("2000000", "0"))
    difference = replaced(right, prompt=-40, fresh=-40, longest=-40, longest_whole=-40, cost=Decimal(-80), adjusts=True)
    found = recounted(on, right, difference)
    assert found.total.requests == 1
    assert (found.total.recorded, found.total.there[1]) == money(120, 60)


def test_kept_texts_are_counted_in_the_place_of_a_ratio() -> None:
    """The requests whose text is kept are taken out of the sum, and put in again as they were counted."""
    on = target(price("1000000", "1000000"))
    many = tally(Usage(100, 10), price(), entries=3)
    one = tally(Usage(100, 10), price())
    out = replaced(
        one, **{name: -getattr(one, name) for name in ("entries", "prompt", "fresh", "completion", "untold", "cost")}
    )
    found = recounted(on, many, out, replaced(one, measured=Measured(Decimal("1.5"), Decimal(2))))
    assert (found.total.requests, found.total.recorded) == (3, many.cost)
    assert found.total.there[1] == 2 * 110 + 150 + 20
    assert {bases.text for _, bases in found.rests} == {"ratio", "kept"}


def test_the_endpoint_that_most_can_be_compared_with_is_best_then_the_cheapest() -> None:
    dear, cheap, short = price("3", "3"), price("2", "2"), price("1", "1")
    tallies = [tally(Usage(1000, 10), price()), tally(Usage(90_000, 10), price())]
    all_of_them = [
        recounted(target(dear), *tallies),
        recounted(target(cheap, provider="near"), *tallies),
        recounted(target(short, provider="short", context=32_000), *tallies),
    ]
    assert best(all_of_them).target.endpoint.provider == "near"


def test_the_bases_are_told_by_the_model_that_was_replaced() -> None:
    found = recounted(target(price()), tally(Usage(1, 1), price(), entries=3))
    assert {key: rest.requests for key, rest in found.rests.items()} == {
        ("lab/here", Bases("ratio", "unknown", "none")): 3
    }
