"""Whatever both lists say: ours and the differences make theirs, in every measure, to the last digit."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.reconcile.lists import DAY, NOON, PRICE, priced, reprice
from weighbridge.ledger.reconcile.compare import compare
from weighbridge.ledger.reconcile.line import MEASURES, Line, Ours, Statement
from weighbridge.ledger.reconcile.names import plain
from weighbridge.ledger.reconcile.terms import Terms
from weighbridge.ledger.rows import Unreadable
from weighbridge.wire.usage import Source, Usage

MODELS = ("gpt-4.1", "openai/gpt-4.1-2025-04-14", "gpt-4.1-mini", "o9")
SOURCES: tuple[Source, ...] = ("provider", "estimate", "bound")
_count = st.integers(0, 3000)
_maybe = st.none() | _count
_costs = st.decimals(0, 5, places=30, allow_nan=False, allow_infinity=False)
_models = st.sampled_from(MODELS)
_ids = st.integers(0, 6).map("gen-{}".format)
_when = st.integers(-20 * 3600, 4 * 24 * 3600).map(lambda seconds: NOON + timedelta(seconds=seconds))
_usages = st.builds(Usage, _count, _count, _maybe, _maybe, _maybe)


@st.composite
def _ours(draw: st.DrawFn) -> list[Ours]:
    made = []
    for number in range(draw(st.integers(0, 7))):
        at = draw(_when)
        usage = draw(st.none() | _usages)
        made.append(
            Ours(
                receipt=f"wbr-{number:032x}",
                at=at,
                until=at + timedelta(seconds=draw(st.integers(0, 9))),
                model=draw(_models),
                request=draw(st.none() | _ids),
                usage=usage,
                cost=None if usage is None else draw(st.none() | _costs),
                counted_by=draw(st.sampled_from(SOURCES)),
                left=draw(st.booleans()),
                price_id=draw(st.sampled_from((PRICE.id, "list:other", None))),
            )
        )
    return made


def _line(**more: object) -> st.SearchStrategy[Line]:
    said: dict[str, st.SearchStrategy[object]] = {
        "place": st.just("a.csv:2"),
        "prompt": _maybe,
        "completion": _maybe,
        "cached": _maybe,
        "written": _maybe,
        "reasoning": _maybe,
        "cost": st.none() | _costs,
        "currency": st.sampled_from(("USD", "USD", "CNY", "EUR")),
        **more,  # type: ignore[dict-item] # strategies by the names of fields
    }
    return st.builds(Line, **said)


@st.composite
def _sums(draw: st.DrawFn) -> Statement:
    start = NOON.replace(hour=0)
    lines = []
    for _ in range(draw(st.integers(0, 9))):
        since = start + draw(st.integers(0, 3)) * DAY
        one = draw(_line(model=st.none() | _models, requests=_maybe, since=st.just(since), until=st.just(since + DAY)))
        lines.append(one)
    return Statement(tuple(lines), ((start, start + 4 * DAY),) if draw(st.booleans()) else ())


@st.composite
def _requests(draw: st.DrawFn) -> Statement:
    made = draw(
        st.lists(_line(model=_models, requests=st.just(1), request=_ids, since=_when, until=st.just(NOON)), max_size=9)
    )
    lines = tuple(replace(line, until=line.since) for line in made)
    return Statement(lines, ((NOON, NOON + 2 * DAY),) if draw(st.booleans()) else ())


@given(_sums() | _requests(), _ours(), st.sampled_from(({}, {"CNY": Decimal("0.1405")})))
def test_ours_and_the_differences_make_theirs(
    statement: Statement, ours: list[Ours], rates: dict[str, Decimal]
) -> None:
    found = compare(statement, ours, Terms(reprice=reprice, rates=rates))
    for measure in MEASURES:
        begun = Fraction(getattr(found.ours, measure))
        between = sum((Fraction(getattr(each.amounts, measure)) for each in found.differences), Fraction(0))
        assert begun + between == Fraction(getattr(found.theirs, measure)), measure
    named = (
        Fraction(line.cost) * Fraction(1 if line.currency == "USD" else rates[line.currency])
        for line in statement.lines
        if line.cost is not None and (line.currency == "USD" or line.currency in rates)
    )
    assert Fraction(found.theirs.cost) == sum(named, Fraction(0))
    assert found.theirs.prompt == sum(line.prompt or 0 for line in statement.lines)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpt-4.1", "openai/gpt-4.1-2025-04-14"),
        ("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5"),
        ("claude-3-5-sonnet-20241022", "Claude 3.5 Sonnet 2024-10-22"),
        ("deepseek/deepseek-r1:free", "DeepSeek-R1"),
    ],
)
def test_one_model_under_two_names(one: str, other: str) -> None:
    assert plain(one) == plain(other)


@pytest.mark.parametrize(
    ("one", "other"), [("gpt-4", "gpt-4.1"), ("deepseek-v3", "deepseek-v3-0324"), ("o1", "o1-mini")]
)
def test_two_models(one: str, other: str) -> None:
    assert plain(one) != plain(other)


def test_sums_and_single_requests_in_one_list_are_refused() -> None:
    single = Line(place="a.csv:2", since=NOON, until=NOON, model="o9", request="gen-1", requests=1, prompt=1)
    sum_ = Line(place="b.csv:2", since=NOON, until=NOON + DAY, model="o9", requests=1, prompt=1)
    with pytest.raises(Unreadable, match=r"a\.csv:2 is one request and b\.csv:2 a sum"):
        compare(Statement((single, sum_)), [])


def test_sums_over_times_that_overlap_are_refused() -> None:
    day = Line(place="day.csv:2", since=NOON, until=NOON + DAY, model="o9", requests=1)
    hour = Line(place="hour.csv:2", since=NOON, until=NOON + timedelta(hours=1), model="o9", requests=1)
    with pytest.raises(Unreadable, match="overlap"):
        compare(Statement((day, hour)), [])


HOUR = timedelta(hours=1)
USAGE = Usage(1000, 100, 0)


def _two_hours(*, more: int = 0, dearer: str = "0") -> tuple[Statement, list[Ours]]:
    """A request in each of two hours: tokens by the hour and model, the cost by the day over all models."""
    start = NOON.replace(hour=0)
    at = [start + HOUR / 2, start + 3 * HOUR / 2]
    cost = priced(USAGE) * 2 + priced(Usage(more, 0)) + Decimal(dearer)
    lines = [
        Line(place=f"usage.json:{n}", since=start + n * HOUR, until=start + (n + 1) * HOUR, model="gpt-4.1", requests=1,
             prompt=1000 + more * n, completion=100, cached=0)
        for n in range(2)
    ]  # fmt: skip
    lines.append(Line(place="costs.json:1", since=start, until=start + DAY, cost=cost))
    ours = [
        Ours(
            receipt=f"wbr-{n}", at=when, until=when, model="gpt-4.1", usage=USAGE, cost=priced(USAGE), price_id=PRICE.id
        )
        for n, when in enumerate(at)
    ]
    return Statement(tuple(lines), ((start, start + DAY),)), ours


def test_tokens_by_the_hour_and_costs_by_the_day_are_one_list() -> None:
    statement, ours = _two_hours()
    assert compare(statement, ours, Terms(reprice=reprice)).differences == ()


def test_what_tokens_cost_is_taken_out_before_the_price_is_blamed() -> None:
    statement, ours = _two_hours(more=500, dearer="0.25")
    tokens, price = sorted(
        compare(statement, ours, Terms(reprice=reprice)).differences, key=lambda each: each.amounts.cost
    )
    assert (tokens.cause, tokens.amounts.prompt, tokens.amounts.cost) == ("tokens", 500, priced(Usage(500, 0)))
    assert (price.cause, price.amounts.cost, price.amounts.prompt) == ("price", Decimal("0.25"), 0)


def test_a_day_without_a_line_is_covered_where_the_list_says_so() -> None:
    statement, ours = _two_hours()
    late = replace(ours[0], receipt="wbr-9", at=NOON, until=NOON)
    (told,) = compare(statement, [*ours, late], Terms(reprice=reprice)).differences
    assert (told.cause, told.receipt, told.amounts.prompt) == ("not_billed", "wbr-9", -1000)
    assert told.amounts.cost == -priced(USAGE)
    partial = replace(statement, covered=(), lines=statement.lines[:2])
    assert compare(partial, [*ours, late], Terms(reprice=reprice)).differences == ()
