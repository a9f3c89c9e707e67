"""Who gets more in advance: what was granted is shared by those who asked for it, and by nobody who comes after."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weighbridge import db
from weighbridge.app.budgets import Keeper
from weighbridge.db import Connection, microseconds
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Asker, Budget
from weighbridge.ledger.budgets.leases import Grant
from weighbridge.ledger.budgets.purse import Account

NOW = datetime.now(UTC)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with closing(db.connect(tmp_path / "ledger.db")) as made:
        db.migrate(made)
        table.put(made, Budget("", "all", "", "usd", "total", 100, NOW))
        yield made


def begun(connection: Connection, tmp_path: Path) -> tuple[Keeper, Account]:
    """A keeper at work, and the account of its one budget."""
    keeper = Keeper(connection, "worker-1", tmp_path / "under-way", lambda: NOW)
    keeper.begin()
    (account,) = keeper.purse.of(Asker("key-1"), microseconds(NOW)).accounts
    return keeper, account


async def test_those_who_ask_at_once_have_one_answer_and_who_is_last_has_none(
    connection: Connection, tmp_path: Path
) -> None:
    keeper, account = begun(connection, tmp_path)
    grants = await asyncio.gather(*(keeper.ask(account, 40) for _ in range(5)))
    assert [grant.more for grant in grants] == [100] * 5
    assert account.free == 100
    assert (await keeper.ask(account, 1)).more == 0
    keeper.end()
    assert list((tmp_path / "under-way").iterdir()) == []


async def test_who_asks_in_the_moment_of_an_answer_asks_anew(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, account = begun(connection, tmp_path)
    answered = asyncio.Event()
    asked: list[int] = []

    async def in_thread(*given: object, least: int, **more: object) -> Grant:
        asked.append(least)
        if len(asked) == 1:
            await answered.wait()
        return Grant(least, 0, 0)

    async def in_that_moment() -> Grant:
        await answered.wait()
        return await keeper.ask(account, 7)

    monkeypatch.setattr(db, "in_thread", in_thread)
    first = asyncio.create_task(keeper.ask(account, 5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = asyncio.create_task(in_that_moment())
    await asyncio.sleep(0)
    answered.set()
    assert ((await first).more, (await second).more) == (5, 7), "one that was over would be told again and again"
