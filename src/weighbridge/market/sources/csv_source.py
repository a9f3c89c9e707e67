"""A source whose payload is one table of CSV: what most of them are."""

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from weighbridge.market.findings import Finding
from weighbridge.market.sources.dating import gaps, published, undated
from weighbridge.market.sources.source import About, Payload, changed, csv_head, csv_lines, unreadable
from weighbridge.market.tables import Row

Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CsvSource:
    """Recognised by some of its columns; without all that its rows need, nothing is read, and that is found."""

    about: About
    signature: tuple[str, ...]
    needed: tuple[str, ...]
    row: Callable[[str, Cells, date], Iterator[Row | Finding]]
    """Its rows of one line, which the text names; ValueError where the line cannot be read."""
    day: str | None = None
    """The column that has each row's day, where it was published on the last of them."""
    step: int = 1
    """Days from one to the next; longer is a gap."""
    name_has: str = ""
    """What a file's name must have, where columns do not tell."""
    name_lacks: str | None = None

    def recognise(self, path: Path) -> bool:
        if self.name_has not in path.name or (self.name_lacks is not None and self.name_lacks in path.name):
            return False
        return set(self.signature) <= set(csv_head(path))

    def as_of(self, payload: Payload) -> date:
        days = [] if payload.as_of is not None or self.day is None else self._days(payload)
        return max(days, default=None) or published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        if self.day is None:
            yield from undated(payload)
        head = csv_head(payload.path)
        if findings := changed(head, self.needed):
            yield from findings
            return
        number = 1
        try:
            for number, cells in csv_lines(payload.path):
                try:
                    if len(cells) != len(head):
                        raise ValueError(f"it has {len(cells)} cells, not {len(head)}")
                    yield from self.row(f"row {number}", dict(zip(head, cells, strict=True)), as_of)
                except ValueError as error:
                    yield unreadable(number, error)
        except (UnicodeDecodeError, csv.Error) as error:
            yield Finding(kind="truncated-file", subject=f"after row {number}", said=str(error))
        if self.day is not None:
            yield from gaps(self._days(payload), self.step)

    def _days(self, payload: Payload) -> set[date]:
        head, days = csv_head(payload.path), set[date]()
        if self.day not in head:
            return days
        place = head.index(self.day)
        with suppress(UnicodeDecodeError, csv.Error):
            for _, cells in csv_lines(payload.path):
                with suppress(ValueError, IndexError):
                    days.add(date.fromisoformat(cells[place]))
        return days
