"""The group commit: nobody's future is done before its entry is in the file, and no entry is lost or written twice."""

import asyncio
import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from tests.ledger.made_up import charge, entry
from weighbridge import db
from weighbridge.errors import LedgerUnavailable, WeighbridgeError
from weighbridge.ledger import store, writer
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.file import LedgerFile
from weighbridge.ledger.writer import Writer

MIB = 2**20


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds in service takes a moment here."""
    monkeypatch.setattr(writer, "_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(writer, "_LAST_SECONDS", 0.3)


@asynccontextmanager
async def opened(place: db.Place, *, reserve_bytes: int = 0) -> AsyncIterator[Writer]:
    made = Writer(place, reserve_bytes=reserve_bytes)
    made.open()
    try:
        yield made
    finally:
        await made.close()


async def until(true: Callable[[], bool]) -> None:
    """Let the loop turn until it is true."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)


def is_well(writing: Writer) -> bool:
    return writing.fault is None


def file_of(writing: Writer) -> sqlite3.Connection:
    """The writer's own connection."""
    ledger = writing._ledger
    assert isinstance(ledger, LedgerFile)
    return ledger._connection


def ids(connection: db.Connection) -> list[str]:
    return [one.id for one in store.entries(connection)]


@contextmanager
def commits(writing: Writer) -> Iterator[list[str]]:
    """The COMMIT statements that the writer's own connection runs."""
    seen: list[str] = []
    file_of(writing).set_trace_callback(lambda sql: seen.append(sql) if sql == "COMMIT" else None)
    yield seen
    file_of(writing).set_trace_callback(None)


async def test_what_comes_together_is_committed_together(path: Path, beside: db.Connection) -> None:
    made = [entry() for _ in range(1_000)]
    async with opened(path) as writing:
        with commits(writing) as committed:
            await asyncio.gather(*(writing.record(one) for one in made))
            assert len(committed) == 1
            await asyncio.gather(*(_record_in_turn(writing, turn) for turn in range(100)))
            assert len(committed) < 20
    assert len(ids(beside)) == 1_100


async def _record_in_turn(writing: Writer, turn: int) -> None:
    for _ in range(turn):
        await asyncio.sleep(0)
    await writing.record(entry())


async def test_a_future_is_done_only_when_another_connection_finds_the_entry(
    place: db.Place, connection: db.Connection
) -> None:
    found: list[bool] = []

    def look(one: Entry, _: object) -> None:
        found.append(store.find(connection, one.id) == one)

    async with opened(place) as writing:
        for _ in range(20):
            made = [entry() for _ in range(5)]
            waiting = [writing.record(one) for one in made]
            for one, done in zip(made, waiting, strict=True):
                done.add_done_callback(partial(look, one))
            await asyncio.gather(*waiting)
    assert found == [True] * 100


async def test_entries_are_done_in_the_order_in_which_they_came(place: db.Place) -> None:
    order: list[int] = []

    def note(number: int, _: object) -> None:
        order.append(number)

    async with opened(place) as writing:
        waiting = []
        for number in range(300):
            done = writing.record(entry())
            done.add_done_callback(partial(note, number))
            waiting.append(done)
            if number % 7 == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*waiting)
    assert order == list(range(300))


async def test_closing_writes_what_is_left(place: db.Place, connection: db.Connection) -> None:
    async with opened(place) as writing:
        first = writing.record(entry())
        await first
        left = [writing.record(entry()) for _ in range(50)]
    assert all(done.done() and done.exception() is None for done in left)
    assert len(ids(connection)) == 51


async def test_one_that_was_never_opened_can_be_closed(place: db.Place) -> None:
    await Writer(place).close()


async def test_a_waiter_that_left_holds_up_nobody(place: db.Place, connection: db.Connection) -> None:
    async with opened(place) as writing:
        left, stays = writing.record(entry()), writing.record(entry())
        left.cancel()
        await stays
    assert len(ids(connection)) == 2


BAD: dict[str, Callable[[], Entry]] = {
    "a cost that no column holds": lambda: entry(charge=charge("10000000")),
    "half a letter": lambda: entry(error="\ud800"),
    "no time": lambda: entry(at=cast(datetime, None)),
    "no status": lambda: entry(status=None),
    "a text for a number": lambda: entry(status="two hundred"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))
async def test_an_entry_that_cannot_be_stored_holds_up_nobody_else(
    place: db.Place, connection: db.Connection, capfd: pytest.CaptureFixture[str], bad: Callable[[], Entry]
) -> None:
    async with opened(place) as writing:
        made = [entry(), bad(), entry()]
        outcomes = await asyncio.gather(*(writing.record(one) for one in made), return_exceptions=True)
        writing.check()
        await writing.record(entry())
    assert (outcomes[0], outcomes[2]) == (None, None)
    assert isinstance(outcomes[1], WeighbridgeError)
    assert not isinstance(outcomes[1], LedgerUnavailable)
    assert made[1].id in outcomes[1].message
    assert len(ids(connection)) == 3
    printed = capfd.readouterr().err
    assert printed.count("unwritten ledger entry: ") == printed.count(made[1].id) == 1


async def test_an_entry_that_is_there_already_is_done_and_there_once(
    place: db.Place, connection: db.Connection
) -> None:
    made = entry()
    store.add(connection, [made])
    async with opened(place) as writing:
        await asyncio.gather(writing.record(made), writing.record(entry()))
    assert len(ids(connection)) == 2


async def test_a_full_database_fails_its_answers_and_takes_no_more_until_there_is_room(
    path: Path, beside: db.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with opened(path) as writing:
        await writing.record(entry())
        full = file_of(writing)
        full.execute("PRAGMA max_page_count = 1")  # SQLite makes it what there is
        made = [entry(asked_model="x" * 9_000), entry(asked_model="y" * 9_000, ending="client_left", status=499)]
        outcomes = await asyncio.gather(*(writing.record(one) for one in made), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [LedgerUnavailable] * 2
        with pytest.raises(LedgerUnavailable, match="full") as refused:
            writing.check()
        assert refused.value.retry_after is not None
        assert len(ids(beside)) == 1
        full.execute("PRAGMA max_page_count = 1000000")
        await until(lambda: is_well(writing))
        writing.check()
        await writing.record(entry())
        await asyncio.sleep(0.2)  # were anything tried again, it would be now
    stopped, left = (store.find(beside, one.id) for one in made)
    assert stopped is not None
    assert (stopped.ending, stopped.status, stopped.error) == ("stopped", 503, "ledger_unavailable")
    assert stopped.charge == made[0].charge
    assert left == made[1]
    assert len(ids(beside)) == 4
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


async def test_what_comes_while_a_group_fails_is_written_after_it(path: Path, beside: db.Connection) -> None:
    async with opened(path) as writing:
        inner = file_of(writing)
        inner.execute("PRAGMA max_page_count = 1")
        made = [entry(asked_model="x" * 9_000), entry(), entry()]
        first = writing.record(made[0])
        await asyncio.sleep(0)
        assert writing._writing is not None
        others = [writing.record(one) for one in made[1:]]
        with pytest.raises(LedgerUnavailable):
            await first
        inner.execute("PRAGMA max_page_count = 1000000")
        await asyncio.gather(*others)
    assert ids(beside) == [one.id for one in made]


async def test_a_file_that_is_taken_away_during_a_commit_is_not_taken_for_written(path: Path) -> None:
    away, made = path.with_suffix(".away"), entry()

    def take_away(sql: str) -> None:
        if sql.startswith("INSERT INTO entry"):
            path.rename(away)

    async with opened(path) as writing:
        file_of(writing).set_trace_callback(take_away)
        with pytest.raises(LedgerUnavailable, match="moved or deleted"):
            await writing.record(made)
        file_of(writing).set_trace_callback(None)
        move(away, path)
        await until(lambda: is_well(writing))
    with closing(db.connect(path)) as connection:
        assert store.entries(connection) == [made], "it was in the file all the time"


async def test_a_broken_file_is_a_fault_and_not_the_entrys(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with opened(path) as writing:
        overwrite(path, b"no page of a database" * 10_000)
        made = entry()
        with pytest.raises(LedgerUnavailable, match=r"malformed|not a database"):
            await writing.record(made)
        with pytest.raises(LedgerUnavailable):
            writing.check()
    assert made.id in capfd.readouterr().err


def overwrite(path: Path, content: bytes) -> None:
    """In place: it stays the same file."""
    with path.open("r+b") as there:
        there.write(content)


async def test_nobody_waits_for_ever_for_what_never_had_its_turn(
    path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(writer, "_RETRY_SECONDS", 60)
    async with opened(path) as writing:
        file_of(writing).execute("PRAGMA max_page_count = 1")
        with pytest.raises(LedgerUnavailable):
            await writing.record(entry(asked_model="x" * 9_000))
        late = entry()
        waiting = writing.record(late)
    with pytest.raises(LedgerUnavailable):
        await waiting
    assert capfd.readouterr().err.count(late.id) == 1


async def test_what_cannot_be_written_at_the_end_is_printed(
    path: Path, beside: db.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    async with opened(path) as writing:
        file_of(writing).execute("PRAGMA max_page_count = 1")
        made = [entry(asked_model="x" * 9_000) for _ in range(3)]
        waiting = [writing.record(one) for one in made[:2]]
        await asyncio.gather(*waiting, return_exceptions=True)
        late = writing.record(made[2])
    printed = capfd.readouterr().err
    assert [printed.count(one.id) for one in made] == [1, 1, 1]
    assert '"ending":"stopped"' in printed
    assert isinstance(late.exception(), LedgerUnavailable)
    assert ids(beside) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can be mounted by root only")
    try:
        with closing(db.connect(place / "ledger.db")) as connection:
            db.migrate(connection)
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> None:
    """Leave no room at all."""
    with (place / "filler").open("ab", buffering=0) as filler:
        for size in (65_536, 4_096, 1):
            try:
                while filler.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


async def test_on_a_full_disk_the_reserve_gives_room_to_what_is_under_way(small_disk: Path) -> None:
    path, reserve = small_disk / "ledger.db", small_disk / "ledger.db.reserve"
    with closing(db.connect(path)) as connection:
        async with opened(path, reserve_bytes=MIB) as writing:
            await writing.record(entry())
            assert reserve.stat().st_size == MIB
            fill(small_disk)
            made = [entry(asked_model="x" * 200_000), entry()]
            await asyncio.gather(*(writing.record(one) for one in made))
            assert set(ids(connection)) >= {one.id for one in made}
            assert not reserve.exists()
            with pytest.raises(LedgerUnavailable, match="no room for a reserve"):
                writing.check()
            fill(small_disk)
            kept = entry(asked_model="y" * 200_000)
            with pytest.raises(LedgerUnavailable, match="full"):
                await writing.record(kept)
            delete(small_disk / "filler")
            await until(lambda: is_well(writing))
            assert reserve.stat().st_size == MIB
            assert ids(connection).count(kept.id) == 1
            await writing.record(entry())
        assert len(ids(connection)) == 5


async def test_a_disk_too_full_for_the_reserve_is_said_at_the_start(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        Writer(small_disk / "ledger.db", reserve_bytes=MIB).open()


def move(path: Path, to: Path) -> None:
    """As `mv` does; what is not there is made."""
    path.touch()
    path.replace(to)


def delete(path: Path) -> None:
    """As `rm` does."""
    path.unlink()


async def test_a_file_that_was_moved_away_takes_nothing_until_it_is_back(path: Path, beside: db.Connection) -> None:
    async with opened(path) as writing:
        await writing.record(entry())
        move(path, path.with_suffix(".away"))
        made = entry()
        with pytest.raises(LedgerUnavailable, match="moved or deleted"):
            await writing.record(made)
        move(path.with_suffix(".another"), path)
        with pytest.raises(LedgerUnavailable):
            await writing.record(entry())
        move(path.with_suffix(".away"), path)
        await until(lambda: is_well(writing))
        await writing.record(entry())
    assert ids(beside).count(made.id) == 1
    assert len(ids(beside)) == 4


async def test_a_file_that_was_deleted_gets_no_entry_and_none_is_lost(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = entry()
    async with opened(path) as writing:
        delete(path)
        with pytest.raises(LedgerUnavailable, match="moved or deleted"):
            await writing.record(made)
    assert made.id in capfd.readouterr().err


@pytest.mark.slow
async def test_a_lock_longer_than_our_patience_fails_answers_and_loses_nothing(
    path: Path, beside: db.Connection
) -> None:
    async with opened(path, reserve_bytes=MIB) as writing:
        beside.execute("BEGIN IMMEDIATE")
        first, second = entry(), entry()
        waiting = writing.record(first)
        with pytest.raises(LedgerUnavailable, match="locked"):
            await waiting
        again = writing.record(second)
        assert path.with_name("ledger.db.reserve").exists(), "room is not what is missing"
        await asyncio.sleep(0.5)
        beside.execute("ROLLBACK")
        await again
        await until(lambda: is_well(writing))
    assert sorted(ids(beside)) == [first.id, second.id]


@pytest.mark.parametrize("content", [None, b"this is no database, whatever its name may say" * 100])
async def test_a_file_that_cannot_be_opened_is_said_at_the_start(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / ("." if content else "not") / "there.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        Writer(path).open()


async def test_a_database_without_its_tables_is_a_fault_and_not_the_entrys(tmp_path: Path) -> None:
    async with opened(tmp_path / "ledger.db") as writing:
        with pytest.raises(LedgerUnavailable, match="no such table"):
            await writing.record(entry())
        with closing(db.connect(tmp_path / "ledger.db")) as connection:
            db.migrate(connection)
            await until(lambda: is_well(writing))
            assert len(ids(connection)) == 1


_RECORD = """
import asyncio, os, sys
from pathlib import Path
from tests.ledger.made_up import entry
from weighbridge.ledger.entry import Ids
from weighbridge.ledger.file import LedgerFile
from weighbridge.ledger.writer import Writer

async def one(writing, ids):
    while True:
        made = entry(id=ids.next())
        await writing.record(made)
        os.write(1, made.id.encode() + b"\\n")

async def main():
    writing = Writer(Path(sys.argv[1]), reserve_bytes=4096)
    writing.open()
    ids = Ids()
    await asyncio.gather(*(one(writing, ids) for _ in range(20)))

asyncio.run(main())
"""


@pytest.mark.parametrize("reported", [1, 30, 3_000])
def test_what_was_reported_before_a_kill_is_in_the_file(path: Path, beside: db.Connection, reported: int) -> None:
    workers = [subprocess.Popen([sys.executable, "-c", _RECORD, str(path)], stdout=subprocess.PIPE) for _ in range(2)]
    said: list[bytes] = []
    for worker in workers:
        assert worker.stdout is not None
        said += [worker.stdout.readline() for _ in range(reported)]
    for worker in workers:
        worker.send_signal(signal.SIGKILL)
    said += [line for worker in workers for line in worker.communicate()[0].splitlines(keepends=True)]
    receipts = {line.decode().strip() for line in said if line.endswith(b"\n")}
    assert len(receipts) >= 2 * reported
    assert receipts - set(ids(beside)) == set()
    assert beside.execute("PRAGMA quick_check").fetchone() == ("ok",)
