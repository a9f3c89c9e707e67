"""Intervals one below another, held against a limit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.reports.drawing import HUES, WIDTH, across, framed, mark, shortened, step, straight, words
from weighbridge.reports.language import Tongue

_ROW: Final = 64
_SIDE: Final = 24
_TOP: Final = 34


@dataclass(frozen=True, slots=True)
class Range:
    """One of them; `value` is where it is marked."""

    name: str
    low: float
    high: float
    value: float | None
    label: str
    """What stands beside its name."""
    series: int = 0
    """Its hue and mark, 0 to 3."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Those of a chart, all by one scale."""

    rows: tuple[Range, ...]
    limit: float
    limit_name: str
    shown: Callable[[float], str]
    """A number at the scale."""


def drawing(what: Ranges, title: str, description: str, tongue: Tongue, *, alone: bool = True) -> str:
    """The chart as SVG. What reaches beyond ten times the limit is cut there, and has no end."""
    low = max(min(0.0, what.limit, *(row.low for row in what.rows)), -_reach(what))
    high = min(max(what.limit, *(row.high for row in what.rows)), _reach(what))
    apart = step(high, low)
    low, high = (low // apart) * apart, -(-high // apart) * apart
    base = _TOP + len(what.rows) * _ROW

    def x(value: float) -> float:
        held = min(max(value, low), high)
        return across(_SIDE + (held - low) / ((high - low) or 1) * (WIDTH - 2 * _SIDE), tongue)

    parts: list[str] = []
    for tick in range(round((high - low) / apart) + 1):
        value = low + tick * apart
        parts.append(straight("grid", (x(value), _TOP), (x(value), base)))
        parts.append(words(x(value), base + 18, what.shown(value), anchor="middle", little=True))
    parts.append(straight("limit", (x(what.limit), _TOP - 12), (x(what.limit), base)))
    parts.append(words(_inside(x(what.limit)), _TOP - 18, what.limit_name, anchor="middle", little=True))
    for place, row in enumerate(what.rows):
        ended = [x(end) for end in (row.low, row.high) if low <= end <= high]
        parts.append(_row(row, _TOP + place * _ROW, x, ended, tongue))
    return framed("".join(parts), base + 26, title, description, tongue, alone=alone)


def _row(row: Range, top: float, x: Callable[[float], float], ends: Sequence[float], tongue: Tongue) -> str:
    hue, y = HUES[row.series], top + 50
    parts = [
        words(across(0, tongue), top + 16, shortened(row.name), anchor="start"),
        words(across(0, tongue), top + 33, row.label, anchor="start", little=True),
        straight(f"line{hue}", (x(row.low), y), (x(row.high), y)),
        *(straight(f"line{hue}", (end, y - 5), (end, y + 5)) for end in ends),
    ]
    if row.value is not None:
        parts.append(mark(row.series, x(row.value), y))
    return "".join(parts)


def _reach(what: Ranges) -> float:
    """As far as the scale goes, so that one wide interval does not hide the limit."""
    return max(10 * abs(what.limit), *(abs(row.value or 0) * 1.5 for row in what.rows), 0.01)


def _inside(x: float) -> float:
    """Where a text in the middle of a place stays within the picture."""
    return min(max(x, 70.0), WIDTH - 70.0)
