"""Archived entries come back the same in every column, once, and no sum changes."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.ledger.made_up import NOW, entry, later
from tests.ledger.test_archive import BEFORE, NEW, OLD, filled, ids, total
from weighbridge import db
from weighbridge.db import Connection
from weighbridge.ledger import archive, restore, rollups, store
from weighbridge.ledger.archive import NotTheSame


def untold(done: int, total: int) -> None: ...


def everything(connection: Connection) -> list[tuple[object, ...]]:
    """All that the ledger says of its entries."""
    return [tuple(row) for row in connection.execute("SELECT * FROM receipt ORDER BY id").fetchall()]


def archived(connection: Connection, directory: Path) -> None:
    """Archive what is old."""
    archive.archive(connection, directory, before=BEFORE, now=later(60))


def restored(connection: Connection, directory: Path) -> list[tuple[int, int]]:
    """Restore all; what was told on the way."""
    told: list[tuple[int, int]] = []
    files = restore.archived(connection, directory)
    restore.restore(connection, files, now=later(61), progress=lambda *done: told.append(done))
    return told


def test_entries_come_back_the_same_and_every_sum_is_what_it_was(place: db.Place, tmp_path: Path) -> None:
    with closing(filled(place)) as connection:
        before, sums, by_user = everything(connection), total(connection), total(connection, by_user=True)
        archived(connection, tmp_path)
        assert ids(connection) == {one.id for one in NEW}
        assert restored(connection, tmp_path) == [(2, 6), (6, 6)]
        assert everything(connection) == before
        assert (total(connection), total(connection, by_user=True)) == (sums, by_user)
        assert rollups.differences(connection) == []
        assert {tally.user for tally in rollups.tallies(connection, by_user=True)} == {None, "ann", "ben"}
        assert sorted(each.name for each in tmp_path.glob("*.parquet*")) == [
            "entries-2026-10.parquet.restored",
            "entries-2026-11.parquet.restored",
        ]
        assert restored(connection, tmp_path) == []
        assert everything(connection) == before


def test_one_month_comes_back_and_the_other_stays(place: db.Place, tmp_path: Path) -> None:
    with closing(filled(place)) as connection:
        sums = total(connection)
        archived(connection, tmp_path)
        (file,) = restore.archived(connection, tmp_path, NOW)
        restore.restore(connection, [file], now=later(61), progress=untold)
        assert ids(connection) == {one.id for one in (*NEW, *OLD[2:])}
        assert (total(connection), rollups.differences(connection)) == (sums, [])
        assert [each.file.name for each in restore.archived(connection, tmp_path)] == ["entries-2026-10.parquet"]


def test_what_was_restored_is_archived_again_under_another_name(place: db.Place, tmp_path: Path) -> None:
    with closing(filled(place)) as connection:
        before, sums = everything(connection), total(connection)
        archived(connection, tmp_path)
        restored(connection, tmp_path)
        archived(connection, tmp_path)
        names = [each.file.name for each in restore.archived(connection, tmp_path)]
        assert names == ["entries-2026-10.2.parquet", "entries-2026-11.2.parquet"]
        assert (total(connection), rollups.differences(connection)) == (sums, [])
        restored(connection, tmp_path)
        assert (everything(connection), total(connection)) == (before, sums)


@pytest.mark.parametrize("at", ["put_back", "take_off", "_compare", "set_aside"])
def test_broken_off_anywhere_it_goes_on(
    place: db.Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    owner = {"put_back": store, "take_off": rollups}.get(at, restore)
    real, calls = getattr(owner, at), 0

    def breaking(*given: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        real(*given)

    with closing(filled(place)) as connection:
        before, sums = everything(connection), total(connection)
        archived(connection, tmp_path)
        monkeypatch.setattr(owner, at, breaking)
        with pytest.raises(KeyboardInterrupt):
            restored(connection, tmp_path)
        monkeypatch.undo()
        assert total(connection) == sums
        for path in restore.left_over(connection, tmp_path):
            restore.set_aside(path)
        restored(connection, tmp_path)
        assert (everything(connection), total(connection)) == (before, sums)
        assert rollups.differences(connection) == []
        assert list(tmp_path.glob("*.parquet")) == []


def test_what_is_written_meanwhile_is_counted(place: db.Place, tmp_path: Path) -> None:
    with closing(filled(place)) as connection, closing(db.connect(place)) as other:
        archived(connection, tmp_path)
        put_back = store.put_back
        late = entry(at=OLD[2].at, charge=OLD[2].charge)

        def meanwhile(*given: object, **more: object) -> None:
            if not written:
                written.append(late.id)
                if db.engine(connection) == "postgresql":
                    store.add(other, [late])
            put_back(*given, **more)  # type: ignore[arg-type]

        written: list[str] = []
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(store, "put_back", meanwhile)
            restored(connection, tmp_path)
        if db.engine(connection) == "sqlite":
            store.add(other, [late])
        assert ids(connection) == {one.id for one in (*OLD, *NEW, late)}
        assert rollups.differences(connection) == []


def test_a_file_that_is_gone_or_another_is_told_before_anything_is_put_back(place: db.Place, tmp_path: Path) -> None:
    with closing(filled(place)) as connection:
        archived(connection, tmp_path)
        second = tmp_path / "entries-2026-11.parquet"
        data = second.read_bytes()
        second.write_bytes(data[:-1])
        with pytest.raises(NotTheSame, match="is not the file that was archived"):
            restored(connection, tmp_path)
        second.unlink()
        with pytest.raises(NotTheSame, match="name the directory that has it"):
            restored(connection, tmp_path)
        assert ids(connection) == {one.id for one in NEW}
        second.write_bytes(data)
        restored(connection, tmp_path)
        assert len(ids(connection)) == 8


def test_an_entry_that_the_ledger_has_otherwise_is_told(place: db.Place, tmp_path: Path) -> None:
    with closing(filled(place)) as connection:
        archived(connection, tmp_path)
        store.add(connection, [entry(id=OLD[1].id, at=OLD[1].at, user="eve")])
        with pytest.raises(NotTheSame, match="are not as the file has them"):
            restored(connection, tmp_path)
