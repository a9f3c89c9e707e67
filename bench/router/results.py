"""What was measured, as it is kept between runs: bench/results/router.json."""

from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from bench.router.measure import Figure
from bench.tools import ROOT

FILE: Final = ROOT / "bench" / "results" / "router.json"


class Shift(msgspec.Struct, frozen=True):
    """A task that was left out of what was learnt from, and then came."""

    table: str
    task: str
    flagged: float
    """Share of its requests that the novelty gate sends to the reference."""
    lost: float
    """Mean loss where the gate is not asked."""
    lost_gated: float
    """Mean loss where it is."""
    rang: float
    """Share of streams in which the alarm rang."""
    requests: float | None
    """Median number of requests until it rang, where it did in most."""


class Noise(msgspec.Struct, frozen=True):
    """Labels that were turned over with a probability."""

    table: str
    flipped: float
    figures: dict[str, Figure]


class Speed(msgspec.Struct, frozen=True):
    """Microseconds of CPU for a decision: losses, tokens and novelty of a request."""

    encoder: str
    median: float
    p99: float


class Net(msgspec.Struct, frozen=True):
    """What is left of a saving; shares of the reference's cost."""

    table: str
    gross: float
    moved: float
    cpu: float
    shadow: float
    judge: float


class Results(msgspec.Struct):
    """All tables; each is replaced when it is measured anew."""

    taken: date
    command: str
    resplits: int
    tables: dict[str, dict[str, dict[str, Figure]]] = {}
    shifts: list[Shift] = []
    noise: list[Noise] = []
    speed: list[Speed] = []
    net: list[Net] = []


def read(path: Path = FILE) -> Results | None:
    """What is kept, if anything is."""
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else None


def write(results: Results, path: Path = FILE) -> None:
    """Keep it."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
