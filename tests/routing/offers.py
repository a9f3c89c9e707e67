"""Models and requests for the tests of plans."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from weighbridge.catalog.model import Endpoint, Model, Price, Rate
from weighbridge.ledger.cost import cost
from weighbridge.routing.asking import Asking
from weighbridge.routing.health import NOTHING_KNOWN, Snapshot, State
from weighbridge.routing.planner import Plan, Planner
from weighbridge.routing.policy.law import Law
from weighbridge.wire.preferences import Preferences

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def price(dollars: str, output: str | None = None) -> Price:
    """A row at this price for a million tokens, either way or for the prompt alone."""
    amount = Rate(Decimal(dollars))
    return Price(id=dollars, source="test", input=amount, output=amount if output is None else Rate(Decimal(output)))


def endpoint(
    provider: str, dollars: str | None, quantisation: str | None = None, *, model: str = "lab/tiny"
) -> Endpoint:
    """An endpoint of the provider; None: its price is not known."""
    prices = () if dollars is None else (price(dollars),)
    return Endpoint(provider, "tiny", model, prices, quantisation=quantisation)


def model(*endpoints: Endpoint, name: str = "lab/tiny") -> Model:
    """A model that these serve."""
    return Model(name, endpoints=endpoints)


def health(states: Mapping[str, State], at: float = 100.0) -> Snapshot:
    """A snapshot by providers' names."""
    return Snapshot({f"{provider}/tiny": state for provider, state in states.items()}, at, 1)


def asking(*models: Model, wanted: object = None, law: Law | None = None, prompt_bytes: int = 4000) -> Asking:
    """A request; `wanted` as a client writes it."""
    preferences = None if wanted is None else msgspec.convert(wanted, Preferences)
    return Asking(models, NOON, preferences, prompt_bytes, law=law)


def plan(asked: Asking, snapshot: Snapshot = NOTHING_KNOWN, seed: int = 0) -> Plan:
    """The plan of a worker that has planned nothing before."""
    return Planner(cost).plan(asked, snapshot, seed)


def providers(made: Plan | Sequence[object]) -> str:
    """Who is asked, in this order."""
    return " ".join(one.endpoint.provider for one in made)  # type: ignore[attr-defined]  # candidates, all of them
