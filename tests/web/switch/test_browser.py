"""The switch in a real browser: from a file of requests to a rule in force and back; each page in both languages."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.web.chromium import DESKTOP, NARROWEST, PHONE, axe, chromium, context, opened, overflow, small_targets
from tests.web.house import window
from tests.web.switch.conftest import Room
from tests.web.switched import MODELS, filled, lines
from weighbridge.app.switch.standing import certificates
from weighbridge.db import Connection

SLOW = 60_000
"""Milliseconds in which a process has begun and ended on a machine that does much else."""


async def test_one_who_has_never_seen_it_moves_what_is_proven_and_takes_it_back(room: Room, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_bytes(lines(60))
    here, complaints = room.window, list[str]()
    assert here.gateway is not None
    async with chromium() as browser, context(browser, here.browser) as within:
        page = await opened(within, "/switch", complaints)
        await page.get_by_role("main").get_by_role("link", name="New plan").first.click()
        await page.get_by_label("The model that is used now").fill("near/big")
        await page.get_by_label("a file", exact=True).check()
        await page.get_by_label("File of requests").set_input_files(file)
        await page.get_by_label("Candidates", exact=True).fill("near/small")
        await page.get_by_label("Loss of quality, at most").fill("20")
        await page.get_by_label("With this confidence").fill("80")
        await page.get_by_role("button", name="Work out the plan").click()
        await expect(page.get_by_text("Planned. Nothing was asked of anybody yet.")).to_be_visible()
        await page.get_by_role("button", name="Begin the replay").click()
        await expect(page.get_by_text("It is being replayed.")).to_be_visible()
        room.may_answer.set()
        await expect(page.get_by_role("cell", name="certified")).to_be_visible(
            timeout=SLOW
        )  # without being loaded again
        await page.reload()
        await page.get_by_role("link", name="Apply what is proven").click()
        await page.get_by_role("button", name="Put it in force").click()
        await expect(page.get_by_text("In force on 1 route.")).to_be_visible()
        await _moved(room, to="near/small")
        await page.get_by_role("link", name="Roll back").click()
        await page.get_by_role("button", name="Roll back").click()
        await expect(page.get_by_text("Rolled back. The reference answers again")).to_be_visible()
        await _moved(room, to=None)
    assert complaints == []


async def _moved(room: Room, *, to: str | None) -> None:
    """Ask for the dear model until it is answered by this one, or by itself: rules are looked at once a second."""
    assert room.window.gateway is not None
    asked = {"model": "near/big", "messages": [{"role": "user", "content": "What is 7 plus 1?"}]}
    wanted = "" if to is None else f"arm={to}; why=proven"
    async with asyncio.timeout(10):
        while True:
            said = (await room.window.gateway.ask(asked)).headers.get("x-weighbridge-switch", "")
            if said.endswith(wanted) and (to is not None or not said):
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ar", "dark")])
async def test_every_page_is_accessible_and_fits_where_it_is_seen(tmp_path: Path, language: str, theme: str) -> None:
    complaints: list[str] = []
    async with window(tmp_path / "home", MODELS, seeded=False) as here:
        plans = await asyncio.to_thread(filled, here.settings, tmp_path, datetime.now(UTC))

        def known(connection: Connection) -> list[str]:
            return [each.row.id for each in certificates(connection)]

        paths = [
            "/switch",
            "/switch/new",
            f"/switch/plans/{plans['planned']}",
            f"/switch/plans/{plans['proven']}",
            f"/switch/plans/{plans['proven']}/apply",
            f"/switch/plans/{plans['proven']}/report",
            f"/switch/certificates/{(await here.parts.database.read(known))[-1]}",
        ]
        async with (
            chromium() as browser,
            context(browser, here.browser, language=language, theme=theme) as within,  # type: ignore[arg-type] # literals
        ):
            for path in paths:
                page = await opened(within, path, complaints)
                assert await axe(page) == [], path
                for width in (DESKTOP, PHONE, NARROWEST):
                    await page.set_viewport_size({"width": width, "height": 800})
                    assert await overflow(page) <= 0, (path, width)
                assert path.endswith("/report") or await small_targets(page) == [], path
                await page.close()
    assert complaints == []
