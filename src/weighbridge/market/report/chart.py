"""A figure's chart as SVG, without a library: bars of groups, or lines over days.

It is read without colour (names and numbers stand at the bars, lines differ in their dashes and marks), by a screen
reader (title and desc), on light and dark (`currentColor`, and two sets of hues), and from right to left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from itertools import count
from typing import Final

from weighbridge.market.recipes.figure import Figure
from weighbridge.market.recipes.measures.measure import Cell, Measured
from weighbridge.market.report.language import Language, read_day

_WIDTH: Final = 420
_BAR, _ROW, _NUMBERS = 16, 44, 100
_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 240, 58, 14, 14, 34
_MOST_BARS: Final = 12
_LONGEST: Final = 54
_DASHES: Final = ("", "7 4", "2 4", "10 3 2 3")
_STYLE: Final = (
    ".bar,.mark{fill:#2b6cb0}.line{fill:none;stroke:#2b6cb0;stroke-width:2.5}.b{fill:#b7471a}.line.b{fill:none;"
    "stroke:#b7471a}.c{fill:#2f7d4f}.line.c{fill:none;stroke:#2f7d4f}.d{fill:#6b4fa0}.line.d{fill:none;stroke:#6b4fa0}"
    "text{fill:currentColor;font:14px system-ui,'Noto Sans','Noto Sans Arabic',sans-serif}.grid{stroke:currentColor;"
    "opacity:.22}@media(prefers-color-scheme:dark){.bar,.mark{fill:#7db3e8}.line{stroke:#7db3e8}.b{fill:#f0a27e}"
    ".line.b{stroke:#f0a27e}.c{fill:#7fcf9d}.line.c{stroke:#7fcf9d}.d{fill:#bba4e6}.line.d{stroke:#bba4e6}}"
    "@media(prefers-color-scheme:dark){svg.alone{color:#e8e8e8;background:#16191d}}svg.alone{color:#1b1f24}"
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What of a table is drawn: names or days, and one or more series of numbers beside them."""

    days: bool
    names: tuple[str, ...]
    series: tuple[tuple[str, tuple[float | None, ...]], ...]


def pictured(figure: Figure, language: Language) -> Measured:
    """The table that is drawn: the figure's own, or where that is of one row, its first value by each definition."""
    measured, said = figure.measured, language.figures.get(figure.name)
    if len(measured.rows) > 1 or not figure.sensitivity or not measured.values:
        return measured
    titles = {} if said is None else said.alternatives
    rows: list[tuple[Cell, ...]] = [(language.words["as_defined"], measured.values[0].value)]
    rows += [(titles.get(each.title, each.title), each.values[0].value) for each in figure.sensitivity]
    return Measured(measured.values[:1], (language.words["by"], measured.values[0].name), rows, None)


def drawn(measured: Measured) -> Drawn | None:
    """The numbers that the figure's values are of, else the last; None where there is nothing to draw.

    Over days, columns whose last word is the same are drawn together, such as those of two models.
    """
    columns = measured.columns
    cells = list(zip(*measured.rows, strict=True))
    numeric = [place for place, each in enumerate(cells) if place and _numbers(each)]
    if not numeric:
        return None
    at = _headline(measured, numeric)
    dated = [place for place, each in enumerate(cells) if all(read_day(cell) is not None for cell in each)]
    if not dated or len(measured.rows) < 2:
        rows = [row for row in measured.rows if row[at] is not None][:_MOST_BARS]
        named = next((place for place, each in enumerate(cells) if all(isinstance(one, str) for one in each)), 0)
        return Drawn(
            False, tuple(f"{row[named]}" for row in rows), ((columns[at], tuple(_number(row[at]) for row in rows)),)
        )
    word = columns[at].rpartition(" ")[2]
    chosen = [at] if word == columns[at] else [each for each in numeric if columns[each].rpartition(" ")[2] == word]
    series = tuple((columns[each], tuple(map(_number, cells[each]))) for each in chosen[: len(_DASHES)])
    return Drawn(True, tuple(f"{row[dated[-1]]}" for row in measured.rows), series)


def _headline(measured: Measured, numeric: list[int]) -> int:
    names = [each.name for each in measured.values] + ["rating"]
    exact = [place for name in names for place in numeric if measured.columns[place] == name]
    return exact[0] if exact else numeric[-1]


def chart(measured: Measured, title: str, description: str, language: Language, *, alone: bool = True) -> str | None:
    """The SVG; `alone`: for a file of its own rather than a part of a page. None where there is nothing to draw."""
    what = drawn(measured)
    if what is None:
        return None
    body, height = _lines(what, language) if what.days else _bars(what, language)
    kind = ' xmlns="http://www.w3.org/2000/svg" class="alone"' if alone else ""
    return (
        f'<svg{kind} viewBox="0 0 {_WIDTH} {height}" role="img" lang="{language.code}" direction="ltr" '
        f'style="width:100%;max-width:34rem;height:auto"><title>{escape(title)}</title><desc>{escape(description)}</desc>'
        f"{f'<style>{_STYLE}</style>' if alone else ''}{body}</svg>"
    )


def style() -> str:
    """What charts that are part of a page share."""
    return _STYLE


def _bars(what: Drawn, language: Language) -> tuple[str, int]:
    """Each with its name above it, so that a long one has room on a phone too."""
    head, values = what.series[0]
    top = max((value for value in values if value is not None), default=0) or 1
    room = _WIDTH - _NUMBERS
    parts: list[str] = [_text(_at(0, language), 14, language.term(head), language, anchor="start", size=12)]
    for row, name, value in zip(count(), what.names, values, strict=False):
        y = 24 + row * _ROW
        long = max(1.0, (value or 0) / top * room)
        x = _at(0, language) - (long if language.direction == "rtl" else 0)
        shown = language.cell(name, "")
        label = shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
        parts.append(_text(_at(0, language), y + 14, label, language, anchor="start"))
        parts.append(f'<rect class="bar" x="{x:.1f}" y="{y + 20}" width="{long:.1f}" height="{_BAR}" rx="2"/>')
        end = _at(long + 8, language)
        parts.append(_text(end, y + 20 + _BAR - 3, language.cell(value, head), language, anchor="start"))
    return "".join(parts), 24 + len(values) * _ROW


def _lines(what: Drawn, language: Language) -> tuple[str, int]:
    days = [(read_day(name) or date.min).toordinal() for name in what.names]
    numbers = [value for _, values in what.series for value in values if value is not None]
    first, last, step = days[0], days[-1], _step(max(numbers, default=1), min(0, *numbers, 0))
    low = min(0.0, *numbers)
    high = max(step, -(-max(numbers, default=1) // step) * step)
    base = _HEIGHT - _BOTTOM

    def x(day: int) -> float:
        across = (day - first) / ((last - first) or 1) * (_WIDTH - _LEFT - _RIGHT)
        return _at(_LEFT + across, language)

    def y(value: float) -> float:
        return base - (value - low) / ((high - low) or 1) * (base - _TOP)

    parts: list[str] = []
    for tick in range(int(high / step) + 1):
        at = y(tick * step)
        parts.append(
            f'<line class="grid" x1="{_at(_LEFT, language):.1f}" x2="{_at(_WIDTH - _RIGHT, language):.1f}" '
            f'y1="{at:.1f}" y2="{at:.1f}"/>'
        )
        shown = language.cell(tick * step, what.series[0][0])
        parts.append(_text(_at(_LEFT - 6, language), at + 5, shown, language, anchor="end", size=12))
    for day, anchor in ((first, "start"), (last, "end")):
        parts.append(_text(x(day), base + 22, language.dated(date.fromordinal(day)), language, anchor=anchor, size=12))
    for place, (_, values) in enumerate(what.series):
        known = [(x(day), y(value)) for day, value in zip(days, values, strict=True) if value is not None]
        hue = ("", " b", " c", " d")[place]
        parts.append(f'<polyline class="line{hue}" stroke-dasharray="{_DASHES[place]}" points="{_points(known)}"/>')
        if len(known) <= 60:
            parts.extend(_mark(place, at, up) for at, up in known)
    parts.append(_legend(what, language))
    return "".join(parts), _HEIGHT + 24 * (len(what.series) > 0)


def _legend(what: Drawn, language: Language) -> str:
    parts: list[str] = []
    for place, (name, _) in enumerate(what.series):
        start = _LEFT + place * (_WIDTH - _LEFT) / len(what.series)
        hue = ("", " b", " c", " d")[place]
        one, two = _at(start, language), _at(start + 34, language)
        up = _HEIGHT + 8
        parts.append(
            f'<line class="line{hue}" stroke-dasharray="{_DASHES[place]}" '
            f'x1="{one:.1f}" x2="{two:.1f}" y1="{up}" y2="{up}"/>'
        )
        parts.append(_mark(place, (one + two) / 2, up))
        parts.append(_text(_at(start + 42, language), up + 5, language.term(name), language, anchor="start"))
    return "".join(parts)


def _mark(place: int, x: float, y: float) -> str:
    hue = ("", " b", " c", " d")[place]
    if place == 0:
        return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    if place == 1:
        return f'<rect class="mark{hue}" x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"/>'
    three = [(x, y - 4.5), (x + 4.5, y + 3.5), (x - 4.5, y + 3.5)]
    turned = three if place == 2 else [(at, 2 * y - up) for at, up in three]
    return f'<polygon class="mark{hue}" points="{_points(turned)}"/>'


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _text(x: float, y: float, said: str, language: Language, *, anchor: str, size: int = 14) -> str:
    """`anchor` is of reading: `start` is the right side of the text where that is where a line begins."""
    turned = {"start": "end", "end": "start"}[anchor] if language.direction == "rtl" else anchor
    style = f' style="font-size:{size}px"' if size != 14 else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{turned}"{style}>{escape(said)}</text>'


def _at(x: float, language: Language) -> float:
    """Mirrored where lines are read from the right."""
    return _WIDTH - x if language.direction == "rtl" else x


def _step(high: float, low: float) -> float:
    """A distance of grid lines that is 1, 2 or 5 by a power of ten, of which about four fit."""
    rough = (high - low) / 4 or 1
    power = 10.0 ** _exponent(rough)
    return next((power * each for each in (1, 2, 5, 10) if power * each >= rough), power * 10)


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def _numbers(cells: tuple[Cell, ...]) -> bool:
    known = [cell for cell in cells if cell is not None]
    return bool(known) and all(isinstance(cell, int | float) for cell in known)


def _number(cell: Cell) -> float | None:
    return cell if isinstance(cell, int | float) else None
