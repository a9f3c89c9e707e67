"""The mock upstream and the load generator: found as C sources in a folder, built once into another."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "WEIGHBRIDGE_BENCH_TOOLS"
ROOT = Path(__file__).resolve().parents[1]
DEFAULT = ROOT.parent / "shared" / "bench"


@dataclass(frozen=True, slots=True)
class Tools:
    """Programs ready to run."""

    mock: Path
    loadgen: Path


def build(folder: Path | None, into: Path) -> Tools:
    """Compile the tools of `folder` (else of $WEIGHBRIDGE_BENCH_TOOLS, else the default) into `into`.

    Exits with one line that says what is missing and what to do.
    """
    folder = folder or Path(os.environ.get(VARIABLE) or DEFAULT)
    for name in ("mock.c", "loadgen.c"):
        if not (folder / name).is_file():
            sys.exit(f"{folder / name}: not found. Name the load tools' folder: --tools DIR, or {VARIABLE}=DIR")
    for program in ("gcc", "taskset", "nginx"):
        if shutil.which(program) is None:
            sys.exit(
                f"{program}: not found. Install it (Debian: apt install gcc util-linux nginx-light), then run again"
            )
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("one CPU only: the gateway and the load need one each, or they measure each other")
    return Tools(_compile(folder / "mock.c", into), _compile(folder / "loadgen.c", into))


def _compile(source: Path, into: Path) -> Path:
    program = into / source.stem
    subprocess.run(["gcc", "-O2", "-w", "-o", program, source], check=True)
    return program
