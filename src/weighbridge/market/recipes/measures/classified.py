"""Of what OpenRouter tells of its use beside tokens by model: tasks, apps, and what sessions cost."""

from datetime import date
from typing import TYPE_CHECKING, Any

from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.measure import Ask, Cell, Measured, Tables, Value
from weighbridge.market.recipes.measures.usage import whose

if TYPE_CHECKING:
    import ibis

Rows = list[dict[str, Any]]  # Any: cells


def tasks(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """Shares of what was classified, by task or by the area that it is of, on the last day in a window."""
    table, choices = tables["task_share"], ask.choices
    rows = _last(engine, table.filter(table.model.isnull()), ask)
    column = "area" if choices.by == "area" else "task"
    sums: dict[str, list[float]] = {}
    for row in rows:
        own = sums.setdefault(row[column], [0.0, 0.0])
        own[0], own[1] = own[0] + (row["tokens"] or 0.0), own[1] + (row["requests"] or 0.0)
    tokens, requests = sums.get(choices.group or "", [None, None])
    return Measured(
        (
            Value("tokens", "share", tokens),
            Value("requests", "share", requests),
            Value("told apart", "count", len(sums) or None),
        ),
        (column, "tokens", "requests"),
        [(name, *both) for name, both in sorted(sums.items(), key=lambda each: (-each[1][0], each[0]))],
        None,
    )


def leaders(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The countries of the models that are most used for a task, and of the tokens that it tells of."""
    table, choices = tables["task_share"], ask.choices
    rows = _last(engine, table.filter(table.model.notnull(), table.task == choices.task), ask)
    rows.sort(key=lambda row: (-(row["requests"] or 0.0), row["model"]))
    first = rows[: choices.top]
    seats = [whose(ask, row["model"], by="country") for row in first]
    own = [row for row, seat in zip(first, seats, strict=True) if seat == choices.country]
    lines: list[tuple[Cell, ...]] = [
        (row["model"], seat or "unknown", row["requests"], row["tokens"])
        for row, seat in zip(first, seats, strict=True)
    ]
    told = sum(row["tokens"] or 0.0 for row in rows)
    unknown = sum(row["tokens"] or 0.0 for row, seat in zip(first, seats, strict=True) if seat is None)
    return Measured(
        (
            Value("models", "count", len(own) if rows else None),
            Value("share", "share", sum(row["tokens"] or 0.0 for row in own) if rows else None),
            Value("of", "count", len(first) or None),
        ),
        ("model", "country", "requests", "tokens"),
        lines,
        unknown / told if told else None,
    )


def apps(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """Tokens by app in the newest window, and those of a category; an app may be in several."""
    table = tables["app_usage"]
    rows = _last(engine, table, ask)
    every = {row["app"]: row for row in rows if row["category"] is None}
    total = sum(row["tokens"] for row in every.values())
    kinds: dict[str, list[str]] = {}
    for row in rows:
        if row["category"] is not None:
            kinds.setdefault(row["app"], []).append(row["category"])
    own = {app for app, there in kinds.items() if ask.choices.group in there}
    counted = sum(row["tokens"] for app, row in every.items() if app in own)
    lines: list[tuple[Cell, ...]] = [
        (
            row["name"],
            ", ".join(sorted(kinds.get(app, []))) or None,
            row["tokens"],
            row["requests"],
            row["tokens"] / total,
        )
        for app, row in sorted(every.items(), key=lambda each: (-each[1]["tokens"], each[0]))
        if total
    ]
    return Measured(
        (
            Value("share", "share", counted / total if total else None),
            Value("tokens", "tokens", counted if total else None),
            Value("apps", "count", len(every) or None),
        ),
        ("app", "categories", "tokens", "requests", "share"),
        lines,
        sum(row["tokens"] for app, row in every.items() if app not in kinds) / total if total else None,
    )


def sessions(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The median cost of sessions of one app with a model, beside another model's; never averaged over apps."""
    table, choices = tables["session_cost"], ask.choices
    rows = _last(engine, table.filter(table.app == choices.app, table.turns == choices.turns), ask)
    rows.sort(key=lambda row: (row["dollars"], row["model"]))
    costs = {row["model"]: row["dollars"] for row in rows}
    one, two = costs.get(choices.model or ""), costs.get(choices.against or "")
    return Measured(
        (
            Value("cost", "usd", one),
            Value("other's cost", "usd", two),
            Value("multiple", "ratio", one / two if one is not None and two else None),
            Value("models", "count", len(costs) or None),
        ),
        ("model", "cost", "days"),
        [(row["model"], row["dollars"], row["days"]) for row in rows],
        None,
    )


def _last(engine: Engine, table: "ibis.Table", ask: Ask) -> Rows:
    """The rows of the newest day in a window."""
    rows = engine.rows(table.filter(table.day.between(ask.window.first, ask.window.last)))
    newest = max((row["day"] for row in rows), default=date.min)
    return [row for row in rows if row["day"] == newest]
