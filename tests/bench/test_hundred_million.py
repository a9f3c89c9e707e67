"""The entries that the benchmark makes are such as an export has, and each question is answered whole."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bench.hundred_million import QUESTIONS, ask, make
from weighbridge.ledger import parquet

ROWS = 2_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("entries")
    make(directory, rows=ROWS, seed=1)
    return directory


def test_a_year_of_entries_in_the_shape_of_an_export(files: Path) -> None:
    names = [file.name for file in sorted(files.iterdir())]
    assert names == [f"entries-2025-{month:02}.parquet" for month in range(1, 13)]
    for name in names:
        found = pq.read_schema(files / name)
        assert found.names == list(parquet.COLUMNS)
        assert [str(kind) for kind in found.types] == [str(kind) for kind in parquet.schema().types]
    assert sum(pq.read_metadata(files / name).num_rows for name in names) == ROWS


def test_costs_are_those_of_the_tokens(files: Path) -> None:
    table = pq.read_table(files / "entries-2025-03.parquet").to_pylist()
    assert len({row["id"] for row in table}) == len(table)
    for row in table:
        assert (row["cost"] is None) == (row["ending"] == "refused") == (row["prompt_tokens"] is None)
        assert (row["cost"] == 0) == (row["counted_by"] == "cache") or row["cost"] is None
        assert row["at"].strftime("%Y-%m") == "2025-03"
        assert row["hour"] == int(row["at"].timestamp()) // 3600


def test_the_same_seed_gives_the_same_entries(files: Path, tmp_path: Path) -> None:
    make(tmp_path, rows=ROWS, seed=1)
    assert pq.read_table(tmp_path).equals(pq.read_table(files))


def test_each_question_is_answered_over_all_entries(files: Path) -> None:
    asked = list(ask(files, rounds=1))
    assert [each.question for each in asked] == list(QUESTIONS)
    assert {each.requests for each in asked if each.of_all} == {ROWS}
    assert all(0 < each.requests < ROWS for each in asked if not each.of_all and "key=" not in each.question)
