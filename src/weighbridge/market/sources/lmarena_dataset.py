"""LMArena's own data set, as Parquet: boards of all categories, of the latest day or of all days since May 2023.

Columns as in huggingface.co/datasets/lmarena-ai/leaderboard-dataset, config `text`. The board of the category `overall`
is the text board; others have their category in their name.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from weighbridge.market.findings import Finding
from weighbridge.market.sources.dating import published
from weighbridge.market.sources.lmarena import LMARENA
from weighbridge.market.sources.parquet import Batch, bulk, columns, read_parquet
from weighbridge.market.sources.source import About, Bulk, Payload
from weighbridge.market.tables import Row

_NEEDED: Final = ("model_name", "rating", "category", "leaderboard_publish_date")
_WANTED: Final = ("organization", "license", "rank", "vote_count")


class LMArenaDataset:
    """The config `text`."""

    about = About(
        name="lmarena-dataset",
        title="LMArena text leaderboard, its own data set",
        home=LMARENA.about.home,
        licence=LMARENA.about.licence,
        line=LMARENA.about.line,
    )

    def recognise(self, path: Path) -> bool:
        return {"model_name", "leaderboard_publish_date"} <= set(columns(path) or ())

    def as_of(self, payload: Payload) -> date:
        """The newest board in it."""
        return payload.as_of or _newest(payload.path) or published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Bulk | Finding]:
        return read_parquet(payload.path, _NEEDED, _WANTED, lambda batch: self._rows(batch, as_of))

    def _rows(self, batch: Batch, as_of: date) -> Iterator[Row | Bulk | Finding]:
        from pyarrow import compute  # noqa: PLC0415 - an extra

        whole = compute.and_(compute.is_valid(batch["model_name"]), compute.is_valid(batch["rating"]))
        whole = compute.and_(whole, compute.is_valid(batch["leaderboard_publish_date"]))
        if lost := batch.num_rows - (compute.sum(whole).as_py() or 0):
            said = f"{lost} rows lack a model, a rating or a day"
            yield Finding(kind="unreadable-row", subject="rating", said=said)
            batch = batch.filter(whole)
        category = compute.fill_null(batch["category"], "overall")
        named = compute.binary_join_element_wise("text", category, "/")
        cells = {
            "model": batch["model_name"],
            "board": compute.if_else(compute.equal(category, "overall"), "text", named),
            "day": _day(batch["leaderboard_publish_date"]),
            "rating": batch["rating"],
        }
        for own, theirs in zip(("organisation", "licence", "rank", "votes"), _WANTED, strict=True):
            if theirs in batch.schema.names:
                cells[own] = batch[theirs]
        if batch.num_rows:
            yield bulk("rating", cells, batch.num_rows, self.about.name, as_of)


def _newest(path: Path) -> date | None:
    days: list[Any] = []  # Any: dates, times or texts

    def newest(batch: Batch) -> Iterator[Row]:
        from pyarrow import compute  # noqa: PLC0415 - an extra

        days.append(compute.max(_day(batch["leaderboard_publish_date"])).as_py())
        yield from ()

    list(read_parquet(path, ("leaderboard_publish_date",), (), newest))
    found: date | None = max((day for day in days if day is not None), default=None)
    return found


def _day(said: Any) -> Any:  # noqa: ANN401 - Arrow
    from pyarrow import compute, date32, types  # noqa: PLC0415 - an extra

    if types.is_string(said.type) or types.is_large_string(said.type):
        said = compute.utf8_slice_codeunits(said, 0, 10)
    return said.cast(date32(), safe=False)


LMARENA_DATASET: Final = LMArenaDataset()
