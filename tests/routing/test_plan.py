"""Which model is meant, and which endpoints are tried in which order."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from weighbridge.catalog.model import Catalog, Endpoint, Model, Price, Rate
from weighbridge.errors import UnknownModel
from weighbridge.routing.plan import model_named, plan

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def price(input_: str, output: str, **more: object) -> Price:
    row = Price(id=f"{input_}/{output}", source="test", input=Rate(Decimal(input_)), output=Rate(Decimal(output)))
    return replace(row, **more)  # type: ignore[arg-type]  # a test's own fields of Price


def model(id_: str, *endpoints: Endpoint) -> Model:
    return Model(id_, endpoints=endpoints)


SERVED = model("lab/served", Endpoint("host", "served-v1", "lab/served"))
KNOWN = model("lab/known")
CATALOG = Catalog(
    {"lab/served": SERVED, "lab/known": KNOWN, "host/known": model("host/known")},
    {"served": "lab/served", "old-name": "lab/served"},
)


@pytest.mark.parametrize("name", ["lab/served", "Lab/Served", "served", "SERVED", "old-name"])
def test_a_model_is_found_by_its_id_or_an_alias_in_any_case(name: str) -> None:
    assert model_named(name, CATALOG, {"host"}) is SERVED


@pytest.mark.parametrize(
    ("name", "provider", "upstream"),
    [
        ("host/new-model", "host", "new-model"),
        ("host/org/new-model:free", "host", "org/new-model:free"),
        ("host/Case-Kept", "host", "Case-Kept"),
        ("host/known", "host", "known"),
    ],
)
def test_a_model_nobody_listed_goes_to_the_provider_it_names(name: str, provider: str, upstream: str) -> None:
    named = model_named(name, CATALOG, {"host"})
    assert (named.id, named.endpoints) == (name, (Endpoint(provider, upstream, name),))
    assert plan(named, NOON) == [(named.endpoints[0], None)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lab/known", "'lab/known' is known, but no provider that is set up here serves it"),
        ("Lab/Known", "'lab/known' is known"),
        ("lab/serve", "there is no model 'lab/serve'; the nearest: 'lab/served'"),
        ("serverd", "the nearest: 'lab/served'"),
        ("other/new-model", "there is no model 'other/new-model'"),
        ("host/", "there is no model 'host/'"),
        ("host", "there is no model 'host'"),
        ("/x", "there is no model '/x'; the nearest: none that is like it"),
        ("", "there is no model ''"),
        ("x" * 100_000, f"there is no model {'x' * 200!r}; the nearest: none"),
    ],
)
def test_a_model_nobody_serves_is_unknown_with_the_nearest_named(name: str, said: str) -> None:
    with pytest.raises(UnknownModel) as unknown:
        model_named(name, CATALOG, {"host"})
    assert said in unknown.value.message
    assert unknown.value.param == "model"
    assert len(unknown.value.message) < 600


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
def test_the_cheapest_is_tried_first_and_the_unpriced_last(
    offers: list[tuple[str, tuple[Price, ...]]], order: list[str]
) -> None:
    offered = model("m", *(Endpoint(provider, "m", "m", prices) for provider, prices in offers))
    assert [endpoint.provider for endpoint, _ in plan(offered, NOON)] == order


@pytest.mark.parametrize(
    ("when", "row"),
    [(NOON, DEAR), (NOON.replace(hour=20), NIGHT), (NOON.replace(hour=0, minute=29), NIGHT)],
)
def test_an_endpoint_comes_with_the_price_row_in_force(when: datetime, row: Price) -> None:
    offered = model("m", Endpoint("a", "m", "m", (DEAR, NIGHT)))
    assert plan(offered, when) == [(offered.endpoints[0], row)]


def test_one_provider_twice_keeps_both_endpoints_in_their_order() -> None:
    first, second = Endpoint("a", "x", "m", (CHEAP,)), Endpoint("a", "y", "m", (CHEAP,))
    assert plan(model("m", first, second), NOON) == [(first, CHEAP), (second, CHEAP)]
