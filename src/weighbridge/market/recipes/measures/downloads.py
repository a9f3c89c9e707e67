"""Of downloads: whose, how concentrated, how many in all, and how fast a model is taken up.

Counters are cumulative: what was downloaded between two days is their difference, and never below nothing.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING, Final

from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.concentrating import concentrated
from weighbridge.market.recipes.measures.measure import Ask, Cell, Measured, Tables, Value

if TYPE_CHECKING:
    import ibis

_ATOM: Final = "tracked-models-regions"
_SIZES: Final = "tracked-models-sizes"
_BOUNDS: Final = (1e9, 7e9, 13e9, 34e9, 75e9, 250e9)
"""Of total parameters, between size buckets."""


def publisher_share(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The downloads of named publishers' own repositories by place, as a share of all for the task."""
    months, choices, window = tables["publisher_month"], ask.choices, ask.window
    counted = months.filter(months.month.between(window.first, window.last))
    if choices.estimated == "drop":
        counted = counted.filter(counted.exact)
    rows = engine.rows(counted.select("publisher", "month", "downloads", "share"))
    seats = places(engine, tables["organisation"], ask)
    by_place: defaultdict[str | None, int] = defaultdict(int)
    whole: defaultdict[date, list[float]] = defaultdict(list)
    for row in rows:
        by_place[seats.get(row["publisher"])] += row["downloads"]
        if row["share"]:
            whole[row["month"]].append(row["downloads"] / row["share"])
    total = sum(median(each) for each in whole.values())
    named = sum(count for place, count in by_place.items() if place is not None)
    base = named if choices.unknown == "attributed" else total
    lines: list[tuple[Cell, ...]] = [
        (
            place or "in no row",
            count,
            count / base if base and (place is not None or choices.unknown == "keep") else None,
        )
        for place, count in sorted(by_place.items(), key=lambda each: -each[1])
    ]
    if choices.unknown == "keep" and total:
        rest = total - sum(by_place.values())
        lines.append(("publishers that the source does not name", round(rest), rest / total))
    return Measured(
        (
            Value("share", "share", by_place.get(choices.country, 0) / base if base else None),
            Value("downloads", "downloads", by_place.get(choices.country, 0) if rows else None),
            Value("of", "downloads", round(base) if rows else None),
        ),
        ("place", "downloads", "share"),
        lines,
        1 - named / total if total else None,
    )


def publisher_concentration(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """HHI, Gini and the share of the first few, over the publishers that a source names; others are in the base."""
    months, choices, window = tables["publisher_month"], ask.choices, ask.window
    counted = months.filter(months.month.between(window.first, window.last))
    if choices.estimated == "drop":
        counted = counted.filter(counted.exact)
    sums: defaultdict[str, int] = defaultdict(int)
    whole: defaultdict[date, list[float]] = defaultdict(list)
    for row in engine.rows(counted.select("publisher", "month", "downloads", "share")):
        sums[row["publisher"]] += row["downloads"]
        if row["share"]:
            whole[row["month"]].append(row["downloads"] / row["share"])
    total, named = sum(median(each) for each in whole.values()), sum(sums.values())
    return concentrated(
        sums, total if choices.unknown == "keep" else named, ask, unmatched=1 - named / total if total else None
    )


def hub_series(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """One share of the whole hub's downloads, month by month."""
    months, window = tables["hub_month"], ask.window
    column = f"share_{ask.choices.series}"
    counted = months.filter(months.month.between(window.first, window.last))
    if ask.choices.estimated == "drop":
        counted = counted.filter(counted.exact)
    rows = engine.rows(counted.select("month", "downloads", "active_models", "exact", column).order_by("month"))
    ends = [row[column] for row in (rows[:1] + rows[-1:])] if rows else [None, None]
    first, last = ends[0], ends[-1]
    return Measured(
        (Value("first", "share", first), Value("last", "share", last)),
        ("month", "share", "downloads", "active models", "exact"),
        [
            (
                f"{row['month']:%Y-%m}",
                row[column],
                row["downloads"],
                row["active_models"],
                "yes" if row["exact"] else "no",
            )
            for row in rows
        ],
        None,
    )


def cumulative(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """All downloads up to a day, by place of the publisher, over the models of a list."""
    import ibis  # noqa: PLC0415 - an extra

    listed, window = tables["model"], ask.window
    names = listed.filter(listed.source == "tracked-models").select(named=listed.model).distinct()
    standing = engine.standing(window.last)
    counted = standing.filter(standing.day >= window.first)
    if ask.choices.models == "tracked":
        counted = counted.semi_join(names, counted.model == names.named)
    newest = counted.group_by("model").aggregate(in_all=ibis._.in_all.argmax(ibis._.day))
    newest = newest.mutate(publisher=newest.model.split("/")[0])
    rows = engine.rows(newest.group_by("publisher").aggregate(in_all=ibis._.in_all.sum(), models=ibis._.count()))
    seats = places(engine, tables["organisation"], ask)
    sums: defaultdict[str | None, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        each = sums[seats.get(row["publisher"])]
        each[0], each[1] = each[0] + row["in_all"], each[1] + row["models"]
    total = sum(each[0] for each in sums.values())
    own = sums[ask.choices.country][0] if ask.choices.country in sums else 0
    return Measured(
        (
            Value("downloads", "downloads", own if rows else None),
            Value("share", "share", own / total if total else None),
        ),
        ("place", "downloads", "models", "share"),
        [
            (place or "unknown", count, models, count / total if total else None)
            for place, (count, models) in sorted(sums.items(), key=lambda each: -each[1][0])
        ],
        sums[None][0] / total if total and None in sums else 0.0 if total else None,
    )


def adoption(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """RAM: a model's downloads at an age by the median of the ten most downloaded of its size at the same age."""
    choices = ask.choices
    age, top = choices.age or 0, choices.top or 0
    sizes, released = _facts(engine, tables["model"])
    grown: dict[int, list[tuple[int, str]]] = {}
    due = {model: day + timedelta(days=age) for model, day in released.items()}
    spans = {model: (day - timedelta(days=6), day) for model, day in due.items()}
    for row in engine.rows(engine.within(spans)):
        grown.setdefault(bisect_right(_BOUNDS, sizes[row["model"]]), []).append((row["in_all"], row["model"]))
    rows: list[tuple[Cell, ...]] = []
    own: float | None = None
    peers: int | None = None
    for bucket, found in sorted(grown.items()):
        found.sort(reverse=True)
        middle = median(count for count, _ in found[:top])
        for count, model in found:
            metric = count / middle if middle else None
            rows.append((_called(bucket), model, count, middle, metric))
            if model == choices.model:
                own, peers = metric, min(top, len(found))
    return Measured(
        (Value("ram", "ratio", own), Value("peers", "count", peers)),
        ("size", "model", f"downloads after {age} days", "median of the first", "ram"),
        rows,
        None,
    )


def places(engine: Engine, organisation: "ibis.Table", ask: Ask) -> Mapping[str, str]:
    """Publishers' places on the last day: by reviewed rows, or by the regions of the ATOM Project."""
    if ask.choices.places == "reviewed":
        return ask.book.countries(ask.scheme, ask.window.last)
    regions = organisation.filter(organisation.source == _ATOM, organisation.place.notnull())
    rows = engine.rows(regions.select("organisation", "place"))
    return {row["organisation"]: row["place"] for row in rows if row["place"] != "unknown"}


def _facts(engine: Engine, model: "ibis.Table") -> tuple[dict[str, int], dict[str, date]]:
    """Sizes, as the ATOM Project has them, and days of release, by model that has both."""
    curated = model.filter(model.source == _SIZES, model.total_params.notnull()).select(
        sized=model.model, size=model.total_params
    )
    dated = model.filter(model.released.notnull())
    known = dated.inner_join(curated, dated.model == curated.sized).order_by("source")
    rows = engine.rows(known.select("model", "size", "released"))
    return {row["model"]: row["size"] for row in rows}, {row["model"]: row["released"] for row in rows}


def _called(bucket: int) -> str:
    edges = [f"{bound / 1e9:g}B" for bound in _BOUNDS]
    if bucket == 0:
        return f"under {edges[0]}"
    return f"{edges[-1]} and more" if bucket == len(edges) else f"{edges[bucket - 1]} to {edges[bucket]}"
