"""A run that is begun in the window: it outlives the page and the window, is found again, and can be stopped."""

import asyncio
from contextlib import closing

from tests.web.house import Window
from tests.web.switch.conftest import Room
from tests.web.switch.test_switch import logged, said, upload
from tests.web.switched import lines
from weighbridge import db
from weighbridge.app.switch.under_way import Runs
from weighbridge.ledger import store as ledger

PATIENCE = 60
"""Seconds after which a test has failed: a process has to begin, on a machine that does much else."""


async def planned(here: Window, count: int = 40) -> str:
    """The page of a plan."""
    answer = await upload(here.browser, lines(count), to="near/small", epsilon="20", confidence="80")
    assert answer.status == 303, said(answer)
    return answer.location


async def ended(runs: Runs, plan: str) -> None:
    """Wait until nobody runs it."""
    async with asyncio.timeout(PATIENCE):
        while runs.running(plan) is not None:  # noqa: ASYNC110 - another process sends no word
            await asyncio.sleep(0.05)


async def test_a_run_goes_on_without_its_page_and_its_window_and_is_stopped_from_another(room: Room) -> None:
    here = room.window
    path = await planned(here)
    plan = path.rpartition("/")[2]
    begun = await here.browser.post(f"{path}/run", {"at_once": "2"}, of=path)
    assert (begun.status, begun.location) == (303, path)
    async with asyncio.timeout(PATIENCE):
        await room.was_asked.wait()
    text = said(await here.browser.get(path))
    assert "The replay has begun." in text
    assert "It is being replayed." in text
    assert "being replayed" in said(await here.browser.get("/switch"))
    assert (await here.browser.post(f"{path}/run", of="/switch/new")).status == 409
    before, here.parts.runs = here.parts.runs, Runs(here.settings)  # as of a window that was started anew
    assert "It is being replayed." in said(await here.browser.get(path))
    stopped = await here.browser.post(f"{path}/stop", of=path)
    assert stopped.status == 303
    room.may_answer.set()
    await ended(before, plan)
    assert "stopped" in said(await here.browser.get(path))
    assert logged(here) == [(f"switch.{each}", plan) for each in ("plan", "run", "stop")]
    again = await here.browser.post(f"{path}/run", of=path)
    assert again.status == 303
    await ended(here.parts.runs, plan)
    text = said(await here.browser.get(path))
    assert "ended before its time" not in text
    assert "Begin the replay" not in text, "enough is known"
    assert "any key certified near/small" in text
    gone = await here.browser.post(f"{path}/forget-file", of="/switch/new")
    assert gone.status == 303
    assert list((here.settings.home / "switch" / "requests").iterdir()) == []
    assert (await here.browser.post(f"{path}/forget-file", of="/switch/new")).status == 404
    assert logged(here)[-1] == ("switch.forget_file", plan)
    with closing(db.connect(here.database)) as connection:
        assert {f"switch:{plan}"} == {tag for each in ledger.entries(connection) for tag in each.tags}


async def test_what_a_run_is_begun_with_must_make_sense(room: Room) -> None:
    path = await planned(room.window, 20)
    for field, value in (("budget", "0"), ("budget", "x"), ("at_once", "1000"), ("holds", "٣x")):
        page = await room.window.browser.post(f"{path}/run", {field: value}, of=path)
        assert page.status == 400, (field, value)
        assert f"{field}: it takes" in said(page)
    assert room.window.parts.runs.running(path.rpartition("/")[2]) is None
