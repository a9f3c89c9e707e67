"""GET /v1/route/health: how the endpoints are, as the worker that is asked has seen them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.catalog.model import Endpoint
from weighbridge.gateway import answers
from weighbridge.gateway.offered import offered
from weighbridge.gateway.planning import Planning
from weighbridge.routing.health import Percentiles, State
from weighbridge.transport.message import Reply, Request


class EndpointHealth(msgspec.Struct):
    """One endpoint that was asked."""

    id: str
    """`provider/name`, as in the ledger."""
    provider: str
    model: str
    status: Literal["well", "left_alone", "on_trial"]
    """`on_trial`: one request at a time is let through to see."""
    why: Literal["breaker", "rate_limit", "outlier"] | None
    """It kept failing, it asked for it itself, or others of its model are far better."""
    again_in: float | None
    """Seconds until it is tried again."""
    latency: Percentiles | None
    """Seconds to the first byte, in the last five minutes; 90 % of the requests did at least as well as `p90`."""
    throughput: Percentiles | None
    """Tokens a second, likewise."""
    uptime: float | None
    """The share of the requests of the last five minutes that did not fail."""
    cached_share: float | None
    """Of prompt tokens, read from the provider's cache."""
    completion: float | None
    """Mean tokens of an answer."""
    requests: int
    """Since the worker began."""
    failures: int


class RouteHealthList(msgspec.Struct):
    """All that the key may ask for and that were asked."""

    data: list[EndpointHealth]
    object: Literal["list"] = "list"


@dataclass(frozen=True, slots=True)
class RouteHealth:
    """Of one worker: each has its own eyes."""

    open: Callable[[Request, datetime], Key]
    now: Callable[[], datetime]
    planning: Planning

    async def __call__(self, request: Request, reply: Reply) -> None:
        """The endpoints by id. Raises Unauthorized."""
        key = self.open(request, self.now())
        snapshot = self.planning.health()
        known: dict[str, EndpointHealth] = {}
        for model in offered(key, self.planning.catalog(), tuple):
            for endpoint in model.endpoints:
                state = snapshot.states.get(endpoint.id)
                if state is not None:
                    known[endpoint.id] = _told(endpoint, state, snapshot.at)
        answers.document(reply, RouteHealthList([known[id_] for id_ in sorted(known)]))


def _told(endpoint: Endpoint, state: State, now: float) -> EndpointHealth:
    until = state.closed_until
    is_over = until is not None and until <= now
    return EndpointHealth(
        id=endpoint.id,
        provider=endpoint.provider,
        model=endpoint.model,
        status="well" if until is None else "on_trial" if is_over else "left_alone",
        why=state.why,
        again_in=None if until is None or is_over else round(until - now, 3),
        latency=state.latency,
        throughput=state.throughput,
        uptime=state.uptime,
        cached_share=state.cached_share,
        completion=state.completion,
        requests=state.requests,
        failures=state.failures,
    )
