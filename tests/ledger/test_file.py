"""The write-ahead log does not grow without end, whoever reads or writes meanwhile; and the reserve."""

import fcntl
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.ledger.made_up import entry
from weighbridge import db
from weighbridge.ledger import file, store
from weighbridge.ledger.file import LedgerFile
from weighbridge.ledger.outcome import Outcome
from weighbridge.ledger.reserve import Reserve

MIB = 2**20


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the pages, in a tenth of the time."""
    monkeypatch.setattr(file, "_CHECKPOINT_PAGES", 400)
    monkeypatch.setattr(file, "_LOG_PAGES", 1_600)


def log_size(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size


def write(path: Path, groups: int) -> int:
    """So many groups of one; the most the log was."""
    most = 0
    with closing(LedgerFile(path)) as opened:
        for _ in range(groups):
            outcome = opened.commit([entry(id=f"wbr-{threading.get_ident()}-{next(_numbers)}")])
            assert outcome == Outcome()
            opened.tidy()
            most = max(most, log_size(path))
    return most


_numbers = iter(range(10**9))


def test_the_log_begins_anew_under_a_writer_that_never_rests(path: Path, beside: db.Connection) -> None:
    assert write(path, 2_000) < 4 * MIB
    assert len(store.entries(beside)) == 2_000


def test_the_log_is_bounded_when_several_write(path: Path, beside: db.Connection) -> None:
    most: list[int] = []
    threads = [threading.Thread(target=lambda: most.append(write(path, 3_000))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 3
    assert max(most) < 40 * MIB  # it would be 60 and more
    assert len(store.entries(beside)) == 9_000


def test_the_log_is_cut_again_when_a_long_reader_has_gone(path: Path) -> None:
    with closing(db.connect(path)) as reader, closing(LedgerFile(path)) as opened:
        opened.commit([entry()])
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entry").fetchone()
        _write_into(opened, 3_000)
        held = log_size(path)
        assert held > 12 * MIB
        reader.execute("ROLLBACK")
        _write_into(opened, 1_000)
        assert log_size(path) < held / 2


def _write_into(opened: LedgerFile, groups: int) -> None:
    for _ in range(groups):
        assert opened.commit([entry()]).fault is None
        opened.tidy()


def test_a_reader_that_stays_does_not_hold_up_a_writer_for_long(path: Path) -> None:
    with closing(db.connect(path)) as reader, closing(LedgerFile(path)) as opened:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entry").fetchone()
        _write_into(opened, 3_000)
        assert opened._connection.execute("PRAGMA busy_timeout").fetchone() == (10_000,)


def test_a_reserve_is_made_given_up_once_and_made_again(tmp_path: Path) -> None:
    path = tmp_path / "reserve"
    reserve = Reserve(path, 5_000)
    reserve.take()
    assert path.stat().st_size == 5_000
    assert reserve.give_up()
    assert not path.exists()
    assert not reserve.give_up()
    reserve.take()
    assert path.stat().st_size == 5_000


def test_a_reserve_that_another_worker_gave_up_is_given_up_all_the_same(tmp_path: Path) -> None:
    one, other = Reserve(tmp_path / "reserve", 100), Reserve(tmp_path / "reserve", 100)
    one.take()
    other.take()
    assert one.give_up()
    assert other.give_up()
    other.take()
    one.take()
    assert (tmp_path / "reserve").stat().st_size == 100


def test_no_reserve_is_kept_where_none_is_wanted(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", 0)
    reserve.take()
    assert not reserve.give_up()
    assert list(tmp_path.iterdir()) == []


def test_who_is_not_let_in_waits_for_its_turn_and_not_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = path.with_name(path.name + ".turns")
    with closing(LedgerFile(path)) as opened, turns.open("rb+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        timer = threading.Timer(0.1, fcntl.flock, (other, fcntl.LOCK_UN))
        timer.start()
        began = time.monotonic()
        assert opened.commit([entry()]) == Outcome()
        assert time.monotonic() - began >= 0.09, "another one wrote"
        timer.join()
        fcntl.flock(other, fcntl.LOCK_EX)  # and is stopped in the middle
        monkeypatch.setattr("weighbridge.ledger.file._TURN_SECONDS", 0.05)
        assert opened.commit([entry()]) == Outcome()
