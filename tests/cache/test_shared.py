"""Answers on a server that machines share: found as they were kept, sealed where there is a key, and forgotten."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import msgspec
import pytest

from tests.cache.made_up import kept, place
from tests.valkey import PATIENCE, Valkey, valkey
from weighbridge import config
from weighbridge.app.sharing import _sealing, forget_answers
from weighbridge.cache.shared import Sealing, SharedAnswers
from weighbridge.config import Settings
from weighbridge.shared.address import address
from weighbridge.shared.server import SharedServer

KEY = base64.b64encode(bytes(32)).decode()
OTHER_KEY = base64.b64encode(bytes(31) + b"1").decode()


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with valkey() as made:
        yield made


@pytest.fixture(autouse=True)
def _empty(server: Valkey) -> None:
    server.say("FLUSHALL")


def settings(tmp_path: Path, server: Valkey, key: str | None = None) -> Settings:
    environ = {"WEIGHBRIDGE_HOME": str(tmp_path), "WEIGHBRIDGE_SHARED_URL": server.url}
    return config.read({}, environ | ({} if key is None else {"WEIGHBRIDGE_TEXTS_KEY": key}), here=tmp_path)


def sealing(tmp_path: Path, server: Valkey, key: str | None) -> Sealing | None:
    return _sealing(settings(tmp_path, server, key))


@asynccontextmanager
async def answers(made: Valkey, sealed: Sealing | None = None, *, most: int = 2**20) -> AsyncIterator[SharedAnswers]:
    shared = SharedServer(address(made.url), None, wait=1, name="test", prefix="wb", chance=Random(1))
    found = SharedAnswers(shared, prefix="wb", wait=1, most_bytes=most, sealing=sealed, now=time.time)
    tasks = [asyncio.create_task(each) for each in (shared.keep(), found.run())]
    async with asyncio.timeout(PATIENCE):
        while shared.fault is not None:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def put(found: SharedAnswers, made: Valkey, *names: str, **fields: object) -> None:
    """Keep answers under these names, and wait until they are there."""
    before = len(made.names())
    for name in names:
        packed = found.pack(place(name), msgspec.structs.replace(kept(b"words " * 100, at=time.time()), **fields))
        assert packed is not None
        found.put(packed)
    async with asyncio.timeout(PATIENCE):
        while len(made.names()) < before + len(names):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.005)


async def found_by(found: SharedAnswers, name: str, *, since: float = 0.0, after: float = 0.0) -> bytes | None:
    kept_one = await found.find(place(name).id, since=since, now=time.time() + after)
    return None if kept_one is None else kept_one.body


@pytest.mark.parametrize("key", [None, KEY])
async def test_an_answer_is_found_as_it_was_kept(server: Valkey, tmp_path: Path, key: str | None) -> None:
    async with answers(server, sealing(tmp_path, server, key)) as found:
        now = time.time()
        given = kept(Random(1).randbytes(400_000), at=now)
        packed = found.pack(place("a"), given)
        assert packed is not None
        found.put(packed)
        while not server.names():  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.005)
        assert await found.find(place("a").id, since=now, now=now) == given
        assert await found_by(found, "b") is None
        assert (found.hits, found.misses) == (1, 1)
        (name,) = server.names()
        left = int(server.say("PTTL", name)[1:])
        assert 55_000 < left <= 60_000


async def test_one_that_is_too_old_or_over_is_not_given(server: Valkey) -> None:
    async with answers(server) as found:
        await put(found, server, "a")
        assert await found_by(found, "a") is not None
        assert await found_by(found, "a", since=time.time() + 5) is None
        assert await found_by(found, "a", after=100) is None


async def test_one_that_is_too_large_is_not_shared(server: Valkey) -> None:
    async with answers(server, most=100) as found:
        assert found.pack(place("a"), kept(Random(1).randbytes(200))) is None


async def test_sealed_ones_tell_nothing_and_are_opened_by_their_key_alone(server: Valkey, tmp_path: Path) -> None:
    ours = sealing(tmp_path, server, KEY)
    async with answers(server, ours) as found:
        await put(found, server, "a", body=b"a secret answer")
        (name,) = server.names()
        assert place("a").id.hex() not in name
        assert b"secret" not in server.say("HGET", name, "v")
    for key in (None, OTHER_KEY):
        async with answers(server, sealing(tmp_path, server, key)) as others:
            assert await found_by(others, "a") is None


@pytest.mark.parametrize("key", [None, KEY])
async def test_what_was_put_under_another_name_is_not_there(server: Valkey, tmp_path: Path, key: str | None) -> None:
    async with answers(server, sealing(tmp_path, server, key)) as found:
        await put(found, server, "a")
        (first,) = server.names()
        await put(found, server, "b", body=b"another")
        (second,) = set(server.names()) - {first}
        server.say("COPY", second, first, "REPLACE")
        assert await found_by(found, "a") is None
        assert await found_by(found, "b") == b"another"


@pytest.mark.parametrize("written", ["", "nonsense", "x\u0001"])
async def test_what_makes_no_sense_is_not_there(server: Valkey, written: str) -> None:
    async with answers(server) as found:
        await put(found, server, "a")
        (name,) = server.names()
        server.say("HSET", name, "v", written)
        assert await found_by(found, "a") is None
        server.say("DEL", name)
        server.say("SET", name, "another kind")
        assert await found_by(found, "a") is None


async def test_those_of_a_key_of_entries_or_all_are_forgotten(server: Valkey, tmp_path: Path) -> None:
    chosen = settings(tmp_path, server)
    async with answers(server) as found:
        for shared_prefix in ("wb", "weighbridge"):
            found._prefix = shared_prefix
            await put(found, server, "a", "b", key="key-1", receipt="wbr-1")
            await put(found, server, "c", key="key-2", receipt="wbr-2")
            await put(found, server, "d", key="key-2", receipt="wbr-3")
    assert await forget_answers(chosen, receipts=["wbr-3", "wbr-9"]) == (1, 0)
    assert await forget_answers(chosen, key="key-1") == (2, 0)
    assert await forget_answers(chosen, receipts=[]) == (0, 0)
    assert await forget_answers(chosen) == (1, 0)
    assert len(server.names()) == 4  # the other gateway's
