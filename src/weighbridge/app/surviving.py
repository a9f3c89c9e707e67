"""How failures of endpoints are met, by the settings."""

import secrets
from collections.abc import Callable, Mapping

from weighbridge.config import Settings
from weighbridge.gateway.dispatch import Dispatch
from weighbridge.providers.base import Provider
from weighbridge.routing.breaker import Rules
from weighbridge.routing.health import Health
from weighbridge.routing.retries import Retrying


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
    settings: Settings, providers: Mapping[str, Provider], kept: Health, seconds: Callable[[], float]
) -> Dispatch:
    """What asks endpoints; `seconds` is the clock that `kept` goes by."""
    routing = settings.routing
    retrying = Retrying(
        rounds=routing.retries,
        seconds=routing.retry_seconds,
        share=routing.retry_percent / 100,
        a_second=routing.retries_per_second,
    )
    return Dispatch(providers, kept, seconds, retrying, seed=secrets.randbits(32))
