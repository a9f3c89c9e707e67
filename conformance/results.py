"""What the suites said: values, and the JSON file they are kept in."""

from pathlib import Path
from typing import Literal

import msgspec

LATEST = Path(__file__).parent / "results" / "latest.json"

Ending = Literal["passed", "failed", "skipped"]


class Case(msgspec.Struct, frozen=True, omit_defaults=True):
    """One test: `said` is the first line of why it failed or was skipped."""

    id: str
    ending: Ending
    said: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One suite against one gateway; of the tests that passed only the number is kept."""

    suite: str
    gateway: str
    gateway_version: str
    date: str
    versions: dict[str, str]
    passed: int
    others: list[Case]
    not_run: str = ""
    """Why the suite did not run at all."""

    @property
    def failed(self) -> list[Case]:
        """The misses."""
        return [case for case in self.others if case.ending == "failed"]

    @property
    def skipped(self) -> list[Case]:
        """What the suite itself left out."""
        return [case for case in self.others if case.ending == "skipped"]

    @property
    def total(self) -> int:
        """Tests that passed or failed."""
        return self.passed + len(self.failed)


class Board(msgspec.Struct, frozen=True):
    """The latest outcome of each suite against each gateway."""

    outcomes: list[Outcome]

    def of(self, suite: str, gateway: str) -> Outcome | None:
        """The outcome of a suite against a gateway."""
        return next((each for each in self.outcomes if (each.suite, each.gateway) == (suite, gateway)), None)

    def with_outcome(self, new: Outcome) -> "Board":
        """A board on which `new` stands instead of an earlier one."""
        kept = [each for each in self.outcomes if (each.suite, each.gateway) != (new.suite, new.gateway)]
        return Board(sorted([*kept, new], key=lambda each: (each.suite, each.gateway)))


def save(board: Board, path: Path = LATEST) -> None:
    """Write it as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(board), indent=1) + b"\n")


def load(path: Path = LATEST) -> Board:
    """Read what `save` wrote; an empty board where there is nothing. Raises msgspec.ValidationError."""
    return msgspec.json.decode(path.read_bytes(), type=Board) if path.is_file() else Board([])
