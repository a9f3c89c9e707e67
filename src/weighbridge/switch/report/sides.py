"""What a model's replays in a route come to: cost, latency, refusals, formats, length."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from statistics import median

from weighbridge.switch.replayed import Replayed
from weighbridge.switch.report.document import Side


def side(arm: str, rows: Sequence[Replayed], usual: Decimal | None = None) -> Side:
    """Of an arm, or of the reference; `usual` is what a request costs where its replays cost nothing of their own."""
    done = [row for row in rows if row.state == "done"]
    answers = [row for row in done if row.error is None]
    seconds = sorted(row.seconds for row in answers if row.seconds is not None)
    tokens = [row.completion_tokens for row in answers if row.completion_tokens is not None]
    return Side(
        arm=arm,
        answers=len(answers),
        failed=len(done) - len(answers),
        p50=_within(seconds, 0.5),
        p95=_within(seconds, 0.95),
        cost=_cost(answers, usual),
        refused=_share(answers, lambda row: row.refused),
        format_valid=_share(answers, lambda row: row.format_valid),
        tools_valid=_share(answers, lambda row: row.tools_valid),
        cut=_share(answers, lambda row: None if row.finish is None else row.finish == "length"),
        tokens=median(tokens) if tokens else None,
    )


def _cost(answers: Sequence[Replayed], usual: Decimal | None) -> float | None:
    """Of a thousand: by the ledger, of those whose cost is known."""
    known = [Decimal(row.cost) for row in answers if row.cost is not None]
    each = sum(known, Decimal(0)) / len(known) if known else usual
    return None if each is None else float(each * 1000)


def _share(answers: Sequence[Replayed], holds: Callable[[Replayed], bool | None]) -> float | None:
    """Of those of which it can be said; None where there are none."""
    said = [each for row in answers if (each := holds(row)) is not None]
    return sum(said) / len(said) if said else None


def _within(ascending: Sequence[float], share: float) -> float | None:
    """The least number that so many are at most: the nearest rank."""
    return ascending[math.ceil(share * len(ascending)) - 1] if ascending else None
