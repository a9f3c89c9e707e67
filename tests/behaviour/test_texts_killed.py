"""Texts in real processes: killed while they are written, and with their disk full. No answer is the worse for it."""

import asyncio
import json
import random
import re
import resource
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.behaviour.worker import Process, process
from tests.gateway.conftest import near
from tests.gateway.house import ASKED
from tests.gateway.test_keeping_texts import made_key
from tests.gateway.upstream import ANSWER, Call, Upstream
from weighbridge.accounts.keys import Keeps
from weighbridge.texts.sealing import Seals, seals
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Text, Which

SEAL = "b25lIHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVzLi4="
TOML = f'[texts]\nkey = "{SEAL}"\n'
CLIENTS = 16
ROUNDS = 4
LONG = 60


def asked(number: int) -> dict[str, object]:
    return {**ASKED, "messages": [{"role": "user", "content": f"Say {number}."}]}


def said(number: int) -> str:
    return f"{number}x" + random.Random(str(number)).randbytes(1500).hex()


async def says_it_again(call: Call) -> None:
    """Answer with what was asked, at some length."""
    number = int(call.body.split(b"Say ")[1].split(b".")[0])
    message = {"role": "assistant", "content": said(number)}
    await call.answer({**ANSWER, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


def texts(home: Path, both: Seals) -> dict[str, Text]:
    """All that is kept; each must be whole."""
    with closing(sqlite3.connect(home / "texts.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with closing(TextStore(home / "texts.db")) as store:
        return {row.receipt: both.opened(row) for row in store.each(Which())}


def is_right(text: Text) -> bool:
    """Whether the answer is that to the request."""
    number = int(json.loads(text.request)["messages"][0]["content"].removeprefix("Say ").removesuffix("."))
    assert text.answer is not None
    answered: str = json.loads(text.answer)["choices"][0]["message"]["content"]
    return answered == said(number)


async def crowd(gateway: Process, key: str, numbers: random.Random) -> None:
    """Clients that ask until nobody answers any more."""

    async def client() -> None:
        while gateway.process.returncode is None:
            try:
                await gateway.ask(asked(numbers.randrange(10_000)), key=key)
            except (ConnectionError, asyncio.IncompleteReadError):
                return

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


async def until_kept(gateway: Process, key: str, receipt: str) -> None:
    while (await gateway.get(f"/v1/receipts/{receipt}/text", key=key)).status != 200:  # noqa: ASYNC110 - no word is sent
        await asyncio.sleep(0.02)


@pytest.mark.slow
async def test_a_worker_killed_while_it_writes_leaves_whole_texts_or_none(tmp_path: Path, upstream: Upstream) -> None:
    upstream.script = says_it_again
    home, numbers = tmp_path / "home", random.Random(2026)
    key = made_key(home, upstream, Keeps(30), TOML)
    kept: set[str] = set()
    entered: set[str] = set()
    for _ in range(ROUNDS):
        async with process(home, near(upstream) + TOML) as gateway, asyncio.timeout(LONG):
            first = await gateway.ask(asked(1), key=key)
            await until_kept(gateway, key, first.receipt)
            kept.add(first.receipt)
            clients = asyncio.create_task(crowd(gateway, key, numbers))
            await asyncio.sleep(0.3 + numbers.random() / 5)  # at any step of a write
            await gateway.kill()
            await clients
        found = texts(home, seals(SEAL))
        assert kept <= set(found)  # what was written stays, whoever is killed
        assert all(map(is_right, found.values()))
        kept, entered = set(found), {entry.id for entry in gateway.entries()}
    assert len(kept) > 100
    assert kept <= entered


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits can be set on Linux only")
async def test_a_full_disk_loses_no_answer_and_the_texts_are_written_when_there_is_room(
    tmp_path: Path, upstream: Upstream
) -> None:
    upstream.script = says_it_again
    home = tmp_path / "home"
    key = made_key(home, upstream, Keeps(30))
    async with process(home, near(upstream)) as gateway, asyncio.timeout(LONG):
        answers = [await gateway.ask(asked(number), key=key) for number in range(60)]
        await until_kept(gateway, key, answers[-1].receipt)
        room = max(file.stat().st_size for file in home.glob("texts.db*"))
        assert room > 2 * gateway.ledger.with_name("ledger.db-wal").stat().st_size  # so that the ledger has room yet
        soft, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (room + 4096, hard))
        more = [await gateway.ask(asked(number), key=key) for number in range(60, 120)]
        assert [answer.status for answer in more] == [200] * 60
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
        await until_kept(gateway, key, more[-1].receipt)
        await gateway.stop()
    told = gateway.said.read_text()
    spells = re.findall("texts cannot be kept in|texts can be kept again; 0 were let go meanwhile", told)
    # not each try is told of; a few texts that come alone may have found room between two spells
    assert spells == ["texts cannot be kept in", "texts can be kept again; 0 were let go meanwhile"] * (
        len(spells) // 2
    )
    assert spells
    assert "Say 6" not in told
    found = texts(home, Seals())
    assert set(found) == {answer.receipt for answer in (*answers, *more)}
    assert all(map(is_right, found.values()))
