"""Pages that stay open in a real Chromium beyond the end of a session, and in a tab that nobody sees."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect

from tests.web.chromium import chromium, context, opened
from tests.web.house import window

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

_TOLD_BY_HAND = """
window.EventSource = class {
  static CLOSED = 2;
  constructor() { window.listening = this; this.readyState = 1; }
  close() { this.readyState = 2; }
};
"""
"""In place of the browser's: what happens is told by the test."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    async with chromium() as made:
        yield made


async def test_an_expired_session_is_told_where_one_stands_and_one_comes_back_there(
    browser: Chromium, tmp_path: Path
) -> None:
    async with window(tmp_path / "home") as here, context(browser, here.browser) as tab:
        await tab.add_init_script(_TOLD_BY_HAND)
        complaints: list[str] = []
        page = await opened(tab, "/requests?ending=complete", complaints)
        here.parts.now = lambda: datetime.now(UTC) + timedelta(hours=13)
        await page.evaluate("window.listening.onmessage({ data: 'ledger' })")
        await expect(page.get_by_text("You have been signed out.")).to_be_visible()
        assert await page.locator("tbody tr").count() > 10  # what one was looking at is still there
        await page.get_by_role("link", name="Sign in").click()
        await page.get_by_label("Admin key").fill(here.owner)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url("**/requests?ending=complete")
        assert not [each for each in complaints if "401" not in each]


async def test_a_tab_that_nobody_sees_asks_for_nothing(browser: Chromium, tmp_path: Path) -> None:
    async with window(tmp_path / "home") as here, context(browser, here.browser) as tab:
        await tab.add_init_script(_TOLD_BY_HAND)
        page = await opened(tab, "/requests", [])
        await page.evaluate(
            "Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        assert await page.evaluate("window.listening.readyState") == 2
        async with page.expect_response(lambda answer: "x-part" in answer.request.headers):
            await page.evaluate(
                "Object.defineProperty(document, 'hidden', { value: false });"
                "document.dispatchEvent(new Event('visibilitychange'))"
            )
        assert await page.evaluate("window.listening.readyState") == 1
