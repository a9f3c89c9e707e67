"""The window's connections: readers take turns, a writer does all or nothing, and a database may go away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from weighbridge import db
from weighbridge.db import Connection
from weighbridge.errors import Conflict, LedgerUnavailable
from weighbridge.web.parts import Database


@pytest.fixture
async def place(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    with closing(db.connect(path)) as connection:
        connection.execute("CREATE TABLE thing (name TEXT)")
    return path


@pytest.fixture
async def database(place: Path) -> AsyncIterator[Database]:
    made = Database(place)
    yield made
    made.close()


def names(connection: Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM thing ORDER BY name")]


async def test_readers_at_once_each_have_a_connection_of_their_own(database: Database) -> None:
    used: list[int] = []

    def look(connection: Connection) -> int:
        used.append(id(connection))
        return len(names(connection))

    assert await asyncio.gather(*(database.read(look) for _ in range(20))) == [0] * 20
    assert len(set(used)) <= 4


async def test_a_piece_of_work_that_fails_has_done_nothing(database: Database) -> None:
    def half(connection: Connection) -> None:
        connection.execute("INSERT INTO thing VALUES ('half')")
        raise Conflict("no")

    with pytest.raises(Conflict):
        await database.write(half)
    await database.write(lambda connection: connection.execute("INSERT INTO thing VALUES ('whole')"))
    assert await database.read(names) == ["whole"]


async def test_writers_take_turns(database: Database) -> None:
    def count_and_add(connection: Connection) -> None:
        connection.execute("INSERT INTO thing VALUES (?)", (f"{len(names(connection)):03}",))

    await asyncio.gather(*(database.write(count_and_add) for _ in range(20)))
    assert await database.read(names) == [f"{number:03}" for number in range(20)]


async def test_a_database_that_goes_away_is_told_and_found_again(database: Database, place: Path) -> None:
    assert await database.read(names) == []
    with closing(db.connect(place)) as connection:
        connection.execute("ALTER TABLE thing RENAME TO other")
    with pytest.raises(LedgerUnavailable):
        await database.read(names)
    with pytest.raises(LedgerUnavailable):
        await database.write(names)
    with closing(db.connect(place)) as connection:
        connection.execute("ALTER TABLE other RENAME TO thing")
    assert await database.read(names) == await database.write(names) == []
