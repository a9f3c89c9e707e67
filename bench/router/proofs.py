"""What can be certified: what was promised of it, what was measured, as it is kept between runs, and the page of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from bench.table import PAGE
from bench.tools import ROOT

FILE: Final = ROOT / "bench" / "results" / "certified.json"
BEGIN: Final = "<!-- certified: begin (written by python -m bench.router.certified) -->"
END: Final = "<!-- certified: end -->"
OURS: Final = "certified, by bets aimed at the end"
DELTA: Final = 0.05


@dataclass(frozen=True, slots=True)
class Promise:
    """One row of what is to be reached."""

    table: str
    """Of specs.py."""
    train: int
    replays: int
    epsilon: float
    saved: float
    """At least, of the reference's cost."""
    broken: float = 0.05
    """At most, of the splits."""

    def kept(self, row: "Row") -> bool:
        """Whether it is."""
        return row.saved >= self.saved and row.broken <= self.broken


PROMISES: Final = (
    Promise("mmlupro24", train=2000, replays=1000, epsilon=0.02, saved=0.28),
    Promise("mix24", train=1000, replays=1000, epsilon=0.05, saved=0.50),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one split, on the rows that nothing was decided by."""

    saved: float
    """Of the reference's cost."""
    loss: float
    moved: float
    whole: float = 0.0
    """The loss over these and the replays, of which the replays are a sample: what a promise is about."""


REFERENCE: Final = Outcome(0.0, 0.0, 0.0)


class Row(msgspec.Struct, frozen=True):
    """Over the splits."""

    saved: float
    broken: float
    """Share of the splits whose rest lost more than was promised."""
    loss: float
    moved: float
    untrue: float = 0.0
    """Share of the splits whose rest and replays together did."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], epsilon: float) -> "Row":
        """Means of what came of each split."""
        saved, loss, moved = np.mean([(each.saved, each.loss, each.moved) for each in outcomes], axis=0).tolist()
        broken, untrue = (
            float(np.mean([lost > epsilon for lost in losses]))
            for losses in ([each.loss for each in outcomes], [each.whole for each in outcomes])
        )
        return cls(saved, broken, loss, moved, untrue)


class Measured(msgspec.Struct, frozen=True):
    """One table."""

    taken: date
    resplits: int
    rows: dict[str, Row]


def page_of(kept: Mapping[str, Measured]) -> str:
    """All that is kept, as Markdown."""
    parts = []
    for promise in PROMISES:
        if promise.table not in kept:
            continue
        measured = kept[promise.table]
        held = promise.kept(measured.rows[OURS])
        said = (
            f"Promised: at least {promise.saved:.0%} saved, at most {promise.broken:.0%} of splits broken: "
            f"{'kept' if held else '**not kept**'}. {measured.resplits} splits, {measured.taken}; confidence"
            f" {1 - DELTA:.0%}."
        )
        parts += [
            f"### Certified: {promise.table}, {promise.replays:,} replays, at most {promise.epsilon:.0%} lost",
            "",
            said,
            "",
            "| the knob is turned | saved | broken | broken, replays counted in | lost | moved |",
            "| --- | --- | --- | --- | --- | --- |",
            *(
                f"| {name} | {row.saved:.1%} | {row.broken:.1%} | {row.untrue:.1%}"
                f" | {row.loss:+.2%} | {row.moved:.0%} |"
                for name, row in measured.rows.items()
            ),
            "",
        ]
    return "\n".join(parts)


def write(kept: Mapping[str, Measured], page: Path = PAGE) -> None:
    """Put it between the markers of `page`. Raises ValueError when they are not there."""
    text = page.read_text("utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no line {BEGIN!r} with {END!r} after it")
    page.write_text(f"{head}{BEGIN}\n\n{page_of(kept)}{END}{tail}", "utf-8")


def read(path: Path = FILE) -> Mapping[str, Measured]:
    """What is kept, by table."""
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Measured]) if path.exists() else {}
