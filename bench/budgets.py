"""`python -m bench.budgets`: budgets under load. What they cost in speed, and whether one is ever exceeded.

Speed: requests a second over 64 connections on one core, with budgets at four levels and limits on, beside nginx and
beside the same gateway without budgets. Exactness: `--requests` from 256 clients against a hard budget that covers half
of them; then the ledger, the budget and the generator's own count are held against each other to the last digit.
`--kill` ends a worker every so many seconds, without a word. With `--postgresql` the load is spread over `--replicas`
that share one PostgreSQL server and nothing else, and `--kill` ends one of these whole: `replicas.py` says what is held
against what.
"""

import argparse
import contextlib
import dataclasses
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.candidates import CONFIG, Candidate, Ground, mock, nginx
from bench.load import Generator, Shape, Target
from bench.process import cpu_seconds, free_port, running, tree, wait_for
from bench.receipts import JSON_ANSWER
from bench.replicas import exact
from bench.tools import build

_LEVELS = (
    ("--all", "--usd", "1000000", "--per", "month"),
    ("--organisation", "acme", "--usd", "500000", "--per", "month"),
    ("--project", "search", "--usd", "100000", "--per", "day"),
    ("--key", "*", "--usd", "50000", "--per", "week"),
    ("--user", "*", "--usd", "50000", "--per", "day"),
    ("--all", "--requests", "100000000", "--per", "minute"),
    ("--key", "*", "--tokens", "1000000000000", "--per", "minute"),
    ("--all", "--requests", "5000", "--at-once"),
)
_LONGEST_STEP = 8.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that runs, and its folder."""

    candidate: Candidate
    home: Path


@contextlib.contextmanager
def gateway(ground: Ground, name: str, budgets: tuple[tuple[str, ...], ...], *, workers: int = 1) -> Iterator[Gateway]:
    """A gateway of its own with these budgets."""
    home = ground.scratch / name
    home.mkdir()
    config = home / "weighbridge.toml"
    config.write_text(CONFIG.format(upstream=ground.upstream) + f"\n[server]\nworkers = {workers}\n")
    env = {
        **{each: value for each, value in os.environ.items() if not each.endswith("_API_KEY")},
        "WEIGHBRIDGE_HOME": str(home),
        "WEIGHBRIDGE_CONFIG": str(config),
    }
    command = Path(sys.executable).parent / "weighbridge"

    def do(*arguments: str) -> str:
        done = subprocess.run([command, *arguments], env=env, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    key = do("keys", "create", "bench", "--organisation", "acme", "--project", "search")
    for each in budgets:
        do("budgets", "set", *each)
    port = free_port()
    log = ground.scratch / f"{name}.log"
    cpu = ground.gateway_cpu if workers == 1 else None
    with running([command, "up", "--port", str(port)], cpu=cpu, log=log, env=env) as process:
        wait_for(f"http://127.0.0.1:{port}/healthz", process, log)
        target = Target(f"http://127.0.0.1:{port}/v1/chat/completions", key, "bench/mock-model")
        time.sleep(1.5)  # workers look for each other once a second
        yield Gateway(Candidate(name, target, process.pid, home / "ledger.db"), home)


def speed(ground: Ground, generator: Generator, rounds: int) -> None:
    """Each round asks all of them, one after the other; medians, and ratios within the round."""
    shape = Shape("closed", 64, 3, warm_up=0.5)
    with nginx(ground) as limit, gateway(ground, "plain", ()) as plain, gateway(ground, "bound", _LEVELS) as bound:
        figures: dict[str, list[float]] = {"nginx": [], "plain": [], "bound": []}
        for _ in range(rounds):
            for each in (limit, plain.candidate, bound.candidate):
                load, _ = generator.run(each.target, shape)
                if load.err:
                    sys.exit(f"{each.name}: {load.err} errors, such as {load.errbody}")
                figures[each.name].append(load.rps)
                print(f"{each.name:8} {load.rps:9,.0f}/s  p50 {load.p50:.2f}  p99 {load.p99:.2f} ms", flush=True)
    median = {name: statistics.median(values) for name, values in figures.items()}
    micros = {name: 1e6 / value for name, value in median.items()}
    ratio = statistics.median(b / n for b, n in zip(figures["bound"], figures["nginx"], strict=True))
    print(f"\nwith {len(_LEVELS)} budgets and limits: {median['bound']:,.0f}/s, {ratio:.3f} x nginx")
    print(f"without: {median['plain']:,.0f}/s; hold and settle: {micros['bound'] - micros['plain']:.1f} us a request")


def scaling(ground: Ground, generator: Generator, rounds: int) -> None:
    """Two workers beside one, with all budgets, and what a request costs them of CPU.

    On a machine of two cores the generator and the provider are on them as well, so that two have not got two.
    """
    shape = Shape("closed", 64, 3, warm_up=0.5)
    free = dataclasses.replace(ground, gateway_cpu=None)
    with gateway(free, "one", _LEVELS) as one, gateway(free, "two", _LEVELS, workers=2) as two:
        ratios: list[float] = []
        for _ in range(rounds):
            rates: list[float] = []
            for each in (one.candidate, two.candidate):
                before = cpu_seconds(tree(each.pid))
                load, _ = generator.run(each.target, shape)
                used = cpu_seconds(tree(each.pid)) - before
                if load.err:
                    sys.exit(f"{each.name}: {load.err} errors, such as {load.errbody}")
                rates.append(load.rps)
                micros = used * 1e6 / (load.rps * (3 + 0.5))
                print(f"{each.name:8} {load.rps:9,.0f}/s  p99 {load.p99:.2f} ms  {micros:.0f} us of CPU", flush=True)
            ratios.append(rates[1] / rates[0])
    print(f"\ntwo workers: {statistics.median(ratios):.2f} x one")


def exactness(ground: Ground, generator: Generator, requests: int, workers: int, kill: float) -> bool:
    """Send the requests; whether everything is as it must be."""
    amount = requests // 2 * JSON_ANSWER.cost
    text = f"{amount / 1e12:.12f}"
    sent = answered = killed = steps = 0
    with gateway(ground, "exact", (("--all", "--usd", text, "--per", "total"),), workers=workers) as here:
        began = last = time.monotonic()
        while sent < requests:
            step = _LONGEST_STEP if not kill else min(_LONGEST_STEP, kill)
            load, _ = generator.run(here.candidate.target, Shape("closed", 256, step))
            steps += 1
            sent, answered = sent + load.ok + load.err, answered + load.ok
            print(f"{sent:12,} sent, {answered:12,} answered  {time.monotonic() - began:6.1f} s", flush=True)
            if kill and time.monotonic() - last >= kill:
                victims = [pid for pid in tree(here.candidate.pid) if _is_worker(pid)]
                os.kill(victims[killed % len(victims)], signal.SIGKILL)
                killed, last = killed + 1, time.monotonic()
                time.sleep(3)
    with closing(sqlite3.connect(here.home / "ledger.db")) as ledger:
        used: int = ledger.execute("SELECT coalesce(sum(used), 0) FROM budget_use").fetchone()[0]
        cost, complete, bound = ledger.execute(
            "SELECT coalesce(sum(cost), 0), sum(ending = 'complete'), sum(counted_by IS 'bound') FROM receipt"
        ).fetchone()
    left = amount - used
    print(f"budget   {amount:>20,} x 1e-12 USD, for {requests // 2:,} answers")
    print(f"used     {used:>20,}   ledger {cost:>20,}   overshoot {max(0, -left)}   left {left / amount:.4%}")
    print(f"answers  {answered:,}, {complete:,} whole entries, {bound or 0} settled by their bound, {killed} kills")
    uncounted = complete - answered  # the generator ends a step with answers under way, and counts none of them
    return used == cost and left >= 0 and left / amount < 0.001 and (bool(killed) or 0 <= uncounted <= 256 * steps)


def _is_worker(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"weighbridge.app" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def main() -> None:
    """Both, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, help="folder of mock.c and loadgen.c")
    parser.add_argument("--rounds", type=int, default=5, help="of the speed measurement; 0 leaves it out")
    parser.add_argument("--scaling", type=int, default=0, metavar="ROUNDS", help="of two workers beside one")
    parser.add_argument("--requests", type=int, default=1_000_000, help="of the exactness run; 0 leaves it out")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kill", type=float, default=0, metavar="SECONDS", help="end a worker every so often")
    parser.add_argument("--postgresql", action="store_true", help="exactness on a PostgreSQL server, by replicas")
    parser.add_argument("--replicas", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        scratch = Path(folder)
        if chosen.postgresql:
            if not exact(scratch, chosen.requests, chosen.replicas, chosen.kill):
                sys.exit("not exact")
            return
        ground = Ground(build(chosen.tools, scratch), f"127.0.0.1:{free_port()}", scratch, gateway_cpu=0, load_cpu=1)
        generator = Generator(ground.tools.loadgen, ground.load_cpu, scratch)
        with mock(ground):
            if chosen.rounds:
                speed(ground, generator, chosen.rounds)
            if chosen.scaling:
                scaling(ground, generator, chosen.scaling)
            if chosen.requests and not exactness(ground, generator, chosen.requests, chosen.workers, chosen.kill):
                sys.exit("not exact")


if __name__ == "__main__":
    main()
