"""`python -m bench`: our gateway, nginx and its peers on one core each, in turn, within one run.

The gateway under test has CPU 0, the others being stopped meanwhile; the mock upstream and the load have CPU 1. Each
round takes every test with every candidate, so a machine that drifts moves them together, and a ratio within a round
stays true.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from bench import candidates, machine, receipts, results, streams, table
from bench.candidates import Candidate, Ground
from bench.figures import OURS, promises
from bench.load import Generator, Shape
from bench.process import cpu_seconds, free_port, freeze, machine_cpu, rss_mb, thaw, tree
from bench.results import Measure, Run
from bench.soak import soak
from bench.tools import build

_PACED = {f"sp256-{pace}ms": pace for pace in (5, 20, 50)}

TESTS = {
    **{f"ns{n}": Shape("closed", n, 4, warm_up=1) for n in (4, 64, 256)},
    **{f"sb{n}": Shape("closed", n, 4, warm_up=1, stream=True) for n in (4, 64)},
    **{name: Shape("closed", 256, 6, warm_up=1, stream=True, pace_ms=pace) for name, pace in _PACED.items()},
    **{f"r{n}": Shape("open", 512, 5, rate=n, warm_up=1) for n in (20, 300)},
}
"""`ns` JSON and `sb` streams in one burst, at so many connections; `sp` streams at a pace; `r` so many a second."""

_FULL = ("ns64", "ns256", "sb64", *_PACED, "r300")
TAKEN_BY = {
    "direct": ("ns64", "r20", "r300"),
    "nginx": _FULL,
    OURS: _FULL,
    "tensorzero": ("ns64", "sb64", "r300"),
    "portkey": ("ns64", "sb64", "r300"),
    # It answers some 60 requests a second: few connections flatter it, 300 a second would only queue.
    "litellm": ("ns4", "ns64", "sb4", "r20"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said."""

    tools: Path | None
    peers: dict[str, Path]
    """Where each one is installed."""
    names: list[str]
    """The candidates, besides the mock itself."""
    rounds: int
    tests: list[str]
    soak: bool
    page: bool
    """Whether docs/benchmarks.md is to show this run."""
    out: Path
    command: str


def main() -> None:
    """Measure, keep the results, write the table, and exit 1 if a promise is not kept."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        run = measure(options, Path(scratch))
    results.save(run, options.out)
    if options.page:
        table.write(run)
    broken = [promise for promise in promises(run) if not promise.met]
    print(table.of_promises(run))
    sys.exit(1 if broken else 0)


def measure(options: Options, scratch: Path) -> Run:
    """Everything, in the order: streams event by event, the rounds, the ledger, memory."""
    tools = build(options.tools, scratch)
    ground = Ground(tools, f"127.0.0.1:{free_port()}", scratch, gateway_cpu=0, load_cpu=1)
    generator = Generator(tools.loadgen, ground.load_cpu, scratch)
    with ExitStack() as stack:
        direct = stack.enter_context(candidates.mock(ground))
        chosen = (candidates.of_name(name, ground, options.peers) for name in options.names)
        started = [stack.enter_context(each) for each in chosen]
        idle = {each.name: rss_mb(tree(each.pid)) for each in started}
        checks = [
            _check_streams(each, direct, pace) for each in started if each.name in candidates.OWN for pace in (0, 5, 20)
        ]
        measures = list(_rounds([direct, *started], direct, generator, options))
        parity = [found for each in started for found in receipts.parity(each, generator)]
    steps = _soaked(ground, generator) if options.soak and OURS in options.names else []
    return Run(
        date=datetime.now(UTC).date().isoformat(),
        command=options.command,
        machine=machine.describe(),
        versions=machine.versions({name: options.peers[name] for name in options.names if name in options.peers}),
        idle_rss_mb=idle,
        measures=measures,
        parity=parity,
        streams=checks,
        soak=steps,
    )


def _soaked(ground: Ground, generator: Generator) -> list[results.SoakStep]:
    """Of a gateway started anew: after the rounds, memory has had its peak."""
    with candidates.mock(ground), candidates.weighbridge(ground) as ours:
        return list(soak(ours, generator))


def _check_streams(candidate: Candidate, direct: Candidate, pace_ms: int) -> results.StreamCheck:
    return asyncio.run(streams.check(candidate, direct.target, streams=256, chunks=100, pace_ms=pace_ms))


def _rounds(
    taking: Sequence[Candidate], direct: Candidate, generator: Generator, options: Options
) -> Iterator[Measure]:
    for number in range(1, options.rounds + 1):
        for test in options.tests:
            turn = number % len(taking)
            for candidate in [*taking[turn:], *taking[:turn]]:
                if test in TAKEN_BY[candidate.name]:
                    others = [pid for each in taking if each not in (candidate, direct) for pid in tree(each.pid)]
                    freeze(others)
                    try:
                        yield _shown(_one(candidate, direct, generator, test, number))
                    finally:
                        thaw(others)


def _one(candidate: Candidate, direct: Candidate, generator: Generator, test: str, number: int) -> Measure:
    pids = tree(candidate.pid)
    start, before = monotonic(), machine_cpu()
    gateway, mock = cpu_seconds(pids), cpu_seconds([direct.pid])
    load, load_cpu = generator.run(candidate.target, TESTS[test])
    seconds, after = monotonic() - start, machine_cpu()
    gateway, mock = cpu_seconds(pids) - gateway, cpu_seconds([direct.pid]) - mock
    known = (0.0 if candidate is direct else gateway) + mock + load_cpu
    return Measure(
        candidate=candidate.name,
        test=test,
        round=number,
        load=load,
        gateway_cpu=round(gateway / seconds, 3),
        mock_cpu=round(mock / seconds, 3),
        foreign_cpu=round(max(0.0, after.busy - before.busy - known) / seconds, 3),
        stolen=round((after.stolen - before.stolen) / seconds, 3),
        rss_mb=rss_mb(pids),
    )


def _shown(measure: Measure) -> Measure:
    load = measure.load
    chunk = f" chunk p99 {load.ch99:8.2f}" if load.nch else ""
    print(
        f"{measure.round} {measure.test:11} {measure.candidate:12} {load.rps:9.1f}/s  p50 {load.p50:8.3f}"
        f"  p99 {load.p99:8.3f} ms{chunk}  err {load.err}  cpu {measure.gateway_cpu:.2f}"
        f"  foreign {measure.foreign_cpu:.2f}  rss {measure.rss_mb} {load.errbody[:100]}",
        flush=True,
    )
    return measure


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the gateway beside nginx and peers.")
    parser.add_argument("--tools", type=Path, help="folder of mock.c and loadgen.c (else $WEIGHBRIDGE_BENCH_TOOLS)")
    parser.add_argument(
        "--peers", type=Path, help="folder with peers installed by bench/peers/NAME.sh install DIR/NAME"
    )
    parser.add_argument("--candidates", help="which, with commas between (else nginx, weighbridge and all of --peers)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tests", default=",".join(TESTS), help="which tests, with commas between")
    parser.add_argument("--no-soak", action="store_true", help="leave out the 200,000 requests")
    parser.add_argument("--no-page", action="store_true", help="leave docs/benchmarks.md as it is")
    parser.add_argument("--out", type=Path, default=results.FOLDER / "latest.json")
    given = parser.parse_args()
    tests = given.tests.split(",")
    if unknown := set(tests) - TESTS.keys():
        parser.error(f"no such test: {', '.join(sorted(unknown))}; there are {', '.join(TESTS)}")
    peers = {name: given.peers / name for name in candidates.PEERS if given.peers and (given.peers / name).is_dir()}
    command = f"python -m bench --rounds {given.rounds}" + (" --peers DIR" if peers else "")
    named = given.candidates.split(",") if given.candidates else [*candidates.OWN, *peers]
    return Options(
        given.tools, peers, named, given.rounds, tests, not given.no_soak, not given.no_page, given.out, command
    )


if __name__ == "__main__":
    main()
