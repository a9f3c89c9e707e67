"""Of training runs: chips, chip-hours and cost, beside another model's."""

from decimal import Decimal, InvalidOperation
from typing import Any

from weighbridge.errors import MarketError
from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.measure import Ask, Cell, Measured, Tables, Value

Runs = list[dict[str, Any]]  # Any: cells


def training(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The final run of a model, by count of chips and by cost; and of the one it is held against."""
    choices, table = ask.choices, tables["training"]
    asked = [choices.model or "", choices.against or ""]
    rows = engine.rows(table.filter(table.model.isin(asked)).order_by(["model", "source", "method"]))
    own, other = ([row for row in rows if row["model"] == name] for name in asked)
    hours = _first(own, "chip_hours")
    rate = _rate(choices.chip_hour or "")
    chips, others = _first(own, "chips"), _first(other, "chips")
    columns = ("model", "chip", "chips", "chip_hours", "method", "cost", "source")
    lines: list[tuple[Cell, ...]] = [tuple(row[each] for each in columns) for row in rows]
    return Measured(
        (
            Value("chips", "count", chips),
            Value("chip hours", "hours", hours),
            Value("cost", "usd", _cost(own, "as listed")),
            Value("cost by the hour", "usd", None if hours is None else float(Decimal(hours) * rate)),
            Value("other's chips", "count", others),
            Value("other's cost", "usd", _cost(other, choices.method or "")),
            Value("chips by chips", "ratio", others / chips if chips and others else None),
        ),
        columns,
        lines,
        None,
    )


def _first(rows: Runs, column: str) -> Any:  # noqa: ANN401 - a cell
    return next((row[column] for row in rows if row[column] is not None), None)


def _cost(rows: Runs, method: str) -> float | None:
    found: float | None = _first([row for row in rows if row["method"] == method], "cost")
    return found


def _rate(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise MarketError(f"the price of a chip-hour {text!r} is no number of US dollars, such as 2.00") from error
