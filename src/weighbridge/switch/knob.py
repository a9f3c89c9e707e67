"""The knob tested: predicted losses of cases that are held back, setting by setting, from strict to loose."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from weighbridge.routing.quality.predictor import Predictor
from weighbridge.routing.quality.worth import savings, taken
from weighbridge.switch.evidence import betting, sequence
from weighbridge.switch.evidence.betting import Values
from weighbridge.switch.learnt import learnt
from weighbridge.switch.outcome import Point
from weighbridge.switch.seen import LEARNT_FROM, Expense, Places, Seen, Terms, Under

_SETTINGS: Final = 50
_KEPT: Final = 8
"""Stricter settings that a certificate names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """The knob of a route, and how far it may be turned."""

    arms: tuple[int, ...]
    predictor: Predictor
    novelty: float
    taus: tuple[float, ...]
    """Settings, ascending."""
    held: tuple[Under, ...]
    """The cases that were held back, under each of them."""
    proven: int
    """So many of the settings."""
    bound: float
    """The mean loss that is not to be exceeded."""
    cases: tuple[str, ...]
    """Those that were held back."""
    fitted: int
    usual: float | None
    """What the reference is expected to cost in the mean of the cases learnt from: see Rule.usual."""

    @property
    def best(self) -> int | None:
        """The proven setting that saves most, and moves anything; None: there is none."""
        # What was proven on the way is proven; yet nobody is to read of a promise beside a mean that breaks it.
        kept = [at for at in range(self.proven) if float(self.held[at].losses.mean()) <= self.bound]
        useful = [at for at in kept if self.held[at].moved.any()]
        return max(useful, key=lambda at: (self.held[at].saves, at), default=None)

    @property
    def allowed(self) -> tuple[float, ...]:
        """Settings stricter than the best that are proven too and move anything, ascending; some of them if many."""
        best = self.best
        stricter = [tau for tau, under in zip(self.taus[:best], self.held, strict=False) if under.moved.any()]
        return tuple(stricter[:: max(1, math.ceil(len(stricter) / _KEPT))]) if best is not None else ()

    @property
    def curve(self) -> tuple[Point, ...]:
        """What each setting costs and loses."""
        best = self.best
        return tuple(
            Point(
                tau=tau,
                cost=0.0 if under.free else 1 - under.saves,
                loss=float(under.losses.mean()),
                moved=under.share,
                chosen=at == best,
            )
            for at, (tau, under) in enumerate(zip(self.taus, self.held, strict=True))
        )


def tested(terms: Terms, seen: Seen, expense: Expense) -> Tested | None:
    """Of what was seen; None where there is too little to learn from, or to decide by."""
    arms = _complete(seen.losses)
    rows = np.flatnonzero(~np.isnan(seen.losses[:, list(arms)]).any(axis=1)) if arms else np.array([], np.intp)
    fitting = np.array([is_learnt_from(terms.seed, seen.cases[row]) for row in rows], bool)
    fitted, held = rows[fitting], rows[~fitting]
    if min(len(fitted), len(held)) < LEARNT_FROM // 3:
        return None
    predictor, strange = learnt(terms, seen, fitted, arms)
    before, after = (_foreseen(predictor, strange, terms, seen, some, arms, expense) for some in (fitted, held))
    mean = float(before.expected[:, 0].mean())
    usual = mean if mean > 0 else None  # neither unknown nor nothing
    taus = _settings(before, usual)
    known, tried = ([each.under(tau, usual) for tau in taus] for each in (before, after))
    # Aimed by the cases learnt from: their losses are foreseen too well, which costs some power and no truth.
    mixtures = [betting.aimed(each.losses, terms.bound, terms.knob, len(held)) for each in known]
    squares = np.array([np.mean((terms.bound - each.losses) ** 2) for each in known])
    lost = np.stack([each.losses for each in tried])
    passed = sequence.proven(lost, terms.bound, terms.knob, mixtures, squares)
    return Tested(
        arms=arms,
        predictor=predictor,
        novelty=strange,
        taus=tuple(taus),
        held=tuple(tried),
        proven=passed,
        bound=terms.bound,
        cases=tuple(seen.cases[row] for row in held),
        fitted=len(fitted),
        usual=usual,
    )


def _complete(losses: Values) -> tuple[int, ...]:
    """Arms that were graded nearly as often as the one that was most: of others a run has had enough."""
    counts = (~np.isnan(losses)).sum(axis=0)
    return tuple(at for at, count in enumerate(counts) if count and count >= 0.9 * counts.max())


def is_learnt_from(seed: str, case: str) -> bool:
    """Of each case for good, so that none that was learnt from ever decides."""
    return hashlib.sha256(f"{seed}{case}".encode()).digest()[0] % 2 == 0


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """What is predicted of some cases, and what was seen of them."""

    losses: Values
    expected: Values
    """Cases x (reference, arms): what answers are expected to cost."""
    strange: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    lost: Values
    harmed: Values
    paid: Values
    usual: Values

    def under(self, tau: float, usual: float | None) -> Under:
        """What becomes of them."""
        arm = np.where(self.strange, -1, taken(self.losses, self.expected, tau, usual))
        moved, at, column = arm >= 0, np.arange(len(arm)), np.maximum(arm, 0)
        return Under(
            moved=moved,
            losses=np.where(moved, self.lost[at, column], 0.0),
            harms=np.where(moved, self.harmed[at, column], 0.0),
            costs=np.where(moved, self.paid[at, column], self.usual),
            usual=self.usual,
        )


def _foreseen(  # noqa: PLR0917 - of whom, by what
    predictor: Predictor,
    strange: float,
    terms: Terms,
    seen: Seen,
    rows: Places,
    arms: Sequence[int],
    expense: Expense,
) -> _Foreseen:
    vectors = predictor.reader.read_all([seen.looks[row] for row in rows])
    losses, novelty = predictor.of_rows(vectors, terms.route)
    who, own = [0, *[at + 1 for at in arms]], list(arms)
    expected = np.array(
        [
            [expense(one, seen.prompts[row], float(count)) for one, count in zip(who, counts, strict=True)]
            for row, counts in zip(rows, predictor.tokens_of_rows(vectors), strict=True)
        ]
    )
    paid = seen.costs[rows][:, who]
    paid = np.where(np.isnan(paid), expected, paid)
    return _Foreseen(
        losses=losses.astype(np.float64),
        expected=expected,
        strange=novelty > strange,
        lost=seen.losses[rows][:, own],
        harmed=seen.harms[rows][:, own],
        paid=paid[:, 1:],
        usual=paid[:, 0],
    )


def _settings(foreseen: _Foreseen, usual: float | None) -> list[float]:
    """Where each further share of the cases learnt from would be moved, and two beyond the last."""
    saved = savings(foreseen.expected, usual)
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = np.where(saved > 0, foreseen.losses / saved, np.inf)
    moving = np.where(np.isnan(needed), np.inf, needed).min(axis=1)
    moving = moving[np.isfinite(moving)]
    if not len(moving):
        return [0.0]
    found = np.quantile(moving, np.linspace(0.04, 1, _SETTINGS))
    reach = float(found[-1] - found[0]) or 0.01
    return sorted({*(float(each) for each in found), float(found[-1]) + reach, float(found[-1]) + 4 * reach})
