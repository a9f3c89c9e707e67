"""Of the hub's snapshots: how large the models are that are downloaded, by month."""

from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.measure import Ask, Cell, Measured, Tables, Value

if TYPE_CHECKING:
    import ibis

_BANDS: Final = (0.0, 1e9, 10e9, 100e9, float("inf"))


def hub_sizes(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """Total parameters of repositories that say theirs, on the last snapshot of each month: mean, median, in bands.

    Weighted by downloads of thirty days, or each once. Those that do not say theirs are the unmatched share.
    """
    import ibis  # noqa: PLC0415 - an extra

    downloads, window = tables["downloads"], ask.window
    within = downloads.filter(downloads.day.between(window.first, window.last), downloads.last_30_days.notnull())
    within = within.group_by("model", "day").aggregate(last_30_days=within.last_30_days.max())  # of two sources once
    last: dict[tuple[int, int], date] = {}
    for row in engine.rows(within.select("day").distinct().order_by("day")):
        last[row["day"].year, row["day"].month] = row["day"]
    known = _sized(within.filter(within.day.isin(list(last.values()))), tables["model"], ask)
    weighted = ask.choices.weighting == "downloads"
    known = known.mutate(weight=known.last_30_days if weighted else ibis.literal(1, "int64"))
    size, weight = known.size.cast("float64"), known.weight.cast("float64")
    has = known.size.notnull()
    by_day = known.group_by("day").aggregate(
        models=has.sum(),
        mean=(size * weight).sum(where=has) / weight.sum(where=has).nullif(0),
        middle=size.median(where=has),
        told=weight.sum(where=has) / weight.sum().nullif(0),
        **{
            f"band{place}": weight.sum(where=has & (size >= least) & (size < most)) / weight.sum(where=has).nullif(0)
            for place, (least, most) in enumerate(pairwise(_BANDS))
        },
    )
    rows = engine.rows(by_day.order_by("day")) if last else []
    means = [row["mean"] for row in rows if row["mean"] is not None]
    lines: list[tuple[Cell, ...]] = [
        (
            f"{row['day']}",
            row["models"],
            row["mean"],
            row["middle"],
            *(row[f"band{place}"] or 0.0 for place in range(4)),
        )
        for row in rows
    ]
    return Measured(
        (
            Value("mean", "parameters", means[-1] if means else None),
            Value("median", "parameters", rows[-1]["middle"] if rows else None),
            Value("growth", "ratio", means[-1] / means[0] if means and means[0] else None),
        ),
        ("day", "models", "mean", "median", "under 1B", "1B to 10B", "10B to 100B", "100B and more"),
        lines,
        1 - (rows[-1]["told"] or 0.0) if rows else None,
    )


def _sized(counted: "ibis.Table", model: "ibis.Table", ask: Ask) -> "ibis.Table":
    """With each repository's size, where it says one; it says it again with each snapshot, and the largest counts."""
    said = model
    if ask.choices.modality != "all":
        said = said.filter(said.modality == ask.choices.modality)
        counted = counted.semi_join(said, counted.model == said.model)
    sizes = said.filter(said.total_params.notnull()).group_by(named=said.model)
    sizes = sizes.aggregate(size=said.total_params.max())
    return counted.left_join(sizes, counted.model == sizes.named)
