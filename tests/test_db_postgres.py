"""PostgreSQL spoken to as SQLite is: the same schema, cells and errors, and connections that come back."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.engines import Cluster, in_memory
from weighbridge import db
from weighbridge.db import Connection, Server, copying
from weighbridge.db.postgres import Unreachable

_OPEN = """
import sys
from weighbridge import db
connection = db.connect(db.Server(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
db.migrate(connection)
"""


@pytest.fixture
def server(cluster: Cluster) -> Iterator[Server]:
    place = cluster.bare()
    yield place
    cluster.drop(place)


@pytest.fixture
def connection(server: Server) -> Iterator[Connection]:
    with closing(db.connect(server)) as opened:
        yield opened


def test_each_step_has_a_twin_and_they_come_to_the_same_tables(connection: Connection) -> None:
    assert db.shipped("postgresql").keys() == db.shipped("sqlite").keys()
    db.migrate(connection)
    sql = "SELECT column_name FROM information_schema.columns WHERE table_name = ? AND table_schema = 'public'"
    with in_memory() as file:
        tables = copying.tables(file)
        for table in tables:
            assert {name for (name,) in connection.execute(sql, (table.name,))} == set(table.columns), table.name
        views = file.execute("SELECT name FROM sqlite_schema WHERE type = 'view'").fetchall()
        for (view,) in views:
            there = [name for _, name, *_ in file.execute(f"PRAGMA table_info({view})")]
            assert [name for (name,) in connection.execute(f"{sql} ORDER BY ordinal_position", (view,))] == there
    assert len(tables) > 20


def test_every_table_that_is_final_on_one_engine_is_on_the_other(connection: Connection) -> None:
    db.migrate(connection)
    with in_memory() as file:
        kept = {
            table
            for table, sql in file.execute("SELECT tbl_name, sql FROM sqlite_schema WHERE type = 'trigger'")
            if "append-only" in sql
        }
    guarded = connection.execute(
        "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " JOIN pg_proc ON pg_proc.oid = tgfoid WHERE proname IN ('append_only', 'entry_stays')"
    )
    assert kept <= {name for (name,) in guarded}
    assert "entry" in kept


def test_migrating_twice_changes_nothing_and_a_newer_release_is_respected(connection: Connection) -> None:
    db.migrate(connection)
    db.migrate(connection)
    connection.execute("INSERT INTO migration (step) VALUES (99)")
    with pytest.raises(db.TooNew, match="step 99, this one knows"):
        db.migrate(connection)


def test_a_failing_step_leaves_nothing_of_any(connection: Connection) -> None:
    with pytest.raises(db.Error, match="nonsense"):
        db.migrate(connection, {1: "CREATE TABLE a (x BIGINT); INSERT INTO a VALUES (1);", 2: "nonsense;"})
    assert connection.execute("SELECT to_regclass('a'), to_regclass('migration')").fetchone() == (None, None)
    assert not connection.in_transaction


def test_processes_that_start_at_once_on_an_empty_database_all_come_up(server: Server) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _OPEN, server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[1] for process in processes] == [""] * 4
    with closing(db.connect(server)) as connection:
        assert connection.execute("SELECT max(step), count(*) FROM migration").fetchone() == (
            max(db.shipped()),
            len(db.shipped()),
        )


CELLS: dict[str, object] = {
    "a number": 2**63 - 1,
    "a text": "a ? b % c :d 'é' -- ?",
    "bytes": b"\x00\xff",
    "nothing": None,
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=list(CELLS))
def test_a_cell_comes_back_as_it_went_in(connection: Connection, cell: object) -> None:
    kind = {int: "BIGINT", str: "TEXT", bytes: "BYTEA"}.get(type(cell), "TEXT")
    connection.execute(f"CREATE TABLE a (x {kind})")
    assert connection.execute("INSERT INTO a VALUES (?)", (cell,)).rowcount == 1
    assert connection.execute("SELECT x FROM a WHERE x IS NOT DISTINCT FROM :x", {"x": cell}).fetchall() == [(cell,)]


def test_sums_and_truth_are_whole_numbers(connection: Connection) -> None:
    (row,) = connection.execute("SELECT sum(x), max(x) > 1, '?' FROM (VALUES (CAST(? AS BIGINT)), (2)) AS v (x)", (1,))
    assert row == (3, 1, "?")
    assert [type(cell) for cell in row] == [int, int, str]


def test_a_number_that_no_column_holds_is_an_overflow(connection: Connection) -> None:
    connection.execute("CREATE TABLE a (x BIGINT)")
    with pytest.raises(OverflowError):
        connection.execute("INSERT INTO a VALUES (?)", (2**63,))


def test_what_fails_inside_a_transaction_undoes_it_though_nobody_heard(connection: Connection) -> None:
    connection.execute("CREATE TABLE a (x BIGINT UNIQUE)")
    with pytest.raises(db.OperationalError, match="rolled back"), db.transaction(connection):
        _insert_twice_unheard(connection)
    assert connection.execute("SELECT count(*) FROM a").fetchone() == (0,)


def _insert_twice_unheard(connection: Connection) -> None:
    connection.execute("INSERT INTO a VALUES (1)")
    with pytest.raises(db.Error):
        connection.execute("INSERT INTO a VALUES (1)")


def test_a_connection_that_was_cut_comes_back(cluster: Cluster, server: Server, connection: Connection) -> None:
    connection.execute("CREATE TABLE a (x BIGINT)")
    cluster.cut_off(server)
    assert connection.execute("SELECT count(*) FROM a").fetchone() == (0,), "what reads is asked again"
    cluster.cut_off(server)
    with db.transaction(connection):
        connection.execute("INSERT INTO a VALUES (1)")
    cluster.cut_off(server)
    with pytest.raises(Unreachable):  # it may have been done: who wrote must look
        connection.execute("INSERT INTO a VALUES (2)")
    connection.execute("INSERT INTO a VALUES (3)")
    assert connection.execute("SELECT x FROM a ORDER BY x").fetchall() == [(1,), (3,)]


def test_a_transaction_that_was_cut_is_not_gone_on_with(
    cluster: Cluster, server: Server, connection: Connection
) -> None:
    connection.execute("CREATE TABLE a (x BIGINT)")
    with pytest.raises(Unreachable), db.transaction(connection):
        _insert_and_lose(cluster, server, connection)
    assert connection.execute("SELECT count(*) FROM a").fetchone() == (0,)


def _insert_and_lose(cluster: Cluster, server: Server, connection: Connection) -> None:
    connection.execute("INSERT INTO a VALUES (1)")
    cluster.cut_off(server)
    connection.execute("SELECT 1")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host:5/name", "postgresql://me@host:5/name"),
        ("postgresql://host/name?password=secret&sslmode=require", "postgresql://host/name?password=…&sslmode=require"),
        ("postgresql:///name?host=/run", "postgresql:///name?host=/run"),
    ],
)
def test_a_place_is_shown_without_its_password(url: str, shown: str) -> None:
    assert str(Server(url)) == shown
    assert "secret" not in repr(Server(url))


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    with pytest.raises(db.Error) as told:
        db.connect(Server("postgresql://me:secret@127.0.0.1:1/name"))
    assert "secret" not in str(told.value)
