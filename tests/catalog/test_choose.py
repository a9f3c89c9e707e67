"""Filters: each lets through what is known to answer it, and nothing unknown."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from weighbridge.catalog.choose import Wanted, cheapest_output, select
from weighbridge.catalog.model import Catalog, Endpoint, Lab, Licence, LicenceClass, Model, Price, Rate

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def priced(output: str) -> Endpoint:
    return Endpoint("shop", "x", "x", (Price("p", "s", Rate(Decimal(1)), Rate(Decimal(output))),))


def licence(of: LicenceClass) -> Licence:
    return Licence(of, of, of, "s")


FRENCH, CHINESE = Lab("a", "A", "FR", "s"), Lab("b", "B", "CN", "s")
MODELS = [
    Model("a/free", lab=FRENCH, licence=licence("permissive"), open_weights=True, tools=True, endpoints=(priced("0"),)),
    Model("a/shut", lab=FRENCH, licence=licence("proprietary"), open_weights=False, tools=True),
    Model(
        "b/cheap",
        lab=CHINESE,
        licence=licence("restricted"),
        open_weights=True,
        tools=False,
        endpoints=(priced("3"), priced("0.5"), Endpoint("other", "x", "x")),
    ),
    Model("vllm/stranger", endpoints=(Endpoint("vllm", "x", "x"),)),
]
CATALOG = Catalog({model.id: model for model in reversed(MODELS)})


def ids(models: list[Model]) -> list[str]:
    return [model.id for model in models]


def test_no_filter_keeps_all_in_the_order_of_their_ids() -> None:
    assert ids(select(CATALOG, when=NOW)) == ["a/free", "a/shut", "b/cheap", "vllm/stranger"]


def test_open_weights_must_be_known_to_be_open() -> None:
    assert ids(select(CATALOG, Wanted(open_weights=True), when=NOW)) == ["a/free", "b/cheap"]


def test_tools_must_be_known_to_work() -> None:
    assert ids(select(CATALOG, Wanted(tools=True), when=NOW)) == ["a/free", "a/shut"]


def test_a_licence_is_asked_for_by_its_class() -> None:
    assert ids(select(CATALOG, Wanted(licence="restricted"), when=NOW)) == ["b/cheap"]


def test_origin_is_the_lab_s_country_in_any_case() -> None:
    assert ids(select(CATALOG, Wanted(origin="cn"), when=NOW)) == ["b/cheap"]


@pytest.mark.parametrize(("most", "kept"), [("0", ["a/free"]), ("0.4999", ["a/free"]), ("0.5", ["a/free", "b/cheap"])])
def test_the_greatest_price_is_of_output_on_the_cheapest_endpoint(most: str, kept: list[str]) -> None:
    assert ids(select(CATALOG, Wanted(max_price=Decimal(most)), when=NOW)) == kept


def test_filters_add_up() -> None:
    assert ids(select(CATALOG, Wanted(open_weights=True, origin="FR", tools=True), when=NOW)) == ["a/free"]


def test_an_unknown_price_is_none_not_nothing() -> None:
    assert cheapest_output(CATALOG.models["vllm/stranger"], NOW) is None
