"""A model's prices over time: what each endpoint did, and what made the cheapest price move."""

from datetime import UTC, date, time
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.history import Cause, by_the_hour, changes, price_on, steps
from weighbridge.catalog.model import Endpoint, Model, Price, Rate

TODAY = date(2026, 11, 23)


def price(output: str, since: date | None = None, hours: tuple[time, time] | None = None) -> Price:
    return Price(f"p{output}@{since}", "list", Rate(Decimal(1)), Rate(Decimal(output)), since=since, hours=hours)


def endpoint(name: str, *prices: Price, since: date | None = None, until: date | None = None) -> Endpoint:
    return Endpoint(name, "m", "a/m", prices, since=since, until=until)


def day(number: int) -> date:
    return date(2026, 3, number)


def causes(*endpoints: Endpoint) -> list[tuple[date | None, Cause, str, str | None]]:
    found = steps(Model("a/m", endpoints=endpoints), TODAY)
    return [
        (step.on, step.cause, step.endpoint.provider, None if step.after is None else str(step.after))
        for step in found[::-1]
    ]


def test_a_provider_that_lowers_and_raises_its_price_is_the_cause() -> None:
    one = endpoint("one", price("3"), price("2", day(1)), price("4", day(9)))
    assert causes(one) == [
        (None, "first", "one", "3"),
        (day(1), "lowered", "one", "2"),
        (day(9), "raised", "one", "4"),
    ]


def test_one_that_begins_to_serve_it_for_less_has_entered_and_one_that_ends_has_left() -> None:
    one, two = endpoint("one", price("3")), endpoint("two", price("1"), since=day(5), until=day(8))
    assert causes(one, two) == [
        (None, "first", "one", "3"),
        (day(5), "entered", "two", "1"),
        (day(8), "left", "two", "3"),
    ]


def test_when_the_last_one_ends_there_is_no_price() -> None:
    assert causes(endpoint("one", price("3"), since=day(1), until=day(2))) == [
        (day(1), "first", "one", "3"),
        (day(2), "left", "one", None),
    ]


def test_a_dearer_endpoint_moves_nothing_and_what_is_to_come_has_not_happened() -> None:
    one = endpoint("one", price("3"), price("1", date(2027, 1, 1)))
    assert causes(one, endpoint("two", price("9", day(4)))) == [(None, "first", "one", "3")]


def test_rows_by_the_hour_are_no_step() -> None:
    night = price("1", hours=(time(16, 30, tzinfo=UTC), time(0, 30, tzinfo=UTC)))
    one = endpoint("one", price("3"), night)
    assert causes(one) == [(None, "first", "one", "3")]
    assert by_the_hour(one, TODAY) == [night]


def test_a_row_that_says_the_same_price_again_is_no_change() -> None:
    one = endpoint("one", price("3"), price("3", day(2)), price("2", day(3)))
    found = changes(Model("a/m", endpoints=(one, endpoint("unpriced"))))
    assert [(each.on, each.after and str(each.after.output.base)) for each in found] == [(day(3), "2"), (None, "3")]


def test_before_its_first_row_a_price_is_not_known() -> None:
    assert price_on(endpoint("one", price("3", day(2))), day(1)) is None


offers = st.lists(
    st.builds(
        lambda name, rows, begin, lasts: endpoint(
            name,
            *(price(str(amount), None if on is None else day(on)) for on, amount in sorted(rows.items(), key=repr)),
            since=None if begin is None else day(begin),
            until=None if begin is None or lasts is None else day(min(28, begin + lasts)),
        ),
        st.sampled_from("abc"),
        st.dictionaries(st.none() | st.integers(1, 28), st.integers(1, 9), max_size=4),
        st.none() | st.integers(1, 20),
        st.none() | st.integers(1, 8),
    ),
    max_size=4,
)


@given(offers)
def test_steps_follow_upon_each_other_and_end_at_the_price_of_today(endpoints: list[Endpoint]) -> None:
    found = steps(Model("a/m", endpoints=tuple(endpoints)), TODAY)[::-1]
    assert all(later.before == earlier.after for earlier, later in pairwise(found))
    now = [known.output.base for each in endpoints if (known := price_on(each, TODAY)) is not None]
    assert (found[-1].after if found else None) == min(now, default=None)
