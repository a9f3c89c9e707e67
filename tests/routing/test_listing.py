"""A model's endpoints as lists show them."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from weighbridge.catalog.model import Endpoint, Model, Price, Rate
from weighbridge.routing.listing import cheapest_first

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def price(input_: str, output: str, **more: object) -> Price:
    row = Price(id=f"{input_}/{output}", source="test", input=Rate(Decimal(input_)), output=Rate(Decimal(output)))
    return replace(row, **more)  # type: ignore[arg-type]  # a test's own fields of Price


def model(id_: str, *endpoints: Endpoint) -> Model:
    return Model(id_, endpoints=endpoints)


CHEAP, DEAR = price("0.1", "0.4"), price("1", "4")
NIGHT = price("0.01", "0.04", hours=(time(16, 30, tzinfo=UTC), time(0, 30, tzinfo=UTC)))
LATER = price("0.02", "0.02", since=date(2026, 12, 1))


@pytest.mark.parametrize(
    ("offers", "order"),
    [
        ([], []),
        ([("a", ())], ["a"]),
        ([("a", (DEAR,)), ("b", (CHEAP,))], ["b", "a"]),
        ([("a", ()), ("b", (DEAR,)), ("c", (CHEAP,))], ["c", "b", "a"]),
        ([("b", (CHEAP,)), ("a", (CHEAP,))], ["a", "b"]),
        ([("b", ()), ("a", ())], ["a", "b"]),
        # what is read weighs three times what is written: 3 * 1 + 1 against 3 * 0.1 + 3
        ([("a", (price("1", "1"),)), ("b", (price("0.1", "3"),))], ["b", "a"]),
        ([("a", (price("0", "0"),)), ("b", ())], ["a", "b"]),
        # by the row that is in force now
        ([("a", (DEAR, NIGHT)), ("b", (CHEAP,))], ["b", "a"]),
        ([("a", (DEAR, LATER)), ("b", (CHEAP,))], ["b", "a"]),
    ],
)
def test_the_cheapest_is_shown_first_and_the_unpriced_last(
    offers: list[tuple[str, tuple[Price, ...]]], order: list[str]
) -> None:
    offered = model("m", *(Endpoint(provider, "m", "m", prices) for provider, prices in offers))
    assert [endpoint.provider for endpoint, _ in cheapest_first(offered, NOON)] == order


@pytest.mark.parametrize(
    ("when", "row"),
    [(NOON, DEAR), (NOON.replace(hour=20), NIGHT), (NOON.replace(hour=0, minute=29), NIGHT)],
)
def test_an_endpoint_comes_with_the_price_row_in_force(when: datetime, row: Price) -> None:
    offered = model("m", Endpoint("a", "m", "m", (DEAR, NIGHT)))
    assert cheapest_first(offered, when) == [(offered.endpoints[0], row)]


def test_one_provider_twice_keeps_both_endpoints_in_their_order() -> None:
    first, second = Endpoint("a", "x", "m", (CHEAP,)), Endpoint("a", "y", "m", (CHEAP,))
    assert cheapest_first(model("m", first, second), NOON) == [(first, CHEAP), (second, CHEAP)]
