"""What is known of the endpoints' health: states by `Endpoint.id`, as a plan reads them, and who keeps them.

An endpoint that is absent is one of which nothing is known: it is taken for well. Nothing here waits, asks or looks at
a clock: what is seen of real traffic is handed in, with times of a clock that only goes forward.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Final

import msgspec

from weighbridge.catalog.model import Endpoint
from weighbridge.routing.breaker import Breaker, Rules, Why
from weighbridge.routing.hearsay import Hearsay
from weighbridge.routing.outliers import Seen, outliers
from weighbridge.routing.watch import TRIED, Watch
from weighbridge.routing.windows import Lately, Spread

_EVERY: Final = 1.0
"""Seconds between two snapshots, but where an endpoint opens or closes."""
_NOTED: Final = 100
"""Answers of an endpoint that are noted each second, about; where there are more, each stands for some."""
_FIGURES: Final = 5.0
"""Seconds for which the figures of an endpoint stand."""
_FEW: Final = 20
"""Requests of an endpoint until its figures stand for longer than a snapshot."""
_STALE: Final = 60.0
"""Seconds after which they are worked out again without new requests: the old ones fall out of the window."""
_MOST: Final = 2000
"""Endpoints of which is kept what was seen, at about 8 KB each; the longest unused make room."""
_SHARES: Final = (0.5, 0.75, 0.9, 0.99)
_SPEED_SHARES: Final = (0.01, 0.1, 0.25, 0.5)


class Percentiles(msgspec.Struct, frozen=True, gc=False):
    """What a share of the requests of the last five minutes did at least as well as.

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
    """Not to be asked before, unless nobody else is there; one that is past is on trial, one request at a time. None:
    it is well."""
    why: Why | None = None
    latency: Percentiles | None = None
    """Seconds to the first byte: of streams, or of whole answers where there were no streams."""
    throughput: Percentiles | None = None
    """Tokens a second after the first byte; of whole answers, over all their time."""
    cached_share: float | None = None
    """The share of prompt tokens that were read from the provider's cache."""
    bytes_per_token: float | None = None
    """Prompt bytes for each prompt token, as the provider counts them."""
    completion: float | None = None
    """Mean tokens of an answer."""
    uptime: float | None = None
    """The share of the requests of the last five minutes that did not fail."""
    requests: int = 0
    """Since the worker began."""
    failures: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    """All states at one moment. Its identity stands for its content: whoever remembers it may compare by `is`."""

    states: Mapping[str, State]
    at: float
    """When it was taken."""
    epoch: int
    """How many were taken before it."""


NOTHING_KNOWN: Final = Snapshot({}, 0.0, 0)


class Health:
    """What one worker has seen of all endpoints."""

    def __init__(self, rules: Rules | None = None, *, seed: int = 0) -> None:
        """`seed` decides the jitter of waits; two workers should not have the same."""
        self._rules = rules or Rules()
        self._jitter = Random(seed).random  # noqa: S311 - the jitter of waits is no secret
        self._watches: dict[str, Watch] = {}
        self._snapshot = NOTHING_KNOWN
        self._next = 0.0
        self._turned = False
        self._thinned = 0.0
        self._figures_at: dict[str, float] = {}
        self.turned: Callable[[Watch], None] | None = None
        """Is called when an endpoint opens or closes, by what was seen here; None: nobody wants to know."""

    def of(self, endpoint: Endpoint) -> Watch:
        """The endpoint's record, to note on what is seen of it."""
        return self._watches.get(endpoint.id) or self._new(endpoint.id, endpoint.model)

    def snapshot(self, now: float) -> Snapshot:
        """All states: the last one taken, where that was within the second and nothing has opened or closed since."""
        if now < self._next and not self._turned:
            return self._snapshot
        self._put_aside(now)
        self._thin_out(now)
        self._turned = False
        self._next = now + _EVERY
        last = self._snapshot
        states = {id_: self._state(watch, last.states.get(id_), now) for id_, watch in self._watches.items()}
        self._snapshot = Snapshot(states, now, last.epoch + 1)
        return self._snapshot

    def _thin_out(self, now: float) -> None:
        """Note as many answers as tell enough, by how many there were since the last snapshot."""
        seconds = now - self._thinned
        if seconds < _EVERY / 2:
            return
        self._thinned = now
        for watch in self._watches.values():
            watch.thin_out(1 + int((watch.requests - watch.counted) / seconds / _NOTED))
            watch.counted = watch.requests

    def failing(self, now: float) -> list[str]:
        """The ids of endpoints that are left alone because they failed: not for our key, a limit or their slowness."""
        return [id_ for id_, watch in self._watches.items() if _is_failing(watch.breaker, now)]

    def left_alone(self, now: float) -> list[tuple[str, str, Why]]:
        """The provider, the model and the reason of each endpoint that is not to be asked just now."""
        closed = [(watch, *_closed(watch.breaker, now)) for watch in self._watches.values()]
        return [
            (watch.id.partition("/")[0], watch.model, why)
            for watch, until, why in closed
            if until is not None and why is not None and until > now
        ]

    def probed(self, ids: Iterable[str]) -> None:
        """The provider of these endpoints was found to be there."""
        for id_ in ids:
            if (watch := self._watches.get(id_)) is not None:
                watch.probed()

    def heard(self, id_: str, model: str, news: Hearsay, now: float) -> Watch:
        """Another worker tells of the endpoint with this id, of this model."""
        watch = self._watches.get(id_) or self._new(id_, model)
        if watch.breaker.heard(now, news):
            watch.fresh = True
            self._turned = True
        return watch

    def each(self) -> Iterable[Watch]:
        """The records there are."""
        return tuple(self._watches.values())

    def _new(self, id_: str, model: str) -> Watch:
        if len(self._watches) >= _MOST:
            for watch in sorted(self._watches.values(), key=_used)[: _MOST // 4]:
                del self._watches[watch.id]
                self._figures_at.pop(watch.id, None)
        watch = Watch(id_, model, Breaker(self._rules, self._jitter), self._has_turned)
        self._watches[id_] = watch
        return watch

    def _has_turned(self, watch: Watch) -> None:
        self._turned = True
        if self.turned is not None:
            self.turned(watch)

    def _state(self, watch: Watch, last: State | None, now: float) -> State:
        breaker = watch.breaker
        until, why = _closed(breaker, now)
        age = now - self._figures_at.get(watch.id, -_STALE)
        stand = _STALE if not watch.fresh else _FIGURES if watch.requests > _FEW else 0.0
        if last is not None and age < stand:
            if last.closed_until == until and last.why == why:
                return last
            return msgspec.structs.replace(last, closed_until=until, why=why)
        watch.fresh = False
        self._figures_at[watch.id] = now
        return State(
            closed_until=until,
            why=why,
            latency=_times(watch.streams, now) or _times(watch.wholes, now),
            throughput=_speeds(watch.speed, now),
            cached_share=watch.cached_share.mean,
            bytes_per_token=watch.bytes_per_token.mean,
            completion=watch.completion.mean,
            uptime=watch.uptime(now),
            requests=watch.requests,
            failures=watch.failures,
        )

    def _put_aside(self, now: float) -> None:
        """Put those aside that do far worse than others of their model."""
        families: defaultdict[str, list[Watch]] = defaultdict(list)
        for watch in self._watches.values():
            families[watch.model].append(watch)
        for family in families.values():
            if len(family) < 2 or not any(watch.fresh for watch in family):
                continue
            for id_ in outliers([_seen(watch, now) for watch in family], self._rules.slower):
                watch = self._watches[id_]
                watch.breaker.put_aside(now)
                watch.on_trial()


def _is_failing(breaker: Breaker, now: float) -> bool:
    until = breaker.until
    return until is not None and until > now and breaker.why == "breaker" and not breaker.lasting


def _used(watch: Watch) -> float:
    return watch.used


def _closed(breaker: Breaker, now: float) -> tuple[float | None, Why | None]:
    if breaker.limited is not None and breaker.limited > max(now, breaker.until or 0.0):
        return breaker.limited, "rate_limit"
    if breaker.until is not None:
        return breaker.until, breaker.why
    return (None, None) if breaker.limited is None else (breaker.limited, "rate_limit")


def _seen(watch: Watch, now: float) -> Seen:
    failed, of = watch.breaker.counted(now)
    return Seen(
        watch.id,
        _closed(watch.breaker, now)[0] is not None,
        _tried(watch.spoke),
        _tried(watch.pace),
        failed,
        of,
    )


def _tried(lately: Lately) -> float | None:
    return lately.mean if lately.count >= TRIED else None


def _times(spread: Spread | None, now: float) -> Percentiles | None:
    found = None if spread is None else spread.reached(_SHARES, now)
    return None if found is None else Percentiles(*found)


def _speeds(spread: Spread | None, now: float) -> Percentiles | None:
    found = None if spread is None else spread.reached(_SPEED_SHARES, now)
    return None if found is None else Percentiles(*reversed(found))
