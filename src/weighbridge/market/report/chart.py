"""A figure's chart as SVG: what of its table is drawn, as bars of groups or lines over days."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from weighbridge.market.recipes.figure import Figure
from weighbridge.market.recipes.measures.measure import Cell, Measured
from weighbridge.market.report.language import Language, read_day
from weighbridge.reports.chart import MOST_SERIES, Bars, Lines, drawing

_MOST_BARS: Final = 12


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
    series = tuple((columns[each], tuple(map(_number, cells[each]))) for each in chosen[:MOST_SERIES])
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
    said = _over_days(what, language) if what.days else _by_name(what, language)
    return drawing(said, title, description, language, alone=alone)


def _by_name(what: Drawn, language: Language) -> Bars:
    head, values = what.series[0]
    return Bars(
        language.term(head),
        tuple(
            (language.cell(name, ""), value, language.cell(value, head))
            for name, value in zip(what.names, values, strict=False)
        ),
    )


def _over_days(what: Drawn, language: Language) -> Lines:
    days = [read_day(name) or date.min for name in what.names]
    return Lines(
        tuple(float(day.toordinal()) for day in days),
        (language.dated(days[0]), language.dated(days[-1])),
        tuple((language.term(name), values) for name, values in what.series),
        lambda value: language.cell(value, what.series[0][0]),
    )


def _numbers(cells: tuple[Cell, ...]) -> bool:
    known = [cell for cell in cells if cell is not None]
    return bool(known) and all(isinstance(cell, int | float) for cell in known)


def _number(cell: Cell) -> float | None:
    return cell if isinstance(cell, int | float) else None
