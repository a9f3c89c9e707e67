"""One timer for all connections."""

import asyncio

import pytest

from weighbridge.transport.deadlines import NEVER, Deadlines


class Wait:
    """Something with a deadline, that says when it has passed."""

    def __init__(self, deadline: float, *, fails: bool = False) -> None:
        self.deadline = deadline
        self.expired = asyncio.Event()
        self.times = 0
        self._fails = fails

    def expire(self) -> None:
        self.times += 1
        self.expired.set()
        if self._fails:
            raise LookupError("the owner's own fault")


@pytest.fixture
async def deadlines() -> Deadlines:
    return Deadlines(asyncio.get_running_loop())


async def test_only_what_is_past_its_deadline_expires_and_only_once(deadlines: Deadlines) -> None:
    now = deadlines.now()
    past, later, never, forgotten = Wait(now), Wait(now + 1000), Wait(NEVER), Wait(now)
    for wait in (past, later, never, forgotten):
        deadlines.watch(wait)
    deadlines.forget(forgotten)
    await past.expired.wait()
    last = Wait(deadlines.now())
    deadlines.watch(last)
    await last.expired.wait()
    assert [wait.times for wait in (past, later, never, forgotten)] == [1, 0, 0, 0]


async def test_a_deadline_that_is_set_again_is_kept_again(deadlines: Deadlines) -> None:
    wait = Wait(deadlines.now())
    deadlines.watch(wait)
    for _ in range(2):
        await wait.expired.wait()
        wait.expired.clear()
        wait.deadline = deadlines.now()
    assert wait.times == 2


async def test_one_that_fails_does_not_stop_the_others(deadlines: Deadlines) -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
    waits = [Wait(deadlines.now(), fails=number == 1) for number in range(3)]
    for wait in waits:
        deadlines.watch(wait)
    for wait in waits:
        await wait.expired.wait()
    assert [wait.times for wait in waits] == [1, 1, 1]
    assert len(failures) == 1


async def test_nothing_ticks_when_nothing_is_watched(deadlines: Deadlines) -> None:
    wait = Wait(deadlines.now())
    deadlines.watch(wait)
    deadlines.forget(wait)
    other = Deadlines(asyncio.get_running_loop())
    sign = Wait(deadlines.now())
    other.watch(sign)
    await sign.expired.wait()
    assert deadlines._timer is None
    deadlines.watch(wait)
    await wait.expired.wait()
