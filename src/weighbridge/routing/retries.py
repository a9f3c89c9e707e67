"""When an endpoint that failed is asked again for the same request: values in, values out."""

from typing import Final

import msgspec

from weighbridge.errors import (
    EngineUnavailable,
    UpstreamBusy,
    UpstreamError,
    UpstreamKeyRefused,
    UpstreamLacksModel,
    UpstreamUnreachable,
    WeighbridgeError,
)

_SHORTEST: Final = 0.25
_LONGEST: Final = 4.0
_SAVED_SECONDS: Final = 10.0


class Retrying(msgspec.Struct, frozen=True):
    """How often, for how long, and how many of all requests."""

    rounds: int = 2
    """Times that endpoints are asked again after all of them have failed."""
    seconds: float = 10.0
    """From the first try, in which another round may begin."""
    share: float = 0.2
    """Of the requests that may be retries."""
    a_second: float = 3.0
    """Retries that may always be."""


class Budget:
    """Retries that may be, of one worker: a storm of failures is answered by few of them.

    Each request pays in a share of a retry, and so does each second; what is not taken is lost in the end.
    """

    __slots__ = ("_a_second", "_at", "_left", "_most", "_share")

    def __init__(self, share: float, a_second: float, most: float | None = None) -> None:
        """`most` is what can be saved up; None: what ten seconds pay in."""
        self._share = share
        self._a_second = a_second
        self._most = max(1.0, a_second * _SAVED_SECONDS if most is None else most)
        self._left = self._most
        self._at = 0.0

    def asked(self) -> None:
        """A request has come."""
        if self._left < self._most:
            self._left += self._share

    def spend(self, now: float) -> bool:
        """Take one retry; False: there is none. `now` is of a clock that only goes forward, in seconds."""
        self._left = min(self._most, self._left + (now - self._at) * self._a_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def backoff(round_: int, chance: float) -> float:
    """Seconds before the round of this number, from 1, begins: up to twice as long each time, and any part of that.

    `chance` is in [0, 1). Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return min(_LONGEST, _SHORTEST * 2.0 ** min(round_, 10)) * chance


def is_final(error: WeighbridgeError) -> bool:
    """Whether the endpoint would say the same again."""
    return not error.try_another or isinstance(error, UpstreamKeyRefused | UpstreamLacksModel)


def usefulness(error: WeighbridgeError) -> int:
    """Which of several errors is told: the one that says most of what can be done; of equals, the last.

    First what passes by itself and says when, then what went wrong on the way, then that nobody was there, then what
    only the gateway's owner can mend.
    """
    if isinstance(error, UpstreamBusy | EngineUnavailable):
        return 4
    if isinstance(error, UpstreamKeyRefused | UpstreamLacksModel):
        return 1
    if isinstance(error, UpstreamUnreachable):
        return 2
    return 3 if isinstance(error, UpstreamError) else 0
