"""Whatever is amiss with the file, nobody waits long and nothing fails: what cannot be read is not there."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.cache.made_up import NOW, kept, place
from weighbridge.cache import store
from weighbridge.cache.cache import Cache
from weighbridge.cache.kept import Kept
from weighbridge.cache.similar import Vector
from weighbridge.cache.similar import vector as vector_of

PATIENCE = 10
ROOM = 1_000_000


@asynccontextmanager
async def opened(path: Path, *, most: int = ROOM) -> AsyncIterator[Cache]:
    cache = Cache(path, most_bytes=most, now=lambda: NOW)
    cache.start()
    yield cache
    await cache.close()


async def keep(
    cache: Cache, name: str, answer: Kept | None, group: str | None = None, vector: Vector | None = None
) -> Kept | None:
    """Write one and wait until it is."""
    told: list[Kept | None] = []
    done = asyncio.Event()

    def make() -> Kept | None:
        if answer is None:
            raise RuntimeError("it broke")
        return answer

    cache.keep(place(name, group, vector), make, told.append, done.set)
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    return told[0]


async def test_what_one_worker_writes_another_finds(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    async with opened(path) as one, opened(path) as other:
        assert await keep(one, "a", kept()) == kept()
        assert await other.find(place("a").id, max_age=None) == kept()
        assert await other.find(place("b").id, max_age=None) is None


async def test_no_file_is_made_before_there_is_something_to_keep(tmp_path: Path) -> None:
    async with opened(tmp_path / "cache.db"):
        pass
    assert not (tmp_path / "cache.db").exists()


async def test_it_is_there_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path / "cache.db") as cache:
        cache.keep(place("a"), kept, lambda _: None, lambda: None)  # closing writes what waits
    async with opened(tmp_path / "cache.db") as cache:
        assert await cache.find(place("a").id, max_age=None) == kept()


async def test_an_answer_that_cannot_be_put_together_is_told_and_the_thread_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path / "cache.db") as cache:
        assert await keep(cache, "a", None) is None
        assert await keep(cache, "b", kept()) == kept()
    assert "cannot be kept" in caplog.text


async def test_an_answer_too_large_for_the_room_is_given_on_and_not_kept(tmp_path: Path) -> None:
    async with opened(tmp_path / "cache.db", most=1_000) as cache:
        assert await keep(cache, "a", kept(b"x" * 500)) is not None
        assert await cache.find(place("a").id, max_age=None) is None


async def _is_a_miss(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(path) as cache, asyncio.timeout(PATIENCE):
        assert await keep(cache, "a", kept()) == kept()  # given on, and perhaps not written
        assert await cache.find(place("a").id, max_age=None) is None
        assert await keep(cache, "b", kept()) == kept()
    assert sum("cannot be used" in record.message for record in caplog.records) <= 2  # of two connections, once each
    assert "cannot be used" in caplog.text


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "cache.db"
    path.write_bytes(b"my diary\n" * 1000)
    await _is_a_miss(path, caplog)
    assert path.read_bytes() == b"my diary\n" * 1000


async def test_a_file_of_a_later_release_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "cache.db"
    with closing(store.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    await _is_a_miss(path, caplog)


async def test_a_directory_that_is_not_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await _is_a_miss(tmp_path / "nowhere" / "cache.db", caplog)


async def test_a_file_that_another_holds_locked_is_waited_for_a_second_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache.db"
    with closing(store.connect(path)) as other:
        async with opened(path) as cache, asyncio.timeout(PATIENCE):
            assert await keep(cache, "before", kept()) is not None
            other.execute("BEGIN IMMEDIATE")
            assert await keep(cache, "during", kept()) is not None
            assert await cache.find(place("before").id, max_age=None) == kept()  # who reads need not wait
            assert await cache.find(place("during").id, max_age=None) is None
            other.execute("ROLLBACK")
            assert await keep(cache, "after", kept()) is not None
            assert await cache.find(place("after").id, max_age=None) == kept()
    assert "can be used again" in caplog.text


async def test_a_table_that_was_meddled_with_is_a_miss(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "cache.db"
    async with opened(path) as cache:
        await keep(cache, "a", kept())
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE answer")
        assert await cache.find(place("a").id, max_age=None) is None
    assert "no such table" in caplog.text


async def test_the_likeliest_question_is_found_if_it_is_like_enough(tmp_path: Path) -> None:
    async with opened(tmp_path / "cache.db") as cache:
        for at in range(100):
            await keep(cache, str(at), kept(str(at).encode()), "g", vector_of([1.0, at / 100]))
        sought = place("x", "g", vector_of([1.0, 0.301]))
        found = await cache.nearest(sought, like=0.99, max_age=None)
        assert found is not None
        assert (found[0], found[1].body) == (place("30").id, b"30")
        assert 0.9999 < found[2] < 1
        assert await cache.nearest(sought, like=1.0, max_age=None) is None
        assert await cache.nearest(place("x", "h", sought.vector), like=0.8, max_age=None) is None
        assert await cache.nearest(place("x"), like=0.8, max_age=None) is None
