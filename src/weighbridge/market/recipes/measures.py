"""The measures that recipes are made of, written once in Ibis: any engine that has the tables can work them out.

A measure is a function from rows in force and choices to values and a table. It says which choices it heeds; a recipe
that makes another is refused, so that no choice is ever silently without effect.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from weighbridge.errors import MarketError
from weighbridge.market.engine import Engine
from weighbridge.market.identity.book import Book, Scheme
from weighbridge.market.recipes.recipe import Choices, read_window

if TYPE_CHECKING:
    import ibis

Unit = Literal["count", "share", "tokens", "rank", "usd", "days", "ratio", "downloads", "parameters"]
Cell = str | int | float | None


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


@dataclass(frozen=True, slots=True)
class Measure:
    """`heeds` has the choices that it knows; for a closed set, the values that it can do."""

    table: str
    of: Callable[[Engine, "ibis.Table", Ask], Measured]
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


def composition(engine: Engine, usage: "ibis.Table", ask: Ask) -> Measured:
    """The countries of the most used models, and of all tokens."""
    import ibis  # noqa: PLC0415 - an extra

    choices, book, scheme = ask.choices, ask.book, ask.scheme
    window = read_window(choices.window)
    rows = usage.filter(usage.day.between(window.first, window.last), usage.grain == "day")
    if choices.variants == "merged":
        rows = rows.mutate(model=rows.model.split(":")[0])
    by_model = rows.group_by("model").aggregate(tokens=ibis._.tokens.sum())
    by_model = by_model.mutate(publisher=by_model.model.split("/")[0])
    stealth = sorted(book.stealth(scheme))
    if choices.stealth == "drop" and stealth:
        by_model = by_model.filter(~by_model.publisher.isin(stealth))
    seats = engine.texts("seats", ("seat_of", "country"), sorted(book.countries(scheme, window.last).items()))
    placed = by_model.left_join(seats, by_model.publisher == seats.seat_of).drop("seat_of")
    placed = placed.mutate(ranked=(placed.model != "other").cast("int64"))
    order = [placed.ranked.desc(), placed.tokens.desc(), placed.model]
    placed = placed.mutate(place=ibis.row_number().over(ibis.window(order_by=order)) + 1)
    first = (placed.place <= choices.top) & (placed.ranked == 1)
    by_country = placed.group_by("country").aggregate(
        models=first.cast("int64").sum(), first_tokens=placed.tokens.sum(where=first), tokens=placed.tokens.sum()
    )
    return _composed(engine.rows(by_country), choices)


def _composed(rows: list[dict[str, Any]], choices: Choices) -> Measured:  # Any: cells
    total = sum(row["tokens"] for row in rows)
    unknown = sum(row["tokens"] for row in rows if row["country"] is None)
    base = total - unknown if choices.unknown == "attributed" else total
    rows.sort(key=lambda row: (-row["models"], -row["tokens"], row["country"] or ""))
    headline = next((row for row in rows if row["country"] == choices.country), None)
    tokens = headline["tokens"] if headline else 0
    return Measured(
        (
            Value("models", "count", (headline["models"] if headline else 0) if rows else None),
            Value("share", "share", tokens / base if base else None),
            Value("tokens", "tokens", base if rows else None),
        ),
        ("country", "models", "tokens of these", "tokens of all", "share of all"),
        [_line(row, base, choices) for row in rows],
        unknown / total if total else None,
    )


def _line(row: dict[str, Any], base: int, choices: Choices) -> tuple[Cell, ...]:  # Any: cells
    counted = base and not (row["country"] is None and choices.unknown == "attributed")
    share = row["tokens"] / base if counted else None
    return (row["country"] or "unknown", row["models"], row["first_tokens"] or 0, row["tokens"], share)


def place(engine: Engine, ratings: "ibis.Table", ask: Ask) -> Measured:
    """A model's place on a board of one day."""
    choices, book, scheme = ask.choices, ask.book, ask.scheme
    window = read_window(choices.window)
    board = ratings.filter(ratings.day == window.last)
    if choices.superseded == "drop":
        hidden = sorted(book.superseded(scheme, window.last))
        board = board.filter(~board.model.isin(hidden))
    columns = ("model", "organisation", "rating", "rank_style_controlled", "votes")
    rows = engine.rows(board.select(*columns))
    style = choices.rank == "style-controlled"
    key = "rank_style_controlled" if style else "rating"
    rows = [row for row in rows if row[key] is not None]
    rows.sort(key=lambda row: (row[key] if style else -row[key], row["model"]))
    own = next((row[key] for row in rows if row["model"] == choices.model), None)
    rank = None if own is None else 1 + sum(row[key] < own if style else row[key] > own for row in rows)
    return Measured(
        (Value("rank", "rank", rank), Value("models", "count", len(rows))),
        ("place", *columns),
        [(number, *(row[each] for each in columns)) for number, row in enumerate(rows, start=1)],
        None,
    )


MEASURES: Final[Mapping[str, Measure]] = {
    "composition": Measure(
        "usage",
        composition,
        {
            "window": None,
            "attribution": ("publisher",),
            "variants": ("separate", "merged"),
            "stealth": ("keep", "drop"),
            "unknown": ("keep", "attributed"),
            "top": None,
            "country": None,
        },
    ),
    "place": Measure(
        "rating",
        place,
        {"window": None, "superseded": ("keep", "drop"), "rank": ("rating", "style-controlled"), "model": None},
    ),
}
