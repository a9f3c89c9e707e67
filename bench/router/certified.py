"""`python -m bench.router.certified`: how much can be promised, and how often is a promise broken?

Rows of a table are split anew: some are learnt from, `replays` of them are what a route's replays would be, and on the
rest it is seen whether what was promised of the mean loss is true. The knob (routing.quality.worth) is turned from
strict to loose as far as it is proven; all that is chosen comes from the rows learnt from.

What is learnt is one kernel ridge regression on the learner's own spaces (switch.learning.fit, MEANING and half TEXT),
with its penalty held, so that two hundred splits take minutes. Its target is the loss and a little of its square: a
bet on a mean with a stake of k a call grows by k (eps - r) - k² s² / 2 a call, so that a candidate which loses r in the
mean and s² in the mean square takes r + k s² / 2 of what may be promised, and more where k was set too low.
What candidates have in common counts for more than the rest (switch.learning.blending), as it does there.
"""

import argparse
import dataclasses
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from bench.router.data import Floats
from bench.router.encoding import multilingual
from bench.router.proofs import (
    DELTA,
    FILE,
    OURS,
    PROMISES,
    REFERENCE,
    Measured,
    Outcome,
    Promise,
    Row,
    page_of,
    read,
    write,
)
from bench.router.specs import SPECS
from bench.router.splits import Board, Rows, board
from weighbridge.routing.quality.encoders import Encoder
from weighbridge.routing.quality.members import Space, distances
from weighbridge.routing.quality.worth import savings, taken
from weighbridge.switch.evidence import betting, deadline, sequence
from weighbridge.switch.learning.blending import shared
from weighbridge.switch.learning.fit import MEANING, TEXT
from weighbridge.switch.learning.reading import reader_of

Kernel = npt.NDArray[np.float32]
SPENT: Final = 0.03
"""What ours proves with. Whether a promise is kept is seen on rows that are a sample as well, so that more of them
break it than are wrong: on development splits of mix24, whose rest is as small as its replays, 7 % where 5 % were
proven with.
"""
PENALTY: Final = 10.0
PLACES: Final = 50
"""Of the knob. With half as many two points less is saved: the last proven place lies further below what could be."""
LEAST: Final = 0.02
"""Of the reference's cost, that a candidate must be expected to save where places are chosen."""
ENDING: Final = 0.3
"""Of the capital, for the bet that is for the last case (switch.evidence.deadline)."""
READ: Final = 2000
"""Prompts that the n-grams' directions are taken from, once a table; no label is looked at."""


@dataclass(frozen=True, slots=True)
class Known:
    """Of some rows: what is foretold, and what came of it."""

    risk: Floats
    """Rows x candidates; of rows learnt from, by the others."""
    expected: Floats
    """US dollars, rows x (reference, candidates)."""
    losses: Floats
    """Rows x candidates."""
    paid: Floats
    """US dollars, rows x (reference, candidates)."""
    usual: float
    """What the reference is expected to cost in the mean of the rows learnt from."""

    def of(self, rows: Rows) -> "Known":
        """Some of them."""
        return Known(self.risk[rows], self.expected[rows], self.losses[rows], self.paid[rows], self.usual)

    def tried(self, tau: float) -> "Tried":
        """One place of the knob."""
        arm = taken(self.risk, self.expected, tau, self.usual)
        each = np.arange(len(arm))
        return Tried(np.where(arm >= 0, self.losses[each, arm], 0.0), self.paid[each, arm + 1], self.paid[:, 0])


@dataclass(frozen=True, slots=True)
class Tried:
    """One place of the knob."""

    losses: Floats
    paid: Floats
    usual: Floats
    """What the reference is paid."""

    def outcome(self, rest: Rows, held: Rows) -> Outcome:
        """What came of it on the rest, and of the loss on the replays too."""
        both = np.concatenate([rest, held])
        return dataclasses.replace(self.of(rest), whole=float(self.losses[both].mean()))

    def of(self, rows: Rows) -> Outcome:
        """What came of it on some of the rows."""
        saved = 1 - self.paid[rows].sum() / self.usual[rows].sum()
        return Outcome(float(saved), float(self.losses[rows].mean()), float((self.paid != self.usual)[rows].mean()))


Decides = Callable[[Sequence[Tried], Rows, Rows], int]
"""How many places of the knob are allowed, from the strictest on: of what was learnt from, and of the replays."""


def alike(played: Board, reads: Encoder | None) -> Kernel:
    """How near each prompt is to each."""
    sample = np.random.default_rng(12345).permutation(len(played.looks))[:READ]
    reader = reader_of([played.looks[row] for row in sample], reads, 0)
    rows = reader.read_all(played.looks)
    total = np.zeros((len(rows), len(rows)), np.float32)
    for weight, scales in ((0.5, TEXT), (1.0, MEANING if reads is not None else TEXT)):
        places = Space(scales, reader.widths).place(rows)
        near = distances(places, places, np.einsum("ij,ij->i", places, places))
        total += np.float32(weight) * np.exp(np.negative(near, out=near), out=near)
    return total


def foretold(kernel: Kernel, rows: Rows, targets: Floats) -> Floats:
    """What is foretold of all rows, from the targets of some; of each of those, from the others."""
    mean = targets.mean(axis=0)
    system = kernel[np.ix_(rows, rows)] + PENALTY * np.eye(len(rows), dtype=np.float32)
    inverse = np.linalg.inv(system)
    solved = inverse @ (targets - mean).astype(np.float32)
    known: Floats = mean + kernel[:, rows] @ solved
    known[rows] = targets - solved / np.diag(inverse)[:, None]
    return known


def drawn(known: Floats, train: Rows) -> Floats:
    """What is foretold of candidates drawn to what they have in common, as the learner draws it."""
    mean = known[train].mean(axis=0)
    told: Floats = mean + (known - mean) @ shared(known[train] - mean)
    return told


def expected(played: Board, train: Rows) -> Floats:
    """US dollars of each model for each row, as the length of its prompt tells them: rows x models."""
    sizes = np.array([len(prompt.encode()) for prompt in played.table.prompts], np.float64)
    known = np.column_stack([np.ones(len(sizes)), sizes])
    prices = np.linalg.lstsq(known[train], played.table.cost[train], rcond=None)[0]
    costs: Floats = np.maximum(known @ prices, 1e-9)
    return costs


def stake(losses: Floats, replays: int) -> float:
    """The stake that is best where so many replays just suffice.

    The mean square is taken to be half of what it is where the candidate that loses least always answers.
    """
    least = losses[:, int(losses.mean(axis=0).argmin())]
    return math.sqrt(2 * math.log(1 / DELTA) / (replays * max(1e-3, float((least**2).mean()) / 2)))


def turned(played: Board, kernel: Kernel, train: Rows, replays: int) -> list[Tried]:
    """All places of the knob, from strict to loose."""
    losses = played.losses
    targets = losses[train] + stake(losses[train], replays) * losses[train] ** 2
    prices = expected(played, train)
    risk = drawn(foretold(kernel, train, targets), train)
    known = Known(risk, prices, losses, played.table.cost, float(prices[train, 0].mean()))
    return [known.tried(tau) for tau in settings(known.of(train))]


def settings(learnt: Known) -> Floats:
    """Places of the knob between which as many of the rows learnt from begin to be moved."""
    saving = savings(learnt.expected, learnt.usual)
    begins = np.where(saving > LEAST, learnt.risk / np.maximum(saving, LEAST), np.inf).min(axis=1)
    found: Floats = np.unique(np.quantile(begins[np.isfinite(begins)], np.linspace(1 / PLACES, 1, PLACES)))
    return found


def by(claims: Callable[[Floats], bool]) -> Decides:
    """Turn it on as long as the replays let one claim it."""

    def decided(places: Sequence[Tried], train: Rows, held: Rows) -> int:
        for at, place in enumerate(places):
            if not claims(place.losses[held]):
                return at
        return len(places)

    return decided


def by_bets(epsilon: float, *, aimed: bool) -> Decides:
    """As far as it is proven by bets; aimed: by what was learnt from."""

    def decided(places: Sequence[Tried], train: Rows, held: Rows) -> int:
        mixtures = [
            betting.aimed(place.losses[train], epsilon, DELTA, len(held)) if aimed else betting.USUAL
            for place in places
        ]
        return sequence.proven(np.stack([place.losses[held] for place in places]), epsilon, DELTA, mixtures)

    return decided


def by_the_end(epsilon: float) -> Decides:
    """As far as it is proven by aimed bets and, with a part of the capital, by one that is for so many cases."""

    def decided(places: Sequence[Tried], train: Rows, held: Rows) -> int:
        losses = np.stack([place.losses[held] for place in places])
        mixtures = [betting.aimed(place.losses[train], epsilon, SPENT, len(held)) for place in places]
        aimed = np.stack(
            [betting.log_capital_path(row, epsilon, own) for row, own in zip(losses, mixtures, strict=True)]
        )
        squares = np.array([max(float(((epsilon - place.losses[train]) ** 2).mean()), epsilon**2) for place in places])
        ends = deadline.log_capital_path(losses, epsilon, SPENT * ENDING, squares)
        proven = deadline.shared(ends, aimed, ENDING).max(axis=1) >= math.log(1 / SPENT)
        return len(places) if proven.all() else int(proven.argmin())

    return decided


def deciders(epsilon: float) -> Mapping[str, Decides]:
    """Ours, and what is usual elsewhere."""

    def hoeffding(losses: Floats) -> bool:
        return bool(losses.mean() + 2 * math.sqrt(math.log(1 / DELTA) / 2 / len(losses)) <= epsilon)

    def normal(losses: Floats) -> bool:
        return bool(losses.mean() + 1.645 * losses.std() / math.sqrt(len(losses)) <= epsilon)

    return {
        OURS: by_the_end(epsilon),
        "certified, by aimed bets alone": by_bets(epsilon, aimed=True),
        "certified, by bets that know nothing": by_bets(epsilon, aimed=False),
        "by Hoeffding's bound": by(hoeffding),
        "by a normal interval": by(normal),
        "as tuned on the replays": by(lambda losses: bool(losses.mean() <= epsilon)),
    }


def split(played: Board, promise: Promise, seed: int) -> tuple[Rows, Rows, Rows]:
    """Rows learnt from, replays, and the rest."""
    order = np.random.default_rng(seed).permutation(len(played.looks))
    ends = promise.train, promise.train + promise.replays
    return order[: ends[0]], order[ends[0] : ends[1]], order[ends[1] :]


def played_once(played: Board, kernel: Kernel, promise: Promise, seed: int) -> dict[str, Outcome]:
    """One split, by decider."""
    train, held, rest = split(played, promise, seed)
    places = turned(played, kernel, train, promise.replays)
    found = {}
    for name, decides in deciders(promise.epsilon).items():
        allowed = decides(places, train, held)
        found[name] = places[allowed - 1].outcome(rest, held) if allowed else REFERENCE
    known = [each for place in places if (each := place.outcome(rest, held)).loss <= promise.epsilon]
    found["if the rest were known (no promise)"] = known[-1] if known else REFERENCE
    return found


def measured(promise: Promise, seeds: Sequence[int], say: Callable[[str], None], *, encode: bool) -> Measured:
    """One table."""
    played = board(next(spec for spec in SPECS if spec.name == promise.table))
    reads = multilingual(promise.table, [each.first for each in played.looks], say) if encode else None
    kernel = alike(played, reads)
    found: dict[str, list[Outcome]] = {}
    for number, seed in enumerate(seeds, 1):
        for name, each in played_once(played, kernel, promise, seed).items():
            found.setdefault(name, []).append(each)
        say(f"{promise.table}: split {number} of {len(seeds)}")
    rows = {name: Row.of(each, promise.epsilon) for name, each in found.items()}
    return Measured(datetime.now(UTC).date(), len(seeds), rows)


def certify(
    promises: Iterable[Promise], seeds: Sequence[int], say: Callable[[str], None], *, encode: bool, out: Path
) -> Mapping[str, Measured]:
    """Measure some promises, and keep them in `out` beside what it has; all that it has then."""
    kept = dict(read(out))
    for promise in promises:
        kept[promise.table] = measured(promise, seeds, say, encode=encode)
        out.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
    return kept


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.router.certified", description=__doc__)
    parser.add_argument("--only", choices=[promise.table for promise in PROMISES], action="append")
    parser.add_argument("--resplits", type=int, default=200, metavar="N")
    parser.add_argument("--first-seed", type=int, default=0, help="of the splits; the page's begin with 0")
    parser.add_argument("--no-encoder", action="store_true", help="leave the multilingual encoder out")
    parser.add_argument("--out", type=Path, default=FILE, help="where figures are kept (bench/results/certified.json)")
    asked = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"\r{time.monotonic() - began:6.0f} s  {text}\033[K", end="", file=sys.stderr, flush=True)

    seeds = range(asked.first_seed, asked.first_seed + asked.resplits)
    promises = [promise for promise in PROMISES if not asked.only or promise.table in asked.only]
    kept = certify(promises, seeds, say, encode=not asked.no_encoder, out=asked.out)
    print(f"\n{page_of(kept)}")
    if asked.out == FILE:
        write(kept)


if __name__ == "__main__":
    main()
