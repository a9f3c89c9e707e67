"""What is known of the endpoints' health: states by `Endpoint.id`, as a plan reads them. An endpoint that is absent is
one of which nothing is known: it is taken for well.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

Why = Literal["breaker", "rate_limit", "outlier"]
"""Why an endpoint is not to be asked: it kept failing, it said so itself, or its siblings are far better."""


class Percentiles(msgspec.Struct, frozen=True, gc=False):
    """What a share of the requests of the last minutes did at least as well as.

    Of seconds, `p90` is the time in which 90 % of the requests were done; of tokens a second, the speed that 90 % of
    the requests reached: the higher the percentile, the worse the figure, always.
    """

    p50: float
    p75: float
    p90: float
    p99: float


class State(msgspec.Struct, frozen=True, gc=False):
    """What is known of one endpoint. Times are seconds of the clock of `Health`, which only goes forward."""

    closed_until: float | None = None
    """Not to be asked before, unless nobody else is there; None: open."""
    why: Why | None = None
    latency: Percentiles | None = None
    """Seconds to the first byte."""
    throughput: Percentiles | None = None
    """Tokens a second after the first byte."""
    cached_share: float | None = None
    """The share of prompt tokens that were read from the provider's cache."""
    bytes_per_token: float | None = None
    """Prompt bytes for each prompt token, as the provider counts them."""
    completion: float | None = None
    """Mean tokens of an answer."""
    requests: int = 0
    failures: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    """All states at one moment. Its identity stands for its content: whoever remembers it may compare by `is`."""

    states: Mapping[str, State]
    at: float
    """When it was taken."""
    epoch: int
    """How many were taken before it."""


NOTHING_KNOWN: Final = Snapshot({}, 0.0, 0)
