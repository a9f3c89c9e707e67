"""What an endpoint must meet to answer a request: one function each, and the table of them.

A condition looks at what is asked, once for a plan, and gives the test of an endpoint: why it may not answer, or None.
It gives None where nothing is asked of it. What cannot be known to hold does not hold: an endpoint without a price is
over any `max_price`, and where no data may be kept only the own machine will do.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from weighbridge.catalog.model import Endpoint, Price
from weighbridge.routing.asking import Asking
from weighbridge.routing.candidate import Candidate
from weighbridge.wire.preferences import MostPaid

Test = Callable[[Candidate], str | None]
Condition = Callable[[Asking], Test | None]

_OWN_MACHINE: Final = "local"
"""The id under which the catalogue lists what we run ourselves."""


def law(asking: Asking) -> Test | None:
    """The policy in force."""
    said = asking.law
    return None if said is None else lambda one: said.forbids(one.model, one.endpoint)


def only(asking: Asking) -> Test | None:
    """`provider.only`."""
    names = None if asking.preferences is None else asking.preferences.only
    if names is None:
        return None
    return lambda one: None if named(one.endpoint, names) else f"{_of(one)} is not among them"


def ignore(asking: Asking) -> Test | None:
    """`provider.ignore`."""
    names = None if asking.preferences is None else asking.preferences.ignore
    if names is None:
        return None
    return lambda one: f"{_of(one)} is among them" if named(one.endpoint, names) else None


def quantizations(asking: Asking) -> Test | None:
    """`provider.quantizations`."""
    admitted = None if asking.preferences is None else asking.preferences.quantizations
    if admitted is None:
        return None

    def test(one: Candidate) -> str | None:
        found = one.endpoint.quantisation or "unknown"
        return None if found in admitted else f"the quantisation of {one.endpoint.id} is {found}"

    return test


def max_price(asking: Asking) -> Test | None:
    """`provider.max_price`, by list prices: US dollars for a million tokens, and for one request."""
    most = None if asking.preferences is None else asking.preferences.max_price
    if most is None:
        return None
    return lambda one: _over(one, most)


def data_collection(asking: Asking) -> Test | None:
    """`provider.data_collection: "deny"`."""
    if asking.preferences is None or asking.preferences.data_collection != "deny":
        return None
    return lambda one: None if one.endpoint.provider == _OWN_MACHINE else _unknown(one, "collects")


def zdr(asking: Asking) -> Test | None:
    """`provider.zdr`: nothing is kept."""
    if asking.preferences is None or not asking.preferences.zdr:
        return None
    return lambda one: None if one.endpoint.provider == _OWN_MACHINE else _unknown(one, "keeps")


def enforce_distillable_text(asking: Asking) -> Test | None:
    """`provider.enforce_distillable_text`."""
    if asking.preferences is None or not asking.preferences.enforce_distillable_text:
        return None
    return lambda one: f"it is not known whether answers of {one.model.id} may train other models"


CONDITIONS: Final[tuple[tuple[str, Condition], ...]] = (
    ("policy", law),
    ("provider.only", only),
    ("provider.ignore", ignore),
    ("provider.quantizations", quantizations),
    ("provider.max_price", max_price),
    ("provider.data_collection", data_collection),
    ("provider.zdr", zdr),
    ("provider.enforce_distillable_text", enforce_distillable_text),
)
"""In the order in which they are tested: the first that an endpoint fails is the reason it is given."""


def named(endpoint: Endpoint, names: Sequence[str]) -> bool:
    """Whether one of the names means this endpoint: its provider's, or that with its quantisation."""
    return any(means(name, endpoint) for name in names)


def means(name: str, endpoint: Endpoint) -> bool:
    """Whether `name` is the endpoint's provider, or `provider/quantisation`; `Z.AI`, `z-ai` and `zai` are one."""
    provider, _, variant = name.partition("/")
    if _plain(provider) != _plain(endpoint.provider):
        return False
    return not variant or variant.lower() == (endpoint.quantisation or "").lower()


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _of(one: Candidate) -> str:
    return one.endpoint.provider


def _unknown(one: Candidate, verb: str) -> str:
    return f"it is not known what {one.endpoint.provider} {verb}"


def _over(one: Candidate, most: MostPaid) -> str | None:
    if one.price is None:
        return f"the price of {one.endpoint.id} is not known"
    for what, amount, limit in _amounts(one.price, most):
        if limit is not None and amount > Decimal(str(limit)):
            return f"{one.endpoint.id} asks ${amount.normalize():f} for {what}"
    return None


def _amounts(price: Price, most: MostPaid) -> tuple[tuple[str, Decimal, float | str | None], ...]:
    return (
        ("a million prompt tokens", price.input.base, most.prompt),
        ("a million answer tokens", price.output.base, most.completion),
        ("a request", price.per_request, most.request),
    )
