"""The audit log: in the transaction of the change, append-only, and a tampered one shows."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines import Fresh
from weighbridge import audit_log, db
from weighbridge.accounts import admins, keys, tree
from weighbridge.accounts.keys import Labels
from weighbridge.accounts.tree import Place
from weighbridge.audit_log import Actor, Change, Wanted
from weighbridge.db import Connection, transaction
from weighbridge.ledger.policies import adopt, adopt_none

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALICE = Actor("adm-alice", "192.0.2.7")


@pytest.fixture
def connection(place: db.Place) -> Iterator[Connection]:
    """A migrated database, on each engine."""
    with closing(db.connect(place)) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Connection]:
    """An SQLite file, which is taken the guards from."""
    with closing(db.connect(tmp_path / "log.db")) as opened:
        db.migrate(opened)
        yield opened


def write(connection: Connection, count: int = 5) -> None:
    for number in range(count):
        change = Change(action="key.change", target=f"key-{number}", before={"name": "ä"}, after={"name": number})
        with transaction(connection):
            audit_log.write(connection, ALICE, change, now=NOW + timedelta(seconds=number))


def test_a_row_says_who_what_when_from_where_before_and_after(connection: Connection) -> None:
    key, secret = keys.create(connection, name="ci", now=NOW, labels=Labels("acme", "search"), by=ALICE)
    assert keys.revoke(connection, key.id, now=NOW + timedelta(hours=1), by=Actor("cli:root"))
    made, revoked = audit_log.rows(connection, Wanted())
    assert (made.id, made.at, made.actor, made.change.action, made.change.target) == (
        1,
        NOW,
        ALICE,
        "key.create",
        key.id,
    )
    assert (made.change.organisation, made.change.project, made.change.before) == ("acme", "search", None)
    assert made.change.after is not None
    assert made.change.after["name"] == "ci"
    assert (revoked.actor.id, revoked.actor.address) == ("cli:root", None)
    assert (revoked.change.before, revoked.change.after) == ({"revoked": None}, {"revoked": "2026-11-22T13:00:00Z"})
    assert secret not in str([made, revoked])


def test_a_change_that_fails_leaves_no_row(connection: Connection) -> None:
    write(connection, 1)
    with contextlib.suppress(RuntimeError), transaction(connection):
        audit_log.write(connection, ALICE, Change(action="a", target="b"), now=NOW)
        raise RuntimeError
    assert len(audit_log.rows(connection, Wanted())) == 1
    assert audit_log.verify(connection).fault is None


def test_a_row_that_fails_leaves_no_change(file: Connection) -> None:
    file.execute("CREATE TRIGGER full BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(db.Error):
        keys.create(file, name="ci", now=NOW)
    with pytest.raises(db.Error):
        admins.create(file, name="a", role="owner", now=NOW)
    assert (keys.listing(file), admins.listing(file)) == ([], [])


def test_rows_that_are_written_at_once_by_several_processes_make_one_chain(
    connection: Connection, place: db.Place
) -> None:
    def work() -> None:
        with closing(db.connect(place)) as own:
            write(own, 25)

    writers = [threading.Thread(target=work) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = audit_log.verify(connection)
    assert (found.rows, found.fault) == (100, None)


@pytest.mark.parametrize("sql", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log"])
def test_the_table_itself_refuses_to_be_changed(connection: Connection, sql: str) -> None:
    write(connection)
    with pytest.raises(db.Error, match="append-only"):
        connection.execute(sql)


def unlocked(connection: Connection) -> None:
    """As whoever owns the file could do it."""
    connection.execute("DROP TRIGGER audit_log_is_final")
    connection.execute("DROP TRIGGER audit_log_stays")


COLUMNS = ("at", "actor", "address", "action", "target", "organisation", "project", "before", "after", "hash")


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", [1, 3, 5])
def test_a_row_that_was_changed_shows(file: Connection, column: str, row: int) -> None:
    write(file)
    unlocked(file)
    file.execute(f"UPDATE audit_log SET {column} = '7' WHERE id = ?", (row,))
    found = audit_log.verify(file)
    assert (found.rows, found.fault is not None) == (row - 1, True)
    assert f"row {row} was changed" in str(found.fault)


TAMPERED: dict[str, tuple[str, str]] = {
    "the first taken out": ("DELETE FROM audit_log WHERE id = 1", "row 1 is missing"),
    "two taken out": ("DELETE FROM audit_log WHERE id IN (2, 3)", "rows 2 to 3 are missing"),
    "the end cut off": ("DELETE FROM audit_log WHERE id > 3", "ends at row 3, and row 5 was written"),
    "all taken out": ("DELETE FROM audit_log", "ends at row 0, and row 5 was written"),
    "moved up": ("UPDATE audit_log SET id = 6 WHERE id = 5", "row 5 is missing"),
    "one put in at the end": (
        f"INSERT INTO audit_log SELECT 6, {', '.join(COLUMNS)} FROM audit_log WHERE id = 5",
        "row 6 was changed",
    ),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_row_that_was_taken_out_or_put_in_shows(file: Connection, case: str) -> None:
    sql, said = TAMPERED[case]
    write(file)
    unlocked(file)
    file.execute(sql)
    assert said in str(audit_log.verify(file).fault)


def test_a_log_that_was_written_anew_is_whole_but_not_the_one_that_was_noted(file: Connection) -> None:
    write(file)
    noted = audit_log.verify(file).head
    write(file, 2)
    assert audit_log.verify(file, noted=noted).fault is None
    unlocked(file)
    file.execute("DELETE FROM audit_log")
    file.execute("UPDATE audit_log_head SET length = 0, hash = ''")
    write(file, 7)
    file.execute("UPDATE audit_log SET actor = actor")
    assert audit_log.verify(file).fault is None
    assert audit_log.verify(file, noted=noted).fault is None, "the same rows have the same hashes"
    file.execute("DELETE FROM audit_log")
    file.execute("UPDATE audit_log_head SET length = 0, hash = ''")
    with transaction(file):
        audit_log.write(file, Actor("mallory"), Change(action="a", target="b"), now=NOW)
    write(file, 6)
    assert audit_log.verify(file).fault is None
    assert "was cut and written anew" in str(audit_log.verify(file, noted=noted).fault)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5) | st.integers() | st.booleans())))
def test_whatever_is_written_holds_and_comes_back(fresh: Fresh, every: list[dict[str, object]]) -> None:
    with fresh() as connection:
        before = audit_log.verify(connection).rows  # of the examples before this: nobody can empty it
        for facts in every:
            with transaction(connection):
                audit_log.write(connection, ALICE, Change(action="a", target="b", after=facts), now=NOW)
        assert audit_log.verify(connection).fault is None
        assert [row.change.after for row in audit_log.rows(connection, Wanted(after=before))] == every


FILTERS: dict[str, tuple[Wanted, list[int]]] = {
    "all": (Wanted(), [1, 2, 3, 4]),
    "the newest first": (Wanted(newest_first=True), [4, 3, 2, 1]),
    "after one": (Wanted(after=2), [3, 4]),
    "before one": (Wanted(after=3, newest_first=True), [2, 1]),
    "since": (Wanted(since=NOW + timedelta(seconds=2)), [3, 4]),
    "by action": (Wanted(action="project.set"), [4]),
    "by actor": (Wanted(actor="cli:root"), [2]),
    "of an organisation": (Wanted(within=("acme", None)), [1, 2, 4]),
    "of a project": (Wanted(within=("acme", "search")), [1, 4]),
    "of a project of no organisation": (Wanted(within=(None, "search")), [3]),
    "some": (Wanted(limit=2), [1, 2]),
}


@pytest.mark.parametrize("case", FILTERS)
def test_rows_are_found_by_what_is_wanted(connection: Connection, case: str) -> None:
    for number, (labels, by) in enumerate(
        [(Labels("acme", "search"), ALICE), (Labels("acme"), Actor("cli:root")), (Labels(None, "search"), ALICE)]
    ):
        keys.create(connection, name="a", now=NOW + timedelta(seconds=number), labels=labels, by=by)
    with transaction(connection):
        tree.bind(connection, Place("acme", "search"), ("a/b",), by=ALICE, now=NOW + timedelta(seconds=3))
    wanted, found = FILTERS[case]
    assert [row.id for row in audit_log.rows(connection, wanted)] == found


def test_a_policy_put_in_force_is_written_once_for_all_workers(connection: Connection) -> None:
    steps: list[Callable[[], object]] = [
        lambda: adopt_none(connection, NOW),
        lambda: adopt(connection, "w1", lambda: NOW, ("h1", "one")),
        lambda: adopt(connection, "w2", lambda: NOW, ("h1", "one")),
        lambda: adopt(connection, "w1", lambda: NOW, ("h2", "two")),
        lambda: adopt(connection, "w2", lambda: NOW, ("h2", "two")),
        lambda: adopt_none(connection, NOW),
        lambda: adopt_none(connection, NOW),
    ]
    for step in steps:
        step()
    changes = [(row.change.before, row.change.after) for row in audit_log.rows(connection, Wanted())]
    assert changes == [
        ({"policy": None}, {"policy": "h1"}),
        ({"policy": "h1"}, {"policy": "h2"}),
        ({"policy": "h2"}, {"policy": None}),
    ]
