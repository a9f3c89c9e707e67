"""A bill's entries in Parquet files: the sums of `reading.py`, by the same SQL, in DuckDB."""
# ruff: noqa: S608 - the statements are put together from constants of this file and from numbers

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.db import microseconds
from weighbridge.ledger.bill.book import Apart
from weighbridge.ledger.bill.modelled import Seen
from weighbridge.ledger.bill.reading import SUMS, Progress, Row, summed_sql, tally_of
from weighbridge.ledger.bill.seen import Sight, seen
from weighbridge.ledger.bill.tally import Cuts, Tally
from weighbridge.ledger.directory import reader
from weighbridge.ledger.rollups import HOUR

_ALWAYS: Final = ("counted_by", "imported")
_COLUMNS: Final[Mapping[Apart, tuple[str, ...]]] = {
    "model": ("model", "asked_model"),
    "provider": ("provider",),
    "price": ("price_id", "price_since"),
    "key": ("key",),
    "project": ("project",),
    "organisation": ("organisation",),
    "user": ("end_user",),
    "tags": ("tags", "key_tags"),
    "day": (),  # by the cuts
}
_ROW: Final = (
    "model", "asked_model", "provider", "key", "organisation", "project", "counted_by", "price_id", "price_since",
    "imported", "tags", "key_tags", "end_user",
)  # fmt: skip
_BATCH: Final = 10_000


class InFiles:
    """Entries of a time in the files of a directory. Raises PackageMissing, FileNotFoundError where there are none."""

    def __init__(self, directory: Path, since: datetime, until: datetime) -> None:
        """From `since` to before `until`, aware and full hours."""
        self._directory = directory
        self._bounds = (microseconds(since) // HOUR, microseconds(until) // HOUR)

    def models(self) -> list[str | None]:
        """Every model that there are entries of in that time; where none answered, the name that was asked for."""
        with reader(self._directory) as connection:
            rows = connection.execute(
                "SELECT DISTINCT coalesce(model, asked_model) FROM entries WHERE hour >= ? AND hour < ?", self._bounds
            ).fetchall()
        return [row[0] for row in rows]

    def seen_of(self, models: Sequence[str]) -> dict[str, Seen]:
        """What all files have seen of each model, by its own requests and as its provider counted them."""
        marks = ", ".join("?" * len(models))
        with reader(self._directory) as connection:
            rows = connection.execute(
                f"""
                SELECT model, provider, count(*) FILTER (WHERE corrects IS NULL), coalesce(sum(prompt_tokens), 0),
                       coalesce(sum(cached_tokens), 0), coalesce(sum(completion_tokens), 0),
                       coalesce(sum(reasoning_tokens), 0)
                FROM entries
                WHERE model IN ({marks}) AND imported IS NULL AND counted_by IN ('provider', 'engine')
                GROUP BY model, provider, key, hour // 24
                """,
                list(models),
            ).fetchall()
        sights: dict[str, list[Sight]] = {model: [] for model in models}
        for model, provider, *sums in rows:
            sights[model].append(Sight(str(provider), *sums))
        return {model: seen(own) for model, own in sights.items()}

    def tallies(self, cuts: Cuts, apart: Collection[Apart], progress: Progress) -> Iterator[Tally]:
        """All entries of the time, told apart by these, by the cuts, and by how they count."""
        told = {*_ALWAYS, *(column for each in apart for column in _COLUMNS[each])}
        first, end = self._bounds
        row = ", ".join(("earliest", *(name if name in told else _left_out(name) for name in _ROW), *SUMS))
        sql = summed_sql(sorted(told), cuts, f"hour >= {first} AND hour < {end}")
        progress(0, 1)
        with reader(self._directory) as connection:
            connection.execute("SET integer_division = true")  # as the ledger's engines have it
            connection.execute(
                'CREATE VIEW entry AS SELECT * REPLACE (epoch_us("at") AS "at"), "user" AS end_user FROM entries'
            )
            found = connection.execute(f"SELECT {row} FROM ({sql})")
            while rows := found.fetchmany(_BATCH):
                for each in rows:
                    yield tally_of(msgspec.convert(each, Row))
        progress(1, 1)


def _left_out(name: str) -> str:
    return "'' AS key" if name == "key" else f"NULL AS {name}"
