"""Entries in Parquet files say what the ledger says, and give the same answers, in whichever dialect they are asked."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pyarrow.parquet as pq
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engines import Cluster, Fresh
from tests.ledger import made_up
from tests.ledger.made_up import NOW, charge, entry, later
from weighbridge import db
from weighbridge.catalog.model import Catalog
from weighbridge.ledger import analysis, parquet, rollups, store
from weighbridge.ledger import directory as directory_
from weighbridge.ledger.entry import Charge, Entry
from weighbridge.ledger.questions import By, Figures, Known, Question, answer
from weighbridge.ledger.tally import Tally

KNOWN = Known(Catalog({}))
AGAIN = Charge(charge().usage, "cache", Decimal(0), "cache", "hit", None)
Ledger = tuple[db.Connection, Path]
_Rows = tuple[list[tuple[tuple[str | None, ...], Figures]], Figures]


def rows(tallies: Sequence[Tally], question: Question) -> _Rows:
    found = answer(tallies, question, KNOWN)
    return sorted(((row.group, row.figures) for row in found.rows), key=repr), found.total


def both(connection: db.Connection, directory: Path, question: Question) -> tuple[_Rows, _Rows]:
    ours = rollups.tallies(
        connection, since=question.since, until=question.until, grain=question.grain, by_user=question.by_user,
        only=question.only,
    )  # fmt: skip
    return rows(ours, question), rows(directory_.tallies(directory, question), question)


PAID = entry(charge=charge("0.5"))
SOME = [
    PAID,
    entry(charge=AGAIN, provider=None, upstream_request=PAID.id, first_byte=None),
    entry(charge=AGAIN, provider=None, upstream_request="wbr-gone"),
    entry(user="ann", tags=("a", "b"), organisation="acme", project="search", at=later(1)),
    entry(user="ann", ending="upstream_broke", error="upstream_error", charge=charge(None), at=later(10)),
    entry(corrects=PAID.id, charge=charge("-0.25"), duration=0.0, first_byte=None),
    entry(charge=None, model=None, provider=None, ending="refused", status=404, at=later(40)),
    entry(imported="codex", charge=charge("9000000", counted_by="estimate"), at=later(40)),
    entry(charge=charge("9000000"), at=later(40), key="key-2"),
]


@pytest.fixture(scope="module")
def ledger(fresh: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Some entries in a database, on each engine in turn, and the files they were exported to."""
    files = tmp_path_factory.mktemp("ledger") / "files"
    with fresh() as connection:
        store.add(connection, SOME)
        parquet.export(connection, files)
        yield connection, files


@pytest.mark.parametrize("by", get_args(By))
def test_files_and_ledger_give_the_same_answer(ledger: Ledger, by: By) -> None:
    ours, theirs = both(*ledger, Question((by,)))
    assert ours == theirs
    assert ours[1].sums.requests == 8


@pytest.mark.parametrize(
    "question",
    [
        Question(("model", "day"), since=later(0.5), until=later(20)),
        Question((), where=(("key", "key-2"),)),
        Question(("key",), where=(("user", "none"), ("project", "none"))),
        Question(("user", "hour"), where=(("tag", "b"),)),
        Question(("ending", "error", "counted_by"), where=(("model", "qwen/tiny"),)),
    ],
)
def test_files_and_ledger_are_narrowed_down_alike(ledger: Ledger, question: Question) -> None:
    ours, theirs = both(*ledger, question)
    assert ours == theirs


def test_what_is_not_wanted_is_not_read(ledger: Ledger) -> None:
    _, directory = ledger
    found = answer(
        directory_.tallies(directory, Question(("key",), latency=False, savings=False)), Question(("key",)), KNOWN
    )
    assert (found.total.sums.requests, found.total.sums.duration, found.total.sums.saved) == (8, 0, 0)
    assert "duration" not in analysis.sql(Question(("key",), latency=False), "duckdb")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(made_up.entries, max_size=8, unique_by=lambda one: one.id))
def test_any_entries_are_exported_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, ones: list[Entry]
) -> None:
    directory = tmp_path_factory.mktemp("files")
    with closing(db.connect(Path(":memory:"))) as connection:
        db.migrate(connection)
        store.add(connection, ones)
        files = parquet.export(connection, directory)
        assert sum(file.entries for file in files) == len(ones)
        if ones:
            ours, theirs = both(connection, directory, Question(("model", "key", "user")))
            assert ours == theirs


def test_a_file_is_a_month_and_has_all_that_a_receipt_says(ledger: Ledger) -> None:
    _, directory = ledger
    assert [file.name for file in sorted(directory.iterdir())] == [
        "entries-2026-11.parquet", "entries-2026-12.parquet", "entries-2027-01.parquet",
    ]  # fmt: skip
    with closing(db.connect(Path(":memory:"))) as made:
        db.migrate(made)
        columns = {name for (name,) in made.execute("SELECT name FROM pragma_table_info('receipt')").fetchall()}
    assert columns - set(parquet.COLUMNS) == {"end_user"}, "an archive would lose these"
    table = pq.read_table(directory / "entries-2026-11.parquet").to_pylist()
    (told,) = [row for row in table if row["id"] == SOME[3].id]
    assert (told["at"], told["tags"], told["user"], told["cost"]) == (later(1), '["a","b"]', "ann", 10_000_000)
    assert told["hour"] == int(later(1).timestamp()) // 3600


def test_only_what_is_asked_for_is_exported_and_nothing_is_written_over(ledger: Ledger, tmp_path: Path) -> None:
    connection, _ = ledger
    (file,) = parquet.export(connection, tmp_path, since=later(0.5), until=later(5))
    assert (file.entries, file.prompt_tokens, file.cost) == (1, 12, 10_000_000)
    with pytest.raises(FileExistsError, match="is there already"):
        parquet.export(connection, tmp_path, since=later(0.5), until=later(5))
    assert [each.name for each in tmp_path.iterdir()] == ["entries-2026-11.parquet"]


def test_a_directory_without_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="ledger export"):
        directory_.tallies(tmp_path, Question(("model",)))


@pytest.mark.parametrize("by", get_args(By))
@pytest.mark.parametrize(
    ("dialect", "read"), [("duckdb", "duckdb"), ("postgres", "postgres"), ("clickhouse", "clickhouse")]
)
def test_the_sums_are_written_for_each_dialect(by: By, dialect: analysis.Dialect, read: str) -> None:
    written = analysis.sql(Question((by,), since=NOW), dialect)
    (statement,) = sqlglot.parse(written, read=read)
    assert statement is not None
    assert {table.name for table in statement.find_all(sqlglot.exp.Table)} == {"entries"}
    assert "DOUBLE" not in written.upper()
    assert "FLOAT" not in written.upper()


_TYPES = {"text": "TEXT", "number": "BIGINT", "truth": "BIGINT", "time": "TEXT"}  # the last two are not asked by


def test_postgresql_gives_the_same_answers_as_duckdb(cluster: Cluster, ledger: Ledger) -> None:
    """Over a table of the files' columns, by the very SQL that is written for it."""
    _, directory = ledger
    place = cluster.new()
    with closing(db.connect(place)) as connection:
        columns = ", ".join(f'"{name}" {_TYPES[kind]}' for name, kind in parquet.COLUMNS.items())
        connection.execute(f"CREATE TABLE entries ({columns})")
        marks = ", ".join("?" * len(parquet.COLUMNS))
        for file in sorted(directory.iterdir()):
            for row in pq.read_table(file).to_pylist():
                cells = {**row, "at": str(row["at"])}
                connection.execute(f"INSERT INTO entries VALUES ({marks})", tuple(cells.values()))
        for by in get_args(By):
            question = Question((by,), since=later(-1), until=later(60))
            theirs = analysis.read(question, connection.execute(analysis.sql(question, "postgres")).fetchall())
            found = rows(list(theirs), question)
            assert found == rows(directory_.tallies(directory, question), question), by
            assert found[1].sums.requests == 8
    cluster.drop(place)
