"""What open pages are told of, and what it costs while nobody listens."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from tests.gateway.house import PATIENCE
from weighbridge.errors import LedgerUnavailable
from weighbridge.web import live
from weighbridge.web.live import Live

BEFORE: Mapping[str, object] = {"ledger": "a", "switch": 0, "plans": 1, "certificates": None, "log": 3}


class Ledger:
    """Marks that a test moves, and how often somebody has looked at them."""

    def __init__(self) -> None:
        self.marks = dict(BEFORE)
        self.looks = 0
        self.fault: LedgerUnavailable | None = None

    async def look(self) -> Mapping[str, object]:
        self.looks += 1
        if self.fault is not None:
            raise self.fault
        return dict(self.marks)

    async def looked(self, more: int) -> None:
        """Until so many looks more were done."""
        until = self.looks + more
        async with asyncio.timeout(PATIENCE):
            while self.looks < until:  # noqa: ASYNC110 - what is tested is how often it looks
                await asyncio.sleep(0.001)


@asynccontextmanager
async def running(ledger: Ledger) -> AsyncIterator[Live]:
    made = Live(ledger.look)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.005)


async def told(stream: AsyncIterator[bytes]) -> set[str]:
    """The topics of the next message that has other than health in it."""
    async with asyncio.timeout(PATIENCE):
        async for piece in stream:
            topics = set(piece.decode().removeprefix("data: ").split())
            if piece.startswith(b"data:") and topics != {"health"}:
                return topics - {"health"}
    raise AssertionError("the stream has ended")


async def test_nobody_looks_while_nobody_listens() -> None:
    ledger = Ledger()
    async with running(ledger) as made:
        await asyncio.sleep(0.02)
        assert ledger.looks == 0
        stream = made.events()
        assert await anext(stream) == b"retry: 2000\n\n"
        await ledger.looked(2)
        await stream.aclose()
        assert made.listeners == 0
        await asyncio.sleep(0.02)
        looks = ledger.looks
        await asyncio.sleep(0.05)
        assert ledger.looks == looks


@pytest.mark.parametrize(
    ("mark", "topics"),
    [
        ("ledger", {"ledger", "budgets"}),
        ("switch", {"switch"}),
        ("plans", {"switch"}),
        ("certificates", {"switch"}),
        ("log", {"budgets", "policy", "keys"}),
    ],
)
async def test_each_listener_is_told_what_has_changed_once(mark: str, topics: set[str]) -> None:
    ledger = Ledger()
    async with running(ledger) as made:
        one, other = made.events(), made.events()
        await anext(one)
        await anext(other)
        await ledger.looked(2)
        ledger.marks[mark] = "other"
        assert await told(one) == await told(other) == topics
        ledger.marks["ledger"] = "still another"
        assert await told(one) == {"ledger", "budgets"}
        await one.aclose()
        await other.aclose()


async def test_a_page_is_told_what_has_changed_between_its_making_and_its_listening() -> None:
    ledger = Ledger()
    async with running(ledger) as made:
        stamp = await made.stamp()
        ledger.marks["log"] = 4
        first = made.events(stamp)
        await anext(first)
        assert await told(first) == {"budgets", "policy", "keys"}, "nobody listened before"
        await ledger.looked(2)
        stamp = await made.stamp()
        looks = ledger.looks
        assert await made.stamp() == stamp
        assert ledger.looks == looks, "while somebody listens nobody else has to look"
        ledger.marks["switch"] = 1
        second = made.events(stamp)
        await anext(second)
        assert await told(second) == {"switch"}
        ledger.marks["ledger"] = "b"
        assert await told(second) == {"ledger", "budgets"}, "what was told once is not told again"
        await first.aclose()
        await second.aclose()


@pytest.mark.parametrize("stamp", ["", "x", "a.b.c", "0.1.2.3.4.5"])
async def test_a_stamp_that_is_none_of_ours_says_nothing(stamp: str) -> None:
    ledger = Ledger()
    async with running(ledger) as made:
        stream = made.events(stamp)
        await anext(stream)
        await ledger.looked(2)
        ledger.marks["plans"] = 2
        assert await told(stream) == {"switch"}
        await stream.aclose()


async def test_where_the_ledger_is_away_a_page_has_no_stamp() -> None:
    ledger = Ledger()
    ledger.fault = LedgerUnavailable("away")
    assert await Live(ledger.look).stamp() == ""


async def test_a_slow_listener_has_topics_and_no_queue() -> None:
    ledger = Ledger()
    async with running(ledger) as made:
        stream = made.events()
        await anext(stream)
        await ledger.looked(2)
        for number in range(5):
            ledger.marks |= {"ledger": number, "log": number}
            await ledger.looked(2)
        assert await told(stream) == {"ledger", "budgets", "policy", "keys"}
        await stream.aclose()


async def test_a_ledger_that_is_away_for_a_while_is_looked_at_again() -> None:
    ledger = Ledger()
    async with running(ledger) as made:
        stream = made.events()
        await anext(stream)
        await ledger.looked(2)
        ledger.fault = LedgerUnavailable("away")
        await ledger.looked(2)
        ledger.marks["ledger"] = "later"
        ledger.fault = None
        assert await told(stream) == {"ledger", "budgets"}
        await stream.aclose()


async def test_at_the_end_everybody_is_let_go() -> None:
    async with running(Ledger()) as made:
        stream = made.events()
        await anext(stream)
        made.end()
        async with asyncio.timeout(PATIENCE):
            assert [piece async for piece in stream if piece.startswith(b"data")] in ([], [b"data: health\n\n"])


async def test_a_listener_has_to_come_again_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LONGEST_SECONDS", 0.02)
    monkeypatch.setattr(live, "PULSE_SECONDS", 0.01)
    async with running(Ledger()) as made:
        async with asyncio.timeout(PATIENCE):
            pieces = [piece async for piece in made.events()]
        assert b": still here\n\n" in pieces
