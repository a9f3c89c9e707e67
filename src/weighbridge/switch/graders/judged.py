"""How far a judge can be trusted: measured on pairs of which the truth is known, and how much length sways it.

The truth comes from people (a JSONL of labels) or from exact graders on the same pairs. The arrays that `pairs` makes
are what prediction-powered inference takes (switch.evidence.rectified): it corrects the judge's mean loss by its mean
error on these and widens the interval by that error's own.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from weighbridge.switch.case import Grade
from weighbridge.switch.evidence import rectified
from weighbridge.switch.evidence.rectified import Error
from weighbridge.switch.graders.grader import GraderError
from weighbridge.switch.outcome import LengthEffect
from weighbridge.wire.decoding import UNREADABLE

_LABELS: Final = {"reference": 1.0, "tie": 0.0, "candidate": -1.0}
_FEWEST: Final = 10
"""Pairs below which no effect of length is told."""


class _Labelled(msgspec.Struct):
    case: str
    label: str | float


def labels(lines: Iterable[bytes]) -> dict[str, float]:
    """What people said, as losses by case: lines of `{"case": …, "label": "reference" | "tie" | "candidate"}`.

    The label names the better answer; a number from -1 to 1 is a loss. Raises GraderError, naming the line.
    """
    found: dict[str, float] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = msgspec.json.decode(line, type=_Labelled)
        except UNREADABLE as error:
            raise GraderError(f"labels, line {number}: {error}; a line is {_EXAMPLE}") from error
        loss = _LABELS.get(said.label) if isinstance(said.label, str) else said.label
        if loss is None or not -1 <= loss <= 1:
            raise GraderError(f"labels, line {number}: label {said.label!r}; it is reference, tie, candidate or a loss")
        if found.setdefault(said.case, loss) != loss:
            raise GraderError(f"labels, line {number}: {said.case!r} was labelled otherwise before; leave one")
    return found


_EXAMPLE: Final = '{"case": "wbr-…", "label": "reference"}'


class Pairs(msgspec.Struct, frozen=True):
    """Losses of the same cases, by the judge and in truth, in one order."""

    judged: tuple[float, ...]
    true: tuple[float, ...]


def pairs(judged: Mapping[str, Grade], truth: Mapping[str, float]) -> Pairs:
    """Those cases that a model judged and of which the truth is known, by their ids' order."""
    both = sorted(id_ for id_, grade in judged.items() if not grade.exact and id_ in truth)
    return Pairs(tuple(judged[id_].loss for id_ in both), tuple(truth[id_] for id_ in both))


class JudgeError(msgspec.Struct, frozen=True):
    """How a judge errs."""

    error: Error
    """True less judged loss, with its interval: above 0, the judge is too kind to the candidate."""
    confusion: dict[str, int]
    """How often, by `true/judged`, each `reference`, `tie` or `candidate`: who was better."""
    false_ties: float | None
    """Share of true differences that it called a tie; None where there were none."""
    false_wins: float | None
    """Share of the wins it gave that were none, or the other's; None where it gave none."""


def judge_error(measured: Pairs, delta: float = 0.05) -> JudgeError | None:
    """What is known of a judge's error, with confidence 1 - delta; None without pairs."""
    if not measured.judged:
        return None
    sides = list(zip(map(_side, measured.true), map(_side, measured.judged), strict=True))
    return JudgeError(
        error=rectified.error(np.asarray(measured.judged), np.asarray(measured.true), delta),
        confusion=dict(sorted(Counter(f"{true}/{judged}" for true, judged in sides).items())),
        false_ties=_share([judged == "tie" for true, judged in sides if true != "tie"]),
        false_wins=_share([judged != true for true, judged in sides if judged != "tie"]),
    )


def _side(loss: float) -> str:
    return "tie" if loss == 0 else "reference" if loss > 0 else "candidate"


def _share(held: Sequence[bool]) -> float | None:
    return sum(held) / len(held) if held else None


def length_effect(losses: Sequence[float], lengths: Sequence[tuple[int, int]]) -> LengthEffect | None:
    """Fit it over judged pairs of one route; lengths in characters, the reference's and the candidate's.

    None of fewer than 10 pairs, or where lengths hardly differ. It says how much of a loss goes with length; whether
    longer answers are better in truth it cannot say. After the length-controlled win rates of Dubois and others (2024).
    """
    count = len(losses)
    if count < _FEWEST:
        return None
    ratios = [math.log((candidate + 1) / (reference + 1)) for reference, candidate in lengths]
    centre, mean = math.fsum(ratios) / count, math.fsum(losses) / count
    spread = math.fsum((each - centre) ** 2 for each in ratios)
    if spread < 1e-9 * count:
        return None
    pairs_ = list(zip(ratios, losses, strict=True))
    slope = math.fsum((ratio - centre) * (loss - mean) for ratio, loss in pairs_) / spread
    rests = [loss - mean - slope * (ratio - centre) for ratio, loss in pairs_]
    weights = [1 / count - centre * (ratio - centre) / spread for ratio in ratios]
    return LengthEffect(
        count=count,
        slope=slope,
        slope_error=_robust(rests, [(ratio - centre) / spread for ratio in ratios]),
        mean=mean,
        at_equal_length=mean - slope * centre,
        at_equal_length_error=_robust(rests, weights),
    )


def _robust(rests: Sequence[float], weights: Sequence[float]) -> float:
    """Standard error of a weighted sum of what was measured, from what the line leaves over."""
    count = len(rests)
    total = math.fsum((weight * rest) ** 2 for weight, rest in zip(weights, rests, strict=True))
    return math.sqrt(total * count / (count - 2))
