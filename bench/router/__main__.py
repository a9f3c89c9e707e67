"""`python -m bench.router`: all that docs/benchmarks.md says of the router; `--only NAME`: of one table.

Its parts, in one process, so that a table's prompts are encoded once: the tables, what is measured besides (shifts,
noise, speed, what is left), and what can be certified.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.router import certified, page, proofs
from bench.router.encoding import multilingual
from bench.router.measure import over_splits
from bench.router.results import FILE, Results, Speed, read, write
from bench.router.shifts import left_out, noisy
from bench.router.specs import SPECS, Spec
from bench.router.speed import decisions, net
from bench.router.splits import Board, board
from weighbridge.routing.quality.encoders import Encoder, encoder

SHIFTED = ("mix24", "mmlupro24")
NOISY = ("mix24",)


def main() -> None:
    """Measure, print, and write the page."""
    asked = _asked()
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"\r{time.monotonic() - began:6.0f} s  {line}\033[K", end="", file=sys.stderr, flush=True)

    today = datetime.now(UTC).date()
    kept = read(asked.out) or Results(today, "", asked.resplits)
    if asked.speed:
        _time_alone(kept, asked.out)
        return
    kept.taken, kept.command, kept.resplits = (
        today,
        f"python -m bench.router --resplits {asked.resplits}",
        asked.resplits,
    )
    seeds = range(asked.first_seed, asked.first_seed + asked.resplits)
    for spec in SPECS:
        if asked.only and spec.name not in asked.only:
            continue
        played = board(spec)
        means = over_splits(played, seeds, None if asked.no_encoder else _encoder(played, say), say)
        kept.tables[spec.name] = {name: dict(row) for name, row in means.items()}
        print(f"\n\n{spec.title}", {**spec.promised})
        for name, row in means.items():
            print(f"  {name:44}", "  ".join(f"{figure} {value.mean:.4g}" for figure, value in row.items()))
        write(kept, asked.out)
    kept_proofs = proofs.FILE if asked.out == FILE else asked.out.with_suffix(".certified.json")
    proven = proofs.read(kept_proofs)
    if not asked.no_more:
        _more(kept, [spec for spec in SPECS if not asked.only or spec.name in asked.only], say)
        write(kept, asked.out)
        proven = _certified(asked, kept_proofs, say)
    print(f"\n\n{page.promises(kept, proven)}\n{proofs.page_of(proven)}\n{time.monotonic() - began:.0f} s in all")
    if asked.out == FILE:
        page.write(kept, proven)
        proofs.write(proven)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.router", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=[spec.name for spec in SPECS], action="append")
    parser.add_argument("--resplits", type=int, default=5, metavar="N", help="splits that figures are means of (5)")
    parser.add_argument("--first-seed", type=int, default=0, help="of the splits; the page's begin with 0")
    parser.add_argument("--no-encoder", action="store_true", help="leave the multilingual encoder out")
    parser.add_argument("--no-more", action="store_true", help="the tables only: no shift, noise, speed, certificate")
    parser.add_argument("--speed", action="store_true", help="what a decision takes; all else stays as it was")
    parser.add_argument("--certified", type=int, default=200, metavar="N", help="splits that are certified (200)")
    parser.add_argument("--out", type=Path, default=FILE, help="where figures are kept (bench/results/router.json)")
    return parser.parse_args()


def _time_alone(kept: Results, out: Path) -> None:
    """On a machine that does nothing else: what it takes depends on that, and the other figures do not."""
    kept.speed = _speed(board(next(spec for spec in SPECS if spec.name in NOISY)), encoded=True)
    write(kept, out)
    for each in kept.speed:
        print(f"{each.encoder or 'without an encoder':20} {each.median:6.0f} µs, p99 {each.p99:6.0f}")
    if out == FILE:
        page.write(kept, proofs.read(proofs.FILE))


def _speed(played: Board, *, encoded: bool) -> list[Speed]:
    encoders = [None, encoder("use"), encoder("use-short")] if encoded else [None]
    return [decisions(played, each) for each in encoders]


def _certified(asked: argparse.Namespace, out: Path, say: Callable[[str], None]) -> Mapping[str, proofs.Measured]:
    promises = [each for each in proofs.PROMISES if not asked.only or each.table in asked.only]
    seeds = range(asked.first_seed, asked.first_seed + asked.certified)
    return certified.certify(promises, seeds, say, encode=not asked.no_encoder, out=out)


def _more(kept: Results, specs: Sequence[Spec], say: Callable[[str], None]) -> None:
    """What is measured besides the tables: shifts, noise, speed, what is left."""
    for spec in specs:
        if spec.pair:
            continue
        played = board(spec)
        if spec.name in SHIFTED:
            kept.shifts = [each for each in kept.shifts if each.table != spec.name] + list(left_out(played, say))
        if spec.name in NOISY:
            kept.noise = [each for each in kept.noise if each.table != spec.name] + list(noisy(played, say))
            kept.speed = _speed(played, encoded=_encoder(played, say) is not None)
        if kept.speed:
            kept.net = [each for each in kept.net if each.table != spec.name] + [net(played, kept.speed[0])]


def _encoder(played: Board, say: Callable[[str], None]) -> Encoder | None:
    return multilingual(played.spec.name, [each.first for each in played.looks], say)


if __name__ == "__main__":
    main()
