"""`python -m bench.faults`: every fault once, then a random schedule of them under load; docs/faults.md has it all."""

import argparse
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from bench import machine
from bench.faults import clock, page, results
from bench.faults.cases import outcomes
from bench.faults.episodes import drawn
from bench.faults.killing import kill_again_and_again
from bench.faults.leaving import leave_at_once
from bench.faults.reckoning import Reckoning, reckon
from bench.faults.results import Drawn, Run
from bench.faults.scenarios import SCENARIOS
from bench.faults.storm import Storm, weather


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said."""

    requests: int
    seed: int
    endpoints: int
    rate: float
    clients: int
    kills: int
    drawn_only: bool
    page: bool
    out: Path
    command: str


def main() -> None:
    """Run, keep the results, write the page, and exit 1 if a promise is not kept."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        folder = Path(scratch)
        if options.drawn_only:
            found = _drawn(options, folder).reckoning
            print(found, f"availability {found.availability:.4%}", f"behind {found.behind:.4%}", sep="\n")
            sys.exit(0 if found.exact and found.behind <= page.MOST_BEHIND else 1)
        run = _all(options, folder)
    results.save(run, options.out)
    if options.page:
        page.write(run)
    print(page.of_promises(run))
    sys.exit(0 if all(kept for *_, kept in page.promises(run)) else 1)


def _all(options: Options, folder: Path) -> Run:
    return Run(
        date=datetime.now(UTC).date().isoformat(),
        command=options.command,
        machine=machine.describe(),
        versions={name: version for name, version in machine.versions({}).items() if name != "nginx"},
        outcomes=list(uvloop.run(outcomes(_new(folder, "cases"))).values()),
        scenarios=_scenarios(_new(folder, "scenarios")),
        left=uvloop.run(leave_at_once(_new(folder, "leaving"), options.clients)),
        killed=uvloop.run(kill_again_and_again(_new(folder, "killing"), kills=options.kills, seed=options.seed)),
        jumps=[] if clock.why_not() else uvloop.run(clock.jumps(_new(folder, "clock"))),
        drawn=_drawn(options, folder),
    )


def _scenarios(folder: Path) -> dict[str, Reckoning]:
    after = uvloop.run(weather(folder, list(SCENARIOS.values())))
    return dict(zip(SCENARIOS, map(reckon, after), strict=True))


def _drawn(options: Options, folder: Path) -> Drawn:
    schedules = drawn(options.seed, endpoints=options.endpoints, seconds=options.requests / options.rate)
    storm = Storm(schedules, options.requests, options.rate, options.seed)
    (after,) = uvloop.run(weather(_new(folder, "drawn"), [storm]))
    return Drawn(
        seed=options.seed,
        endpoints=options.endpoints,
        rate=options.rate,
        episodes=dict(Counter(episode.kind for schedule in schedules for episode in schedule)),
        reckoning=reckon(after),
    )


def _new(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def _options() -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m bench.faults", description="Meet every fault that must be survived."
    )
    parser.add_argument("--requests", type=int, default=100_000, help="through the random schedule")
    parser.add_argument("--seed", type=int, default=1, help="of the random schedule")
    parser.add_argument("--endpoints", type=int, default=5, help="of the one model that is asked for there")
    parser.add_argument("--rate", type=float, default=800, help="requests a second there")
    parser.add_argument("--clients", type=int, default=10_000, help="that leave at once")
    parser.add_argument(
        "--kills", type=int, default=4, help="of the worker under load; one killed more often is given up"
    )
    parser.add_argument("--drawn-only", action="store_true", help="the random schedule alone; keep and write nothing")
    parser.add_argument("--no-page", action="store_true", help="leave docs/faults.md as it is")
    parser.add_argument("--out", type=Path, default=results.FILE)
    given = parser.parse_args()
    command = f"python -m bench.faults --requests {given.requests} --seed {given.seed}"
    return Options(
        requests=given.requests,
        seed=given.seed,
        endpoints=given.endpoints,
        rate=given.rate,
        clients=given.clients,
        kills=given.kills,
        drawn_only=given.drawn_only,
        page=not given.no_page,
        out=given.out,
        command=command,
    )


main()
