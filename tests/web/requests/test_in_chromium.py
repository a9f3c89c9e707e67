"""Requests in a real browser: one is found, its life is read, new ones come by themselves, and everybody can use it."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.ledger.made_up import entry
from tests.web.chromium import DESKTOP, NARROWEST, PHONE, axe, chromium, context, opened, overflow, small_targets
from tests.web.house import Window, window
from tests.web.requests.ledger import Kept, fill
from weighbridge import db
from weighbridge.ledger import store

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Window]:
    async with window(tmp_path_factory.mktemp("window") / "home", seeded=False) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept(here: Window) -> Kept:
    return fill(here)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def test_a_request_is_found_read_and_asked_again(here: Window, kept: Kept, browser: Browser) -> None:
    complaints: list[str] = []
    async with context(browser, here.browser) as within:
        await within.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await opened(within, "/requests", complaints)
        await page.get_by_text("More to look for").click()
        await page.get_by_role("group", name="Cost (USD)").get_by_label("at least").fill("0.2")
        await page.get_by_role("button", name="Find").click()
        await expect(page.locator("#found tbody tr:not(.day)")).to_have_count(1)
        await page.locator("#found tbody a").click()
        await expect(page.get_by_role("heading", name="Its life")).to_be_visible()
        await page.get_by_role("button", name="Read it").click()
        await expect(page.get_by_role("region", name="Words of the answer")).to_have_text("A <u>word</u>.")
        await expect(page.get_by_text("{{ 7*7 }}").first).to_be_visible()
        await page.locator("#replay").get_by_role("button", name="Copy").click()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert "$WEIGHBRIDGE_API_KEY" in copied
        assert "\\u202e" in copied
    assert complaints == []


async def test_new_ones_come_by_themselves(here: Window, kept: Kept, browser: Browser) -> None:
    complaints: list[str] = []
    async with context(browser, here.browser) as within:
        page = await opened(within, "/requests?model=lab%2Fnew", complaints)
        await expect(page.get_by_text("Nothing found")).to_be_visible()
        pasted = page.get_by_role("searchbox", name="Receipt")
        await pasted.fill("half of one")
        for number in range(5):  # what came before the page began to listen is not told
            enter(here, kept, number)
            with contextlib.suppress(AssertionError):
                await expect(page.locator("#found tbody tr:not(.day)").first).to_be_visible(timeout=4_000)
                break
        await expect(page.get_by_text("Nothing found")).to_have_count(0)
        await expect(pasted).to_have_value("half of one")
        await expect(pasted).to_be_focused()
    assert complaints == []


def enter(here: Window, kept: Kept, number: int) -> None:
    """A request of now."""
    at = datetime.now(UTC)
    id_ = f"wbr-{db.microseconds(at) // 1000:012x}{number:020x}"
    with closing(db.connect(here.database)) as connection:
        store.add(connection, [entry(id=id_, at=at, key=kept.mine.id, model="lab/new", asked_model="lab/new")])


@pytest.mark.slow
@pytest.mark.parametrize(("language", "theme"), [("en", "dark"), ("ar", "light"), ("ar", "dark"), ("en", "light")])
async def test_every_page_is_accessible_and_fits_where_it_is_seen(
    here: Window, kept: Kept, browser: Browser, language: str, theme: str
) -> None:
    complaints: list[str] = []
    paths = ("/requests?status=often&cost_from=x", "/requests?tag=ci", kept["hedged"], kept["hostile"], kept["plain"])
    async with context(browser, here.browser, language=language, theme=theme) as within:  # type: ignore[arg-type]
        for path in paths:
            page = await opened(within, path, [] if "often" in path else complaints)
            if path == kept["plain"]:
                await page.locator('form[action$="/text"] button').click()
                await expect(page.locator(".words").first).to_be_visible()
            await page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true })")
            assert await axe(page) == [], path
            for width in (DESKTOP, PHONE, NARROWEST):
                await page.set_viewport_size({"width": width, "height": 800})
                assert await overflow(page) <= 0, (path, width)
            assert await small_targets(page) == [], path
            await page.close()
    assert complaints == []
