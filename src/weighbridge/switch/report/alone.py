"""What an arm would do if it always answered: loss and harm with intervals that hold however often one looks.

It needs numpy (the extra `switch`).
"""

from decimal import Decimal

import numpy as np

from weighbridge.switch.evidence import betting, planning
from weighbridge.switch.evidence.betting import Values
from weighbridge.switch.outcome import Found, Interval, Outcome, Why
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.report.worst import Rows
from weighbridge.switch.seen import rate, saving
from weighbridge.switch.store import REFERENCE


def alone(rows: Rows, arm: str, *, epsilon: float, delta: float, usual: Decimal | None) -> Found:
    """Of all its graded replays, before a verdict is spoken.

    `usual` is what a request costs on the reference where its replays say nothing.
    """
    grades = [row.grade for (_, asked), row in rows.items() if asked == arm and row.grade is not None]
    saved = saving(*_costs(rows, arm, usual), delta)
    if not grades:
        return Found(Outcome(saving=saved, moved=1.0), "ungraded")
    losses = np.array([grade.loss for grade in grades], np.float64)
    low, high = betting.interval(losses, delta)
    why: Why = "proven" if high <= epsilon else "too_lossy" if low > epsilon else "undecided"
    needed = planning.needed(losses, epsilon, delta) if why == "undecided" else None
    more = None if needed is None or needed <= len(losses) else needed - len(losses)
    harm = rate(np.array([grade.harm for grade in grades], np.float64), delta)
    loss = Interval(low, high, float(losses.mean()))
    return Found(Outcome(loss=loss, harm=harm, saving=saved, moved=1.0), why, more)


def _costs(rows: Rows, arm: str, usual: Decimal | None) -> tuple[Values, Values]:
    """Of the same requests on the reference and on the arm, where both are known."""
    theirs, own = [], []
    for (case, asked), row in rows.items():
        reference = _cost(rows.get((case, REFERENCE))) if asked == arm else None
        reference = usual if reference is None else reference
        cost = _cost(row)
        if asked == arm and reference is not None and cost is not None:
            theirs.append(float(reference))
            own.append(float(cost))
    return np.array(theirs), np.array(own)


def _cost(row: Replayed | None) -> Decimal | None:
    return None if row is None or row.cost is None or row.state != "done" else Decimal(row.cost)
