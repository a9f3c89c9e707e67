"""What a router's whole curve is worth: quality over cost, its hull, what is saved at a share of the reference's.

AIQ is RouterBench's: the area under the non-decreasing hull between the mean costs of the cheapest model and of the
reference, over that distance (https://arxiv.org/abs/2403.12031). APGR and CPT are RouteLLM's, as its harness computes
them: ten quantiles of the router's score as thresholds (lm-sys/RouteLLM, routellm/evals/{benchmarks,evaluate}.py).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.router.data import Floats

QUANTILES: Final = 10


@dataclass(frozen=True, slots=True)
class Frontier:
    """Points of mean cost and mean quality, one for each place of the knob."""

    cost: Floats
    quality: Floats

    def hull(self) -> "Frontier":
        """The points that no mixture of others beats, by cost; quality never falls along it."""
        best: list[tuple[float, float]] = []
        for cost, quality in sorted(zip(self.cost, self.quality, strict=True), key=lambda point: (point[0], -point[1])):
            if best and quality <= best[-1][1]:
                continue
            while len(best) > 1 and _below(best[-2], best[-1], (cost, quality)):
                best.pop()
            best.append((cost, quality))
        return Frontier(np.array([cost for cost, _ in best]), np.array([quality for _, quality in best]))


def _below(left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]) -> bool:
    rise = (middle[1] - left[1]) * (right[0] - left[0])
    return bool(rise <= (right[1] - left[1]) * (middle[0] - left[0]))


def area(frontier: Frontier, cheapest: float, dearest: float) -> float:
    """AIQ of a curve between two mean costs; outside its points it is level, or nothing below its first."""
    hull = frontier.hull()
    inside = (hull.cost > cheapest) & (hull.cost < dearest)
    at = np.concatenate([[cheapest], hull.cost[inside], [dearest]])
    return float(np.trapezoid(np.interp(at, hull.cost, hull.quality), at) / (dearest - cheapest))


def saved(frontier: Frontier, share: float, reference_cost: float, reference_quality: float) -> float:
    """Part of the reference's cost that is not spent where the hull has `share` of its quality; 0 if it never has."""
    hull = frontier.hull()
    wanted = share * reference_quality
    if hull.quality[-1] < wanted:
        return 0.0
    return max(0.0, 1 - float(np.interp(wanted, hull.quality, hull.cost)) / reference_cost)


@dataclass(frozen=True, slots=True)
class Calls:
    """RouteLLM's figures of one split: shares of calls in percent."""

    apgr: float
    half: float
    """Calls of the strong model for half of the gap in quality: CPT50."""
    most: float
    """For 80 %: CPT80."""


def calls(score: Floats, weak: Floats, strong: Floats) -> Calls:
    """By a score that is higher where the strong model is worth its price."""
    edges = np.unique(np.quantile(score, np.linspace(0, 1, QUANTILES + 1)))
    shares, right = [], []
    for at, edge in enumerate(edges):
        up = score > edge if at == len(edges) - 1 else score >= edge
        shares.append(float(up.mean()) * 100)
        right.append(float(np.where(up, strong, weak).mean()))
    order = np.argsort(shares, kind="stable")
    share, accuracy = np.array(shares)[order], np.array(right)[order]
    low, high = float(weak.mean()), float(strong.mean())
    gained = np.trapezoid(accuracy - low, share / 100) / np.trapezoid(np.full(len(share), high - low), share / 100)
    half, most = (float(np.interp(low + part * (high - low), accuracy, share)) for part in (0.5, 0.8))
    return Calls(float(gained), half, most)
