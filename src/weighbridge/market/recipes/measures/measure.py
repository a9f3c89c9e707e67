"""What a measure is: a function from rows in force and choices to values and a table, written once in Ibis.

It says which choices it heeds; a recipe that makes another is refused, so that no choice is ever silently without
effect.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from weighbridge.errors import MarketError
from weighbridge.market.engine import Engine
from weighbridge.market.identity.book import Book, Scheme
from weighbridge.market.recipes.recipe import Choices, Window, read_window

if TYPE_CHECKING:
    import ibis

Unit = Literal["count", "share", "tokens", "rank", "usd", "days", "ratio", "downloads", "parameters", "hours", "index"]
Cell = str | int | float | None
Tables = Mapping[str, "ibis.Table"]
"""Rows in force, by table."""


@dataclass(frozen=True, slots=True)
class Value:
    """One number of a figure; None is unknown. A share is of 1."""

    name: str
    unit: Unit
    value: float | int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a measure found."""

    values: tuple[Value, ...]
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    unmatched: float | None
    """The share of what is counted whose publisher is in no reviewed row; None where nothing is joined."""


@dataclass(frozen=True, slots=True)
class Ask:
    """By which choices, and whose names the rows have."""

    choices: Choices
    book: Book
    scheme: Scheme

    @property
    def window(self) -> Window:
        """The days that are asked for. Raises MarketError."""
        return read_window(self.choices.window or "")


@dataclass(frozen=True, slots=True)
class Measure:
    """`heeds` has the choices that it knows; for a closed set, the values that it can do."""

    tables: tuple[str, ...]
    of: Callable[[Engine, Tables, Ask], Measured]
    heeds: Mapping[str, tuple[str, ...] | None]

    def check(self, choices: Choices) -> None:
        """Raises MarketError where a choice would have no effect, or is one that it cannot do."""
        for name in Choices.__struct_fields__:
            value = getattr(choices, name)
            if value is None:
                continue
            if name not in self.heeds:
                raise MarketError(f"this figure has no choice of {name}; it has {', '.join(self.heeds)}")
            able = self.heeds[name]
            if able is not None and value not in able:
                raise MarketError(f"this figure cannot be had with {name} = {value!r}; it can with {', '.join(able)}")
        for name in self.heeds:
            if getattr(choices, name) is None:
                raise MarketError(f"this figure needs a choice of {name}")
