"""What a request asks of its providers, obeyed as far as the catalogue knows: values in, values out.

Obeyed are `only`, `ignore`, `order`, `allow_fallbacks`, `quantizations`, `max_price` and `sort` by price. What cannot
be known to hold does not hold: an endpoint without a price is over any `max_price`, and where no data may be kept only
the own machine will do. `sort` by throughput or latency and the two `preferred_…` fields change nothing yet: they are
wishes, and nothing is measured here. Neither does `require_parameters`: every parameter goes to every provider.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from weighbridge.catalog.model import Endpoint, Price
from weighbridge.errors import NoEndpoint
from weighbridge.routing.plan import Planned
from weighbridge.wire.preferences import MostPaid, Preferences

_OWN_MACHINE: Final = "local"
"""The id under which the catalogue lists what we run ourselves."""


def preferred(planned: Sequence[Planned], wanted: Preferences) -> list[Planned]:
    """The endpoints that may answer, in the order in which they are tried. Raises NoEndpoint, naming the field."""
    left = list(planned)
    for field, holds in _conditions(wanted):
        passed = [one for one in left if holds(*one)]
        if not passed:
            raise NoEndpoint(_nobody(field, left), param=f"provider.{field}")
        left = passed
    return _ordered(left, wanted)


Holds = Callable[[Endpoint, Price | None], bool]


def _conditions(wanted: Preferences) -> list[tuple[str, Holds]]:
    """What each endpoint must meet, by the field that says so."""
    found: list[tuple[str, Holds]] = []
    if (only := wanted.only) is not None:
        found.append(("only", lambda endpoint, _: _named(endpoint, only)))
    if (ignore := wanted.ignore) is not None:
        found.append(("ignore", lambda endpoint, _: not _named(endpoint, ignore)))
    if (quantisations := wanted.quantizations) is not None:
        found.append(("quantizations", lambda endpoint, _: (endpoint.quantisation or "unknown") in quantisations))
    if (most := wanted.max_price) is not None:
        found.append(("max_price", lambda _, price: price is not None and _within(price, most)))
    if wanted.data_collection == "deny":
        found.append(("data_collection", lambda endpoint, _: endpoint.provider == _OWN_MACHINE))
    if wanted.zdr:
        found.append(("zdr", lambda endpoint, _: endpoint.provider == _OWN_MACHINE))
    if wanted.enforce_distillable_text:
        found.append(("enforce_distillable_text", lambda _endpoint, _price: False))
    return found


def _nobody(field: str, left: Sequence[Planned]) -> str:
    providers = ", ".join(sorted({endpoint.provider for endpoint, _ in left})) or "nobody"
    return f"provider.{field}: no endpoint of the model is known to meet it; before it there were: {providers}"


def _ordered(left: list[Planned], wanted: Preferences) -> list[Planned]:
    if wanted.order is None:
        return left[:1] if wanted.allow_fallbacks is False else left
    first: list[Planned] = []
    for name in wanted.order:
        first += [one for one in left if _means(name, one[0]) and one not in first]
    if wanted.allow_fallbacks is not False:
        return first + [one for one in left if one not in first]
    if not first:
        raise NoEndpoint(_nobody("order", left), param="provider.order")
    return first


def _named(endpoint: Endpoint, names: Sequence[str]) -> bool:
    """Whether one of the names means this endpoint: its provider's, or that with its quantisation."""
    return any(_means(name, endpoint) for name in names)


def _means(name: str, endpoint: Endpoint) -> bool:
    provider, _, variant = name.partition("/")
    if _plain(provider) != _plain(endpoint.provider):
        return False
    return not variant or variant.lower() == (endpoint.quantisation or "").lower()


def _plain(name: str) -> str:
    """`Z.AI`, `z-ai` and `zai` are one."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _within(price: Price, most: MostPaid) -> bool:
    asked = (
        (price.input.base, most.prompt),
        (price.output.base, most.completion),
        (price.per_request, most.request),
    )
    return all(limit is None or amount <= Decimal(str(limit)) for amount, limit in asked)
