"""Sums kept beside files of entries give every answer that the entries give, to the last digit, or are not asked."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.ledger import made_up
from tests.ledger.made_up import NOW, charge, entry, later
from tests.ledger.test_analysis import SOME, rows
from weighbridge import db
from weighbridge.ledger import analysis, directory, parquet, store
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.questions import By, Question

MANY = [*SOME, *(entry(user=f"user-{n % 3}", at=later(n / 50), charge=charge("0.25")) for n in range(150))]
DAY = NOW.replace(hour=0)


def exported(target: Path, ones: Sequence[Entry]) -> Path:
    with closing(db.connect(Path(":memory:"))) as connection:
        db.migrate(connection)
        store.add(connection, ones)
        parquet.export(connection, target)
    return target


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files without sums."""
    return exported(tmp_path_factory.mktemp("ledger") / "plain", MANY)


@pytest.fixture(scope="module")
def summed(plain: Path) -> Path:
    """The same files, and sums of them all."""
    beside = plain.parent / "summed"
    shutil.copytree(plain, beside)
    directory.keep_sums(beside, worth=1)
    return beside


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where entries are asked."""

    def fail(question: Question, dialect: str) -> str:
        raise AssertionError(f"{question} is asked of the entries, in {dialect}")

    monkeypatch.setattr(analysis, "sql", fail)


@pytest.mark.parametrize("by", get_args(By))
@pytest.mark.parametrize("more", [False, True])
def test_sums_give_the_answers_of_the_entries(plain: Path, summed: Path, by: By, more: bool) -> None:
    question = Question((by,), latency=more, savings=more)
    found = rows(directory.tallies(summed, question), question)
    assert found == rows(directory.tallies(plain, question), question)
    assert found[1].sums.requests == len(MANY) - 1


BOUNDED = [
    Question(("model", "hour"), since=later(0.5), until=later(1.2)),
    Question(("model", "key"), since=DAY, until=DAY + timedelta(days=9), savings=False),
    Question(("model", "key"), since=datetime.fromisoformat("2026-12-01T00:00Z"), savings=False),
    Question(("user",), since=DAY + timedelta(days=1), savings=False),
    Question(("user",), since=DAY + timedelta(hours=15), savings=False),
    Question(("month", "key", "lab"), where=(("key", "key-2"), ("user", "none"))),
    Question(("day",), where=(("key", "key-2"), ("model", "qwen/tiny"))),
    Question(("month",), since=later(400)),
    Question((), until=later(-400)),
]


@pytest.mark.parametrize("question", BOUNDED)
def test_bounds_and_narrowing_are_kept(plain: Path, summed: Path, question: Question) -> None:
    found = rows(directory.tallies(summed, question), question)
    assert found == rows(directory.tallies(plain, question), question)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(made_up.entries, min_size=1, max_size=8, unique_by=lambda one: one.id),
    st.sampled_from((*BOUNDED, Question(("model",)), Question(("key", "user", "tag")))),
)
def test_any_entries_sum_up_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, ones: list[Entry], question: Question
) -> None:
    of_a_month = [replace(one, at=later(one.at.day / 31)) for one in ones]  # of any, that were as many files
    target = exported(tmp_path_factory.mktemp("ledger") / "files", of_a_month)
    entries = rows(directory.tallies(target, question), question)
    directory.keep_sums(target, worth=1)
    assert rows(directory.tallies(target, question), question) == entries


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(
    "question",
    [
        Question(("lab", "provider", "ending", "hour"), since=later(0.5)),
        Question(("country", "month")),
        Question(("project", "tag", "day"), savings=False),
        Question(("user",), savings=False),
        Question(("key", "model", "month")),
        Question(("model",), since=later(400)),
    ],
)
def test_what_sums_can_answer_is_not_asked_of_the_entries(summed: Path, question: Question) -> None:
    directory.tallies(summed, question)


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(
    "question", [Question(("user", "key")), Question(("key", "model", "day")), Question(("user",), since=later(0.5))]
)
def test_what_they_cannot_is(summed: Path, question: Question) -> None:
    with pytest.raises(AssertionError, match="asked of the entries"):
        directory.tallies(summed, question)


def test_sums_of_another_state_of_a_file_are_not_believed(summed: Path, tmp_path: Path) -> None:
    target = tmp_path / "files"
    shutil.copytree(summed, target)
    file = target / "entries-2026-11.parquet"
    less = pq.read_table(file).slice(1)
    pq.write_table(less, file)
    question = Question(("model",))
    (_, total) = rows(directory.tallies(target, question), question)
    assert total.sums.requests == len(MANY) - 2
    made: list[Path] = []
    directory.keep_sums(target, made=made.append, worth=1)
    assert {path.name for path in made} == {f"entries-2026-11.{name}.parquet" for name in directory.KEPT}
    assert rows(directory.tallies(target, question), question)[1] == total


def test_sums_that_would_be_as_many_as_the_entries_are_left_out(plain: Path, tmp_path: Path) -> None:
    target = tmp_path / "files"
    shutil.copytree(plain, target)
    directory.keep_sums(target, worth=0)
    assert {pq.read_metadata(path).num_rows for path in (target / "sums").iterdir()} == {0}
    question = Question(("model", "hour"))
    assert rows(directory.tallies(target, question), question) == rows(directory.tallies(plain, question), question)
    made: list[Path] = []
    directory.keep_sums(target, made=made.append, worth=0)
    assert made == []


def test_a_file_of_several_months_has_no_sums_by_the_month(plain: Path, tmp_path: Path) -> None:
    together = pa.concat_tables(pq.read_table(file) for file in sorted(plain.glob("*.parquet")))
    pq.write_table(together, tmp_path / "entries-all.parquet")
    directory.keep_sums(tmp_path, worth=1)
    for by in (("month", "key"), ("month", "key", "model")):
        question = Question(by)
        assert rows(directory.tallies(tmp_path, question), question) == rows(
            directory.tallies(plain, question), question
        )


def test_a_directory_without_files_is_told(tmp_path: Path) -> None:
    for asked in (lambda: directory.tallies(tmp_path, Question(("model",))), lambda: directory.keep_sums(tmp_path)):
        with pytest.raises(FileNotFoundError, match="ledger export"):
            asked()


def test_what_does_not_fit_into_memory_is_not_put_where_the_command_was_started(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with directory.reader(plain) as connection:
        connection.execute("SET memory_limit = '24MB'")
        many = "SELECT i, hash(i) AS h, repeat('x', 100) AS x FROM range(400000) AS t(i) ORDER BY h LIMIT 300000"
        connection.execute(f"SELECT count(*) FROM ({many})").fetchall()
    assert list(tmp_path.iterdir()) == []
