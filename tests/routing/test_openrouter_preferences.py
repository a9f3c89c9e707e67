"""Every field of OpenRouter's `provider` object, with its documentation's own examples as cases.

https://openrouter.ai/docs/guides/routing/provider-selection and model-fallbacks, and the schemas of
@openrouter/sdk 1.3.19.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.offers import NOON, endpoint, providers
from weighbridge.catalog.model import Endpoint, Host, Licence, Model, Price, Rate
from weighbridge.errors import BadRequest, NoEndpoint
from weighbridge.ledger.cost import cost
from weighbridge.routing.asking import Asking
from weighbridge.routing.health import NOTHING_KNOWN, Percentiles, Snapshot, State
from weighbridge.routing.planner import Plan, Planner
from weighbridge.wire.preferences import Preferences

OPEN = Licence("Apache-2.0", "Apache 2.0", "permissive", "test", output_use="free")
LLAMA = Licence("LicenseRef-llama", "Llama", "restricted", "test", output_use="conditions")
CLOSED = Licence("LicenseRef-terms", "Terms", "proprietary", "test", output_use="forbidden")
SAMPLING = frozenset({"temperature", "top_p", "max_tokens", "seed", "stop"})

HOSTS: Mapping[str, Host] = {
    "together": Host("together", "Together", "US", retention_days=0, trains=False, parameters=SAMPLING),
    "deepinfra": Host(
        "deepinfra", "DeepInfra", "US", retention_days=0, trains=False, parameters=SAMPLING | {"response_format"}
    ),
    "openai": Host(
        "openai", "OpenAI", "US", retention_days=30, trains=False, parameters=SAMPLING | {"tools", "response_format"}
    ),
    "anthropic": Host("anthropic", "Anthropic", "US", retention_days=730, trains=False),
    "deepseek": Host("deepseek", "DeepSeek", "CN", retention_days=0, trains=True),
    "novita": Host("novita", "Novita"),
    "zai": Host("zai", "Z.AI"),
    "local": Host("local", "this machine", retention_days=0, trains=False, own_machine=True, parameters=SAMPLING),
}


def served(provider: str, dollars: str, variant: str | None = None, *, name: str = "lab/one") -> Endpoint:
    """An endpoint under a name of its own."""
    made = endpoint(provider, dollars, variant, model=name)
    return replace(made, upstream_model=f"{name}-{provider}{variant or ''}")


def offer(name: str, *endpoints: Endpoint, licence: Licence | None = OPEN) -> Model:
    """A model that calls tools and does not reason."""
    return Model(
        name,
        endpoints=endpoints,
        licence=licence,
        tools=True,
        reasoning=False,
        input_modalities=("text",),
        output_modalities=("text",),
    )


ONE = offer(
    "lab/one",
    served("together", "1"),
    served("deepinfra", "2", "fp8"),
    served("deepinfra", "3", "fp4"),
    served("openai", "4"),
    served("anthropic", "5"),
    served("deepseek", "6"),
    served("novita", "7", "int4"),
)
ALL = "together deepinfra deepinfra openai anthropic deepseek novita"
TWO = offer("lab/two", served("openai", "0.5", name="lab/two"), served("zai", "8", name="lab/two"), licence=LLAMA)
THREE = offer("lab/three", served("zai", "0.1", name="lab/three"), licence=CLOSED)


def planned(
    wanted: object,
    *models: Model,
    states: Mapping[str, State] | None = None,
    sent: frozenset[str] = frozenset(),
    seed: int = 0,
) -> Plan:
    """The plan of a request that sorts by price, so that the order shows, where it does not say otherwise.

    `states` are by provider.
    """
    asked = models or (ONE,)
    by_id = {
        each.id: (states or {})[each.provider]
        for model in asked
        for each in model.endpoints
        if each.provider in (states or {})
    }
    snapshot = Snapshot(by_id, 100.0, 1) if by_id else NOTHING_KNOWN
    asking = Asking(asked, NOON, msgspec.convert(wanted, Preferences), 4000, parameters=sent, hosts=HOSTS)
    return Planner(cost, "price").plan(asking, snapshot, seed)


EXAMPLES: Mapping[str, tuple[object, str]] = {
    "nothing is asked": ({}, ALL),
    "order: ordering specific providers": (
        {"order": ["openai", "together"]},
        "openai together deepinfra deepinfra anthropic deepseek novita",
    ),
    "order: with fallbacks disabled": ({"order": ["openai", "together"], "allow_fallbacks": False}, "openai together"),
    "order: the first of those that serve the model": (
        {"order": ["azure", "deepseek"], "allow_fallbacks": False},
        "deepseek",
    ),
    "order: an endpoint by its variant": (
        {"order": ["deepinfra/fp4"], "allow_fallbacks": False},
        "deepinfra",
    ),
    "order: an empty list asks nothing": ({"order": [], "ignore": []}, ALL),
    "allow_fallbacks: the primary alone": ({"allow_fallbacks": False}, "together"),
    "allow_fallbacks: with sort": ({"allow_fallbacks": False, "sort": {"by": "price"}}, "together"),
    "only: allowing only specific providers": ({"only": ["anthropic"]}, "anthropic"),
    "only: by OpenRouter's names": ({"only": ["DeepSeek", "Together"]}, "together deepseek"),
    "only: a base slug means all variants": ({"only": ["deepinfra"]}, "deepinfra deepinfra"),
    "only: a full slug means one": ({"only": ["deepinfra/FP8"]}, "deepinfra"),
    "only: an endpoint's own id": ({"only": ["deepinfra/lab/one-deepinfrafp8"]}, "deepinfra"),
    "ignore: ignoring providers": ({"ignore": ["deepinfra"]}, "together openai anthropic deepseek novita"),
    "ignore: one variant": ({"ignore": ["deepinfra/fp4"]}, "together deepinfra openai anthropic deepseek novita"),
    "ignore: one that is not here": ({"ignore": ["azure"]}, ALL),
    "quantizations: fp8": ({"quantizations": ["fp8"]}, "deepinfra"),
    "quantizations: several": ({"quantizations": ["int4", "fp4", "fp8"]}, "deepinfra deepinfra novita"),
    "quantizations: unknown": ({"quantizations": ["unknown"]}, "together openai anthropic deepseek"),
    "data_collection: allow is the default": ({"data_collection": "allow"}, ALL),
    "data_collection: deny": ({"data_collection": "deny"}, "together deepinfra deepinfra openai"),
    "zdr: enforced for one request": ({"zdr": True}, "together deepinfra deepinfra deepseek"),
    "zdr: false asks nothing": ({"zdr": False}, ALL),
    "zdr and data_collection": ({"zdr": True, "data_collection": "deny"}, "together deepinfra deepinfra"),
    "enforce_distillable_text": ({"enforce_distillable_text": True}, ALL),
    "max_price: prompt and completion": ({"max_price": {"prompt": 1, "completion": 2}}, "together"),
    "max_price: strings": ({"max_price": {"prompt": "2.50", "completion": "2"}}, "together deepinfra"),
    "max_price: request": ({"max_price": {"request": 0}}, ALL),
    "max_price: image, of a model that reads none": ({"max_price": {"image": "0.01", "audio": 1}}, ALL),
    "sort: price": ({"sort": "price"}, ALL),
    "sort: an object": ({"sort": {"by": "price", "partition": "model"}}, ALL),
    "all null": (dict.fromkeys(Preferences.__struct_fields__), ALL),
}


@pytest.mark.parametrize(("wanted", "asked"), EXAMPLES.values(), ids=EXAMPLES)
def test_a_field_is_obeyed_as_its_documentation_has_it(wanted: object, asked: str) -> None:
    assert providers(planned(wanted)) == asked


def test_every_field_has_its_case() -> None:
    tried = {name.partition(":")[0].partition(" ")[0] for name in EXAMPLES} | {
        "require_parameters",
        "preferred_min_throughput",
        "preferred_max_latency",
    }
    assert set(Preferences.__struct_fields__) <= tried


# Sorting across models, and model fallbacks

FALLBACKS: Mapping[str, tuple[object, str]] = {
    "models are asked one after the other": ({}, f"{ALL} openai zai"),
    "partition none sorts over all models": (
        {"sort": {"by": "price", "partition": "none"}},
        "openai together deepinfra deepinfra openai anthropic deepseek novita zai",
    ),
    "allow_fallbacks holds for each model": ({"allow_fallbacks": False}, "together openai"),
    "order holds for each model": ({"order": ["zai", "deepseek"], "allow_fallbacks": False}, "deepseek zai"),
    "only holds for each model": ({"only": ["openai"]}, "openai openai"),
    "enforce_distillable_text leaves models out": ({"enforce_distillable_text": True}, ALL),
}


@pytest.mark.parametrize(("wanted", "asked"), FALLBACKS.values(), ids=FALLBACKS)
def test_fallback_models_are_asked_under_the_same_preferences(wanted: object, asked: str) -> None:
    assert providers(planned(wanted, ONE, TWO)) == asked


def test_with_fallbacks_disabled_the_primary_is_the_best_that_is_well() -> None:
    closed = {"together": State(closed_until=200.0, why="breaker")}
    assert providers(planned({"allow_fallbacks": False}, states=closed)) == "deepinfra"
    everyone = {each.provider: State(closed_until=200.0, why="breaker") for each in ONE.endpoints}
    assert providers(planned({"allow_fallbacks": False}, states=everyone)) == "together"


def test_who_orders_or_sorts_does_not_spread() -> None:
    asking = Asking((ONE,), NOON, msgspec.convert({"order": ["novita"]}, Preferences), 4000, hosts=HOSTS)
    made = {providers(Planner(cost).plan(asking, NOTHING_KNOWN, seed)) for seed in range(50)}
    assert made == {"novita together deepinfra deepinfra openai anthropic deepseek"}


# Performance thresholds

FAST = State(latency=Percentiles(0.3, 0.5, 0.9, 2.0), throughput=Percentiles(120.0, 100.0, 60.0, 20.0))
SLOW = State(latency=Percentiles(0.9, 1.5, 4.0, 9.0), throughput=Percentiles(40.0, 30.0, 20.0, 5.0))
SEEN = {"together": SLOW, "openai": FAST, "anthropic": SLOW, "deepseek": FAST}
AFTER = "openai deepseek deepinfra deepinfra novita together anthropic"
"""Those known to be fast enough, those of which nothing is known, those known not to be: each by price."""

THRESHOLDS: Mapping[str, tuple[object, str]] = {
    "a number of tokens a second is the p50": ({"preferred_min_throughput": 100}, AFTER),
    "p90 throughput": ({"preferred_min_throughput": {"p90": 50}}, AFTER),
    "a number of seconds is the p50": ({"preferred_max_latency": 0.5}, AFTER),
    "several percentiles, all of which must hold": ({"preferred_max_latency": {"p50": 1, "p90": 3, "p99": 5}}, AFTER),
    "one of several does not hold": (
        {"preferred_max_latency": {"p50": 1, "p99": 1.5}},
        "deepinfra deepinfra novita together openai anthropic deepseek",
    ),
    "both kinds together": ({"preferred_min_throughput": {"p50": 100}, "preferred_max_latency": {"p75": 1}}, AFTER),
    "all are fast enough, as far as is known": (
        {"preferred_min_throughput": 1},
        "together openai anthropic deepseek deepinfra deepinfra novita",
    ),
    "with sort": (
        {"preferred_min_throughput": 100, "sort": "latency"},
        "deepseek openai deepinfra deepinfra novita anthropic together",
    ),
    "order comes first all the same": (
        {"preferred_max_latency": 0.5, "order": ["anthropic"]},
        "anthropic openai deepseek deepinfra deepinfra novita together",
    ),
}


@pytest.mark.parametrize(("wanted", "asked"), THRESHOLDS.values(), ids=THRESHOLDS)
def test_the_slow_are_asked_last_and_not_left_out(wanted: object, asked: str) -> None:
    quicker = replace_latency(SEEN)
    assert providers(planned(wanted, states=quicker)) == asked


def replace_latency(states: Mapping[str, State]) -> dict[str, State]:
    """The same, with deepseek a little quicker than openai, so that a sort has something to do."""
    quick = msgspec.structs.replace(FAST, latency=Percentiles(0.2, 0.5, 0.9, 2.0))
    return {**states, "deepseek": quick}


def test_a_fallback_that_is_fast_enough_comes_before_a_model_that_is_not() -> None:
    states = {each.provider: SLOW for each in ONE.endpoints} | {"zai": FAST}
    first = next(iter(planned({"preferred_min_throughput": {"p90": 50}}, ONE, THREE, states=states)))
    assert (first.model.id, first.endpoint.provider) == ("lab/three", "zai")


def test_the_cheapest_that_is_fast_enough_of_several_models() -> None:
    states = {"openai": FAST, "together": SLOW, "zai": SLOW}
    wanted = {"sort": {"by": "price", "partition": "none"}, "preferred_min_throughput": {"p90": 50}}
    first, second = list(planned(wanted, ONE, TWO, states=states))[:2]
    assert (first.model.id, second.model.id) == ("lab/two", "lab/one")


# Requiring parameters

REQUIRED: Mapping[str, tuple[frozenset[str], str]] = {
    "what everybody takes": (frozenset({"temperature"}), "together deepinfra deepinfra openai"),
    "response_format, as in the documentation": (frozenset({"response_format"}), "deepinfra deepinfra openai"),
    "tools and more": (frozenset({"tools", "seed"}), "openai"),
    "a request that says nothing": (frozenset(), ALL),
}


@pytest.mark.parametrize(("sent", "asked"), REQUIRED.values(), ids=REQUIRED)
def test_require_parameters_admits_who_is_known_to_take_all(sent: frozenset[str], asked: str) -> None:
    assert providers(planned({"require_parameters": True}, sent=sent)) == asked
    assert providers(planned({"require_parameters": False}, sent=sent)) == ALL


def test_require_parameters_asks_the_model_too() -> None:
    untooled = replace(ONE, tools=None)
    with pytest.raises(NoEndpoint, match="not known whether lab/one calls tools") as caught:
        planned({"require_parameters": True, "only": ["openai"]}, untooled, sent=frozenset({"tools"}))
    assert caught.value.param == "provider.require_parameters"


# What makes no sense, and what nobody meets

CONTRADICTIONS: Mapping[str, tuple[object, str, str]] = {
    "an unknown slug": (
        {"order": ["togther"]},
        "provider.order",
        "there is no provider 'togther'; the nearest: together",
    ),
    "an unknown slug in only": ({"only": ["deep-infra", "anthropc"]}, "provider.only", "the nearest: anthropic"),
    "an unknown slug in ignore": ({"ignore": ["@@@"]}, "provider.ignore", "none is like it"),
    "only and ignore": (
        {"only": ["openai"], "ignore": ["OpenAI"]},
        "provider.only",
        "provider.only and provider.ignore",
    ),
    "only's variant and ignore": (
        {"only": ["deepinfra/fp8"], "ignore": ["deepinfra"]},
        "provider.only",
        "provider.only and provider.ignore",
    ),
    "order outside only": (
        {"order": ["openai"], "only": ["together"]},
        "provider.order",
        "provider.order and provider.only",
    ),
    "order within ignore": (
        {"order": ["openai"], "ignore": ["openai"]},
        "provider.order",
        "provider.order and provider.ignore",
    ),
    "an empty only": ({"only": []}, "provider.only", "the list is empty"),
    "an unknown quantisation": ({"quantizations": ["q9"]}, "provider.quantizations", "take some of bf16, fp16"),
    "an empty list of quantisations": ({"quantizations": []}, "provider.quantizations", "the list is empty"),
}


@pytest.mark.parametrize(("wanted", "param", "said"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_what_makes_no_sense_is_a_bad_request_that_says_why(wanted: object, param: str, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        planned(wanted)
    assert caught.value.param == param
    assert said in caught.value.message


@pytest.mark.parametrize(
    "wanted",
    [
        {"only": ["deepinfra/fp8"], "ignore": ["deepinfra/fp4"]},
        {"only": ["deepinfra"], "ignore": ["deepinfra/fp4"]},
        {"only": ["deepinfra"], "order": ["deepinfra/fp8"]},
        {"only": ["deepinfra/fp8"], "order": ["deepinfra"]},
        {"order": ["openai", "together"], "only": ["openai"]},
        {"order": ["openai", "together"], "ignore": ["openai"]},
    ],
)
def test_what_can_be_meant_is_not_refused(wanted: object) -> None:
    assert providers(planned(wanted))


IMPOSSIBLE: Mapping[str, tuple[object, str, tuple[str, ...]]] = {
    "a price nobody meets": (
        {"max_price": {"prompt": 0.5}},
        "provider.max_price",
        (
            "The cheapest there is: together/lab/one-together at $1 for a million prompt tokens",
            "without provider.max_price",
        ),
    ),
    "the price of those that pass all else": (
        {"max_price": {"prompt": 0.5}, "zdr": True, "ignore": ["together"]},
        "provider.max_price",
        ("deepinfra/lab/one-deepinfrafp8 at $2", "without provider.max_price: deepinfra"),
    ),
    "one of two fields must go": (
        {"only": ["anthropic"], "zdr": True},
        "provider.zdr",
        (
            "anthropic keeps what it is sent for 730 days",
            "without provider.only: together/lab/one-together",
            "without provider.zdr: anthropic/lab/one-anthropic",
        ),
    ),
    "both must go": (
        {"order": ["novita"], "allow_fallbacks": False, "quantizations": ["fp16"], "zdr": True},
        "provider.zdr",
        (
            "without provider.order and provider.quantizations: together",
            "without provider.quantizations and provider.zdr: novita",
        ),
    ),
    "an unknown variant": (
        {"only": ["deepinfra/turbo"]},
        "provider.only",
        ("deepinfra is not among them", "without provider.only"),
    ),
    "one that is not here": ({"only": ["azure"]}, "provider.only", ("and 2 more",)),
    "the model's licence": (
        {"enforce_distillable_text": True},
        "provider.enforce_distillable_text",
        ("sets conditions",),
    ),
}


@pytest.mark.parametrize(("wanted", "param", "said"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_nobody_meets_is_told_with_the_nearest_that_would_work(
    wanted: object, param: str, said: tuple[str, ...]
) -> None:
    models = (TWO,) if "licence" in said[0] or param.endswith("text") else (ONE,)
    with pytest.raises(NoEndpoint) as caught:
        planned(wanted, *models)
    assert caught.value.param == param
    for words in said:
        assert words in caught.value.message


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "only": st.lists(
            st.sampled_from(["together", "deepinfra", "openai", "novita", "azure"]), min_size=1, max_size=3
        ),
        "ignore": st.lists(st.sampled_from(["together", "deepinfra/fp8", "deepseek"]), max_size=2),
        "order": st.lists(st.sampled_from(["openai", "novita", "deepinfra"]), max_size=2),
        "allow_fallbacks": st.booleans(),
        "zdr": st.booleans(),
        "data_collection": st.sampled_from(["allow", "deny"]),
        "quantizations": st.lists(st.sampled_from(["fp8", "fp4", "unknown"]), min_size=1),
        "max_price": st.fixed_dictionaries({"prompt": st.sampled_from([0.5, 1, 2.5, 100])}),
    },
)


@given(FIELDS)
def test_what_an_error_says_would_work_does_work(wanted: dict[str, object]) -> None:
    try:
        planned(wanted)
    except BadRequest:
        return
    except NoEndpoint as exc:
        ways = exc.message.partition("What would answer ")[2].rstrip(".").split("; ")
        for way in ways:
            fields = way.removeprefix("without ").partition(": ")[0].split(" and ")
            left = {name: value for name, value in wanted.items() if f"provider.{name}" not in fields}
            ids = [one.endpoint.id for one in planned(left)]
            named = way.partition(": ")[2].partition(" and ")[0].split(", ")
            if "allow_fallbacks" not in wanted:
                assert set(named) <= set(ids)
            assert ids


def test_a_price_of_a_request_counts() -> None:
    each = Price("p", "test", Rate(Decimal(1)), Rate(Decimal(1)), per_request=Decimal("0.01"))
    model = offer("lab/one", Endpoint("together", "a", "lab/one", (each,)), served("openai", "4"))
    assert providers(planned({"max_price": {"request": "0.005"}}, model)) == "openai"


def test_an_unknown_price_for_pictures_meets_no_bound() -> None:
    sees = replace(ONE, input_modalities=("text", "image"))
    with pytest.raises(NoEndpoint, match="has no known price for an image"):
        planned({"max_price": {"image": 1}}, sees)
