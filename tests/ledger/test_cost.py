"""Money, to the last digit."""

from decimal import Decimal, localcontext
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger import made_up
from weighbridge.catalog.model import Price, Rate
from weighbridge.ledger.cost import SMALLEST, cost, parts, plain, prompt_cost, total
from weighbridge.ledger.entry import Charge
from weighbridge.wire.usage import Source, Usage


def price(
    input_: str, output: str, *, read: str | None = None, write: str | None = None, per_request: str = "0"
) -> Price:
    return Price(
        id="p",
        source="s",
        input=Rate(Decimal(input_)),
        output=Rate(Decimal(output)),
        cache_read=None if read is None else Rate(Decimal(read)),
        cache_write=None if write is None else Rate(Decimal(write)),
        per_request=Decimal(per_request),
    )


TIERED = Price(
    id="p",
    source="s",
    input=Rate(Decimal("1.25"), ((200_000, Decimal("2.5")),)),
    output=Rate(Decimal(10), ((200_000, Decimal(15)),)),
    cache_read=Rate(Decimal("0.31"), ((200_000, Decimal("0.625")),)),
)


@pytest.mark.parametrize(
    ("usage", "row", "expected"),
    [
        (Usage(0, 0), price("0.15", "0.6"), "0"),
        (Usage(19, 10), price("0", "0"), "0"),
        # 19 * 0.15 + 10 * 0.60 = 2.85 + 6 = 8.85 millionths
        (Usage(19, 10), price("0.15", "0.60"), "0.00000885"),
        # 1000 plain * 0.27, 24 cached * 0.07, 512 * 1.10 = 270 + 1.68 + 563.2
        (Usage(1024, 512, cached=24), price("0.27", "1.10", read="0.07"), "0.00083488"),
        # no rate for cached: they pay as the others, 1024 * 0.27 + 512 * 1.10
        (Usage(1024, 512, cached=24), price("0.27", "1.10"), "0.00083968"),
        # 50 plain * 3, 30 read * 0.30, 20 written * 3.75, 7 * 15 = 150 + 9 + 75 + 105
        (Usage(100, 7, cached=30, written=20), price("3", "15", read="0.30", write="3.75"), "0.000339"),
        # unknown and none at all cost the same
        (Usage(100, 7, cached=0, written=0), price("3", "15", read="0.30", write="3.75"), "0.000405"),
        # reasoning is in the completion
        (Usage(1, 100, reasoning=90), price("1", "2"), "0.000201"),
        # more cached than there was: no plain ones, and none below zero
        (Usage(10, 0, cached=20), price("1", "1", read="0.5"), "0.00001"),
        # the tier starts above 200,000 tokens of prompt, cached ones counted, and then all of them pay it
        (Usage(200_000, 10), TIERED, "0.2501"),
        (Usage(200_001, 10), TIERED, "0.5001525"),
        (Usage(200_001, 10, cached=200_000), TIERED, "0.1251525"),
        (Usage(1, 1), price("1", "1", per_request="0.005"), "0.005002"),
        # half of the smallest rounds up, once: 1 * 0.0000005 millionths and 1 * 0.0000005 make one, not two
        (Usage(1, 0), price("0.0000005", "0"), "0.000000000001"),
        (Usage(1, 1), price("0.0000005", "0.0000005"), "0.000000000001"),
        (Usage(1, 0), price("0.0000004", "0"), "0"),
        (Usage(1, 1), price("0.0000004", "0.0000004"), "0.000000000001"),
        (Usage(10**9, 10**9), price("600", "600"), "1200000"),
    ],
)
def test_a_cost_is_what_a_hand_works_out(usage: Usage, row: Price, expected: str) -> None:
    assert cost(usage, row) == Decimal(expected)


counts = st.integers(0, 10**9)
rates = st.decimals(0, 1000, places=6)
tiers = st.lists(st.tuples(st.integers(1, 10**9), rates), max_size=2, unique_by=lambda tier: tier[0])
any_rate = st.builds(lambda base, tiers: Rate(base, tuple(sorted(tiers))), rates, tiers)
prices = st.builds(
    Price,
    id=st.just("p"),
    source=st.just("s"),
    input=any_rate,
    output=any_rate,
    cache_read=st.none() | any_rate,
    cache_write=st.none() | any_rate,
    per_request=st.decimals(0, 1, places=6),
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    prompt = draw(counts)
    cached = draw(st.none() | st.integers(0, prompt))
    return Usage(prompt, draw(counts), cached=cached, written=draw(st.none() | st.integers(0, prompt - (cached or 0))))


@given(usages(), prices)
def test_a_cost_is_the_sum_of_its_parts(usage: Usage, row: Price) -> None:
    found = parts(usage, row)
    with localcontext(prec=60):
        summed = sum((part.amount for part in found), Decimal(0))
    assert abs(summed - cost(usage, row)) <= SMALLEST / 2
    assert len({part.of for part in found}) == len(found)


@given(usages(), prices)
def test_a_cost_is_the_fraction_rounded_once(usage: Usage, row: Price) -> None:
    cached, written = usage.cached or 0, usage.written or 0
    shares = (
        (usage.prompt - cached - written, row.input),
        (cached, row.cache_read or row.input),
        (written, row.cache_write or row.input),
        (usage.completion, row.output),
    )
    exact = sum((tokens * _fraction(rate, usage.prompt) for tokens, rate in shares), Fraction(row.per_request))
    smallest = exact / Fraction(SMALLEST)
    assert Fraction(cost(usage, row)) == Fraction(int(smallest + Fraction(1, 2))) * Fraction(SMALLEST)


def _fraction(rate: Rate, prompt: int) -> Fraction:
    """US dollars for one token."""
    reached = [listed for start, listed in rate.tiers if prompt > start]
    return Fraction(reached[-1] if reached else rate.base) / 1_000_000


@given(st.integers(0, 10**7))
@pytest.mark.parametrize("row", [price("0.27", "1.10"), price("0.15", "0", per_request="0.01"), TIERED])
def test_a_prompt_alone_costs_the_same_by_the_short_way(row: Price, tokens: int) -> None:
    assert prompt_cost(tokens, row) == cost(Usage(tokens, 0), row)


@pytest.mark.parametrize(
    ("amount", "digits"),
    [("0", "0"), ("0E-12", "0"), ("1E-12", "0.000000000001"), ("0.0000042000", "0.0000042"), ("100", "100"),
     ("1E+3", "1000"), ("12.50", "12.5"), ("1200000.000000000000", "1200000")],
)  # fmt: skip
def test_money_is_shown_in_digits(amount: str, digits: str) -> None:
    assert plain(Decimal(amount)) == digits


@given(st.decimals(0, 10**6, places=12))
def test_shown_digits_are_the_amount(amount: Decimal) -> None:
    with localcontext() as exact:
        exact.prec = 40
        assert Decimal(plain(amount)) == amount


_parts = st.lists(made_up.charges, min_size=1, max_size=4)


@given(_parts)
def test_what_several_did_is_summed_to_the_last_digit(parts: list[Charge]) -> None:
    whole = total(parts)
    assert whole.usage.prompt == sum(part.usage.prompt for part in parts)
    assert whole.usage.completion == sum(part.usage.completion for part in parts)
    known = [part.cost for part in parts if part.cost is not None]
    assert whole.cost == (sum(known, Decimal(0)) if len(known) == len(parts) else None)
    assert (whole.price_id is None) or all(part.price_id == whole.price_id for part in parts)


@pytest.mark.parametrize(
    ("counted", "by"),
    [
        (("provider", "provider"), "provider"),
        (("provider", "estimate"), "estimate"),
        (("estimate", "engine"), "estimate"),
        (("engine", "provider"), "provider"),
        (("engine", "engine"), "engine"),
    ],
)
def test_a_sum_is_as_sure_as_the_least_sure_part(counted: tuple[Source, ...], by: Source) -> None:
    assert total([made_up.charge(counted_by=each) for each in counted]).counted_by == by


def test_a_part_that_nobody_told_is_unknown_and_one_that_somebody_told_is_summed() -> None:
    usages = [Usage(10, 1, cached=4), Usage(20, 2)]
    assert total([made_up.charge(usage=usage) for usage in usages]).usage == Usage(30, 3, cached=4)


def test_the_price_of_a_sum_is_named_if_it_was_the_same() -> None:
    here, there = made_up.charge(), msgspec.structs.replace(made_up.charge(), price_id="list:far/tiny")
    assert total([here, here]).price_id == "list:near/tiny"
    assert (total([here, there]).price_id, total([here, there]).price_source) == (None, None)
