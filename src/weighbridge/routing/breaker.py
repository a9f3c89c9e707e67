"""The circuit breaker of one endpoint: when it is not asked, and how it comes back.

closed      all may ask. So many failures in a row, or a share of failures over half a minute, open it.
open        nobody asks for a while: twice as long each time, up to a bound, with some jitter, so that the workers of
            many gateways do not come back at once.
half-open   the while is over: one request at a time tries it, by a lease that lapses if its holder is not heard of.
            An answer closes it, a failure opens it for longer.

A rate limit is kept apart: a provider that says "later" is well, and is asked later. Times are seconds of a clock that
only goes forward, handed in; chance is handed in too.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from weighbridge.routing.hearsay import Hearsay
from weighbridge.routing.windows import Outcomes

Why = Literal["breaker", "rate_limit", "outlier"]
"""Why an endpoint is not to be asked: it kept failing, it said so itself, or its siblings are far better."""

_LEASE: Final = 30.0
"""Seconds that whoever tries a half-open endpoint may take until the next one may."""
_LIMIT_LEASE: Final = 2.0
"""The same after a rate limit, which is no sign that the endpoint is unwell."""
_UNTOLD: Final = 1.0
"""Seconds of a rate limit that names none; it doubles."""
_LONGEST_UNTOLD: Final = 60.0
_LONGEST_LIMIT: Final = 600.0
"""Seconds after which a limit is tried again, whatever it said: an account may have been raised meanwhile."""
_JITTER: Final = 0.25
_LONGEST_HEARSAY: Final = 600.0
"""Seconds for which others are believed, whatever they say."""


class Rules(msgspec.Struct, frozen=True):
    """When an endpoint is left alone, and for how long; seconds."""

    failures: int = 3
    """In a row: open."""
    failure_share: float = 0.5
    """Of the requests of half a minute: open."""
    share_of: int = 10
    """Requests there must be before a share means anything."""
    open: float = 2.0
    """The first time; each further time takes twice as long."""
    open_most: float = 60.0
    lasting: float = 60.0
    """The first time where it is our key, or the model, that the provider does not take."""
    lasting_most: float = 600.0
    slower: float = 10.0
    """Times slower than its siblings: put aside. 0: never."""
    aside: float = 30.0
    """Put aside for the first time."""
    aside_most: float = 300.0


class Breaker:
    """Of one endpoint."""

    __slots__ = (
        "_jitter",
        "_leased",
        "_length",
        "_limits",
        "_opened",
        "_outcomes",
        "_recovered",
        "_rules",
        "_times",
        "lasting",
        "limited",
        "streak",
        "until",
        "why",
    )

    def __init__(self, rules: Rules, jitter: Callable[[], float]) -> None:
        """`jitter` gives numbers in [0, 1)."""
        self._rules = rules
        self._jitter = jitter
        self._outcomes = Outcomes()
        self.streak = 0
        """Failures since the last answer that came to its end."""
        self._times = 0
        self._limits = 0
        self._opened = 0.0
        self._length = 0.0
        self._recovered = 0.0
        self._leased = 0.0
        self.until: float | None = None
        """Open until then, half-open afterwards; None: closed."""
        self.lasting = False
        """Open because it does not take our key, or has not got the model."""
        self.why: Why = "breaker"
        self.limited: float | None = None
        """Not before then, by the provider's own word; None: no limit is known."""

    def admits(self, now: float) -> bool:
        """Whether it may be asked now. On trial, whoever is admitted has the lease."""
        until, limited = self.until, self.limited
        if until is None and limited is None:
            return True
        if (until is not None and now < until) or (limited is not None and now < limited) or now < self._leased:
            return False
        self._leased = now + (_LEASE if until is not None else _LIMIT_LEASE)
        return True

    def answered(self, now: float, seconds: float) -> None:
        """It began to answer what it was asked `seconds` ago."""
        if self.limited is not None and self.limited <= now:
            self.limited = None
            self._limits = 0
        if self.until is not None and now - seconds >= self._opened:
            self.until = None
            self._recovered = now
            self.streak = self._rules.failures - 1  # until an answer has come to its end
        if now - seconds >= self._opened:
            self._leased = 0.0

    def well(self, now: float, count: int = 1) -> None:
        """An answer came to its end, or the request was the caller's to mend: there is somebody at home.

        It stands for `count` of them.
        """
        self.streak = 0
        self._outcomes.well(now, count)

    def failed(self, now: float, seconds: float) -> bool:
        """What was asked `seconds` ago failed; True: that has opened it."""
        if self.until is not None:
            if now < self.until or now - seconds < self._opened:
                return False  # known already
            self.open(now, "breaker", self._rules.open, self._rules.open_most)
            return True
        self.streak += 1
        self._outcomes.failed(now)
        if self.streak < self._rules.failures:
            failed, all_ = self._outcomes.counted(now)
            if all_ < self._rules.share_of or failed < self._rules.failure_share * all_:
                return False
        self.open(now, "breaker", self._rules.open, self._rules.open_most)
        return True

    def refused(self, now: float) -> bool:
        """It will not answer this, now or soon: it does not take our key, or has not got the model."""
        if self.until is not None and now < self.until:
            return False
        self.open(now, "breaker", self._rules.lasting, self._rules.lasting_most)
        self.lasting = True
        return True

    def put_aside(self, now: float) -> None:
        """It answers, and its siblings do far better."""
        self.open(now, "outlier", self._rules.aside, self._rules.aside_most)

    def open(self, now: float, why: Why, seconds: float, most: float) -> None:
        """Nobody asks for so long, or longer where it has not been well for long."""
        if self.until is None and now - self._recovered > 2 * self._length:
            self._times = 0
        length = min(most, seconds * 2.0 ** min(self._times, 20))
        self._times += 1
        self._length = length * (1 - _JITTER + 2 * _JITTER * self._jitter())
        self._opened = now
        self.until = now + self._length
        self.why = why
        self.lasting = False
        self._leased = 0.0
        self.streak = 0
        self._outcomes.forget()

    def limit(self, now: float, wait: float | None) -> bool:
        """It asks to be left alone, for `wait` seconds or nobody knows how long; True: that is news."""
        self._leased = 0.0
        if wait is not None:
            until = now + min(wait, _LONGEST_LIMIT)
            if self.limited is not None and self.limited >= until:
                return False
            self.limited = until
            return True
        if self.limited is not None and now < self.limited:
            return False
        length = min(_LONGEST_UNTOLD, _UNTOLD * 2.0 ** min(self._limits, 20))
        self._limits += 1
        self.limited = now + length * (1 - _JITTER + 2 * _JITTER * self._jitter())
        return True

    def left(self, now: float, seconds: float) -> None:
        """Whoever asked `seconds` ago is gone and nothing is known: the next one may try."""
        if now - seconds >= self._opened:
            self._leased = 0.0

    def half_open(self) -> None:
        """A probe has found somebody at home: the next request may try."""
        if self.until is not None:
            self.until = min(self.until, self._opened)

    @property
    def times(self) -> int:
        """How many times in a row it has opened."""
        return self._times

    def heard(self, now: float, news: Hearsay) -> bool:
        """Another worker has come to know something; True: that changes something here.

        Where our own last requests went well, one failure of our own is wanted first, and opens it. Else it is left
        alone as long as there, and some longer, so that whoever saw it fail tries it before all others do. An answer
        to anybody who asked before that closes it again. Where it is well for others, our next request tries it.
        """
        turned = news.limited is not None and self._heard_limit(now, now + min(news.limited, _LONGEST_LIMIT))
        if news.closed and self.until is not None and now < self.until and self.why == "breaker":
            self.until = now
            return True
        if news.open is None:
            return turned
        if self.until is None and self.streak == 0 and self._outcomes.well_lately(now):
            self.streak = self._rules.failures - 1
            return turned
        seconds = min(news.open, _LONGEST_HEARSAY)
        if self.until is not None and self.until >= now + seconds:
            return turned
        self._length = seconds
        self._times = max(self._times, news.times)
        self._opened = 0.0
        self.until = now + seconds * (1 + _JITTER * self._jitter())
        self.why = "breaker"
        self.lasting = news.lasting
        self._leased = 0.0
        self.streak = 0
        self._outcomes.forget()
        return True

    def _heard_limit(self, now: float, until: float) -> bool:
        if until <= now or (self.limited is not None and self.limited >= until):
            return False
        self.limited = until
        return True

    def counted(self, now: float) -> tuple[int, int]:
        """(failed, all) in the last half minute."""
        return self._outcomes.counted(now)
