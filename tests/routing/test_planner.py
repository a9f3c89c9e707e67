"""Whom a request is sent to, in which order, and why not the others."""

from collections import Counter
from datetime import time
from decimal import Decimal

import pytest

from tests.routing.offers import NOON, asking, endpoint, health, model, plan, price, providers
from weighbridge.catalog.model import Endpoint, Price, Rate
from weighbridge.errors import NoEndpoint
from weighbridge.ledger.cost import cost
from weighbridge.routing.asking import Asking
from weighbridge.routing.health import NOTHING_KNOWN, Percentiles, State
from weighbridge.routing.planner import FIGURES_SECONDS, Planner, rounded

SERVED = model(
    endpoint("local", "0"),
    endpoint("zai", "1", "fp8"),
    endpoint("deepinfra", "100", "fp4"),
    endpoint("dear", "10000"),
    endpoint("unpriced", None),
)
"""Each priced one so much dearer than the last that the draw is as good as an order."""


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({}, "local zai deepinfra dear unpriced"),
        ({"order": ["dear"]}, "dear local zai deepinfra unpriced"),
        ({"order": ["dear", "zai", "dear", "azure"]}, "dear zai local deepinfra unpriced"),
        ({"order": ["dear", "zai"], "allow_fallbacks": False}, "dear zai"),
        ({"allow_fallbacks": False}, "local"),
        ({"allow_fallbacks": True}, "local zai deepinfra dear unpriced"),
        ({"only": ["Z.AI", "DEAR"]}, "zai dear"),
        ({"only": ["deepinfra/fp4", "zai/fp4"]}, "deepinfra"),
        ({"ignore": ["local", "deepinfra/fp8"]}, "zai deepinfra dear unpriced"),
        ({"only": ["zai", "dear"], "order": ["dear"], "ignore": ["zai"]}, "dear"),
        ({"quantizations": ["fp8", "unknown"]}, "local zai dear unpriced"),
        ({"max_price": {"prompt": 100}}, "local zai deepinfra"),
        ({"max_price": {"completion": "1.5", "request": 0}}, "local zai"),
        ({"data_collection": "allow"}, "local zai deepinfra dear unpriced"),
        ({"sort": "price"}, "local zai deepinfra dear unpriced"),
    ],
)
def test_endpoints_are_left_and_ordered_as_asked(wanted: object, left: str) -> None:
    assert providers(plan(asking(SERVED, wanted=wanted))) == left


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"only": ["azure"]}, "only"),
        ({"ignore": [each.provider for each in SERVED.endpoints]}, "ignore"),
        ({"order": ["azure"], "allow_fallbacks": False}, "order"),
        ({"quantizations": ["int4"]}, "quantizations"),
        ({"only": ["unpriced"], "max_price": {"prompt": 100}}, "max_price"),
        ({"only": ["zai"], "data_collection": "deny"}, "data_collection"),
        ({"only": ["zai"], "zdr": True}, "zdr"),
        ({"enforce_distillable_text": True}, "enforce_distillable_text"),
    ],
)
def test_what_nobody_is_known_to_meet_is_an_error_that_names_the_field(wanted: object, field: str) -> None:
    with pytest.raises(NoEndpoint, match=rf"provider\.{field}: ") as caught:
        plan(asking(SERVED, wanted=wanted))
    assert caught.value.param == f"provider.{field}"


def test_each_that_may_not_answer_has_the_first_reason_against_it() -> None:
    made = plan(asking(SERVED, wanted={"ignore": ["zai"], "max_price": {"prompt": 50}}))
    assert providers(made) == "local"
    assert {out.endpoint.provider: out.rule for out in made.excluded} == {
        "zai": "provider.ignore",
        "deepinfra": "provider.max_price",
        "dear": "provider.max_price",
        "unpriced": "provider.max_price",
    }
    why = {out.endpoint.provider: out.why for out in made.excluded}
    assert why["deepinfra"] == "deepinfra/tiny asks $100 for a million prompt tokens"
    assert why["unpriced"] == "the price of unpriced/tiny is not known"


def test_requests_are_spread_by_the_inverse_square_of_the_price() -> None:
    served, planner = model(endpoint("one", "1"), endpoint("two", "2"), endpoint("four", "4")), Planner(cost)
    rounds = 20_000
    first = Counter(
        next(iter(planner.plan(asking(served), NOTHING_KNOWN, seed))).endpoint.provider for seed in range(rounds)
    )
    for provider, weight in (("one", 16), ("two", 4), ("four", 1)):
        assert abs(first[provider] / rounds - weight / 21) < 0.011


def test_a_session_stays_where_it_is_while_others_fail() -> None:
    served, planner = model(*(endpoint(name, "1") for name in "abcdef")), Planner(cost)
    failed = health({"c": State(closed_until=200.0, why="breaker")})
    moved = 0
    for seed in range(500):
        before = next(iter(planner.plan(asking(served), NOTHING_KNOWN, seed))).endpoint.provider
        after = next(iter(planner.plan(asking(served), failed, seed))).endpoint.provider
        assert before in (after, "c")
        assert after != "c"
        moved += before == "c"
    assert 40 < moved < 140


def test_those_that_are_not_well_come_last_and_the_soonest_well_first() -> None:
    served = model(endpoint("a", "1"), endpoint("b", "100"), endpoint("c", "10000"))
    states = {"a": State(closed_until=300.0, why="breaker"), "b": State(closed_until=200.0, why="rate_limit")}
    assert providers(plan(asking(served), health(states))) == "c b a"
    assert providers(plan(asking(served), health(states, at=250.0))) == "b c a"


def test_a_fallback_that_is_well_comes_before_what_is_not() -> None:
    first, second = model(endpoint("a", "1")), model(endpoint("b", "1", model="lab/other"), name="lab/other")
    closed = health({"a": State(closed_until=300.0, why="breaker")})
    assert providers(plan(asking(first, second))) == "a b"
    assert providers(plan(asking(first, second), closed)) == "b a"


def test_what_a_request_costs_goes_by_its_length_and_the_hour() -> None:
    long_is_dear = Price(
        id="tiered",
        source="test",
        input=Rate(Decimal(1), ((32_000, Decimal(100)),)),
        output=Rate(Decimal(1)),
    )
    served = model(Endpoint("tiered", "tiny", "lab/tiny", (long_is_dear,)), endpoint("flat", "10"))
    assert providers(plan(asking(served, prompt_bytes=4_000))) == "tiered flat"
    assert providers(plan(asking(served, prompt_bytes=400_000))) == "flat tiered"
    night = Price(
        id="night",
        source="test",
        input=Rate(Decimal("0.01")),
        output=Rate(Decimal("0.01")),
        hours=(time(16, tzinfo=NOON.tzinfo), time(0, tzinfo=NOON.tzinfo)),
    )
    served = model(Endpoint("nightly", "tiny", "lab/tiny", (price("1000"), night)), endpoint("flat", "10"))
    now = asking(served)
    assert providers(plan(now)) == "flat nightly"
    late = Asking(now.models, NOON.replace(hour=20), prompt_bytes=now.prompt_bytes)
    assert providers(plan(late)) == "nightly flat"


def test_what_a_request_costs_goes_by_the_cache_and_the_tokenizer_that_were_seen() -> None:
    cached = Price(id="c", source="test", input=Rate(Decimal(10)), output=Rate(Decimal(0)), cache_read=Rate(Decimal(0)))
    served = model(Endpoint("cached", "tiny", "lab/tiny", (cached,)), endpoint("flat", "1", None))
    assert providers(plan(asking(served, wanted={"sort": "price"}))) == "flat cached"
    hits = health({"cached": State(cached_share=0.95)})
    assert providers(plan(asking(served, wanted={"sort": "price"}), hits)) == "cached flat"
    same = model(endpoint("a", "10"), endpoint("b", "10"))
    sparing = health({"b": State(bytes_per_token=5.0), "a": State(bytes_per_token=2.5)})
    first, second = plan(asking(same, wanted={"sort": "price"}), sparing)
    assert (first.endpoint.provider, second.endpoint.provider) == ("b", "a")
    assert first.cost is not None
    assert second.cost is not None
    assert second.cost > Decimal("1.9") * first.cost


def test_the_fastest_come_first_where_that_is_asked_for_and_the_unknown_last() -> None:
    quick, slow = Percentiles(0.1, 0.2, 0.3, 0.4), Percentiles(1.0, 2.0, 3.0, 4.0)
    states = {"dear": State(latency=quick, throughput=slow), "zai": State(latency=slow, throughput=quick)}
    latency = plan(asking(SERVED, wanted={"sort": "latency"}), health(states))
    assert providers(latency).split()[:2] == ["dear", "zai"]
    throughput = plan(asking(SERVED, wanted={"sort": {"by": "throughput"}}), health(states))
    assert providers(throughput).split()[:2] == ["dear", "zai"]


def test_models_are_held_against_each_other_where_that_is_asked_for() -> None:
    first = model(endpoint("a", "5"), endpoint("b", "7"))
    second = model(endpoint("c", "6", model="lab/other"), name="lab/other")
    assert providers(plan(asking(first, second, wanted={"sort": "price"}))) == "a b c"
    merged = {"sort": {"by": "price", "partition": "none"}}
    assert providers(plan(asking(first, second, wanted=merged))) == "a c b"


def test_a_plan_is_the_same_whether_it_was_made_before_or_not() -> None:
    planner = Planner(cost)
    for seed in range(200):
        for wanted in (None, {"sort": "price"}, {"ignore": ["zai"]}):
            asked = asking(SERVED, wanted=wanted)
            assert providers(planner.plan(asked, NOTHING_KNOWN, seed)) == providers(plan(asked, seed=seed))


def test_new_figures_are_heard_within_seconds() -> None:
    served, planner = model(endpoint("a", "1"), endpoint("b", "2")), Planner(cost)
    asked = asking(served, wanted={"sort": "latency"})
    quick, slow = Percentiles(0.1, 0.1, 0.1, 0.1), Percentiles(9.0, 9.0, 9.0, 9.0)
    one = health({"a": State(latency=quick), "b": State(latency=slow)})
    other = health({"a": State(latency=slow), "b": State(latency=quick)}, at=100.0 + FIGURES_SECONDS)
    assert providers(planner.plan(asked, one, 0)) == "a b"
    assert providers(planner.plan(asked, other, 0)) == "b a"


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 7, 8, 9, 1000, 123_456, 10**9])
def test_sizes_are_rounded_up_by_a_quarter_at_most(size: int) -> None:
    stepped = rounded(asking(SERVED, prompt_bytes=size)).prompt_bytes
    assert size <= stepped <= size * 1.25
    assert rounded(asking(SERVED, prompt_bytes=stepped)).prompt_bytes == stepped


def test_of_long_preferences_few_are_remembered() -> None:
    planner = Planner(cost)
    for each in range(1000):
        ignored = [f"deepinfra/{each}-{number}-{'x' * 180}" for number in range(100)]
        planner.plan(asking(SERVED, wanted={"ignore": ignored}), NOTHING_KNOWN, 0)
    assert len(planner._known) * 20_000 < 8_000_000
