"""Bars of groups, and lines over days or another axis."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from weighbridge.reports.drawing import (
    DASHES,
    HUES,
    WIDTH,
    across,
    framed,
    line,
    mark,
    shortened,
    step,
    straight,
    words,
)
from weighbridge.reports.language import Tongue

_BAR, _ROW, _NUMBERS = 16, 44, 100
_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 240, 58, 14, 14, 34
_MOST_MARKS: Final = 60
_KEY, _LETTER = 42, 8
"""What stands before a name in the legend, and about how wide its letters are."""
MOST_SERIES: Final = len(DASHES)


@dataclass(frozen=True, slots=True)
class Bars:
    """Groups and their numbers, each with the text that stands beside it; lengths are by the greatest."""

    head: str
    """What the numbers are."""
    rows: tuple[tuple[str, float | None, str], ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """One to four series over one axis; None is a gap."""

    at: tuple[float, ...]
    """Ascending."""
    ends: tuple[str, str]
    """What stands under the first and the last."""
    series: tuple[tuple[str, tuple[float | None, ...]], ...]
    shown: Callable[[float], str]
    """A number at the grid."""


def drawing(what: Bars | Lines, title: str, description: str, tongue: Tongue, *, alone: bool = True) -> str:
    """The chart as SVG; `alone`: for a file of its own rather than a part of a page."""
    body, height = _lines(what, tongue) if isinstance(what, Lines) else _bars(what, tongue)
    return framed(body, height, title, description, tongue, alone=alone)


def _bars(what: Bars, tongue: Tongue) -> tuple[str, float]:
    """Each with its name above it, so that a long one has room on a phone too."""
    top = max((value for _, value, _ in what.rows if value is not None), default=0) or 1
    room = WIDTH - _NUMBERS
    parts = [words(across(0, tongue), 14, what.head, anchor="start", little=True)]
    for row, (name, value, label) in enumerate(what.rows):
        y = 24 + row * _ROW
        long = max(1.0, (value or 0) / top * room)
        x = across(0, tongue) - (long if tongue.direction == "rtl" else 0)
        parts.append(words(across(0, tongue), y + 14, shortened(name), anchor="start"))
        parts.append(f'<rect class="bar" x="{x:.1f}" y="{y + 20}" width="{long:.1f}" height="{_BAR}" rx="2"/>')
        parts.append(words(across(long + 8, tongue), y + 20 + _BAR - 3, label, anchor="start"))
    return "".join(parts), 24 + len(what.rows) * _ROW


def _lines(what: Lines, tongue: Tongue) -> tuple[str, float]:
    first, last = what.at[0], what.at[-1]
    numbers = [value for _, values in what.series for value in values if value is not None]
    apart, low = step(max(numbers, default=1), min(0, *numbers, 0)), min(0.0, *numbers)
    high = max(apart, -(-max(numbers, default=1) // apart) * apart)
    base = _HEIGHT - _BOTTOM

    def x(at: float) -> float:
        return across(_LEFT + (at - first) / ((last - first) or 1) * (WIDTH - _LEFT - _RIGHT), tongue)

    def y(value: float) -> float:
        return base - (value - low) / ((high - low) or 1) * (base - _TOP)

    parts: list[str] = []
    for tick in range(int(high / apart) + 1):
        up = y(tick * apart)
        parts.append(straight("grid", (across(_LEFT, tongue), up), (across(WIDTH - _RIGHT, tongue), up)))
        parts.append(words(across(_LEFT - 6, tongue), up + 5, what.shown(tick * apart), anchor="end", little=True))
    parts.append(words(x(first), base + 22, what.ends[0], anchor="start", little=True))
    parts.append(words(x(last), base + 22, what.ends[1], anchor="end", little=True))
    for place, (_, values) in enumerate(what.series):
        known = [(x(at), y(value)) for at, value in zip(what.at, values, strict=True) if value is not None]
        parts.append(line(place, known))
        if len(known) <= _MOST_MARKS:
            parts.extend(mark(place, at, up) for at, up in known)
    legend, room = _legend(what, tongue)
    return "".join([*parts, legend]), _HEIGHT + room


def _legend(what: Lines, tongue: Tongue) -> tuple[str, float]:
    """Beside each other where names are short, else each below the other; with the height that it takes."""
    each = (WIDTH - _LEFT) / max(1, len(what.series))
    below = any(_KEY + len(name) * _LETTER > each for name, _ in what.series)
    parts: list[str] = []
    for place, (name, _) in enumerate(what.series):
        start, up = (_LEFT, _HEIGHT + 8 + place * 24) if below else (_LEFT + place * each, _HEIGHT + 8)
        one, two = across(start, tongue), across(start + 34, tongue)
        parts.append(
            f'<line class="line{HUES[place]}" stroke-dasharray="{DASHES[place]}" '
            f'x1="{one:.1f}" x2="{two:.1f}" y1="{up}" y2="{up}"/>'
        )
        parts.append(mark(place, (one + two) / 2, up))
        parts.append(words(across(start + _KEY, tongue), up + 5, name, anchor="start"))
    return "".join(parts), 24 * (len(what.series) if below else 1)
