"""Of repositories' counters: what was downloaded between two days, by country of the publisher or of the base's.

What is counted is the difference of the last counters at the ends of a window, by repository. A counter that went
backwards, and a repository that has none before the window and is not known to be younger, adds nothing; how many is
told in the table.
"""

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.downloads import places
from weighbridge.market.recipes.measures.measure import Ask, Measured, Tables, Value

if TYPE_CHECKING:
    import ibis

_RELATIONS: Final = ("quantized", "adapter", "finetune", "merge", "derived")
_LONGEST: Final = 6
"""Chains of bases are followed no further: some are circular."""


def repository_share(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """Downloads in a window by place: of who uploaded, of who made the base, or half to each."""
    choices = ask.choices
    grown = _grown(engine, tables, ask)
    if choices.attribution == "publisher":
        grown = grown.mutate(model=grown.model.split("/")[0])
    summed = grown.group_by("model").aggregate(
        added=grown.added.sum(where=grown.added > 0), backwards=(grown.added < 0).cast("int64").sum()
    )
    found = engine.rows(summed)
    rows = [row for row in found if row["added"]]
    backwards = sum(row["backwards"] for row in found)
    seats = places(engine, tables["organisation"], ask)
    bases = {} if choices.attribution == "publisher" else _bases(engine, tables["edge"])
    sums: defaultdict[str | None, float] = defaultdict(float)
    for row in rows:
        own = seats.get(_publisher(row["model"]))
        origin = seats.get(_publisher(_first_base(row["model"], bases)))
        if choices.attribution == "split":
            sums[own] += row["added"] / 2
            sums[origin] += row["added"] / 2
        else:
            sums[own if choices.attribution == "publisher" else origin] += row["added"]
    total, unknown = sum(sums.values()), sums.get(None, 0.0)
    base = total - unknown if choices.unknown == "attributed" else total
    counted = 0.0 if choices.country is None else sums.get(choices.country, 0.0)
    keep = choices.unknown == "keep"
    return Measured(
        (
            Value("share", "share", counted / base if base else None),
            Value("downloads", "downloads", round(base) if rows else None),
            Value("backwards", "count", backwards),
        ),
        ("place", "downloads", "share"),
        [
            (place or "unknown", round(count), count / base if base and (place is not None or keep) else None)
            for place, count in sorted(sums.items(), key=lambda each: (-each[1], each[0] or ""))
        ],
        unknown / total if total else None,
    )


def _grown(engine: Engine, tables: Tables, ask: Ask) -> "ibis.Table":
    """By repository, the difference of its counters."""
    import ibis  # noqa: PLC0415 - an extra

    model, window = tables["model"], ask.window
    after, before = engine.standing(window.last), engine.standing(window.first - timedelta(days=1))
    ends = after.filter(after.day >= window.first)
    if ask.choices.models == "tracked":
        listed = model.filter(model.source == "tracked-models").select(named=model.model).distinct()
        ends = ends.semi_join(listed, ends.model == listed.named)
    ends = ends.group_by("model").aggregate(last=ends.in_all.argmax(ends.day))
    begun = before.group_by("model").aggregate(first=before.in_all.argmax(before.day)).rename(begun="model")
    ends = ends.left_join(begun, ends.model == begun.begun).drop("begun")
    born = model.filter(model.released.between(window.first, window.last)).select(young=model.model).distinct()
    joined = ends.left_join(born, ends.model == born.young)
    start = ibis.ifelse(joined.young.notnull(), ibis.coalesce(joined.first, 0), joined.first)
    return joined.select("model", added=joined.last - start).filter(ibis._.added.notnull())


def _bases(engine: Engine, edge: "ibis.Table") -> dict[str, str]:
    """By model the base that it declares; where several, the first by relation and name."""
    found: dict[str, tuple[int, str]] = {}
    for row in engine.rows(edge.select("model", "base", "relation")):
        rank = _RELATIONS.index(row["relation"]) if row["relation"] in _RELATIONS else len(_RELATIONS)
        found[row["model"]] = min(found.get(row["model"], (rank, row["base"])), (rank, row["base"]))
    return {model: base for model, (_, base) in found.items()}


def _first_base(model: str, bases: dict[str, str]) -> str:
    for _ in range(_LONGEST):
        if model not in bases:
            break
        model = bases[model]
    return model


def _publisher(model: str) -> str:
    return model.partition("/")[0]
