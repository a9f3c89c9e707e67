"""Today and Doctor in a real browser: numbers that move by themselves, and a look that comes in."""

from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect

from tests.ledger.made_up import charge, entry
from tests.web.chromium import chromium, context, opened
from tests.web.house import Window, window
from weighbridge import db
from weighbridge.ledger import store

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    async with chromium() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Window]:
    home: Path = tmp_path_factory.mktemp("today") / "home"
    async with window(home, "local.enabled = false\n", seeded=False) as found:
        yield found


def spend(made: Window, cost: str) -> None:
    with closing(db.connect(made.database)) as connection:
        store.add(connection, [entry(at=datetime.now(UTC), charge=charge(cost))])


async def test_numbers_move_without_loading_again(browser: Chromium, made: Window) -> None:
    spend(made, "1.25")
    complaints: list[str] = []
    async with context(browser, made.browser) as seen:
        page = await opened(seen, "/", complaints)
        today = page.locator(".period").first
        await expect(today).to_contain_text("$1.25", timeout=30_000)
        await page.evaluate("window.same = true")
        await page.locator("summary", has_text="The numbers of each day").click()
        spend(made, "2.50")
        await expect(today).to_contain_text("$3.75", timeout=30_000)
        await expect(page.get_by_role("table", name="The numbers of each day")).to_contain_text("$3.75")
        assert await page.evaluate("window.same")
        await expect(page.get_by_role("img", name="Spend by day")).to_be_visible()
    assert complaints == []


async def test_a_look_comes_in_by_itself_and_in_arabic(browser: Chromium, made: Window) -> None:
    complaints: list[str] = []
    async with context(browser, made.browser, language="ar") as seen:
        page = await opened(seen, "/doctor", complaints)
        await expect(page.locator("[data-again]")).to_have_count(0, timeout=30_000)
        await expect(page.locator("main")).to_contain_text("weighbridge up")
        await page.locator("form.again button").click()
        await expect(page.locator("[data-again]")).to_have_count(0, timeout=30_000)
        await expect(page.locator(".timeline > li").first).to_be_visible()
    assert complaints == []
