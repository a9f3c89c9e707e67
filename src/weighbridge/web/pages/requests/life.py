"""A request's life: whom we asked, from when to when, and what came of each, as it was entered. Pure.

An entry has of each attempt how long it took to begin to answer, or to fail, and since lately when it was asked. Where
that was not kept it is reckoned here, and said to be: one began when the one before had failed, and two of which one
was faster were done at the same moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from weighbridge.ledger.entry import HEDGE_LOST, Attempt, Charge, Entry

Outcome = Literal["answered", "failed", "broke_off", "overtaken"]
"""answered    its answer is the client's, as far as the request came
failed      it gave no answer
broke_off   it began to answer, and did not end
overtaken   another one that was asked beside it began sooner
"""


@dataclass(frozen=True, slots=True)
class Try:
    """One endpoint that was asked. Times are seconds since the request came."""

    provider: str
    upstream_model: str
    outcome: Outcome
    began: float
    spoke: float | None
    """When its answer began: its head, which in a stream comes a little before the first words; None: it never did."""
    ended: float
    error: str | None = None
    answered_as: str | None = None
    charge: Charge | None = None
    """What it did, by itself; None where it did no work."""
    reckoned: bool = False
    """Whether when it began was not kept."""


@dataclass(frozen=True, slots=True)
class Life:
    """All that was tried for a request, in the order in which it began."""

    tries: tuple[Try, ...]
    first_byte: float | None
    duration: float

    @property
    def reckoned(self) -> bool:
        """Whether some times were not kept."""
        return any(each.reckoned for each in self.tries)

    @property
    def span(self) -> float:
        """Seconds that a drawing of it has to have room for."""
        return max([self.duration, *(each.ended for each in self.tries)], default=0.0)


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a drawing that is 1000 wide: something was waited for, or came."""

    kind: Literal["waiting", "answering", "failed", "overtaken"]
    at: float
    width: float


def life(entry: Entry) -> Life:
    """Of an entry."""
    begins = _begins(entry.attempts)
    last = len(entry.attempts) - 1
    tries = []
    for place, (attempt, began) in enumerate(zip(entry.attempts, begins, strict=True)):
        following = min((each for each in begins[place + 1 :] if each > began), default=None)
        tries.append(_try(entry, attempt, began, following, is_last=place == last))
    tries.sort(key=lambda each: each.began)
    return Life(tuple(tries), entry.first_byte, entry.duration)


def bars(tried: Try, span: float, *, mirrored: bool = False) -> list[Bar]:
    """What is drawn of one, from left to right, or mirrored for who reads from right to left."""
    if span <= 0:
        return []
    spoke = tried.ended if tried.spoke is None else min(tried.spoke, tried.ended)
    waiting: Literal["waiting", "failed", "overtaken"] = "waiting"
    if tried.spoke is None:
        waiting = "overtaken" if tried.outcome == "overtaken" else "failed"
    stretches: list[tuple[Literal["waiting", "answering", "failed", "overtaken"], float, float]] = [
        (waiting, tried.began, spoke)
    ]
    if tried.spoke is not None:
        stretches.append(("failed" if tried.outcome == "broke_off" else "answering", spoke, tried.ended))
    made = []
    for kind, start, end in stretches:
        at, width = 1000 * start / span, max(2.0, 1000 * (end - start) / span)
        at = min(at, 1000 - width)
        made.append(Bar(kind, round(1000 - at - width if mirrored else at, 1), round(width, 1)))
    return made


def place(seconds: float, span: float, *, mirrored: bool = False) -> float:
    """Where a moment is on such a drawing."""
    at = 0.0 if span <= 0 else min(1000.0, 1000 * seconds / span)
    return round(1000 - at if mirrored else at, 1)


def _try(entry: Entry, attempt: Attempt, began: float, following: float | None, *, is_last: bool) -> Try:
    by_itself = len(entry.attempts) == 1 or all(each.charge is None for each in entry.attempts)
    is_only = len(entry.attempts) == 1
    spoke = began + attempt.seconds
    answered = Try(
        provider=attempt.provider,
        upstream_model=attempt.upstream_model,
        outcome="answered",
        began=began,
        spoke=spoke,
        ended=max(spoke, entry.duration),
        error=attempt.error,
        answered_as=attempt.answered_as,
        charge=entry.charge if by_itself and attempt.error is None else attempt.charge,
        reckoned=attempt.began is None and not is_only,
    )
    if attempt.error is None:
        return answered
    outcome = _failure(entry, attempt, is_last=is_last)
    if outcome == "broke_off":
        charge = attempt.charge if attempt.charge is not None or not is_only else entry.charge
        ended = max(spoke, entry.duration if following is None else following)
        return replace(answered, outcome=outcome, ended=ended, charge=charge)
    return replace(answered, outcome=outcome, spoke=None, ended=spoke)


def _failure(entry: Entry, attempt: Attempt, *, is_last: bool) -> Outcome:
    if attempt.error == HEDGE_LOST:
        return "overtaken"
    began_last = is_last and entry.first_byte is not None and entry.error == attempt.error
    return "broke_off" if attempt.charge is not None or began_last else "failed"


def _begins(attempts: Sequence[Attempt]) -> list[float]:
    """When each was asked: as it was kept, else one after the other."""
    begins: list[float] = []
    free = 0.0
    for place_, attempt in enumerate(attempts):
        beside = attempts[place_ + 1] if attempt.error == HEDGE_LOST and place_ + 1 < len(attempts) else None
        before = attempts[place_ - 1] if place_ and attempts[place_ - 1].error == HEDGE_LOST else None
        if attempt.began is not None:
            began = attempt.began
        elif before is not None:  # both were done at the same moment
            began = max(0.0, begins[-1] + before.seconds - attempt.seconds)
        elif beside is not None:
            began = free + max(0.0, beside.seconds - attempt.seconds)
        else:
            began = free
        begins.append(began)
        free = max(free, began + attempt.seconds)
    return begins
