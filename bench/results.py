"""What a run of the benchmarks leaves behind: values, and the JSON file they are kept in."""

from pathlib import Path

import msgspec

from bench.load import Load

FOLDER = Path(__file__).parent / "results"


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One test of one candidate in one round. CPU figures are shares of one core over the run."""

    candidate: str
    test: str
    round: int
    load: Load
    gateway_cpu: float
    mock_cpu: float
    foreign_cpu: float
    """Of processes that are no part of the test: noise when it is not near 0."""
    stolen: float
    rss_mb: float


class Sums(msgspec.Struct, frozen=True):
    """Over entries of the ledger: how many, how many of them complete, their tokens, their cost in 1e-12 US dollars."""

    entries: int
    complete: int
    prompt: int
    completion: int
    cached: int
    cost: int


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """A load that was sent to the last answer, against the entries that it left in the ledger."""

    test: str
    answers: int
    """Complete answers that the load generator counted."""
    entered: Sums
    expected: Sums

    @property
    def exact(self) -> bool:
        """One complete entry for each answer, no other entry, every token and the cost to the last digit."""
        return self.answers > 0 and self.entered == self.expected


class SoakStep(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway's memory after so many requests that it answered, and so many that it did not."""

    requests: int
    unanswered: int
    rss_mb: float


class StreamCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Streams read event by event."""

    candidate: str
    streams: int
    chunks: int
    pace_ms: int
    faults: list[str]
    """What was wrong, at most ten of them."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one run; `machine` and `versions` are for people."""

    date: str
    command: str
    machine: dict[str, str]
    versions: dict[str, str]
    idle_rss_mb: dict[str, float]
    measures: list[Measure]
    parity: list[Parity]
    streams: list[StreamCheck]
    soak: list[SoakStep]


def save(run: Run, path: Path) -> None:
    """Write `run` as JSON, a measure a line, so that two runs can be compared with diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")


def load(path: Path) -> Run:
    """Read what `save` wrote. Raises msgspec.ValidationError."""
    return msgspec.json.decode(path.read_bytes(), type=Run)
