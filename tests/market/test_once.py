"""A key that is there twice in one payload counts once: the first as it came, whatever is sorted or parted."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tests.market.conftest import taken
from tests.market.sources.test_hub_snapshots import HUB, parts, written
from weighbridge.market.once import once
from weighbridge.market.recipes.figure import figure
from weighbridge.market.store import Store, Writing
from weighbridge.market.tables import Downloads

DAY = date(2026, 9, 30)
Cells = tuple[str, int, int | None]


def test_a_snapshot_that_names_a_model_twice_counts_it_once(store: Store, tmp_path: Path) -> None:
    twice: dict[str, Sequence[object]] = {
        **{name: [*cells, cells[0], cells[0]] for name, cells in HUB.items()},
        "downloads": [30, 7, None, 1, -1, 30, 31],
    }
    (only,) = taken(store, written(tmp_path / "models_2026-09-30.parquet", twice))
    assert only.kept is not None
    assert only.kept.rows == {"downloads": 3, "model": 3, "edge": 1}
    assert [(row["model"], row["last_30_days"]) for row in parts(store, "downloads")] == [
        ("lab/loop", None), ("lab/m", 30), ("shop/m-gguf", 7),
    ]  # fmt: skip
    said = {each.subject: each.said for each in only.kept.findings if each.kind == "duplicate-row"}
    assert said == {
        "downloads, lab/m, 2026-09-30": "('lab/m', datetime.date(2026, 9, 30), 31, 300) is left out",
        "downloads": "1 rows are there again, to the last letter; each counts once",
        "model": "2 rows are there again, to the last letter; each counts once",
    }
    window = {"window": "2026-09-01:2026-09-30", "models": "all", "places": "reviewed", "country": "CN"}
    assert figure(store, "cumulative-downloads", window).measured.rows[0][1] == 375


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 60), st.none() | st.integers(0, 3)), min_size=1),
    st.integers(1, 4),
)
def test_the_first_that_came_is_kept(tmp_path_factory: pytest.TempPathFactory, rows: list[Cells], group: int) -> None:
    directory = tmp_path_factory.mktemp("once")
    writing = Writing(directory, "1" * 64)
    for start in range(0, len(rows), group):  # as bulks that are parted by month
        some = rows[start : start + group]
        cells = [
            Downloads(model, date.fromordinal(DAY.toordinal() + after), None, count, "hub", DAY)
            for model, after, count in some
        ]
        columns = {name: [getattr(each, name) for each in cells] for name in Downloads._fields}
        kinds = {"last_30_days": pyarrow.int64(), "in_all": pyarrow.int64()}
        arrays = {name: pyarrow.array(each, kinds.get(name)) for name, each in columns.items()}
        writing.add_bulk("downloads", pyarrow.table(arrays))
        writing._flush_bulk("downloads")
    files = [directory / part for part in writing.finish()]
    left = once("downloads", files, directory / "spill")
    kept = [row for file in files for row in parquet.ParquetFile(file).read().to_pylist()]
    first: dict[tuple[str, int], int | None] = {}
    for model, after, count in rows:
        first.setdefault((model, after), count)
    assert len(kept) == len(first) == len(rows) - left.rows
    assert {(row["model"], row["day"].toordinal() - DAY.toordinal()): row["in_all"] for row in kept} == first
    assert bool(left.findings) == bool(left.rows)
    for file in files:
        keys = [(row["model"], row["day"]) for row in parquet.ParquetFile(file).read().to_pylist()]
        assert keys == sorted(keys)
