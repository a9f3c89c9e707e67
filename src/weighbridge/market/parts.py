"""Which files hold a table's rows, and in which of them the row in force must be searched.

Two payloads of one source can only speak of the same thing where both have rows of the same days, as a table's key has
its day. So a hub's snapshots, each of one day, are read as they lie; months in which payloads overlap are searched, or
read from the file that a sync has merged of them. A file that is made of others is named by them (`digest`): it is
there whole or not at all, and counts for no other parts than those.

Once a month is merged its parts need not be there: a sync takes them away, and reads them again from the raw payloads
should what was merged of them be gone.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from itertools import groupby
from pathlib import Path

EVER = (date.min, date.max)


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a payload's rows of one month."""

    path: Path
    source: str
    month: str
    """`2026-08`, or `all` of a table without days."""
    payload: str
    """Its SHA-256."""
    taken: int
    """The payload's place among those of the store, by when they were taken: a tie goes to the last."""
    days: tuple[date, date] = EVER
    """The first and the last that it has rows of."""


@dataclass(frozen=True, slots=True)
class Parts:
    """All of a table, and where what is made of them lies."""

    table: str
    parts: tuple[Part, ...]
    made: Path
    """The directory of merged files and roll-ups."""

    def months(self) -> dict[tuple[str, str], list[Part]]:
        """By source and month, those taken first ahead."""
        found: defaultdict[tuple[str, str], list[Part]] = defaultdict(list)
        for part in sorted(self.parts, key=lambda each: (each.source, each.month, each.taken, each.path.name)):
            found[part.source, part.month].append(part)
        return dict(found)

    def merged(self, parts: Sequence[Part]) -> Path:
        """Where the rows in force of a month's parts lie, once they are merged."""
        first = parts[0]
        folder = self.made / "merged" / self.table / f"source={first.source}" / f"month={first.month}"
        return folder / f"{digest(parts)}.parquet"

    def pieces(self, parts: Sequence[Part]) -> list[Part]:
        """A month's parts, the most of those taken first in one file, where a sync has merged them."""
        ahead, after = self.ahead(parts)
        if not ahead:
            return after
        days = min(part.days[0] for part in ahead), max(part.days[1] for part in ahead)
        return [replace(ahead[-1], path=self.merged(ahead), payload="", days=days), *after]

    def ahead(self, parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
        """A month's parts that are merged into one file, and those that are not."""
        for count in range(len(parts), 1, -1):
            if overlapping(parts[:count]) and self.merged(parts[:count]).exists():
                return list(parts[:count]), list(parts[count:])
        return [], list(parts)

    def gone(self) -> list[Part]:
        """Parts that are not there, nor merged."""
        after = [part for parts in self.months().values() for part in self.ahead(parts)[1]]
        return [part for part in after if not part.path.exists()]

    def size(self) -> int:
        """In bytes, of the files that are read. Raises OSError."""
        return sum(piece.path.stat().st_size for parts in self.months().values() for piece in self.pieces(parts))

    def together(self) -> int:
        """The most files that must be searched together."""
        pieces = (self.pieces(parts) for parts in self.months().values())
        return max((len(group) for each in pieces for group in overlapping(each)), default=0)

    def split(self) -> tuple[list[Path], list[Part]]:
        """Files whose rows are all in force, and those in which that must be searched."""
        plain: list[Path] = []
        searched: list[Part] = []
        for parts in self.months().values():
            pieces = self.pieces(parts)
            among = [part for group in overlapping(pieces) for part in group]
            paths = {part.path for part in among}
            plain += [part.path for part in pieces if part.path not in paths]
            searched += among
        return plain, searched


def overlapping(parts: Iterable[Part]) -> list[list[Part]]:
    """Of one source and month: groups of parts of several payloads that have days in common."""
    groups: list[list[Part]] = []
    last = date.min
    for part in sorted(parts, key=lambda each: (each.days, each.taken, each.path.name)):
        if groups and part.days[0] <= last:
            groups[-1].append(part)
        else:
            groups.append([part])
        last = max(last, part.days[1]) if len(groups[-1]) > 1 else part.days[1]
    return [group for group in groups if len({part.payload for part in group}) > 1]


def digest(parts: Sequence[Part], before: str = "") -> str:
    """What is made of these, in this order of taking, and of what went before them."""
    names = [before]
    for payload, each in groupby(
        sorted(parts, key=lambda part: (part.taken, part.path.name)), lambda part: part.payload
    ):
        names += [payload, *(part.path.name for part in each)]
    return sha256("\n".join(names).encode()).hexdigest()[:32]


def put(unfinished: Path, target: Path) -> None:
    """Have a file that was written under another name be there, whole, whatever happens next. Raises OSError."""
    sync(unfinished)
    unfinished.rename(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Have it on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
