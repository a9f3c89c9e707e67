"""Answers are found until their time is over, and the longest unused go where there are too many."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cache.made_up import NOW, kept, place
from weighbridge.cache import store
from weighbridge.cache.similar import Vector

MANY = 10_000_000


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(store.connect(tmp_path / "cache.db")) as opened:
        yield opened


def add(connection: sqlite3.Connection, name: str, body: bytes = b"{}", *, most: int = MANY, **about: float) -> int:
    return store.keep(connection, [(place(name), kept(body, **about))], most_bytes=most)  # type: ignore[arg-type]


def there(connection: sqlite3.Connection, name: str, *, since: float = 0, now: float = NOW) -> bool:
    return store.find(connection, place(name).id, since=since, now=now) is not None


def test_what_was_kept_comes_back_as_it_was(connection: sqlite3.Connection) -> None:
    answer = kept(bytes(range(256)) * 10)
    store.keep(connection, [(place("a"), answer)], most_bytes=MANY)
    assert store.find(connection, place("a").id, since=0, now=NOW) == answer
    assert not there(connection, "b")


def test_an_answer_has_its_time(connection: sqlite3.Connection) -> None:
    add(connection, "a", ttl=60)
    assert there(connection, "a", now=NOW + 59.9)
    assert not there(connection, "a", now=NOW + 60)
    assert there(connection, "a", since=NOW)
    assert not there(connection, "a", since=NOW + 0.1)


def test_a_later_answer_takes_the_place_of_the_one_before(connection: sqlite3.Connection) -> None:
    add(connection, "a", b"one")
    add(connection, "a", b"two", at=NOW + 1)
    found = store.find(connection, place("a").id, since=0, now=NOW)
    assert found is not None
    assert found.body == b"two"
    assert store.stats(connection, now=NOW).answers == 1


def test_the_longest_unused_go_first_and_the_room_is_kept_to(connection: sqlite3.Connection) -> None:
    chance = random.Random(5)
    most = 100_000
    for at in range(40):
        add(connection, str(at), chance.randbytes(4_000), at=NOW + at, most=most)
        store.used(connection, [(place("0").id, NOW + at)])
        assert store.stats(connection, now=NOW).size <= most
    assert there(connection, "0", now=NOW + 40)
    assert not there(connection, "1", now=NOW + 40)
    assert there(connection, "39", now=NOW + 40)


def test_an_answer_larger_than_the_room_leaves_an_empty_cache_and_no_more(connection: sqlite3.Connection) -> None:
    add(connection, "a", random.Random(1).randbytes(5_000), most=1_000)
    assert store.stats(connection, now=NOW).size == 0


def test_a_sweep_forgets_what_is_over(connection: sqlite3.Connection) -> None:
    add(connection, "short", ttl=10)
    add(connection, "long", ttl=100)
    assert store.stats(connection, now=NOW + 50).expired == 1
    assert store.sweep(connection, now=NOW + 50, most_bytes=MANY) == 1
    left = store.stats(connection, now=NOW + 50)
    assert (left.answers, left.expired) == (1, 0)


def test_what_was_forgotten_is_not_in_the_file_any_more(connection: sqlite3.Connection, tmp_path: Path) -> None:
    secret = random.Random(2).randbytes(3_000)  # so that compression leaves it as it is
    store.keep(connection, [(place("a"), kept(secret)), (place("b"), kept(key="key-2"))], most_bytes=MANY)
    files = [tmp_path / name for name in ("cache.db", "cache.db-wal")]
    assert any(secret[100:200] in file.read_bytes() for file in files)
    assert store.clear(connection, key="key-1") == 1
    assert not any(secret[100:200] in file.read_bytes() for file in files)
    assert there(connection, "b")
    assert store.clear(connection) == 1
    assert store.stats(connection, now=NOW) == store.Stats(0, 0, 0, 0, None, None)


def test_hits_are_counted(connection: sqlite3.Connection) -> None:
    add(connection, "a")
    store.used(connection, [(place("a").id, NOW + 1)] * 3 + [(place("gone").id, NOW)])
    assert store.stats(connection, now=NOW).hits == 3


def test_questions_of_a_group_come_newest_first_and_no_others(connection: sqlite3.Connection) -> None:
    answers = [
        (place("old", "g", Vector(b"1", b"n1")), kept(at=NOW - 20)),
        (place("new", "g", Vector(b"2", b"n2")), kept(at=NOW)),
        (place("over", "g", Vector(b"3", b"n3")), kept(at=NOW - 90)),
        (place("other", "h", Vector(b"4", b"n4")), kept()),
        (place("plain"), kept()),
    ]
    store.keep(connection, answers, most_bytes=MANY)
    group = place("", "g").group
    assert group is not None
    found = store.alike(connection, group, since=0, now=NOW)
    assert found == [(place("new").id, b"2"), (place("old").id, b"1")]
    ids = [place(name).id for name in ("new", "gone")]
    assert store.numbers(connection, ids) == [(place("new").id, b"n2")]
    assert store.numbers(connection, []) == []
    assert store.alike(connection, group, since=NOW - 1, now=NOW) == found[:1]


def test_a_row_that_makes_no_sense_is_as_good_as_none(connection: sqlite3.Connection) -> None:
    add(connection, "a")
    connection.execute("UPDATE answer SET body = x'00ff'")
    assert not there(connection, "a")
