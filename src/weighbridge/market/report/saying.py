"""What is said of a figure in a language: title, definition, other definitions, how to cite it, what of it is shown.

The report and the window say the same. What nobody has translated is in English, and told as such.
"""

from collections.abc import Sequence
from shlex import quote
from typing import Final, NamedTuple

from weighbridge.market.document import chosen
from weighbridge.market.recipes.figure import Figure, Sensitivity
from weighbridge.market.recipes.measures.measure import Cell, Measured, Value
from weighbridge.market.recipes.recipe import Recipe, recipe
from weighbridge.market.report.chart import drawn
from weighbridge.market.report.language import Language, read_day

MOST_ROWS: Final = 25
"""Of a table, that a page shows."""


class Said(NamedTuple):
    """A text."""

    text: str
    foreign: bool = False
    """Whether it is in English, for lack of a translation."""


class Shown(NamedTuple):
    """What of a table a page shows."""

    rows: Sequence[tuple[Cell, ...]]
    numeric: tuple[bool, ...]
    """Of each column, whether it has numbers alone."""
    last: bool
    """Whether it is the last rows, of a table over days, or the first."""
    all: int
    """Rows that there are."""


def title(name: str, wanted: Recipe, language: Language) -> Said:
    """Of a figure, worked out or not."""
    said = language.figures.get(name)
    return _english(wanted.title, language) if said is None else Said(said.title)


def definition(each: Figure, language: Language) -> Said:
    """With its choices in their places."""
    said = language.figures.get(each.name)
    if said is None and language.code != "en":
        return Said(" ".join(each.definition.split()), foreign=True)
    pattern = recipe(each.name).definition if said is None else said.definition
    return Said(language.definition(pattern, each.choices))


def not_reproduced(each: Figure, language: Language) -> Said | None:
    """Why it is not the published figure; None: it is, or there is none."""
    if each.not_reproduced is None:
        return None
    said = language.figures.get(each.name)
    reason = None if said is None else said.not_reproduced
    return _english(each.not_reproduced, language) if reason is None else Said(reason)


def alternative(each: Figure, other: Sensitivity, language: Language) -> Said:
    """By which other definition."""
    said = language.figures.get(each.name)
    if said is not None and other.title in said.alternatives:
        return Said(said.alternatives[other.title])
    return _english(other.title, language)


def result(values: Sequence[Value], language: Language) -> str:
    """Its values in a row."""
    return language.words["separator"].join(f"{language.term(each.name)} {language.value(each)}" for each in values)


def cited(each: Figure, language: Language) -> str:
    """The line by which it is cited, with the hashes of its inputs and their attribution."""
    words = language.words
    window = "" if each.choices.window is None else f"{language.window(each.choices.window)}{words['comma']}"
    return words["cite_as"].format(
        title=title(each.name, recipe(each.name), language).text,
        result=result(each.measured.values, language),
        name=language.name(each.name),
        window=window,
        as_of=language.dated(each.as_of),
        hashes=language.name(", ".join(one.sha256[:12] for one in each.inputs)),
        attribution=language.name(" ".join(each.attribution)),
    )


def again(each: Figure) -> str:
    """The command that works it out once more."""
    return f"weighbridge market figure {each.name}" + "".join(
        f" --set {quote(f'{name}={value}')}" for name, value in chosen(each.choices).items()
    )


def shown(measured: Measured) -> Shown:
    """The first rows, or the last of a table over days."""
    what = drawn(measured)
    over_days = what is not None and what.days
    rows = measured.rows[-MOST_ROWS:] if over_days else measured.rows[:MOST_ROWS]
    numeric = tuple(all(not isinstance(row[at], str) for row in rows) for at in range(len(measured.columns)))
    return Shown(rows, numeric, over_days, len(measured.rows))


def is_day(cell: Cell) -> bool:
    """Whether a cell has a day, or a month."""
    return read_day(cell) is not None


def _english(text: str, language: Language) -> Said:
    return Said(" ".join(text.split()), foreign=language.code != "en")
