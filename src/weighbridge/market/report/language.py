"""A language of the market's report: its words, and each figure's title and definition; one file of texts/ each.

A figure without texts in a language is shown in English and marked as such: nothing is translated by machine.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.recipes.measures.measure import Cell, Value
from weighbridge.market.recipes.recipe import Choices, read_window
from weighbridge.reports import language as installed
from weighbridge.reports.language import Tongue


class FigureTexts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recipe in a language; `alternatives` by their English titles."""

    title: str
    definition: str
    """With the placeholders of the recipe's own."""
    alternatives: dict[str, str] = {}
    not_reproduced: str | None = None


class Language(Tongue, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of texts/. A word that a mapping lacks stays as it is."""

    terms: dict[str, str] = msgspec.field(default_factory=dict)
    """What tables say: columns, values, choices, causes; by the English."""
    figures: dict[str, FigureTexts] = msgspec.field(default_factory=dict)

    def term(self, english: str) -> str:
        """A word of a table; a number in it stands as `{n}`, and a column may begin with a model."""
        if english in self.terms:
            return self.terms[english]
        counted = re.search(r"\d+", english)
        if counted is not None and (pattern := re.sub(r"\d+", "{n}", english, count=1)) in self.terms:
            return self.terms[pattern].format(n=self.numeral(counted[0]))
        name, _, last = english.rpartition(" ")
        return f"{self.terms[last]} {self.name(name)}" if name and last in self.terms and "/" in name else english

    def value(self, value: Value) -> str:
        """With its unit."""
        return self.measured(value.value, value.unit)

    def window(self, window: str) -> str:
        """Days, both counted in. Raises MarketError."""
        found = read_window(window)
        return self.days(found.first, found.last)

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
    return installed.texts("weighbridge.market.report", Language, MarketError)


def read(code: str, text: str) -> Language:
    """One file of texts/. Raises MarketError."""
    return installed.read(code, text, Language, MarketError)


def language(code: str) -> Language:
    """Raises MarketError that says which there are."""
    return installed.chosen(code, languages(), MarketError)
