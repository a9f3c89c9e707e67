"""What an endpoint must meet to answer a request: one function each, and the table of them.

A condition looks at what is asked, once for a plan, and gives the test of an endpoint: why it may not answer, or None.
It gives None where nothing is asked of it. What cannot be known to hold does not hold: an endpoint without a price is
over any `max_price`, and one whose provider does not say how long it keeps a prompt is taken to keep it.
https://openrouter.ai/docs/guides/routing/provider-selection
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from weighbridge.catalog.model import Host, Modality, Model, Price
from weighbridge.routing.asking import Asking
from weighbridge.routing.candidate import Candidate
from weighbridge.routing.policy.facts import Facts, facts_of
from weighbridge.routing.slugs import Named

Test = Callable[[Candidate], str | None]
Condition = Callable[[Asking], Test | None]

_TRANSIENT_DAYS: Final = 30
"""What providers that do not collect keep all the same, to look into abuse."""


def law(asking: Asking) -> Test | None:
    """The policy in force."""
    said = asking.law
    return None if said is None else lambda one: said.forbids(one.model, one.endpoint)


def only(asking: Asking) -> Test | None:
    """`provider.only`."""
    names = None if asking.preferences is None else asking.preferences.only
    if names is None:
        return None
    named = Named(names)
    return lambda one: None if one.endpoint in named else f"{_of(one)} is not among them"


def ignore(asking: Asking) -> Test | None:
    """`provider.ignore`."""
    names = None if asking.preferences is None else asking.preferences.ignore
    if not names:
        return None
    named = Named(names)
    return lambda one: f"{_of(one)} is among them" if one.endpoint in named else None


def order(asking: Asking) -> Test | None:
    """`provider.order`, where `allow_fallbacks` is false: nobody else."""
    wanted = asking.preferences
    if wanted is None or wanted.allow_fallbacks is not False or not wanted.order:
        return None
    named = Named(wanted.order)
    return lambda one: None if one.endpoint in named else f"{_of(one)} is not in it, and allow_fallbacks is false"


def require_parameters(asking: Asking) -> Test | None:
    """`provider.require_parameters`: whoever answers takes every field of the request."""
    if asking.preferences is None or not asking.preferences.require_parameters:
        return None
    sent = sorted(asking.parameters)

    def test(one: Candidate) -> str | None:
        host = asking.host(one.endpoint.provider)
        return next((why for name in sent if (why := _not_taken(name, one, host)) is not None), None)

    return test


def quantizations(asking: Asking) -> Test | None:
    """`provider.quantizations`."""
    asked = None if asking.preferences is None else asking.preferences.quantizations
    if asked is None:
        return None
    admitted = {each.lower() for each in asked}

    def test(one: Candidate) -> str | None:
        found = (one.endpoint.quantisation or "unknown").lower()
        return None if found in admitted else f"the quantisation of {one.endpoint.id} is {found}"

    return test


def max_price(asking: Asking) -> Test | None:
    """`provider.max_price`, by list prices: US dollars for a million tokens, for one request, for one image."""
    most = None if asking.preferences is None else asking.preferences.max_price
    if most is None:
        return None
    asked = ((name, getattr(most, name)) for name in _AMOUNTS)
    limits = [(*_AMOUNTS[name], Decimal(str(limit))) for name, limit in asked if limit is not None]

    def test(one: Candidate) -> str | None:
        if one.price is None:
            return f"the price of {one.endpoint.id} is not known"
        for what, of, limit in limits:
            amount = of(one.model, one.price)
            if amount is None:
                return f"{one.endpoint.id} has no known price for {what}"
            if amount > limit:
                return f"{one.endpoint.id} asks ${amount.normalize():f} for {what}"
        return None

    return test


def data_collection(asking: Asking) -> Test | None:
    """`provider.data_collection: "deny"`: nobody who trains on what is sent, or keeps it for longer than a while."""
    if asking.preferences is None or asking.preferences.data_collection != "deny":
        return None

    def test(one: Candidate) -> str | None:
        facts, name = _facts(one, asking), _of(one)
        if facts.trains is None:
            return f"it is not known whether {name} trains on what it is sent"
        if facts.trains:
            return f"{name} trains on what it is sent"
        if facts.retention_days is None:
            return f"it is not known how long {name} keeps what it is sent"
        return _keeps(facts) if facts.retention_days > _TRANSIENT_DAYS else None

    return test


def zdr(asking: Asking) -> Test | None:
    """`provider.zdr`: nothing is kept."""
    if asking.preferences is None or not asking.preferences.zdr:
        return None

    def test(one: Candidate) -> str | None:
        facts = _facts(one, asking)
        if facts.retention_days is None:
            return f"it is not known how long {_of(one)} keeps what it is sent"
        return _keeps(facts) if facts.retention_days else None

    return test


def enforce_distillable_text(asking: Asking) -> Test | None:
    """`provider.enforce_distillable_text`: the licence lets answers train other models, without conditions."""
    if asking.preferences is None or not asking.preferences.enforce_distillable_text:
        return None

    def test(one: Candidate) -> str | None:
        licence = one.model.licence
        use = None if licence is None else licence.output_use
        if use == "free":
            return None
        if licence is None or use is None:
            return f"it is not known whether answers of {one.model.id} may train other models"
        said = "forbids it" if use == "forbidden" else "sets conditions"
        return f"to training other models on answers of {one.model.id} its licence {licence.id} {said}"

    return test


CONDITIONS: Final[tuple[tuple[str, Condition], ...]] = (
    ("policy", law),
    ("provider.only", only),
    ("provider.ignore", ignore),
    ("provider.order", order),
    ("provider.require_parameters", require_parameters),
    ("provider.quantizations", quantizations),
    ("provider.max_price", max_price),
    ("provider.data_collection", data_collection),
    ("provider.zdr", zdr),
    ("provider.enforce_distillable_text", enforce_distillable_text),
)
"""In the order in which they are tested: the first that an endpoint fails is the reason it is given."""


def tests_of(asking: Asking) -> list[tuple[str, Test]]:
    """The tests that a request puts its endpoints to, each with the name of its rule."""
    return [(rule, test) for rule, condition in CONDITIONS if (test := condition(asking)) is not None]


def _of(one: Candidate) -> str:
    return one.endpoint.provider


def _facts(one: Candidate, asking: Asking) -> Facts:
    return facts_of(one.model, one.endpoint, asking.host(one.endpoint.provider))


def _keeps(facts: Facts) -> str:
    days = facts.retention_days
    return f"{facts.provider} keeps what it is sent for {days} {'day' if days == 1 else 'days'}"


_TOOLS: Final = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
_THINKING: Final = frozenset({"reasoning", "reasoning_effort", "include_reasoning"})


def _not_taken(name: str, one: Candidate, host: Host) -> str | None:
    """Why a field of the request is not known to be heeded there."""
    if host.parameters is None:
        return f"it is not known which parameters {host.id} takes"
    if name not in host.parameters:
        return f"{host.id} does not take {name}"
    for names, able, what in (
        (_TOOLS, one.model.tools, "calls tools"),
        (_THINKING, one.model.reasoning, "reasons"),
    ):
        if name in names and not able:
            known = "it is not known whether " if able is None else "it is not so that "
            return f"{known}{one.model.id} {what}, as {name} asks"
    return None


def _of_kind(kind: Modality) -> Callable[[Model, Price], Decimal | None]:
    """Price lists have no such price: it is nothing where the model neither reads nor makes any, else unknown."""

    def amount(model: Model, price: Price) -> Decimal | None:
        read, made = model.input_modalities, model.output_modalities
        return None if read is None or made is None or kind in (*read, *made) else Decimal(0)

    return amount


_AMOUNTS: Final[Mapping[str, tuple[str, Callable[[Model, Price], Decimal | None]]]] = {
    "prompt": ("a million prompt tokens", lambda _, price: price.input.base),
    "completion": ("a million answer tokens", lambda _, price: price.output.base),
    "request": ("a request", lambda _, price: price.per_request),
    "image": ("an image", _of_kind("image")),
    "audio": ("a unit of audio", _of_kind("audio")),
}
