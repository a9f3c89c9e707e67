"""Entries leave the database only for a file that has them, and no sum changes."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.ledger.made_up import NOW, charge, entry, later
from weighbridge import db
from weighbridge.catalog.model import Catalog
from weighbridge.ledger import archive, directory, parquet, rollups, store
from weighbridge.ledger.archive import NotTheSame
from weighbridge.ledger.entry import Charge, Entry
from weighbridge.ledger.questions import Known, Question, answer
from weighbridge.ledger.rollups import ARCHIVED
from weighbridge.wire.usage import Usage

BEFORE = datetime(2026, 12, 1, tzinfo=UTC)
PAID = entry(id="wbr-paid", at=later(-40), charge=charge("0.5"))
OLD = [
    PAID,
    entry(at=later(-30), tags=("a",), user="ann", charge=charge("9000000.000000000001")),
    entry(at=later(0)),
    entry(at=later(1), charge=Charge(Usage(12, 5), "cache", Decimal(0), "cache", "hit", None), provider=None,
          upstream_request=PAID.id),
    entry(at=later(2), corrects=PAID.id, charge=charge("-0.125"), duration=0.0, first_byte=None),
    entry(at=later(3), charge=None, ending="refused", status=400, error="bad_request"),
]  # fmt: skip
NEW = [entry(at=BEFORE), entry(at=later(20), user="ben")]


def ids(connection: db.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT id FROM entry").fetchall()}


def total(connection: db.Connection, *, by_user: bool = False) -> object:
    question = Question(("model", "key", "day"))
    found = rollups.tallies(connection, grain="day", by_user=by_user)
    return astuple(answer(found, question, Known(Catalog({}))).total)


def filled(place: db.Place, entries: Sequence[Entry] = (*OLD, *NEW)) -> db.Connection:
    connection = db.connect(place)
    db.migrate(connection)
    store.add(connection, entries)
    return connection


def test_old_entries_are_in_files_and_every_sum_is_what_it_was(place: db.Place, tmp_path: Path) -> None:
    with closing(filled(place)) as connection:
        before = total(connection)
        done = archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(60))
        assert [(each.file.name, each.entries) for each in done] == [
            ("entries-2026-10.parquet", 2),
            ("entries-2026-11.parquet", 4),
        ]
        assert ids(connection) == {one.id for one in NEW}
        assert total(connection) == total(connection, by_user=True) == before
        assert rollups.differences(connection) == []
        users = {tally.user for tally in rollups.tallies(connection, by_user=True)}
        assert users == {None, "ben", ARCHIVED}
        assert archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(61)) == []
        assert sorted(each.name for each in (tmp_path / "old").iterdir()) == [each.file.name for each in done]


def test_files_and_what_is_left_are_all_together(place: db.Place, tmp_path: Path) -> None:
    with closing(filled(place)) as connection:
        whole = answer(rollups.tallies(connection), Question(()), Known(Catalog({}))).total.sums
        archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(60))
        parquet.export(connection, tmp_path / "new")
        told = [directory.tallies(tmp_path / name, Question(())) for name in ("old", "new")]
        assert answer([*told[0], *told[1]], Question(()), Known(Catalog({}))).total.sums == whole


def test_an_entry_that_comes_late_stays_and_goes_the_next_time(place: db.Place, tmp_path: Path) -> None:
    late = entry(at=later(-30))
    with closing(filled(place)) as connection:
        archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(60))
        store.add(connection, [late])
        assert rollups.differences(connection) == []
        (again,) = archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(61))
        assert (again.file.name, again.entries) == ("entries-2026-10.2.parquet", 1)
        assert rollups.differences(connection) == []
        assert sum(tally.sums.requests for tally in directory.tallies(tmp_path / "old", Question(()))) == 6


def test_a_file_that_is_not_the_same_drops_nothing(
    place: db.Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = parquet.export

    def wrongly(connection: db.Connection, directory: Path, **more: object) -> list[parquet.File]:
        with closing(filled(tmp_path / "other.db", [entry(id=OLD[1].id, at=OLD[1].at)])) as other:
            return export(other, directory)

    monkeypatch.setattr(parquet, "export", wrongly)
    with closing(filled(place)) as connection:
        with pytest.raises(NotTheSame, match="are not as the ledger has them"):
            archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(60))
        assert len(ids(connection)) == 8
        assert connection.execute("SELECT count(*) FROM archive").fetchone()[0] == 0
        monkeypatch.undo()
        assert (
            sum(each.entries for each in archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(60)))
            == 6
        )


@pytest.mark.parametrize("after", ["entered", "one dropped"])
def test_broken_off_it_goes_on(place: db.Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str) -> None:
    drop, calls = archive._drop, 0

    def breaking(connection: db.Connection, path: Path, now: datetime) -> archive.Archived:
        nonlocal calls
        calls += 1
        if after == "entered" or calls == 2:
            raise KeyboardInterrupt
        return drop(connection, path, now)

    with closing(filled(place)) as connection:
        before = total(connection)
        monkeypatch.setattr(archive, "_drop", breaking)
        with pytest.raises(KeyboardInterrupt):
            archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(60))
        monkeypatch.undo()
        done = archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(61))
        assert sum(each.entries for each in done) == (6 if after == "entered" else 4)
        assert (ids(connection), total(connection)) == ({one.id for one in NEW}, before)
        assert rollups.differences(connection) == []
        assert sum(tally.sums.requests for tally in directory.tallies(tmp_path / "old", Question(()))) == 5


def test_a_file_that_has_changed_since_is_told(
    place: db.Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(connection: db.Connection, path: Path, now: datetime) -> archive.Archived:
        raise KeyboardInterrupt

    with closing(filled(place)) as connection:
        monkeypatch.setattr(archive, "_drop", breaking)
        with pytest.raises(KeyboardInterrupt):
            archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(60))
        monkeypatch.undo()
        file = tmp_path / "old" / "entries-2026-10.parquet"
        file.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(NotTheSame, match="put it back"):
            archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(61))
        assert len(ids(connection)) == 8


def test_nobody_drops_what_no_file_has(place: db.Place, tmp_path: Path) -> None:
    with closing(filled(place)) as connection:
        for sql in ("DELETE FROM entry", "DELETE FROM entry WHERE id = 'wbr-paid'"):
            with pytest.raises(db.Error, match="append-only"):
                connection.execute(sql)
        archive.archive(connection, tmp_path / "old", before=BEFORE, now=later(60))
        store.add(connection, [entry(id="wbr-late", at=later(-30))])
        for sql in (
            "DELETE FROM entry WHERE id = 'wbr-late'",
            "DELETE FROM archive",
            "UPDATE archive SET dropped_at = NULL",
            "UPDATE archive SET until = 0",
        ):
            with pytest.raises(db.Error, match="append-only"):
                connection.execute(sql)
        assert len(ids(connection)) == 3


@pytest.mark.parametrize(
    ("before", "said"), [(NOW + timedelta(minutes=1), "a full one"), (later(60), "less than a day ago")]
)
def test_what_may_not_be_archived(place: db.Place, tmp_path: Path, before: datetime, said: str) -> None:
    with closing(filled(place)) as connection:
        with pytest.raises(ValueError, match=said):
            archive.archive(connection, tmp_path / "old", before=before, now=later(60.5))
        assert not (tmp_path / "old").exists()
