"""LMArena's own data set: boards of all categories and days."""

from datetime import date
from pathlib import Path

import pyarrow
from pyarrow import parquet

from tests.market.conftest import taken
from tests.market.sources.test_hub_snapshots import parts
from weighbridge.market.store import Store

CELLS = {
    "model_name": ["a", "a", "b", None],
    "organization": ["Lab", "Lab", None, "Lab"],
    "license": ["MIT", "MIT", "Proprietary", "MIT"],
    "rating": [1400.5, 1390.0, 1410.0, 1.0],
    "rating_lower": [1.0] * 4,
    "rating_upper": [2.0] * 4,
    "variance": [4.0] * 4,
    "vote_count": [7.0, 8.0, 9.0, 1.0],
    "rank": [2, 1, 1, 3],
    "category": ["overall", "coding", "overall", "overall"],
    "leaderboard_publish_date": ["2026-09-06", "2026-09-13", "2026-09-13", "2026-09-13"],
}


def test_boards_of_all_categories_and_days(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "latest.parquet"
    parquet.write_table(pyarrow.table(CELLS), path)
    (only,) = taken(store, path)
    assert only.kept is not None
    assert (only.kept.source, only.kept.as_of) == ("lmarena-dataset", date(2026, 9, 13))
    assert [each.kind for each in only.kept.findings] == ["unreadable-row"]
    told = {(row["model"], row["board"], row["day"], row["rank"], row["votes"]) for row in parts(store, "rating")}
    assert told == {
        ("a", "text", date(2026, 9, 6), 2, 7),
        ("a", "text/coding", date(2026, 9, 13), 1, 8),
        ("b", "text", date(2026, 9, 13), 1, 9),
    }


def test_another_form_is_told(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "latest_2026-09-13.parquet"
    cells = {name: each for name, each in CELLS.items() if name != "rating"}
    parquet.write_table(pyarrow.table(cells), path)
    (only,) = taken(store, path)
    assert only.kept is not None
    assert [each.kind for each in only.kept.findings] == ["changed-schema"]
