"""A ledger on its way from a file to a server: all of it arrives, once, however often it sets out."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from tests.engines import Cluster
from tests.ledger.made_up import NOW, charge, entry, later
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.chats import Chat, Chats
from weighbridge.accounts.responses import Response, Responses
from weighbridge.db import Connection, copying
from weighbridge.db.copying import NotAlike
from weighbridge.ledger import moving, store
from weighbridge.ledger.entry import Decided, Entry
from weighbridge.ledger.moving import Move
from weighbridge.ledger.policies import adopt
from weighbridge.switch import store as switch
from weighbridge.switch.store import CertificateRow, PlanRow, ReplayRow, RuleRow


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many slices of few rows."""
    monkeypatch.setattr(copying, "SLICE", 40)


@pytest.fixture
def original(path: Path) -> Iterator[Connection]:
    """A file with something in most of its tables."""
    with closing(db.connect(path)) as connection:
        for number in range(50):
            keys.create(connection, name=f"key {number}", now=NOW, models=["a/b"] if number % 2 else None)
        adopt(connection, "0123456789", lambda: NOW, ("hash", "the text of a policy"))
        Responses(connection).keep(Response("a", "key", None, NOW, b"[]", b"\x00\xff"))
        Chats(connection).keep(Chat("b", "key", NOW, "x", None, b"[]", {"a": "b"}, b"{}"))
        store.add(connection, made(300))
        switched(connection)
        yield connection


def switched(connection: Connection) -> None:
    """Something of a switch: texts, times, blobs, and a knob without end."""
    switch.add_plan(connection, PlanRow("plan-1", NOW, b'{"title": "key \xc3\xa9"}'))
    switch.put_replays(connection, [ReplayRow("plan-1", f"wbr-{n}", "a/b", NOW, b"{}") for n in range(90)])
    switch.add_certificate(connection, CertificateRow("cert-1", "plan-1", "rt-1", NOW, later(9), b"{}", b"\x00\xff"))
    for number, tau in enumerate((0.1, float("-inf")), 1):
        switch.add_rule(connection, RuleRow("rt-1", number, "cert-1", NOW, tau, "proven", "applied"))


@pytest.fixture
def copy(cluster: Cluster) -> Iterator[Connection]:
    place = cluster.new()
    with closing(db.connect(place)) as connection:
        yield connection
    cluster.drop(place)


def made(count: int) -> list[Entry]:
    """Entries of several months and kinds, with adjustments, and costs whose sum no column holds."""
    return [
        entry(
            id=f"wbr-{int(later(number).timestamp() * 1000):012x}{number:020x}",
            at=later(number),
            asked_model=f"model {number % 7}",
            charge=charge("9000000.000000000001" if number % 3 else None),
            corrects="wbr-x" if number % 50 == 49 else None,
            decided=Decided("hash", "a rule", f'[{{"facts":{number % 3}}}]') if number % 2 else None,
        )
        for number in range(count)
    ]


def move(original: Connection, copy: Connection) -> Move:
    return Move(original, copy, progress=lambda table, done, total: None)


def rows(connection: Connection, table: copying.Table) -> list[object]:
    order = ", ".join(table.key or table.columns)
    return [
        tuple(row)
        for row in connection.execute(f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY {order}")
    ]


def are_alike(original: Connection, copy: Connection) -> bool:
    tables = copying.tables(original)
    assert {"entry", "kind", "facts", "key", "chat", "policy", "rollup", "audit_log", "switch_rule"} <= {
        one.name for one in tables
    }
    return all(rows(original, table) == rows(copy, table) for table in tables)


def test_all_of_every_table_arrives(original: Connection, copy: Connection) -> None:
    totals = move(original, copy).finish()
    assert totals == moving.totals(original)
    assert totals.cost == 200 * Decimal("9000000.000000000001")
    assert are_alike(original, copy)
    assert store.entries(copy) == store.entries(original) == made(300)


def test_it_is_a_ledger_that_goes_on(original: Connection, copy: Connection) -> None:
    move(original, copy).finish()
    more = [entry(asked_model="another", decided=Decided("hash", "a rule", "[]"), at=later(400))]
    store.add(copy, more)
    assert store.entries(copy, since=later(350)) == more
    parts = copy.execute("SELECT relname FROM pg_class WHERE relname LIKE 'entry_2%' ORDER BY relname").fetchall()
    assert ("entry_2026_11",) in parts
    assert ("entry_2027_09",) in parts
    assert copy.execute("SELECT count(*) FROM ONLY entry_else").fetchone() == (1,), "only the one whose id is no time"


def test_a_move_may_be_made_again_and_takes_along_what_has_changed(original: Connection, copy: Connection) -> None:
    going = move(original, copy)
    going.copy_entries()
    going.finish()
    (key, *_) = keys.listing(original)
    assert keys.revoke(original, key.id, now=NOW)
    Chats(original).forget("b", "key")
    store.add(original, [entry(id="wbr-0000", corrects="wbr-x"), entry(id="wbr-zzzz")])
    assert not are_alike(original, copy)
    going.finish()
    assert are_alike(original, copy)


def test_an_entry_that_is_written_late_under_an_early_id_arrives(original: Connection, copy: Connection) -> None:
    going = move(original, copy)
    going.copy_entries()
    early = entry(id=made(60)[55].id + "a", at=later(55))
    last = made(301)[-1]
    store.add(original, [early, last])
    going.copy_entries(since=last.at)
    assert store.written(copy, [early.id, last.id]) == {last.id}
    going.finish()
    assert store.written(copy, [early.id, last.id]) == {early.id, last.id}


def test_while_it_ends_nobody_writes_to_the_file(original: Connection, copy: Connection, path: Path) -> None:
    busy: list[str] = []

    def write(table: str, done: int, total: int) -> None:
        with closing(db.connect(path)) as other:
            other.execute("PRAGMA busy_timeout = 0")
            with pytest.raises(db.OperationalError, match="locked"):
                store.add(other, [entry()])
        busy.append(table)

    Move(original, copy, progress=write).finish()
    assert "entry" in busy


def test_a_database_that_holds_something_else_is_refused(original: Connection, copy: Connection) -> None:
    keys.create(copy, name="somebody", now=NOW)
    with pytest.raises(NotAlike, match="keys or entries that this ledger has not"):
        move(original, copy).check()


@pytest.mark.parametrize("id_", ["wbr-", "wbr-zzz"])
def test_entries_of_another_ledger_are_never_mixed_with_ours(original: Connection, copy: Connection, id_: str) -> None:
    store.add(copy, [entry(id=id_)])
    with pytest.raises(NotAlike):
        move(original, copy).check()
    with pytest.raises(NotAlike):
        move(original, copy).finish()


def test_an_entry_that_was_changed_on_its_way_is_found(original: Connection, copy: Connection) -> None:
    going = move(original, copy)
    going.copy_entries()
    copy.execute("SET session_replication_role = replica")
    copy.execute("UPDATE entry SET cost = cost + 1 WHERE id = ?", (made(5)[4].id,))
    copy.execute("SET session_replication_role = origin")
    with pytest.raises(NotAlike, match="'entry'"):
        going.finish()
