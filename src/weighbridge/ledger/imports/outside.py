"""Usage that did not pass through the gateway, as every source of it is read into. Values only."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from weighbridge.ledger.rows import Source
from weighbridge.wire.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """One request that somebody else has sent and counted. Prompts and answers are never in it."""

    place: str
    """`file:line`."""
    id: str
    """What the source knows it by: the same each time it is read."""
    at: datetime
    provider: str | None
    """Our id of whoever answered; None: unknown."""
    model: str
    """As the source writes it."""
    usage: Usage
    for_an_hour: int = 0
    """Those of the written tokens that are kept for an hour, and not for minutes: Anthropic charges more for them."""
    paid: Decimal | None = None
    """What was charged, in US dollars, where the source says what its provider took; else it is priced by the list."""
    request: str | None = None
    """The provider's own id."""
    user: str | None = None
    tags: tuple[str, ...] = ()
    seconds: float = 0.0
    copy: bool = False
    """It may be a copy of another, which counts then."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A line that is rightly not taken over, and why: it is counted by that."""

    why: str


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that cannot be read. `why` begins with its place."""

    why: str


Found = Outside | Passed | Bad
Merge = Callable[[Iterable[Outside]], Iterator[Outside]]

OURS = "asked through this gateway, and in its ledger already"
NO_USAGE = "without tokens"


def once(found: Iterable[Outside]) -> Iterator[Outside]:
    """One of each id, the last and so the most complete one."""
    yield from {one.id: one for one in found}.values()


@dataclass(frozen=True, slots=True)
class Kind:
    """A source of usage: how its files are found and read."""

    read: Callable[[Source], Iterator[Found]]
    """All that a file has. Raises Unreadable where it is another kind of file."""
    patterns: Sequence[str]
    """Its files in a folder."""
    home: Sequence[str] = ()
    """Where they are on a usual machine, below the home directory."""
    merge: Merge = once
    """What is left of all files together, where the same request may stand in several lines."""

    def files(self, paths: Sequence[Path]) -> list[Path]:
        """The files of these paths; of a folder those that it has, in their order."""
        found: list[Path] = []
        for path in paths:
            if path.is_dir():
                found.extend(
                    sorted(each for pattern in self.patterns for each in path.rglob(pattern) if each.is_file())
                )
            else:
                found.append(path)
        return list(dict.fromkeys(found))
