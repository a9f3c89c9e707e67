"""What a plan is made of: endpoints that may answer, and those that may not, each with its reason."""

from decimal import Decimal

import msgspec

from weighbridge.catalog.model import Endpoint, Model, Price
from weighbridge.routing.health import State


class Candidate(msgspec.Struct, frozen=True, eq=False):
    """An endpoint that may be asked, as it stood when the plan was made."""

    model: Model
    endpoint: Endpoint
    price: Price | None
    """The row in force; None where no price is known."""
    cost: Decimal | None = None
    """US dollars that a request of this size is expected to come to there: its effective price."""
    state: State | None = None
    """What is known of its health; None: nothing, so it is taken for well."""


class Excluded(msgspec.Struct, frozen=True, eq=False):
    """An endpoint that may not answer this request."""

    model: Model
    endpoint: Endpoint
    rule: str
    """What keeps it out, in a word that stays: `provider.only`, `policy`, …"""
    why: str
    """The same in a sentence."""
