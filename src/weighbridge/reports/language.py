"""A language that reports are written in: its numbers, days, plurals, and a report's own words.

What belongs to the language itself is in languages/CODE.toml here; what a report says is in its own texts/CODE.toml,
with whatever else it has of its kind. Nothing is translated by machine.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, Literal, TypeVar

import msgspec

from weighbridge.data_files import folder, table, value
from weighbridge.errors import WeighbridgeError
from weighbridge.reports.foreign import visible

_ISOLATED: Final = "\u2068{}\u2069"
"""A name of another script, which must not turn its surroundings round (Unicode's FSI and PDI)."""
_BIG: Final = frozenset({"tokens", "downloads", "parameters"})
"""Units that are told in millions."""

Plural = Literal["zero", "one", "two", "few", "many", "other"]
"""The categories of https://cldr.unicode.org/index/cldr-spec/plural-rules"""
Forms = dict[Plural, str]
"""A sentence by the number in it, which stands as `{number}`; `other` holds where one is missing."""


class Tongue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every report needs of a language."""

    code: str
    direction: Literal["ltr", "rtl"]
    plurals: Literal["english", "arabic"]
    """By which of CLDR's rules a number chooses its form."""
    digits: str
    """The ten, from zero on."""
    decimal: str
    group: str
    minus: str
    percent: str
    day: str
    """`{day}`, `{month}` and `{year}` in the order of the language."""
    between: str
    """`{first}` and `{last}` of some days."""
    months: tuple[str, ...]
    large: dict[str, str]
    """Words for `thousand`, `million`, `billion` and `trillion`, with their `{number}`."""
    units: dict[str, Forms] = {}
    """By unit of a value."""
    words: dict[str, str]
    """The report's own, and those that all share."""
    counts: dict[str, Forms] = {}
    """What is counted: `3 replays`."""

    def name(self, foreign: str) -> str:
        """A name of others that keeps its own direction, and changes no other's."""
        shown = visible(foreign)
        return shown if self.direction == "ltr" and shown.isascii() else _ISOLATED.format(shown)

    def number(self, value: float, places: int = 0) -> str:
        """Rounded to so many places, in the digits of the language."""
        marks: dict[str, str | int | None] = {".": self.decimal, ",": self.group, "-": self.minus}
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
        """In millions, billions or trillions, with three digits that matter."""
        steps = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
        for size, word in steps:
            if abs(value) >= size:
                shown = value / size
                places = 0 if shown >= 100 else 1 if shown >= 10 else 2
                return self.large[word].format(number=self.number(shown, places))
        return self.number(value) if value == round(value) else self.plain(value)

    def dollars(self, value: float) -> str:
        """US dollars: two places, or four of what is less than ten cents."""
        size = abs(value)
        shown = self.big(size) if size >= 1_000_000 else self.number(size, 2 if size >= 0.1 or size == 0 else 4)
        return (self.minus if value < 0 else "") + self._of(self.units.get("usd"), size, shown)

    def measured(self, number: float | None, unit: str) -> str:
        """A number with its unit: one of the language's, or `share`; any other is a number alone."""
        if number is None:
            return self.words["unknown"]
        if unit == "share":
            return self.share(number)
        if unit == "usd":
            return self.dollars(number)
        shown = self.big(number) if unit in _BIG else self.plain(number)
        return self._of(self.units.get(unit), number, shown)

    def counted(self, what: str, count: int, **holes: str) -> str:
        """So many of one of `counts`, in the form that the number asks for, with what else it has room for."""
        return self._of(self.counts[what], count, self.number(count), **holes)

    def _of(self, forms: Forms | None, number: float, shown: str, **holes: str) -> str:
        if forms is None:
            return shown
        return forms.get(plural(self.plurals, number), forms["other"]).format(number=shown, **holes)

    def dated(self, day: date) -> str:
        """A day."""
        month = self.months[day.month - 1]
        return self.day.format(day=self.numeral(f"{day.day}"), month=month, year=self.numeral(f"{day.year}"))

    def month(self, day: date) -> str:
        """A day's month."""
        return f"{self.months[day.month - 1]} {self.numeral(f'{day.year}')}"

    def days(self, first: date, last: date) -> str:
        """Days, both counted in."""
        return (
            self.dated(first) if first == last else self.between.format(first=self.dated(first), last=self.dated(last))
        )


_T = TypeVar("_T", bound=Tongue)


def plural(rule: Literal["english", "arabic"], number: float) -> Plural:
    """The category of a number, by CLDR: https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html"""
    if number != int(number):
        return "other"
    if rule == "english":
        return "one" if number == 1 else "other"
    few: Plural = "few" if 3 <= number % 100 <= 10 else "many" if number % 100 >= 11 else "other"
    return {0: "zero", 1: "one", 2: "two"}.get(int(number), few)  # type: ignore[return-value] # literals all


def texts(package: str, kind: type[_T], wrong: type[WeighbridgeError]) -> dict[str, _T]:
    """A report's languages by their codes, of its folder texts/. Raises `wrong`, which names file and key."""
    return {code: read(code, text, kind, wrong) for code, text in folder(package, "texts").items()}


def read(code: str, text: str, kind: type[_T], wrong: type[WeighbridgeError]) -> _T:
    """One file of texts/, with what its language is. Raises `wrong`."""
    what = f"texts {code}"
    own = folder("weighbridge.reports", "languages").get(code, "")
    return value(what, _merged(table(what, own, wrong), table(what, text, wrong)), kind, wrong)


def chosen(code: str, found: Mapping[str, _T], wrong: type[WeighbridgeError]) -> _T:
    """The language of a code. Raises `wrong`, which says which there are."""
    if code not in found:
        raise wrong(f"the report is not written in {code!r}; it is in {', '.join(found)}")
    return found[code]


def _merged(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:  # Any: not read as anything yet
    tables = {name: {**shared[name], **own[name]} for name in shared.keys() & own.keys() if isinstance(own[name], dict)}
    return {**shared, **own, **tables}
