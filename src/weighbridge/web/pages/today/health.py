"""How the endpoints are, as a worker of the gateway has seen them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.errors import GatewayAway
from weighbridge.gateway.route_health import EndpointHealth, RouteHealthList
from weighbridge.web.tongue import N_
from weighbridge.web.visit import Visit

WHY: Final = {
    "breaker": N_("it kept failing"),
    "rate_limit": N_("it asked to be left alone"),
    "outlier": N_("others of its model are far better"),
}
_PATIENCE: Final = 1.0
"""Seconds that a page waits for the gateway."""
MOST: Final = 8
"""Endpoints that are shown at once."""


@dataclass(frozen=True, slots=True)
class Health:
    """Those that were asked: what is unwell first, then the most asked."""

    away: str | None = None
    """Why the gateway says nothing, in English."""
    has_key: bool = True
    """False: this machine has none to ask it with."""
    endpoints: Sequence[EndpointHealth] = ()
    more: int = 0
    """Endpoints beside these, all well."""

    @property
    def unwell(self) -> int:
        """How many are not asked now as others are."""
        return sum(each.status != "well" for each in self.endpoints)


async def health(visit: Visit) -> Health | None:
    """As of now; None for whom it is not: the health of all endpoints is for those who see the whole gateway."""
    key = visit.parts.key
    if not visit.sees_all("usage.read"):
        return None
    if key is None:
        return Health(has_key=False)
    try:
        async with asyncio.timeout(_PATIENCE):
            said = await visit.parts.gateway.get("/v1/route/health", key)
    except GatewayAway as error:
        return Health(away=error.message)
    except TimeoutError:
        return Health(away=f"no answer within {_PATIENCE:g} s")
    if said.status != 200:
        return Health(away=f"it answers with status {said.status}")
    found = msgspec.json.decode(said.body, type=RouteHealthList)
    return of_list(found.data)


def of_list(found: Sequence[EndpointHealth]) -> Health:
    """The worst first."""
    ranked = sorted(found, key=lambda each: (each.status == "well", -each.requests, each.id))
    unwell = sum(each.status != "well" for each in ranked)
    shown = max(unwell, MOST)
    return Health(endpoints=ranked[:shown], more=max(0, len(ranked) - shown))
