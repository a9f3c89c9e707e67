"""`python -m bench.profile py-spy|perf|perf-stat`: the gateway under a steady load, looked at from outside.

- `py-spy` draws a flame graph of the worker, Python and native frames together (needs the package py-spy);
- `perf` samples the worker's CPU and prints the functions it spends its time in, the kernel's too (needs perf);
- `perf-stat` counts instructions and system calls for each request (instructions: only on a machine that shows its
  counters).
"""

import argparse
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from bench import candidates
from bench.candidates import Ground
from bench.load import Generator, Load, Shape
from bench.process import cpu_seconds, free_port, tree
from bench.speed import TESTS
from bench.tools import build

_SECONDS = 8
_COUNTED = "instructions:u,instructions:k,raw_syscalls:sys_enter,context-switches,task-clock"


def main() -> None:
    """Start the gateway, load it, and run the profiler on its busiest process."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile")
    parser.add_argument("profiler", choices=("py-spy", "perf", "perf-stat"))
    parser.add_argument("--tools", type=Path)
    parser.add_argument(
        "--test", default="ns64", choices=[name for name, test in TESTS.items() if test.mode == "closed"]
    )
    parser.add_argument("--out", type=Path, help="file for the flame graph or the samples")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        ground = Ground(build(given.tools, Path(scratch)), f"127.0.0.1:{free_port()}", Path(scratch), 0, 1)
        load = profiled(ground, TESTS[given.test], given.profiler, given.out)
    print(f"{load.rps:.0f} requests/s, {load.ok} in {load.secs:.1f} s while the profiler watched for {_SECONDS} s")


def profiled(ground: Ground, test: Shape, profiler: str, out: Path | None) -> Load:
    """Run one profiler over one load; what it prints goes to standard output."""
    generator = Generator(ground.tools.loadgen, ground.load_cpu, ground.scratch)
    longer = Shape("closed", test.connections, _SECONDS + 2, warm_up=1, stream=test.stream, pace_ms=test.pace_ms)
    found: list[Load] = []
    with candidates.mock(ground), candidates.weighbridge(ground) as gateway:
        under_load = threading.Thread(target=lambda: found.append(generator.run(gateway.target, longer)[0]))
        before = {pid: cpu_seconds([pid]) for pid in tree(gateway.pid)}
        under_load.start()
        under_load.join(1)
        worker = max(tree(gateway.pid), key=lambda pid: cpu_seconds([pid]) - before.get(pid, 0))
        _look(profiler, worker, out)
        under_load.join()
    if not found:
        sys.exit("the load generator failed; its message stands above")
    return found[0]


def _look(profiler: str, pid: int, out: Path | None) -> None:
    watch = ["-p", str(pid), "--", "sleep", str(_SECONDS)]
    if profiler == "py-spy":
        file = out or Path("profile.svg")
        spy = Path(sys.executable).parent / "py-spy"
        options = ["-d", str(_SECONDS), "-r", "500", "--native", "-o", str(file), "-p", str(pid)]
        subprocess.run([spy, "record", *options], check=True)
    elif profiler == "perf":
        file = out or Path("perf.data")
        subprocess.run(["perf", "record", "-F", "1999", "-g", "-o", file, *watch], check=True)
        report: list[str | Path] = [
            "perf",
            "report",
            "-i",
            file,
            "--stdio",
            "--no-children",
            "-g",
            "none",
            "--percent-limit",
            "0.5",
        ]
        subprocess.run(report, check=True)
    else:
        subprocess.run(["perf", "stat", "-e", _COUNTED, *watch], check=True)


if __name__ == "__main__":
    main()
