"""How unequally something is shared out: HHI, Gini and the share of the first few."""

from collections.abc import Mapping

from weighbridge.market.recipes.measures.measure import Ask, Measured, Value


def concentrated(counts: Mapping[str, int], base: float, ask: Ask, *, unmatched: float | None) -> Measured:
    """Over those that can be told apart; `base` has the others too, of whom none is one of its own.

    So HHI is a lower bound where the base has more; Gini is of the told apart only.
    """
    shares = sorted(((count / base, name) for name, count in counts.items() if count and base), reverse=True)
    top = ask.choices.top or 0
    return Measured(
        (
            Value("hhi", "index", sum(share * share for share, _ in shares) if shares else None),
            Value("gini", "index", gini([count for count in counts.values() if count])),
            Value(f"top {top}", "share", sum(share for share, _ in shares[:top]) if shares else None),
            Value("told apart", "count", len(shares) or None),
        ),
        (ask.choices.by or "", "share"),
        [(name, share) for share, name in shares],
        unmatched,
    )


def gini(counts: list[int]) -> float | None:
    """Of counts above nothing: 0 where all are the same, towards 1 where one has all. None of none."""
    counts = sorted(counts)
    if not counts:
        return None
    ranked = sum(rank * count for rank, count in enumerate(counts, start=1))
    return 2 * ranked / (len(counts) * sum(counts)) - (len(counts) + 1) / len(counts)
