"""Of boards: who stands where, and how long one came after another."""

from datetime import date
from statistics import median
from typing import Any, Final

from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.measure import Ask, Cell, Measured, Tables, Value

_CLOSED: Final = ("Closed", "Proprietary", "proprietary")
"""As boards write it."""


def place(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """A model's place on a board of one day."""
    ratings, choices, book, scheme, window = tables["rating"], ask.choices, ask.book, ask.scheme, ask.window
    board = ratings.filter(ratings.day == window.last, ratings.board == choices.board)
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
        (Value("rank", "rank", rank), Value("models", "count", len(rows) or None)),
        ("place", *columns),
        [(number, *(row[each] for each in columns)) for number, row in enumerate(rows, start=1)],
        None,
    )


def apart(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """Days from the release of one model to that of another."""
    choices, model = ask.choices, tables["model"]
    asked = [choices.model or "", choices.against or ""]
    known = model.filter(model.model.isin(asked), model.released.notnull())
    rows = engine.rows(known.select("model", "released", "source").order_by(["model", "source"]))
    days = [min((row["released"] for row in rows if row["model"] == name), default=None) for name in asked]
    late, early = days
    return Measured(
        (Value("days", "days", (late - early).days if late is not None and early is not None else None),),
        ("model", "released", "source"),
        [(row["model"], f"{row['released']}", row["source"]) for row in rows],
        None,
    )


def behind(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """For each score by which a closed model led, the days until a model with open weights had it too."""
    ratings, choices, window = tables["rating"], ask.choices, ask.window
    board = ratings.filter(ratings.board == choices.board, ratings.day <= window.last)
    scored = engine.rows(board.select("model", "day", "licence", "rating").order_by(["day", "rating", "model"]))
    closed = _leading([row for row in scored if row["licence"] in _CLOSED])
    opened = [row for row in scored if row["licence"] not in (*_CLOSED, None)]
    rows: list[tuple[Cell, ...]] = []
    waits: list[int] = []
    for lead in closed:
        if lead["day"] < window.first:
            continue
        caught = next((row for row in opened if row["rating"] >= lead["rating"]), None)
        wait = max(0, (caught["day"] - lead["day"]).days) if caught else None
        waits += [] if wait is None else [wait]
        rows.append((f"{lead['day']}", lead["model"], lead["rating"], caught["model"] if caught else None, wait))
    return Measured(
        (
            Value("median", "days", float(median(waits)) if waits else None),
            Value("latest", "days", waits[-1] if waits else None),
            Value("not reached", "count", len(rows) - len(waits) if rows else None),
        ),
        ("day", "closed model", "score", "open model that had it", "days"),
        rows,
        None,
    )


def points(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The best closed model's rating less the best open one's, on each day of a board in a window."""
    ratings, book, scheme, window = tables["rating"], ask.book, ask.scheme, ask.window
    board = ratings.filter(ratings.board == ask.choices.board, ratings.day.between(window.first, window.last))
    rows: list[tuple[Cell, ...]] = []
    difference, above = None, None
    days: dict[date, list[dict[str, Any]]] = {}  # Any: cells
    for row in engine.rows(board.select("model", "day", "licence", "rating").order_by("day")):
        if ask.choices.superseded == "keep" or row["model"] not in book.superseded(scheme, row["day"]):
            days.setdefault(row["day"], []).append(row)
    for day, found in days.items():
        best = [_best([row for row in found if (row["licence"] in _CLOSED) == closed]) for closed in (True, False)]
        closed, opened = best
        if closed is None or opened is None:
            continue
        difference = closed["rating"] - opened["rating"]
        above = sum(row["rating"] > opened["rating"] for row in found)
        rows.append((f"{day}", closed["model"], closed["rating"], opened["model"], opened["rating"], difference, above))
    return Measured(
        (Value("points", "index", difference), Value("ahead", "count", above)),
        ("day", "best closed", "rating", "best open", "its rating", "points", "models ahead"),
        rows,
        None,
    )


def _leading(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:  # Any: cells
    """Those that had a higher score than all before them."""
    found: list[dict[str, Any]] = []
    for row in rows:
        if not found or row["rating"] > found[-1]["rating"]:
            found.append(row)
    return found


def _best(rows: list[dict[str, Any]]) -> dict[str, Any] | None:  # Any: cells
    return max(rows, key=lambda row: (row["rating"], row["model"]), default=None)
