"""Of tokens used: whose models, and how much of all."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

from weighbridge.catalog.load import load
from weighbridge.catalog.model import Model
from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.concentrating import concentrated
from weighbridge.market.recipes.measures.measure import Ask, Cell, Measured, Tables, Value


def composition(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The countries of the most used models, and of all tokens. `other` takes no place, and stays in the base."""
    choices = ask.choices
    counted = _by_model(engine, tables, ask)
    places = sorted((-tokens, model) for model, tokens in counted.items() if model != "other")
    first = {model for _, model in places[: choices.top]}
    groups: defaultdict[str | None, list[int]] = defaultdict(lambda: [0, 0, 0])
    for model, tokens in counted.items():
        sums = groups[whose(ask, model)]
        sums[0], sums[1] = sums[0] + (model in first), sums[1] + tokens * (model in first)
        sums[2] += tokens
    total, unknown = sum(sums[2] for sums in groups.values()), groups[None][2] if None in groups else 0
    base = total - unknown if choices.unknown == "attributed" else total
    models, _, tokens = groups.get(choices.country, [0, 0, 0])
    return Measured(
        (
            Value("models", "count", models if counted else None),
            Value("share", "share", tokens / base if base else None),
            Value("tokens", "tokens", base if counted else None),
        ),
        ("country", "models", "tokens of these", "tokens of all", "share of all"),
        [
            (country or "unknown", *sums, sums[2] / base if _counted(country, base, ask) else None)
            for country, sums in sorted(groups.items(), key=lambda each: (-each[1][0], -each[1][2], each[0] or ""))
        ],
        unknown / total if total else None,
    )


def _counted(group: str | None, base: int, ask: Ask) -> bool:
    """Whether a group is in the base of shares."""
    return base > 0 and (group is not None or ask.choices.unknown == "keep")


def token_share(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """Tokens by model, lab, seat of the lab, or weights; by whose a model is, or what it is made from."""
    counted = _by_model(engine, tables, ask)
    groups: defaultdict[str | None, int] = defaultdict(int)
    for model, tokens in counted.items():
        groups[whose(ask, model)] += tokens
    total, unknown = sum(groups.values()), groups.get(None, 0)
    base = total - unknown if ask.choices.unknown == "attributed" else total
    own = groups.get(ask.choices.group, 0)
    lines: list[tuple[Cell, ...]] = [
        (group or "unknown", tokens, tokens / base if _counted(group, base, ask) else None)
        for group, tokens in sorted(groups.items(), key=lambda each: (-each[1], each[0] or ""))
    ]
    return Measured(
        (Value("share", "share", own / base if base else None), Value("tokens", "tokens", own if counted else None)),
        (ask.choices.by or "", "tokens", "share"),
        lines,
        unknown / total if total else None,
    )


def concentration(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """HHI, Gini and the share of the first few, over models, labs or countries that can be told apart."""
    counted = _by_model(engine, tables, ask)
    groups: defaultdict[str | None, int] = defaultdict(int)
    for model, tokens in counted.items():
        groups[None if model == "other" else whose(ask, model)] += tokens
    total, unknown = sum(groups.values()), groups.pop(None, 0)
    base = total - unknown if ask.choices.unknown == "attributed" else total
    counts = {group: tokens for group, tokens in groups.items() if group is not None}
    return concentrated(counts, base, ask, unmatched=unknown / total if total else None)


def _by_model(engine: Engine, tables: Tables, ask: Ask) -> dict[str, int]:
    import ibis  # noqa: PLC0415 - an extra

    usage, choices, window = tables["usage"], ask.choices, ask.window
    grain = choices.grain or "day"
    rows = usage.filter(usage.day.between(window.first, window.last), usage.grain == grain, usage.category.isnull())
    if choices.variants == "merged":
        rows = rows.mutate(model=rows.model.split(":")[0])
    counted = engine.rows(rows.group_by("model").aggregate(tokens=ibis._.tokens.sum()))
    stealth = ask.book.stealth(ask.scheme) if choices.stealth == "drop" else frozenset()
    return {row["model"]: row["tokens"] for row in counted if row["model"].partition("/")[0] not in stealth}


def whose(ask: Ask, model: str, *, by: str | None = None) -> str | None:
    """What a model's tokens count for, as the choice `by` says; None where no reviewed row says it."""
    book, by = ask.book, by or ask.choices.by
    if by == "model":
        return None if model == "other" else model
    made_from = book.base(ask.scheme, model) if ask.choices.attribution == "base" else None
    known = made_from or book.model(ask.scheme, model)
    if by == "family":
        return _family(known)
    if by == "weights":
        entry = _catalogue().get(known or "") or book.outside.get(known or "")
        return None if entry is None or entry.open_weights is None else "open" if entry.open_weights else "closed"
    publisher = book.publishers.get((ask.scheme, model.partition("/")[0]))
    lab = made_from.partition("/")[0] if made_from else publisher.entity if publisher else None
    if by == "lab":
        return lab or None
    entity = book.entities.get(lab or "")
    seat = None if entity is None else entity.place(ask.window.last)
    return None if seat is None else seat.country


def _family(model: str | None) -> str | None:
    """The model at the end of the catalogue's chain of bases: all that is made from one is of one family."""
    seen: set[str] = set()
    while model is not None and model not in seen and (entry := _catalogue().get(model)) and entry.base_model:
        seen.add(model)
        model = entry.base_model
    return model


@cache
def _catalogue() -> Mapping[str, Model]:
    """All models, without where they are sold."""
    return load((), when=None).models
