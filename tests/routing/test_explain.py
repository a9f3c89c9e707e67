"""An explanation says all that a plan was made from: the same plan can be made of it again."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.offers import NOON
from tests.routing.test_openrouter_preferences import FAST, HOSTS, ONE, SLOW, THREE, TWO, served
from weighbridge.catalog.model import Catalog, Model
from weighbridge.errors import NoEndpoint, WeighbridgeError
from weighbridge.ledger.cost import cost
from weighbridge.routing.asking import Asking
from weighbridge.routing.explain import Explanation, Trace, explain, replayed
from weighbridge.routing.health import NOTHING_KNOWN, Snapshot, State
from weighbridge.routing.planner import Planner
from weighbridge.wire.preferences import Preferences, Sorted

CATALOG = Catalog({model.id: model for model in (ONE, TWO, THREE)}, hosts=HOSTS)


def explained(
    *models: Model,
    wanted: object = None,
    snapshot: Snapshot = NOTHING_KNOWN,
    seed: int = 7,
    sort: Sorted | None = None,
    prompt_bytes: int = 4000,
) -> Explanation:
    """The explanation of a request's plan, as it comes out of JSON."""
    planner = Planner(cost, sort or "spread")
    trace = Trace()
    preferences = None if wanted is None else msgspec.convert(wanted, Preferences)
    trace.asking = Asking(models or (ONE,), NOON, preferences, prompt_bytes, 300, hosts=HOSTS)
    trace.snapshot, trace.seed = snapshot, seed
    try:
        trace.plan = planner.plan(trace.asking, snapshot, seed)
    except WeighbridgeError as exc:
        trace.error = exc
    said = explain(trace, planner)
    assert said is not None
    return msgspec.json.decode(msgspec.json.encode(said), type=Explanation)


WANTED: list[object] = [
    None,
    {"sort": "price"},
    {"sort": {"by": "throughput", "partition": "none"}},
    {"order": ["openai"], "ignore": ["together"]},
    {"zdr": True, "preferred_max_latency": {"p90": 1}},
    {"preferred_min_throughput": 50, "max_price": {"prompt": "5"}},
    {"allow_fallbacks": False},
]
STATES = st.dictionaries(
    st.sampled_from([each.id for model in (ONE, TWO) for each in model.endpoints]),
    st.builds(
        State,
        closed_until=st.sampled_from([None, 99.0, 100.5, 130.25]),
        latency=st.sampled_from([None, FAST.latency, SLOW.latency]),
        throughput=st.sampled_from([None, FAST.throughput, SLOW.throughput]),
        cached_share=st.one_of(st.none(), st.floats(0, 1)),
        bytes_per_token=st.one_of(st.none(), st.floats(1, 8)),
        completion=st.one_of(st.none(), st.floats(1, 5000)),
    ),
)


@given(
    st.fixed_dictionaries(
        {
            "wanted": st.sampled_from(WANTED),
            "seed": st.integers(0, 2**64 - 1),
            "sort": st.sampled_from([None, "price", "latency"]),
            "prompt_bytes": st.integers(1, 10**6),
        }
    ),
    st.sampled_from([(ONE,), (ONE, TWO)]),
    STATES,
)
def test_the_same_plan_is_made_of_its_explanation(
    asked: dict[str, Any], models: tuple[Model, ...], states: Mapping[str, State]
) -> None:
    said = explained(*models, snapshot=Snapshot(states, 100.0, 1), **asked)
    again = replayed(said, CATALOG, Planner(cost, said.sort))
    assert [(one.model.id, one.endpoint.id, one.cost) for one in again] == [
        (step.model, step.endpoint, step.cost) for step in said.order
    ]
    assert {each.endpoint.id for each in again.excluded} <= {each.endpoint for each in said.excluded}


def test_of_a_name_that_means_some_endpoints_the_same_plan_is_made_again() -> None:
    some = replace(ONE, endpoints=ONE.endpoints[1:3])
    said = explained(some, ONE)
    again = replayed(said, CATALOG, Planner(cost))
    assert [one.endpoint.id for one in again] == [step.endpoint for step in said.order]
    assert len(said.order) == 2 + len(ONE.endpoints)


@given(STATES, st.integers(1, 10**6))
def test_each_cost_is_what_the_ledger_makes_of_its_parts(states: Mapping[str, State], prompt_bytes: int) -> None:
    million = Decimal(1_000_000)
    for step in explained(snapshot=Snapshot(states, 100.0, 1), prompt_bytes=prompt_bytes).order:
        price, tokens = step.price, step.expected
        assert price is not None
        parts = (tokens.prompt - tokens.cached) * price.input + tokens.cached * price.cache_read
        parts += tokens.completion * price.output
        assert step.cost == parts / million + price.per_request


def test_every_endpoint_is_in_the_plan_once_or_left_out_with_a_reason() -> None:
    said = explained(ONE, TWO, wanted={"allow_fallbacks": False, "zdr": True})
    assert [step.endpoint for step in said.order] == ["together/lab/one-together"]
    everyone = sorted(each.id for model in (ONE, TWO) for each in model.endpoints)
    assert sorted([*(step.endpoint for step in said.order), *(out.endpoint for out in said.excluded)]) == everyone
    assert {out.rule for out in said.excluded} == {"provider.zdr", "provider.allow_fallbacks"}


def test_shares_of_the_draw_are_those_of_who_is_well() -> None:
    closed = {"together/lab/one-together": State(closed_until=200.0, why="breaker")}
    said = explained(snapshot=Snapshot(closed, 100.0, 1))
    shares = {step.endpoint: step.share or 0.0 for step in said.order}
    assert abs(sum(shares.values()) - 100) < 0.01
    assert shares["together/lab/one-together"] == 0
    first, second = shares["deepinfra/lab/one-deepinfrafp8"], shares["deepinfra/lab/one-deepinfrafp4"]
    assert abs(first / second - 9 / 4) < 0.01
    assert said.order[-1].health is not None
    assert (said.order[-1].health.closed_seconds, said.order[-1].health.why) == (100.0, "breaker")


def test_a_plan_of_nobody_is_explained_too() -> None:
    said = explained(wanted={"only": ["anthropic"], "zdr": True})
    assert said.error is not None
    assert (said.error.code, said.error.param) == (NoEndpoint.code, "provider.zdr")
    assert len(said.excluded) == len(ONE.endpoints)
    assert not said.order


def test_the_catalogue_is_known_by_what_it_says_of_these_models() -> None:
    assert explained(ONE).catalog == explained(ONE, prompt_bytes=9).catalog
    assert explained(ONE).catalog != explained(TWO).catalog
    changed = Model("lab/one", endpoints=(served("together", "1.01"),))
    same = Model("lab/one", endpoints=(served("together", "1"),))
    assert explained(changed).catalog != explained(same).catalog
