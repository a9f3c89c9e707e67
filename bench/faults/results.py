"""What a run of the faults leaves behind: values, and the JSON file they are kept in."""

from pathlib import Path
from typing import Final

import msgspec

from bench.faults.cases import Outcome
from bench.faults.clock import Jumped
from bench.faults.killing import Killed
from bench.faults.leaving import Left
from bench.faults.reckoning import Reckoning

FILE: Final = Path(__file__).parents[1] / "results" / "faults.json"


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """The random schedule, and what came of it."""

    seed: int
    endpoints: int
    rate: float
    """Requests a second."""
    episodes: dict[str, int]
    """How many of each kind the endpoints went through."""
    reckoning: Reckoning


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one run; `machine` and `versions` are for people."""

    date: str
    command: str
    machine: dict[str, str]
    versions: dict[str, str]
    outcomes: list[Outcome]
    scenarios: dict[str, Reckoning]
    left: Left
    killed: Killed
    jumps: list[Jumped]
    """Empty where the clock could not be set."""
    drawn: Drawn


def save(run: Run, path: Path = FILE) -> None:
    """Write `run` as JSON, so that two runs can be compared with diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")


def load(path: Path = FILE) -> Run:
    """Read what `save` wrote. Raises msgspec.ValidationError."""
    return msgspec.json.decode(path.read_bytes(), type=Run)
