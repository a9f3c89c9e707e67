"""What `auto` means where nothing is proven: the cheapest of some models that are publicly known to be good enough.

It is a guess from public figures over other people's requests, and shown as uncertified wherever it is used.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from weighbridge.routing.quality.look import Look
from weighbridge.routing.quality.rule import Arm, Choice


class Prior(msgspec.Struct, frozen=True):
    """What is publicly known of a model: shares of right answers, from 0 to 1."""

    model: str
    """The catalogue's id."""
    quality: float
    tools: float | None = None
    """With tools; None: as without."""
    json: float | None = None
    """Where a JSON document is asked for; None: as where none is."""

    def of(self, look: Look) -> float:
        """For what a request asks."""
        if look.tools and self.tools is not None:
            return self.tools
        if look.format != "text" and self.json is not None:
            return self.json
        return self.quality


class Auto(msgspec.Struct, frozen=True):
    """The models that `auto` may mean."""

    priors: tuple[Prior, ...]
    least: float
    """The quality that will do."""


Expected = Callable[[str], Decimal | None]
"""What a request is expected to cost at a model now, in US dollars; None: nobody may be asked."""


def guess(auto: Auto, look: Look, expected: Expected) -> tuple[Choice, Sequence[str]]:
    """The cheapest model that is good enough, else the best; and all others, to be asked where it does not answer."""
    costs = {prior.model: expected(prior.model) for prior in auto.priors}

    def rank(prior: Prior) -> tuple[bool, bool, Decimal]:
        quality, cost = prior.of(look), costs[prior.model]
        enough = quality >= auto.least
        return cost is None, not enough, (cost or Decimal(0)) if enough else Decimal(str(-quality))

    order = [prior.model for prior in sorted(auto.priors, key=rank)]
    return Choice(Arm(order[0]), "uncertified"), order
