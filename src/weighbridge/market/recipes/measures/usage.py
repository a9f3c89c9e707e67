"""Of tokens used: whose models, and how much of all."""

from typing import Any

from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.measure import Ask, Cell, Measured, Tables, Value
from weighbridge.market.recipes.recipe import Choices


def composition(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The countries of the most used models, and of all tokens."""
    import ibis  # noqa: PLC0415 - an extra

    usage, choices, book, scheme, window = tables["usage"], ask.choices, ask.book, ask.scheme, ask.window
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
