"""Of openness, as one framework found it: each in its own words, never averaged over frameworks."""

from collections import defaultdict

from weighbridge.errors import MarketError
from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.measure import Ask, Cell, Measured, Tables, Value

ALL = "all"
"""Every dimension, or whatever was found."""


def openness(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The share of a framework's dimensions that subjects meet: of all together, and of each.

    A dimension of which a framework says nothing for a subject is not met.
    """
    choices, table = ask.choices, tables["openness"]
    said = table.filter(table.framework == choices.framework).select("subject", "dimension", "found").distinct()
    rows = engine.rows(said)
    counted = {each.strip() for each in (choices.counts or "").split(",")}
    dimensions = {row["dimension"] for row in rows if choices.dimension in (ALL, row["dimension"])}
    met: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        meets = row["dimension"] in dimensions and (counted == {ALL} or row["found"] in counted)
        met[row["subject"]] |= {row["dimension"]} if meets else set()
    if rows and not dimensions:
        raise MarketError(f"{choices.framework} has no dimension {choices.dimension!r}")
    shares = {subject: len(each) / len(dimensions) for subject, each in met.items()}
    lines: list[tuple[Cell, ...]] = [
        (subject, len(met[subject]), len(dimensions), share)
        for subject, share in sorted(shares.items(), key=lambda each: (-each[1], each[0]))
    ]
    return Measured(
        (
            Value("share", "share", sum(shares.values()) / len(shares) if shares else None),
            Value("subject", "share", shares.get(choices.model or "")),
            Value("subjects", "count", len(shares) or None),
        ),
        ("subject", "met", "of", "share"),
        lines,
        None,
    )
