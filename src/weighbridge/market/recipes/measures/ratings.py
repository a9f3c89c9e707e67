"""Of boards: who stands where, and how long one came after another."""

from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.measure import Ask, Measured, Tables, Value


def place(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """A model's place on a board of one day."""
    ratings, choices, book, scheme, window = tables["rating"], ask.choices, ask.book, ask.scheme, ask.window
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
