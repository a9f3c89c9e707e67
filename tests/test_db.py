"""The database file: connecting, transactions, migrations."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from weighbridge import db

_OPEN = """
import sys
from pathlib import Path
from weighbridge import db
print("ready", flush=True)
sys.stdin.readline()
db.migrate(db.connect(Path(sys.argv[1])))
"""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[db.Connection]:
    with closing(db.connect(tmp_path / "ledger.db")) as opened:
        yield opened


def schema(connection: db.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()


def version(connection: db.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def test_an_empty_file_is_brought_up_to_the_newest_step(connection: db.Connection) -> None:
    db.migrate(connection)
    assert version(connection) == max(db.shipped())
    assert {"entry", "key", "key_version"} <= {name for name, _ in schema(connection)}


def test_migrating_twice_changes_nothing(connection: db.Connection) -> None:
    db.migrate(connection)
    before = schema(connection)
    db.migrate(connection)
    assert schema(connection) == before


def test_the_shipped_steps_are_numbered_without_a_gap() -> None:
    assert sorted(db.shipped()) == list(range(1, len(db.shipped()) + 1))


def test_only_the_missing_steps_are_done(connection: db.Connection) -> None:
    db.migrate(connection, {1: "CREATE TABLE a (x);"})
    db.migrate(connection, {1: "this is never run again;", 2: "CREATE TABLE b (x);"})
    assert [name for name, _ in schema(connection)] == ["a", "b"]
    assert version(connection) == 2


def test_a_failing_step_leaves_nothing_of_any(connection: db.Connection) -> None:
    with pytest.raises(db.Error, match="nonsense"):
        db.migrate(
            connection, {1: "CREATE TABLE a (x); INSERT INTO a VALUES (1);", 2: "CREATE TABLE b (x);\nnonsense;"}
        )
    assert (schema(connection), version(connection), connection.in_transaction) == ([], 0, False)


def test_a_file_of_a_newer_release_is_refused_and_left_alone(connection: db.Connection) -> None:
    db.migrate(connection)
    connection.execute("PRAGMA user_version = 99")
    with pytest.raises(db.TooNew, match="step 99, this one knows"):
        db.migrate(connection)
    assert version(connection) == 99


def test_semicolons_in_comments_texts_and_triggers_end_no_statement(connection: db.Connection) -> None:
    step = """
    -- a comment; with a semicolon
    CREATE TABLE a (
        x TEXT DEFAULT 'one; two' -- and; here
    );  /* and;
    here; */
    CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = 'b;'; UPDATE a SET x = x || 'c'; END;
    INSERT INTO a VALUES ('z')
    -- the last one; without its semicolon
    """
    db.migrate(connection, {1: step})
    assert connection.execute("SELECT x FROM a").fetchall() == [("b;c",)]


def test_what_fails_inside_a_transaction_undoes_it(connection: db.Connection) -> None:
    connection.execute("CREATE TABLE a (x UNIQUE)")
    with pytest.raises(db.Error), db.transaction(connection):
        [connection.execute("INSERT INTO a VALUES (1)") for _ in range(2)]
    assert connection.execute("SELECT count(*) FROM a").fetchone() == (0,)


@pytest.mark.parametrize(("durability", "synchronous"), [("process", 1), ("power", 2)])
def test_durability_is_sqlites_own(tmp_path: Path, durability: db.Durability, synchronous: int) -> None:
    with closing(db.connect(tmp_path / "a.db", durability=durability)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_that_is_no_database_is_refused_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"these are not the bytes of a database" * 100)
    with pytest.raises(db.Error, match="not a database"):
        db.connect(path)


def test_processes_that_start_at_once_on_a_new_file_all_come_up(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    command = [sys.executable, "-c", _OPEN, str(path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[1] for process in processes] == [""] * 6
    with closing(db.connect(path)) as connection:
        assert version(connection) == max(db.shipped())


async def test_work_in_a_thread_is_done_before_its_cancellation_is(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    connection = db.connect(tmp_path / "ledger.db")
    done: list[int] = []

    def work() -> None:
        begun.set()
        go_on.wait(10)
        done.append(connection.execute("SELECT 1").fetchone()[0])

    task = asyncio.create_task(db.in_thread(work))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    asyncio.get_running_loop().call_soon(go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1]
    connection.close()


async def test_what_work_in_a_thread_raises_is_heard() -> None:
    with pytest.raises(ZeroDivisionError):
        await db.in_thread(lambda: 1 // 0)
