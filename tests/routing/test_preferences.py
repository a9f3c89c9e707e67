"""What a request asks of its providers decides who may answer, and who first."""

from decimal import Decimal

import msgspec
import pytest

from weighbridge.catalog.model import Endpoint, Price, Rate
from weighbridge.errors import NoEndpoint
from weighbridge.routing.plan import Planned
from weighbridge.routing.preferences import preferred
from weighbridge.wire.preferences import Preferences


def one(provider: str, dollars: str | None, quantisation: str | None = None) -> Planned:
    """An endpoint of the provider, at this price for a million tokens either way."""
    price = None
    if dollars is not None:
        price = Price(id=dollars, source="test", input=Rate(Decimal(dollars)), output=Rate(Decimal(dollars)))
    return Endpoint(provider, "tiny", "lab/tiny", quantisation=quantisation), price


PLAN = [
    one("local", "0"),
    one("zai", "1", quantisation="fp8"),
    one("deepinfra", "2", quantisation="fp4"),
    one("dear", "3"),
    one("unpriced", None),
]


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({}, "local zai deepinfra dear unpriced"),
        ({"order": ["dear"]}, "dear local zai deepinfra unpriced"),
        ({"order": ["dear", "zai", "dear", "nobody"]}, "dear zai local deepinfra unpriced"),
        ({"order": ["dear", "zai"], "allow_fallbacks": False}, "dear zai"),
        ({"allow_fallbacks": False}, "local"),
        ({"allow_fallbacks": True}, "local zai deepinfra dear unpriced"),
        ({"only": ["Z.AI", "DEAR"]}, "zai dear"),
        ({"only": ["deepinfra/fp4", "zai/fp4"]}, "deepinfra"),
        ({"ignore": ["local", "deepinfra/fp8"]}, "zai deepinfra dear unpriced"),
        ({"only": ["zai", "dear"], "order": ["dear"], "ignore": ["zai"]}, "dear"),
        ({"quantizations": ["fp8", "unknown"]}, "local zai dear unpriced"),
        ({"max_price": {"prompt": 2}}, "local zai deepinfra"),
        ({"max_price": {"completion": "1.5", "request": 0}}, "local zai"),
        ({"data_collection": "deny"}, "local"),
        ({"data_collection": "allow"}, "local zai deepinfra dear unpriced"),
        ({"zdr": True}, "local"),
        ({"sort": "price"}, "local zai deepinfra dear unpriced"),
        ({"sort": {"by": "latency", "partition": "none"}, "preferred_max_latency": {"p50": 1}}, None),
        ({"require_parameters": True, "preferred_min_throughput": 50}, None),
    ],
)
def test_endpoints_are_left_and_ordered_as_asked(wanted: object, left: str | None) -> None:
    names = [endpoint.provider for endpoint, _ in preferred(PLAN, msgspec.convert(wanted, Preferences))]
    assert names == (left or "local zai deepinfra dear unpriced").split()


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"only": ["nobody"]}, "only"),
        ({"ignore": [endpoint.provider for endpoint, _ in PLAN]}, "ignore"),
        ({"order": ["nobody"], "allow_fallbacks": False}, "order"),
        ({"quantizations": ["int4"]}, "quantizations"),
        ({"only": ["unpriced"], "max_price": {"prompt": 100}}, "max_price"),
        ({"only": ["zai"], "data_collection": "deny"}, "data_collection"),
        ({"only": ["zai"], "zdr": True}, "zdr"),
        ({"enforce_distillable_text": True}, "enforce_distillable_text"),
    ],
)
def test_what_nobody_is_known_to_meet_is_an_error_that_names_the_field(wanted: object, field: str) -> None:
    with pytest.raises(NoEndpoint, match=rf"provider\.{field}: no endpoint .* before it there were: ") as caught:
        preferred(PLAN, msgspec.convert(wanted, Preferences))
    assert caught.value.param == f"provider.{field}"
