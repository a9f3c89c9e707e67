"""Rows go in, come out as they went in, are summed to the last digit, and are never changed."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines import Fresh, tampering
from tests.ledger import made_up
from tests.ledger.made_up import charge, entry, later
from weighbridge import db
from weighbridge.ledger import store
from weighbridge.ledger.entry import Attempt, Entry
from weighbridge.wire.usage import Usage


@settings(deadline=None)
@given(st.lists(made_up.entries, max_size=6, unique_by=lambda one: one.id))
def test_what_went_in_comes_out(fresh: Fresh, entries: list[Entry]) -> None:
    with fresh() as connection:
        store.add(connection, entries)
        assert store.entries(connection) == sorted(entries, key=lambda one: one.id)
        assert [store.find(connection, one.id) for one in entries] == entries


@settings(deadline=None)
@given(
    st.lists(made_up.entries, max_size=12, unique_by=lambda one: one.id),
    st.lists(st.sampled_from((datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))), min_size=1),
)
def test_what_a_key_has_spent_is_exact(fresh: Fresh, entries: list[Entry], since: list[datetime]) -> None:
    with fresh() as connection:
        store.add(connection, entries)
        for key in {one.key for one in entries} | {"no such key"}:
            own = [one for one in entries if one.key == key]
            costs = [cost_of([one for one in own if one.at >= time]) for time in since]
            assert store.spent(connection, key, since) == costs


def cost_of(ones: list[Entry]) -> Decimal:
    return sum((one.charge.cost for one in ones if one.charge is not None and one.charge.cost is not None), Decimal(0))


def test_sums_hold_beyond_what_one_column_holds(connection: db.Connection) -> None:
    most = "9223372.036854775807"
    store.add(connection, [entry(charge=charge(most)) for _ in range(1_000)])
    (spent,) = store.spent(connection, "key-1", [later(-1)])
    assert spent == Decimal(most) * 1_000 == Decimal("9223372036.854775807")


def test_a_cost_that_no_column_holds_is_refused(connection: db.Connection) -> None:
    with pytest.raises(OverflowError):
        store.add(connection, [entry(), entry(charge=charge("9223372.036854775808"))])
    assert store.entries(connection) == []


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 21, 255, 256, 257, 700])
def test_a_group_of_any_size_is_written_whole(connection: db.Connection, count: int) -> None:
    made = [entry(status=200 + number % 300) for number in range(count)]
    store.add(connection, made)
    assert store.entries(connection) == made


def test_a_group_with_one_that_cannot_be_written_is_not_written(connection: db.Connection) -> None:
    made = [entry() for _ in range(300)]
    with pytest.raises(db.Error, match=r"UNIQUE|unique"):
        store.add(connection, [*made, made[7]])
    assert store.entries(connection) == []
    store.add(connection, made)
    assert len(store.entries(connection)) == 300


CHANGES = (
    "UPDATE entry SET cost = 0",
    "DELETE FROM entry",
    "UPDATE entry SET id = 'x'",
    "UPDATE kind SET key = 'x'",
    "DELETE FROM kind",
)


@pytest.mark.parametrize("change", CHANGES)
def test_the_ledger_is_append_only(connection: db.Connection, change: str) -> None:
    made = entry()
    store.add(connection, [made])
    with pytest.raises(db.Error, match="the ledger is append-only"):
        connection.execute(change)
    assert store.entries(connection) == [made]


WAYS: dict[db.Engine, tuple[str, ...]] = {
    "sqlite": ("INSERT OR REPLACE INTO entry SELECT * FROM entry", "UPDATE OR REPLACE entry SET id = 'x'"),
    "postgresql": (
        "TRUNCATE entry",
        "TRUNCATE entry_else",
        "TRUNCATE kind",
        "INSERT INTO entry SELECT * FROM entry ON CONFLICT (id) DO UPDATE SET cost = 0",
        "DELETE FROM entry_else",
    ),
}
"""What one engine alone has for taking something away."""


def test_no_way_of_its_own_takes_an_entry_away(connection: db.Connection) -> None:
    made = entry()
    store.add(connection, [made])
    for way in WAYS[db.engine(connection)]:
        with pytest.raises(db.Error, match="append-only"):
            connection.execute(way)
        assert store.entries(connection) == [made]


def test_a_text_that_no_column_can_hold_is_held_as_far_as_it_can(connection: db.Connection) -> None:
    store.add(connection, [entry(asked_model="a\0b")])
    (found,) = store.entries(connection)
    assert found.asked_model == {"sqlite": "a\0b", "postgresql": "a\ufffdb"}[db.engine(connection)]


def test_a_name_of_any_length_is_held(connection: db.Connection) -> None:
    made = [entry(asked_model=name * 1_000_000) for name in "aab"]
    store.add(connection, made)
    assert store.entries(connection) == made


def test_those_that_are_written_are_known(connection: db.Connection) -> None:
    made = [entry() for _ in range(150)]
    store.add(connection, made[:100])
    assert store.written(connection, [one.id for one in made]) == {one.id for one in made[:100]}


def test_a_row_that_makes_no_sense_is_not_believed(connection: db.Connection) -> None:
    store.add(connection, [entry()])
    with tampering(connection):
        connection.execute("UPDATE kind SET ending = 'lost'")
    with pytest.raises(msgspec.ValidationError, match="lost"):
        store.entries(connection)


def test_when_an_endpoint_was_asked_is_kept_where_it_had_to_be_waited_for(connection: db.Connection) -> None:
    tried = [Attempt("near", "tiny", None, 0.25, began=began) for began in (None, 0.004, 3.5)]
    entries = [entry(attempts=(one,)) for one in tried]
    store.add(connection, entries)
    found = [store.find(connection, one.id) for one in entries]
    assert [None if one is None else one.attempts[0].began for one in found] == [None, None, 3.5]
    assert connection.execute("SELECT count(*) FROM entry WHERE attempts IS NOT NULL").fetchone() == (1,)


def test_some_are_found_in_the_order_that_they_are_named_in(connection: db.Connection) -> None:
    entries = [entry() for _ in range(70)]
    store.add(connection, entries)
    named = [one.id for one in reversed(entries)]
    assert store.some(connection, [*named, "wbr-none"]) == entries[::-1]


def test_an_unknown_receipt_has_no_entry(connection: db.Connection) -> None:
    assert store.find(connection, "wbr-none") is None


_WRITE = """
import sys
from contextlib import closing
from pathlib import Path
from tests.ledger.made_up import entry
from weighbridge import db
from weighbridge.ledger import store
place = Path(sys.argv[1]) if sys.argv[1].startswith("/") else db.Server(sys.argv[1])
with closing(db.connect(place)) as connection:
    for number in range(200):
        store.add(connection, [entry(id=f"wbr-{sys.argv[2]}-{number}-{more}") for more in range(5)])
"""


def test_processes_that_write_at_once_lose_nothing(place: db.Place, connection: db.Connection) -> None:
    where = place.url if isinstance(place, db.Server) else str(place)
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITE, where, str(number)], stderr=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    assert [writer.communicate()[1] for writer in writers] == [""] * 3
    expected = {f"wbr-{writer}-{number}-{more}" for writer in range(3) for number in range(200) for more in range(5)}
    assert {one.id for one in store.entries(connection)} == expected


def test_usage_tokens_keep_unknown_apart_from_none(connection: db.Connection) -> None:
    made = [entry(charge=charge(usage=Usage(1, 1, cached=cached))) for cached in (None, 0, 1)]
    store.add(connection, made)
    assert [one.charge and one.charge.usage.cached for one in store.entries(connection)] == [None, 0, 1]
