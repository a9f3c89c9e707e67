"""Of models: how large they are, and who releases how many."""

from bisect import bisect_right
from collections import Counter, defaultdict
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Final

from weighbridge.market.engine import Engine
from weighbridge.market.recipes.measures.measure import Ask, Cell, Measured, Tables, Value

if TYPE_CHECKING:
    import ibis

_BANDS: Final = (1e9, 10e9, 100e9)
_MONTH: Final = 365.25 / 12


def sizes(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """Total parameters of models with open weights by year of release: mean, median, and how many in each band."""
    model = tables["model"]
    known = _released(model, ask).filter(model.open_weights, model.total_params.notnull())
    rows = engine.rows(known.select("model", "released", "total_params"))
    weights = _counted(engine, known, ask) if ask.choices.weighting == "downloads" else None
    years: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    for row in rows:
        weight = 1.0 if weights is None else float(weights.get(row["model"], 0))
        if weight:
            years[row["released"].year].append((row["total_params"], weight))
    lines: list[tuple[Cell, ...]] = []
    means: list[float] = []
    for year, found in sorted(years.items()):
        plain = [size for size, _ in found]
        means.append(fmean(plain, [weight for _, weight in found]))
        bands = Counter(bisect_right(_BANDS, size) for size in plain)
        lines.append((year, len(found), means[-1], float(median(plain)), *(bands[band] for band in range(4))))
    return Measured(
        (
            Value("mean", "parameters", means[-1] if means else None),
            Value("median", "parameters", float(str(lines[-1][3])) if lines else None),
            Value("growth", "ratio", means[-1] / means[0] if means else None),
        ),
        ("year", "models", "mean", "median", "under 1B", "1B to 10B", "10B to 100B", "100B and more"),
        lines,
        None,
    )


def cadence(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """Models released in a window, by lab or by the seat of the lab on the window's last day."""
    choices, book, window = ask.choices, ask.book, ask.window
    known = _released(tables["model"], ask)
    if choices.weights != "all":
        known = known.filter(known.open_weights == (choices.weights == "open"))
    seats = book.countries(ask.scheme, window.last)
    counted: Counter[str] = Counter()
    unknown = 0
    for row in engine.rows(known.select("model", "organisation")):
        lab = row["organisation"] or row["model"].partition("/")[0]
        publisher = book.publishers.get((ask.scheme, lab))
        group = seats.get(lab) if choices.by == "country" else publisher and publisher.entity
        counted[group or "unknown"] += 1
        unknown += not group
    total = counted.total()
    months = ((window.last - window.first).days + 1) / _MONTH
    own = counted[choices.group or ""]
    return Measured(
        (
            Value("releases", "count", own if total else None),
            Value("share", "share", own / total if total else None),
            Value("per month", "ratio", own / months if total else None),
        ),
        (choices.by or "", "releases", "share", "per month"),
        [(name, count, count / total, count / months) for name, count in counted.most_common()],
        unknown / total if total else None,
    )


def _released(model: "ibis.Table", ask: Ask) -> "ibis.Table":
    within = model.filter(model.released.between(ask.window.first, ask.window.last))
    return within if ask.choices.modality == "all" else within.filter(within.modality.contains(ask.choices.modality))


def _counted(engine: Engine, known: "ibis.Table", ask: Ask) -> dict[str, Any]:  # Any: a count
    """Of these models the newest counter up to the window's end."""
    import ibis  # noqa: PLC0415 - an extra

    standing, names = engine.standing(ask.window.last), known.select(named=known.model).distinct()
    asked = standing.semi_join(names, standing.model == names.named)
    newest = asked.group_by("model").aggregate(in_all=ibis._.in_all.argmax(ibis._.day))
    return {row["model"]: row["in_all"] for row in engine.rows(newest)}


def kinds(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The share of models that take in more than text, or have open weights; by year of release."""
    model, choices, window = tables["model"], ask.choices, ask.window
    of_kind = {
        "multimodal": model.modality.split("->")[0].contains("+"),
        "open": model.open_weights,
    }[choices.kind or ""]
    known = model.filter(of_kind.notnull(), model.released.between(window.first, window.last))
    if choices.weights != "all":
        known = known.filter(known.open_weights == (choices.weights == "open"))
    years: dict[str, list[int]] = {}
    for row in engine.rows(known.mutate(of_kind=of_kind).select("model", "released", "of_kind").distinct()):
        year = years.setdefault(f"{row['released'].year}", [0, 0])
        year[0], year[1] = year[0] + 1, year[1] + bool(row["of_kind"])
    models, counted = (sum(each[place] for each in years.values()) for place in range(2))
    lines = [(year, count, of, of / count) for year, (count, of) in sorted(years.items())]
    return Measured(
        (
            Value("share", "share", counted / models if models else None),
            Value("first year", "share", lines[0][3] if lines else None),
            Value("last year", "share", lines[-1][3] if lines else None),
            Value("models", "count", models or None),
        ),
        ("year", "models", "of this kind", "share"),
        lines,
        None,
    )


def mixtures(engine: Engine, tables: Tables, ask: Ask) -> Measured:
    """The share of models of known size of which fewer parameters are said to be used for a token than there are."""
    model = tables["model"]
    known = model.filter(model.total_params.notnull()).select("model", "total_params", "active_params").distinct()
    rows = engine.rows(known.order_by(["total_params", "model"]))
    mixed = [row for row in rows if row["active_params"] is not None and row["active_params"] < row["total_params"]]
    return Measured(
        (
            Value("share", "share", len(mixed) / len(rows) if rows else None),
            Value("mixtures", "count", len(mixed) if rows else None),
            Value("models", "count", len(rows) or None),
        ),
        ("model", "parameters", "used for a token"),
        [(row["model"], row["total_params"], row["active_params"]) for row in mixed],
        None,
    )
