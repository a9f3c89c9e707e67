"""Who gets more in advance, and that what was granted is nobody's answer twice."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from weighbridge import db
from weighbridge.app.budgets import Keeper
from weighbridge.db import microseconds
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Asker, Budget


async def test_who_comes_again_with_what_is_too_little_asks_anew(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with (
        closing(db.connect(tmp_path / "ledger.db")) as connection,
        closing(db.connect(tmp_path / "ledger.db")) as other,
    ):
        db.migrate(connection)
        table.put(other, Budget("", "all", "", "usd", "total", 100, now))
        keeper = Keeper(connection, "worker-1", tmp_path / "under-way", lambda: now)
        keeper.begin()
        (account,) = keeper.purse.of(Asker("key-1"), microseconds(now))
        granted: list[int] = []

        async def ask_until_there_is_no_more() -> None:
            while (grant := await keeper.ask(account, 40)).more:
                granted.append(grant.more)
                account.used += grant.more

        async with asyncio.timeout(5):
            await asyncio.gather(*(ask_until_there_is_no_more() for _ in range(5)))
        assert account.granted == 100
        assert set(granted) == {100}
        keeper.end()
        assert list((tmp_path / "under-way").iterdir()) == []
