"""How failures of endpoints are met, by the settings."""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from weighbridge.app.offer import LOCAL
from weighbridge.config import Settings
from weighbridge.errors import WeighbridgeError
from weighbridge.gateway.admission import Admission, Bounds
from weighbridge.gateway.dispatch import Dispatch
from weighbridge.gateway.hedging import Hedging
from weighbridge.providers.base import Provider
from weighbridge.providers.openai_compatible import OpenAICompatible
from weighbridge.routing.breaker import Rules
from weighbridge.routing.health import Health
from weighbridge.routing.retries import Budget, Retrying
from weighbridge.serving.engines import Upstream

log = logging.getLogger(__name__)

_SAVED_HEDGES: Final = 10.0
"""Second requests that can be saved up."""


def health(settings: Settings) -> Health:
    """A worker's memory of what endpoints do; workers come back to a broken one at different times."""
    routing = settings.routing
    rules = Rules(
        failures=routing.breaker_failures,
        failure_share=routing.breaker_percent / 100,
        open=routing.breaker_seconds,
        open_most=max(routing.breaker_seconds, routing.breaker_most_seconds),
        slower=routing.outlier_times,
        aside=routing.outlier_seconds,
        aside_most=10 * routing.outlier_seconds,
    )
    return Health(rules, seed=secrets.randbits(32))


def dispatch(
    settings: Settings,
    providers: Mapping[str, Provider],
    engines: Sequence[Upstream],
    kept: Health,
    seconds: Callable[[], float],
) -> Dispatch:
    """What asks endpoints; `seconds` is the clock that `kept` goes by."""
    routing = settings.routing
    retrying = Retrying(
        rounds=routing.retries,
        seconds=routing.retry_seconds,
        share=routing.retry_percent / 100,
        a_second=routing.retries_per_second,
    )
    admission = _admission(settings, engines, seconds)
    hedging = Hedging(
        Budget(routing.hedge_percent / 100, 0.0, most=_SAVED_HEDGES), routing.hedge_max_cost, by_default=routing.hedge
    )
    return Dispatch(providers, kept, seconds, retrying, admission=admission, hedging=hedging, seed=secrets.randbits(32))


async def probe(kept: Health, servers: Mapping[str, OpenAICompatible], every: float, now: Callable[[], float]) -> None:
    """Ask the providers of endpoints that fail for their lists of models; one that answers has them tried at once."""
    while True:
        await asyncio.sleep(every)
        failing: defaultdict[str, list[str]] = defaultdict(list)
        for id_ in kept.failing(now()):
            failing[id_.partition("/")[0]].append(id_)
        async with asyncio.TaskGroup() as group:
            for provider, ids in failing.items():
                if provider in servers:
                    group.create_task(_probe(kept, servers[provider], ids))


async def _probe(kept: Health, server: OpenAICompatible, ids: Sequence[str]) -> None:
    try:
        await server.models()
    except WeighbridgeError:
        return
    except Exception:  # a list may hold what nobody thought of; the others are probed all the same
        log.exception("a provider cannot be probed")
        return
    kept.probed(ids)


def _admission(settings: Settings, engines: Sequence[Upstream], seconds: Callable[[], float]) -> Admission | None:
    """The places of a worker; None where there is no bound."""
    given = {name: own.max_concurrent for name, own in settings.providers.items()}
    places = {name: bound for name, bound in given.items() if bound is not None}
    places |= {f"{LOCAL}/{engine.model}": settings.local.slots for engine in engines}
    bounds = settings.admission
    if not places and bounds.max_concurrent is None:
        return None
    return Admission(
        Bounds(places, bounds.max_concurrent, queue=bounds.max_queue, wait_seconds=bounds.max_wait_seconds), seconds
    )
