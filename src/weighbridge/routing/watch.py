"""What is seen of one endpoint by those who ask it: noted in constant time, read once in a while."""

from collections.abc import Callable
from typing import Final

from weighbridge.errors import (
    EngineUnavailable,
    UpstreamBusy,
    UpstreamKeyRefused,
    UpstreamLacksModel,
    WeighbridgeError,
)
from weighbridge.routing.breaker import Breaker
from weighbridge.routing.windows import Lately, Spread

_LEAST_TOKENS: Final = 8
_LEAST_SECONDS: Final = 0.005
"""What is shorter says more of buffers than of speed."""
_PART: Final = 0.25
"""The weight of the last request in what was seen lately."""
_SLOW_PART: Final = 0.1
_MINUTES: Final = 5
TRIED: Final = 3
"""Requests of an endpoint before it is held against others."""


class Watch:
    """One endpoint's record, kept by `Health`. Times are seconds of its clock."""

    __slots__ = (
        "_known",
        "_looked",
        "_minutes",
        "_turned",
        "_unnoted",
        "breaker",
        "bytes_per_token",
        "cached_share",
        "completion",
        "counted",
        "failures",
        "fresh",
        "id",
        "model",
        "pace",
        "requests",
        "speed",
        "spoke",
        "stands_for",
        "streams",
        "used",
        "wholes",
    )

    def __init__(self, id_: str, model: str, breaker: Breaker, turned: "Callable[[Watch], None]") -> None:
        """`turned` is called when it opens or closes."""
        self.id = id_
        self.model = model
        self.breaker = breaker
        self._turned = turned
        self.used = 0.0
        """When it was asked last."""
        self.fresh = True
        """Whether something was noted since this was last set to False."""
        self.requests = self.failures = 0
        self.counted = 0
        """Requests when `stands_for` was decided."""
        self.stands_for = 1
        """Of so many answers one is noted: of a busy endpoint some each second tell enough."""
        self._unnoted = 0
        """Answers until the next one is noted."""
        self.streams: Spread | None = None
        """Seconds to the first byte of streams."""
        self.wholes: Spread | None = None
        """The same of whole answers, which is the time it takes to write them."""
        self.speed: Spread | None = None
        """Tokens a second."""
        self._minutes: list[tuple[int, int, int]] = []
        """Requests and failures at the beginning of each of the last minutes, oldest first."""
        self._looked = 0, 0
        """The same when they were looked at last."""
        self._known: list[tuple[float, float | None]] = [(0.0, None), (0.0, None)]
        """Until when it holds, and what was asked of the first bytes of whole answers and of streams."""
        self.spoke = Lately(_PART)
        """Seconds to the first byte of the last streams."""
        self.pace = Lately(_PART)
        """Seconds a token of the last answers, the wait for the first one included."""
        self.cached_share = Lately(_SLOW_PART)
        self.bytes_per_token = Lately(_SLOW_PART)
        self.completion = Lately(_SLOW_PART)

    def begin(self, now: float) -> bool:
        """Whether it may be asked now; where it is half-open, this takes the lease."""
        self.used = now
        breaker = self.breaker
        return (breaker.until is None and breaker.limited is None) or breaker.admits(now)

    def answered(self, now: float, seconds: float) -> None:
        """The head of an answer came after so long."""
        self.requests += 1
        self.fresh = True
        breaker = self.breaker
        if breaker.until is not None or breaker.limited is not None:
            breaker.answered(now, seconds)
            self._turned(self)

    def goes_unnoted(self) -> bool:
        """Whether the answer that came to its end just now is one for which another one stands."""
        left = self._unnoted
        if left:
            self._unnoted = left - 1
            self.breaker.streak = 0
            return True
        self._unnoted = self.stands_for - 1
        return False

    def thin_out(self, count: int) -> None:
        """From here on one of so many answers is noted."""
        self.stands_for = count
        self._unnoted = min(self._unnoted, count - 1)

    def spoke_after(self, now: float, seconds: float, *, streamed: bool) -> None:
        """The first byte of an answer came after so long."""
        if streamed:
            spread = self.streams
            if spread is None:
                spread = self.streams = Spread()
            self.spoke.add(seconds)
        else:
            spread = self.wholes
            if spread is None:
                spread = self.wholes = Spread()
        spread.add(seconds, now)

    def finished(self, now: float, seconds: float, writing: float, completion: int) -> None:
        """The answer to what was asked `seconds` ago came to its end; it took `writing` of them to write.

        Tokens are as the provider counted them.
        """
        self.breaker.well(now, self.stands_for)
        if completion <= 0:
            return
        self.completion.add(completion)
        if completion < _LEAST_TOKENS:
            return
        self.pace.add(seconds / completion)
        if writing >= _LEAST_SECONDS:
            if self.speed is None:
                self.speed = Spread()
            self.speed.add(completion / writing, now)

    def read(self, prompt: int, cached: int | None, prompt_bytes: int | None) -> None:
        """A prompt of so many tokens was read, `cached` of them from the provider's cache; None is not known."""
        if prompt <= 0:
            return
        if cached is not None:
            self.cached_share.add(cached / prompt)
        if prompt_bytes:
            self.bytes_per_token.add(prompt_bytes / prompt)

    def ended(self, now: float) -> None:
        """An answer came to its end, and its tokens are not known."""
        self.breaker.well(now, self.stands_for)

    def failed(self, now: float, seconds: float, error: WeighbridgeError) -> None:
        """What was asked `seconds` ago got an error instead of an answer."""
        breaker = self.breaker
        if not error.try_another:  # the caller's to mend: it is well
            breaker.answered(now, seconds)
            breaker.well(now)
            self._turned(self)
            return
        self.requests += 1
        self.failures += 1
        self.fresh = True
        if isinstance(error, UpstreamBusy):
            opened = breaker.limit(now, error.retry_after)
        elif isinstance(error, UpstreamKeyRefused | UpstreamLacksModel):
            opened = breaker.refused(now)
        elif isinstance(error, EngineUnavailable):
            opened = False  # it costs nothing to ask it, and it is watched over by us
            breaker.left(now, seconds)
        else:
            opened = breaker.failed(now, seconds)
            if error.retry_after is not None:
                opened = breaker.limit(now, error.retry_after) or opened
        if opened:
            self._turned(self)

    def broke(self, now: float, seconds: float) -> None:
        """The answer to what was asked `seconds` ago broke off after it had begun."""
        self.failures += 1
        self.fresh = True
        if self.breaker.failed(now, seconds):
            self._turned(self)

    def left(self, now: float, seconds: float) -> None:
        """Whoever asked `seconds` ago is gone: nothing is known."""
        self.breaker.left(now, seconds)

    def limited(self, now: float) -> float | None:
        """Seconds for which the provider wants to be left alone; None: none."""
        until = self.breaker.limited
        return None if until is None or until <= now else until - now

    def told(self, now: float, wait: float) -> None:
        """A good answer said that there is nothing left for so many seconds."""
        if self.breaker.limit(now, wait):
            self.fresh = True
            self._turned(self)

    def on_trial(self) -> None:
        """It was put aside: the next requests decide, and one that goes as badly puts it aside again."""
        self.spoke.forget(TRIED - 1)
        self.pace.forget(TRIED - 1)
        self.fresh = True

    def probed(self) -> None:
        """Its provider answers again: the next request may try it."""
        if self.breaker.until is not None:
            self.breaker.half_open()
            self.fresh = True
            self._turned(self)

    def uptime(self, now: float) -> float | None:
        """The share of the requests of the last five minutes that did not fail; None where there were none.

        Minutes are told apart by those in which this is asked.
        """
        minute = int(now // 60)
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes = [each for each in self._minutes if each[0] >= minute - _MINUTES]
            self._minutes.append((minute, *self._looked))
        self._looked = self.requests, self.failures
        _, requests, failures = self._minutes[0]
        asked = self.requests - requests
        return None if asked <= 0 else max(0.0, 1 - (self.failures - failures) / asked)

    def first_byte(self, share: float, now: float, least: int, *, streamed: bool) -> float | None:
        """Seconds within which this share of the answers begin; None where fewer than `least` were seen.

        It is worked out once a second, for one share.
        """
        until, known = self._known[streamed]
        if known is None or now >= until:
            spread = self.streams if streamed else self.wholes
            if spread is None or spread.count < least:
                return None
            found = spread.reached((share,), now, least)
            known = None if found is None else found[0]
            self._known[streamed] = now + 1.0, known
        return known
