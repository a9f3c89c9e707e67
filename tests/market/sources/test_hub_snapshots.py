"""Snapshots of the hub: streamed, with lineage and licence from tags, and found where they are cut off."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from tests.market.conftest import taken
from weighbridge.errors import MarketError
from weighbridge.market.sources.known import source_of
from weighbridge.market.store import Store

TIME = datetime(2025, 1, 20, 9, tzinfo=UTC)
HUB: Mapping[str, Sequence[object]] = {
    "id": ["lab/m", "shop/m-gguf", "lab/loop", None, "lab/less"],
    "author": ["lab", "shop", "lab", "lab", "lab"],
    "createdAt": [TIME] * 5,
    "downloads": [30, 7, None, 1, -1],
    "downloadsAllTime": [300, 70, 5, 1, 1],
    "pipeline_tag": ["text-generation", None, None, None, None],
    "tags": [
        ["license:mit", "license:other"],
        ["base_model:lab/m", "base_model:quantized:lab/m"],
        ["base_model:finetune:lab/loop"],
        None,
        [],
    ],
    "safetensors": ['{"parameters":{"BF16":8},"total":8}', None, "{}", None, None],
}


def written(path: Path, cells: Mapping[str, Sequence[object]]) -> Path:
    parquet.write_table(pyarrow.table(dict(cells)), path)
    return path


def parts(store: Store, table: str) -> list[dict[str, object]]:
    """All rows of a table."""
    kept = [part for each in store.payloads() for part in each.parts if part.startswith(f"{table}/")]
    files = [store.directory / "tables" / part for part in kept]
    return [row for file in files for row in parquet.ParquetFile(file).read().to_pylist()]


def test_a_snapshot_has_counters_models_and_lineage(store: Store, tmp_path: Path) -> None:
    (only,) = taken(store, written(tmp_path / "models_2026-09-30.parquet", HUB))
    assert only.kept is not None
    assert only.kept.rows == {"downloads": 3, "model": 3, "edge": 1}
    assert [(each.kind, each.subject) for each in only.kept.findings] == [
        ("unreadable-row", "id"),
        ("unreadable-row", "downloads"),
        ("unreadable-row", "tags"),
    ]
    day = date(2026, 9, 30)
    assert [tuple(row.values()) for row in parts(store, "downloads")] == [
        ("lab/loop", day, None, 5, "hub-snapshots", day),
        ("lab/m", day, 30, 300, "hub-snapshots", day),
        ("shop/m-gguf", day, 7, 70, "hub-snapshots", day),
    ]
    models = {row["model"]: row for row in parts(store, "model")}
    assert (models["lab/m"]["licence"], models["lab/m"]["total_params"]) == ("mit", 8)
    assert models["lab/m"]["released"] == date(2025, 1, 20)
    assert models["shop/m-gguf"]["licence"] is None
    assert [(row["model"], row["base"], row["relation"]) for row in parts(store, "edge")] == [
        ("shop/m-gguf", "lab/m", "quantized")
    ]


def test_a_file_that_is_cut_off_is_kept_raw_and_nothing_of_it_read(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "models_2026-09-30.parquet", HUB)
    path.write_bytes(path.read_bytes()[:-20])
    (only,) = taken(store, path)
    assert only.kept is not None
    assert [each.kind for each in only.kept.findings] == ["truncated-file"]
    assert (only.kept.rows, only.kept.parts) == ({}, ())
    assert (store.directory / "raw" / only.kept.sha256).stat().st_size == path.stat().st_size


def test_a_file_that_breaks_half_way_counts_for_nothing(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "models_2026-09-30.parquet"
    many = pyarrow.table({name: [cells[0]] * 100_000 for name, cells in HUB.items()})
    parquet.write_table(many, path, row_group_size=50_000, use_dictionary=False, write_page_checksum=True)
    last = parquet.ParquetFile(path).metadata.row_group(1).column(0)
    whole = bytearray(path.read_bytes())
    place = last.data_page_offset + last.total_compressed_size // 2
    whole[place : place + 8] = b"\xff" * 8
    path.write_bytes(bytes(whole))
    (only,) = taken(store, path)
    assert only.kept is not None
    assert [each.kind for each in only.kept.findings] == ["truncated-file"]
    assert not list(store.directory.rglob("*.parquet"))


def test_a_file_of_other_columns_is_found(store: Store, tmp_path: Path) -> None:
    cells = {("repo" if name == "id" else name): each for name, each in HUB.items()}
    (only,) = taken(store, written(tmp_path / "models_2026-09-30.parquet", cells))
    assert only.kept is not None
    assert [each.kind for each in only.kept.findings] == ["changed-schema"]
    with pytest.raises(MarketError, match="--as-of"):
        taken(store, written(tmp_path / "models.parquet", HUB))


def test_the_study_has_two_attributions_and_several_countries(store: Store, tmp_path: Path) -> None:
    cells: dict[str, Sequence[object]] = {
        "model": ["lab/m", "lab/m"],
        "author": ["lab", "lab"],
        "time": [datetime(2025, 2, 26, tzinfo=UTC), datetime(2025, 3, 5, tzinfo=UTC)],
        "downloadsAllTime": [10, 20],
        "org_country": [["CN", "US"], ["CN", "US"]],
        "org_country_single": ["CN", "CN"],
        "org_type": ["company", "company"],
        "merged_derived_from": [["lab/base"], ["lab/base"]],
    }
    (only,) = taken(store, written(tmp_path / "all_2025-08-31.parquet", cells))
    assert only.kept is not None
    assert only.kept.rows == {"downloads": 2, "organisation": 1, "edge": 1}
    assert [each.kind for each in only.kept.findings] == ["several-countries"]
    assert [row["place"] for row in parts(store, "organisation")] == ["CN,US"]
    assert sorted(str(row["day"]) for row in parts(store, "downloads")) == ["2025-02-26", "2025-03-05"]
    assert sum(part.startswith("downloads/") for part in only.kept.parts) == 2


def test_daily_series_go_by_month(store: Store, tmp_path: Path) -> None:
    cells: dict[str, Sequence[object]] = {
        "model": ["a", "a"],
        "date": ["2025-03-31", "2025-04-01"],
        "dl30": [1, 2],
        "dl_all": [9, None],
    }
    path = written(tmp_path / "series_2025-04-02.parquet", cells)
    source = source_of(path)
    assert source is not None
    assert source.about.name == "model-pulse-data"
    (only,) = taken(store, path)
    assert only.kept is not None
    assert sorted(part.split("/")[2] for part in only.kept.parts) == ["month=2025-03", "month=2025-04"]
    assert not only.kept.findings
