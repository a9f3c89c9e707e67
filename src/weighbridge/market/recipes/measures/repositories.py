"""Of repositories' counters: what was downloaded between two days, by country of the publisher or of the base's.

What is counted is the difference of the last counters at the ends of a window, by repository. A counter that went
backwards, and a repository that has none before the window and is not known to be younger, adds nothing; how many is
told in the table.
"""

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.concentrating import concentrated
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
    grown = _placed(grown, tables["edge"], choices.attribution != "publisher")
    summed = grown.group_by("own", "origin").aggregate(
        added=grown.added.sum(where=grown.added > 0), backwards=(grown.added < 0).cast("int64").sum()
    )
    found = engine.rows(summed)
    rows = [row for row in found if row["added"]]
    backwards = sum(row["backwards"] for row in found)
    seats = places(engine, tables["organisation"], ask)
    sums: defaultdict[str | None, float] = defaultdict(float)
    for row in rows:
        own, origin = seats.get(row["own"]), seats.get(row["origin"])
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
            Value("backwards", "count", backwards if found else None),
        ),
        ("place", "downloads", "share"),
        [
            (place or "unknown", round(count), count / base if base and (place is not None or keep) else None)
            for place, count in sorted(sums.items(), key=lambda each: (-each[1], each[0] or ""))
        ],
        unknown / total if total else None,
    )


def repository_concentration(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """HHI, Gini and the share of the first few in what was downloaded: by publisher, or by family.

    A family is all that is made from one repository, as those who upload declare it.
    """
    grown = _grown(engine, tables, ask)
    placed = _placed(grown, tables["edge"], ask.choices.by == "family")
    placed = placed.mutate(group=placed.root if ask.choices.by == "family" else placed.own)
    summed = placed.filter(placed.added > 0).group_by("group").aggregate(added=placed.added.sum())
    counts = {row["group"]: row["added"] for row in engine.rows(summed)}
    return concentrated(counts, sum(counts.values()), ask, unmatched=None)


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


def _placed(grown: "ibis.Table", edge: "ibis.Table", based: bool) -> "ibis.Table":
    """With the publishers of a repository and of the base at the end of its chain; where not asked for, its own.

    Of several bases that a model declares the first by relation and name counts.
    """
    import ibis  # noqa: PLC0415 - an extra

    placed = grown.mutate(origin=grown.model)
    if based:
        ranked = edge.mutate(
            rank=edge.relation.cases(*((each, place) for place, each in enumerate(_RELATIONS)), else_=9)
        )
        first = ibis.window(group_by=ranked.model, order_by=[ranked["rank"], ranked.base])
        bases = ranked.mutate(place=ibis.row_number().over(first)).filter(ibis._.place == 0)
        bases = bases.select(child="model", parent="base")
        for step in range(_LONGEST):
            above = bases.select(**{f"child{step}": "child", f"parent{step}": "parent"})
            joined = placed.left_join(above, [("origin", f"child{step}")])
            origin = ibis.coalesce(ibis._[f"parent{step}"], ibis._.origin)
            placed = joined.select("model", "added", f"parent{step}", "origin").mutate(origin=origin)
    return placed.select(
        "added", "model", root="origin", own=placed.model.split("/")[0], origin=placed.origin.split("/")[0]
    )
