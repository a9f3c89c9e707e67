"""What takes long: worked out aside, kept, and given old rather than waited for."""

import asyncio
import threading

import pytest

from weighbridge.app.aside import Aside


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def settled(aside: Aside[int], key: str, expected: int) -> None:
    async with asyncio.timeout(10):
        while await aside.get(key, lambda: expected, wait=1) != expected:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)


async def test_a_value_is_worked_out_once_while_it_is_fresh() -> None:
    aside: Aside[int] = Aside(60, seconds=Clock())
    assert await aside.get("a", lambda: 1, wait=10) == 1
    assert await aside.get("a", lambda: 2, wait=10) == 1
    assert await aside.get("b", lambda: 3, wait=10) == 3


async def test_an_old_value_is_given_at_once_and_worked_out_anew() -> None:
    clock = Clock()
    aside: Aside[int] = Aside(60, seconds=clock)
    assert await aside.get("a", lambda: 1, wait=10) == 1
    clock.now, go_on = 61, threading.Event()

    def anew() -> int:
        go_on.wait(10)
        return 2

    assert await aside.get("a", anew, wait=10) == 1
    go_on.set()
    await settled(aside, "a", 2)


async def test_nobody_waits_longer_than_he_would_and_nothing_is_begun_twice() -> None:
    aside: Aside[int] = Aside(60)
    go_on, begun = threading.Event(), []

    def work() -> int:
        begun.append(1)
        go_on.wait(10)
        return 1

    assert await aside.get("a", work, wait=0) is None
    assert await aside.get("a", work, wait=0) is None
    go_on.set()
    assert await aside.get("a", work, wait=10) == 1
    assert len(begun) == 1


async def test_a_fault_is_told_and_tried_again_and_an_old_value_outlives_it() -> None:
    clock = Clock()
    aside: Aside[int] = Aside(60, seconds=clock)

    def broken() -> int:
        raise OSError("no such ledger")

    with pytest.raises(OSError, match="no such ledger"):
        await aside.get("a", broken, wait=10)
    assert await aside.get("a", lambda: 1, wait=10) == 1
    clock.now = 61
    assert await aside.get("a", broken, wait=10) == 1
    await settled(aside, "a", 1)


async def test_no_more_are_kept_than_are_wanted() -> None:
    aside: Aside[int] = Aside(60, most=2)
    for key in ("a", "b", "c"):
        assert await aside.get(key, lambda: 1, wait=10) == 1
    assert await aside.get("c", lambda: 2, wait=10) == 1
    assert await aside.get("a", lambda: 2, wait=10) == 2
