"""Texts are written by a thread, in groups, within a bound; what is amiss with the file is told and waited for."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.texts.made_up import NOW, made
from weighbridge.db import microseconds
from weighbridge.errors import TextsUnavailable
from weighbridge.texts.keeper import Keeper, Taken
from weighbridge.texts.sealing import Seals, new_key, seals
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Row, Text, Which

PATIENCE = 10


@asynccontextmanager
async def keeping(
    path: Path,
    *,
    both: Seals | None = None,
    retention_days: int = 365,
    required: bool = False,
    most_waiting: int = 1_000_000,
    now: Callable[[], datetime] = lambda: NOW,
) -> AsyncIterator[Keeper]:
    keeper = Keeper(
        path,
        both or Seals(),
        retention_days=retention_days,
        required=required,
        now=now,
        most_waiting=most_waiting,
    )
    keeper.start()
    try:
        yield keeper
    finally:
        await keeper.close()


def taken(receipt: str = "wbr-1", *, days: int = 30, parts: list[bytes] | None = None, streamed: bool = False) -> Taken:
    return Taken(made(receipt, answer=None), days, parts if parts is not None else [b'{"a"', b":1}"], streamed)


def rows(path: Path) -> list[Row]:
    with closing(TextStore(path)) as store:
        return list(store.each(Which()))


def files(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def texts(path: Path) -> dict[str, Text]:
    return {row.receipt: Seals().opened(row) for row in rows(path)}


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - a thread of its own, which tells nobody
            await asyncio.sleep(0.005)


async def test_what_was_just_handed_over_is_found(tmp_path: Path) -> None:
    async with keeping(tmp_path / "texts.db") as keeper:
        keeper.keep(taken())
        assert await keeper.find("wbr-1") == made(answer=b'{"a":1}')
        assert await keeper.find("wbr-2") is None
        assert (keeper.stats.kept, keeper.stats.lost, keeper.stats.waiting) == (1, 0, 0)


async def test_what_waits_is_written_before_the_end(tmp_path: Path) -> None:
    async with keeping(tmp_path / "texts.db") as keeper:
        for at in range(1_000):
            keeper.keep(taken(f"wbr-{at}"))
    assert len(texts(tmp_path / "texts.db")) == 1_000


async def test_no_file_is_made_that_nobody_asked_for(tmp_path: Path) -> None:
    async with keeping(tmp_path / "texts.db") as keeper:
        assert await keeper.find("wbr-1") is None
    assert files(tmp_path) == []


async def test_events_are_put_together_and_what_makes_no_document_stays_as_it_is(tmp_path: Path) -> None:
    said = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    async with keeping(tmp_path / "texts.db") as keeper:
        keeper.keep(taken("whole", parts=[said[:9], said[9:], b"data: [DONE]\n\n"], streamed=True))
        keeper.keep(taken("none", parts=[b"data: what\n\n"], streamed=True))
        keeper.keep(Taken(made("nothing", answer=None), 30))
    found = texts(tmp_path / "texts.db")
    whole = found["whole"]
    assert whole.answer is not None
    assert json.loads(whole.answer)["choices"][0]["message"] == {"role": "assistant", "content": "Hi"}
    assert not whole.events
    assert (found["none"].answer, found["none"].events) == (b"data: what\n\n", True)
    assert found["nothing"].answer is None


@pytest.mark.parametrize(("days", "retention", "kept"), [(30, 365, 30), (30, 7, 7), (1, 1, 1)])
async def test_a_text_is_kept_as_long_as_its_key_says_and_no_longer_than_any(
    tmp_path: Path, days: int, retention: int, kept: int
) -> None:
    async with keeping(tmp_path / "texts.db", retention_days=retention) as keeper:
        keeper.keep(taken(days=days))
    (row,) = rows(tmp_path / "texts.db")
    assert row.until == microseconds(NOW + timedelta(days=kept))


async def test_old_texts_are_deleted_at_the_start(tmp_path: Path) -> None:
    async with keeping(tmp_path / "texts.db") as keeper:
        keeper.keep(taken("month", days=30))
        keeper.keep(taken("year", days=365))
    for days, left in ((29, ["month", "year"]), (30, ["year"]), (365, [])):
        await looked_at_after(days, left, tmp_path / "texts.db")


async def looked_at_after(days: int, left: list[str], path: Path) -> None:
    """A gateway that starts so many days later leaves these."""
    async with keeping(path, now=lambda: NOW + timedelta(days=days)):
        await until(lambda: sorted(texts(path)) == left)


async def test_what_is_too_much_is_let_go_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "texts.db").mkdir()  # a file that cannot be opened
    async with keeping(tmp_path / "texts.db", most_waiting=300) as keeper:
        for at in range(20):
            keeper.keep(taken(f"wbr-{at}"))
        await until(lambda: keeper.fault)
        stats = keeper.stats
        assert stats.lost > 0
        assert stats.waiting <= 300
        assert stats.fault is not None
        (tmp_path / "texts.db").rmdir()
        await until(lambda: keeper.fault is None)
    assert len(texts(tmp_path / "texts.db")) == 20 - stats.lost
    assert "texts are let go" in caplog.text
    assert f"{stats.lost} were let go meanwhile" in caplog.text


async def test_where_texts_are_required_nothing_is_let_go_and_nothing_more_taken(tmp_path: Path) -> None:
    (tmp_path / "texts.db").mkdir()
    async with keeping(tmp_path / "texts.db", most_waiting=300, required=True) as keeper:
        keeper.check()
        for at in range(20):
            keeper.keep(taken(f"wbr-{at}"))
        with pytest.raises(TextsUnavailable, match=r"too much is waiting|unable to open"):
            keeper.check()
        (tmp_path / "texts.db").rmdir()
        await until(lambda: keeper.stats.kept == 20)
        keeper.check()
        assert keeper.stats.lost == 0


async def test_a_file_that_was_taken_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "texts.db"
    async with keeping(path) as keeper:
        keeper.keep(taken("before"))
        await until(lambda: keeper.stats.kept == 1)
        for file in files(tmp_path):
            file.unlink()
        keeper.keep(taken("after"))
        await until(lambda: keeper.stats.kept == 2)
    assert list(texts(path)) == ["after"]


async def test_a_text_that_no_column_holds_holds_up_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = Taken(made("odd", model="\ud800"), 30)
    async with keeping(tmp_path / "texts.db") as keeper:
        for each in (taken("first"), odd, taken("last")):
            keeper.keep(each)
        await until(lambda: keeper.stats.kept == 2)
        assert (keeper.stats.lost, keeper.stats.waiting, keeper.fault) == (1, 0, None)
    assert sorted(texts(tmp_path / "texts.db")) == ["first", "last"]
    assert "the text of odd cannot be stored" in caplog.text


async def test_a_key_that_lacks_is_told_of_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "texts.db"
    async with keeping(path, both=seals(new_key())) as keeper:
        keeper.keep(taken())
    with caplog.at_level(logging.ERROR):
        async with keeping(path, required=True) as keeper:
            await until(lambda: keeper.fault)
            with pytest.raises(TextsUnavailable, match="WEIGHBRIDGE_TEXTS_KEY is not set"):
                keeper.check()
    assert "WEIGHBRIDGE_TEXTS_KEY" in caplog.text
    assert len(rows(path)) == 1
