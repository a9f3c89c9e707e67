"""A language of the report: its words, its numbers and its days; one file of texts/ each.

A figure without texts in a language is shown in English and marked as such: nothing is translated by machine.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.recipes.measures.measure import Cell, Unit, Value
from weighbridge.market.recipes.recipe import Choices, read_window

_ISOLATED = "\u2068{}\u2069"
"""A name of another script, which must not turn its surroundings round (Unicode's FSI and PDI)."""


class FigureTexts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recipe in a language; `alternatives` by their English titles."""

    title: str
    definition: str
    """With the placeholders of the recipe's own."""
    alternatives: dict[str, str] = {}
    not_reproduced: str | None = None


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of texts/. A word that a mapping lacks stays as it is."""

    code: str
    direction: Literal["ltr", "rtl"]
    digits: str
    """The ten, from zero on."""
    decimal: str
    group: str
    percent: str
    day: str
    """`{day}`, `{month}` and `{year}` in the order of the language."""
    between: str
    """`{first}` and `{last}` of a window."""
    months: tuple[str, ...]
    large: dict[str, str]
    """Words for `thousand`, `million`, `billion` and `trillion`, with their `{number}`."""
    units: dict[str, str] = {}
    """By unit of a value, with its `{number}`."""
    words: dict[str, str]
    """The page's own."""
    terms: dict[str, str] = {}
    """What tables say: columns, values, choices, causes; by the English."""
    figures: dict[str, FigureTexts] = {}

    def term(self, english: str) -> str:
        """A word of a table; a number in it stands as `{n}`, and a column may begin with a model."""
        if english in self.terms:
            return self.terms[english]
        counted = re.search(r"\d+", english)
        if counted is not None and (pattern := re.sub(r"\d+", "{n}", english, count=1)) in self.terms:
            return self.terms[pattern].format(n=self.numeral(counted[0]))
        name, _, last = english.rpartition(" ")
        return f"{self.terms[last]} {self.name(name)}" if name and last in self.terms and "/" in name else english

    def name(self, foreign: str) -> str:
        """A name that keeps its own direction."""
        return _ISOLATED.format(foreign) if self.direction == "rtl" else foreign

    def number(self, value: float, places: int = 0) -> str:
        """Rounded to so many places, in the digits of the language."""
        marks: dict[str, str | int | None] = {".": self.decimal, ",": self.group, "-": "\N{MINUS SIGN}"}
        marks.update({f"{digit}": mark for digit, mark in enumerate(self.digits)})
        return f"{value:,.{places}f}".translate(str.maketrans(marks))

    def numeral(self, text: str) -> str:
        """Digits of the language, without groups: years, places."""
        return text.translate(str.maketrans("0123456789", self.digits))

    def share(self, value: float, places: int = 1) -> str:
        """A share of 1, of a hundred."""
        return self.percent.format(number=self.number(value * 100, places))

    def plain(self, value: float) -> str:
        """A number of no known unit: whole, or with three digits that matter."""
        if abs(value) >= 1_000_000:
            return self.big(value)
        if isinstance(value, int) or value == round(value) or abs(value) >= 1000:
            return self.number(value)
        return self.number(value, 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4)

    def big(self, value: float) -> str:
        """In thousands, millions, billions or trillions, with three digits that matter."""
        steps = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
        for size, word in steps:
            if abs(value) >= size:
                shown = value / size
                places = 0 if shown >= 100 else 1 if shown >= 10 else 2
                return self.large[word].format(number=self.number(shown, places))
        return self.number(value) if value == round(value) else self.plain(value)

    def value(self, value: Value) -> str:
        """With its unit."""
        return self.measured(value.value, value.unit)

    def measured(self, number: float | None, unit: Unit) -> str:
        """A number with its unit."""
        if number is None:
            return self.words["unknown"]
        if unit == "share":
            return self.share(number)
        shown = {"usd": _dollars, "tokens": Language.big, "downloads": Language.big, "parameters": Language.big}.get(
            unit, Language.plain
        )
        return self.units.get(unit, "{number}").format(number=shown(self, number))

    def dated(self, day: date) -> str:
        """A day."""
        month = self.months[day.month - 1]
        return self.day.format(day=self.numeral(f"{day.day}"), month=month, year=self.numeral(f"{day.year}"))

    def month(self, day: date) -> str:
        """A day's month."""
        return f"{self.months[day.month - 1]} {self.numeral(f'{day.year}')}"

    def window(self, window: str) -> str:
        """Days, both counted in. Raises MarketError."""
        found = read_window(window)
        if found.first == found.last:
            return self.dated(found.first)
        return self.between.format(first=self.dated(found.first), last=self.dated(found.last))

    def cell(self, cell: Cell, column: str) -> str:
        """One of a table's, by what its column says."""
        if cell is None:
            return "-"
        if isinstance(cell, str):
            return self._text(cell)
        if "share" in column:
            return self.share(cell)
        if column == "year":
            return self.numeral(f"{cell}")
        return self.plain(cell)

    def _text(self, cell: str) -> str:
        day = read_day(cell)
        if day is None:
            return self.terms.get(cell, self.name(cell))
        return self.dated(day) if len(cell) > len("2026-08") else self.month(day)

    def definition(self, pattern: str, choices: Choices) -> str:
        """With the choices in their places. Raises MarketError."""
        return " ".join(pattern.format(**self.choices(choices)).split())

    def choices(self, choices: Choices) -> dict[str, str]:
        """All, in words."""
        found: dict[str, str] = {}
        for name, value in msgspec.to_builtins(choices).items():
            if name == "window" and value is not None:
                found[name] = self.window(value)
            elif isinstance(value, int):
                found[name] = self.number(value)
            else:
                found[name] = self.terms.get(f"{value}", self.name(f"{value}"))
        return found


def _dollars(language: Language, number: float) -> str:
    if abs(number) >= 1_000_000:
        return language.big(number)
    return language.number(number, 2 if abs(number) >= 0.1 or number == 0 else 4)


def read_day(cell: Cell) -> date | None:
    """A day of a table, or the first of its month; None: it is neither."""
    if not isinstance(cell, str):
        return None
    try:
        return date.fromisoformat(f"{cell}-01" if len(cell) == len("2026-08") else cell)
    except ValueError:
        return None


@cache
def languages() -> Mapping[str, Language]:
    """All installed ones by their codes. Raises MarketError that names the file and the key at fault."""
    folder = files("weighbridge.market.report") / "texts"
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return {file.name.removesuffix(".toml"): read(file.name, file.read_text(encoding="utf-8")) for file in found}


def read(name: str, text: str) -> Language:
    """A language's file. Raises MarketError."""
    try:
        return msgspec.convert(tomllib.loads(text), Language)
    except (ValueError, msgspec.ValidationError) as error:
        raise MarketError(f"texts {name}: {error}") from error


def language(code: str) -> Language:
    """Raises MarketError that says which there are."""
    found = languages().get(code)
    if found is None:
        raise MarketError(f"the report is not written in {code!r}; it is in {', '.join(languages())}")
    return found
