"""Where a bill's entries are: in the ledger's database, or in Parquet files (`files.py`)."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Literal, Protocol

from weighbridge.db import Connection
from weighbridge.ledger.bill import reading
from weighbridge.ledger.bill.modelled import Seen
from weighbridge.ledger.bill.reading import Progress
from weighbridge.ledger.bill.tally import Cuts, Dimension, Tally

Apart = Dimension | Literal["tags"]
"""What tallies may be told apart by."""


class Book(Protocol):
    """Entries of a time, in tallies, and what is to be known of them beforehand."""

    def models(self) -> list[str | None]:
        """Every model that there are entries of; where none answered, the name that was asked for."""

    def seen_of(self, models: Sequence[str]) -> dict[str, Seen]:
        """What all entries have seen of each model, by its own requests and as its provider counted them."""

    def tallies(self, cuts: Cuts, apart: Collection[Apart], progress: Progress) -> Iterable[Tally]:
        """All entries of the time, told apart by these at least; what else a tally says may be left out."""


class InLedger:
    """Entries of a time in the database. Raises db.Error."""

    def __init__(self, connection: Connection, since: datetime, until: datetime) -> None:
        """From `since` to before `until`, aware."""
        self._connection, self._since, self._until = connection, since, until

    def models(self) -> list[str | None]:
        """As the book's."""
        return reading.models(self._connection)

    def seen_of(self, models: Sequence[str]) -> dict[str, Seen]:
        """As the book's."""
        return {model: reading.seen_of(self._connection, model) for model in models}

    def tallies(self, cuts: Cuts, apart: Collection[Apart], progress: Progress) -> Iterable[Tally]:
        """As the book's; all but the user is always told."""
        bounds = {"since": self._since, "until": self._until}
        return reading.tallies(self._connection, **bounds, cuts=cuts, by_user="user" in apart, progress=progress)
