"""What script adds to a page, in a real Chromium: parts that renew themselves, and nothing that piles up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, expect

from tests.ledger.made_up import charge, entry
from tests.web.chromium import PHONE, chromium, context, opened
from tests.web.house import Window, window
from weighbridge import db
from weighbridge.ledger import store

pytestmark = pytest.mark.asyncio(loop_scope="module")

_HAND = """
  window.EventSource = class {
    static CLOSED = 2;
    constructor() { window.told = this; this.readyState = 1; setTimeout(() => this.onopen?.()); }
    close() { this.readyState = 2; }
  };
"""
"""In place of /live, so that a test says when something has changed."""
_RENEWALS = 60
_COLLECTIONS = 20
"""That may be waited for: a document that was read and let go is not always taken by the next of them."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    async with chromium() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Window]:
    async with window(tmp_path_factory.mktemp("script") / "home", "local.enabled = false\n") as found:
        yield found


def _spend(made: Window, cost: str) -> None:
    with closing(db.connect(made.database)) as connection:
        store.add(connection, [entry(at=datetime.now(UTC), charge=charge(cost))])


async def _renew(page: Page, topic: str) -> None:
    async with page.expect_event("console", lambda said: said.text == "renewed"):
        await page.evaluate("(topic) => told.onmessage({ data: topic })", topic)
        await page.clock.run_for(2_100)


async def test_what_is_renewed_keeps_focus_and_what_is_open(browser: Chromium, made: Window) -> None:
    async with context(browser, made.browser) as seen:
        await seen.add_init_script(_HAND + "addEventListener('renewed', () => console.log('renewed'));")
        page = await seen.new_page()
        await page.clock.install()
        await page.goto("/")
        spent = page.locator(".figure .value").first
        before = await spent.inner_text()
        await page.locator("summary", has_text="The numbers of each day").click()
        link = page.locator("[data-part=figures] a").first
        await link.focus()
        _spend(made, "7.25")
        await _renew(page, "ledger")
        await expect(spent).not_to_have_text(before)
        await expect(link).to_be_focused()
        await expect(page.get_by_role("table", name="The numbers of each day")).to_be_visible()


@pytest.mark.slow
async def test_a_page_that_is_open_for_days_does_not_grow(browser: Chromium, made: Window) -> None:
    async with context(browser, made.browser) as seen:
        await seen.add_init_script(_HAND + "addEventListener('renewed', () => console.log('renewed'));")
        page = await seen.new_page()
        await page.clock.install()
        await page.goto("/")
        devtools = await seen.new_cdp_session(page)
        await devtools.send("Performance.enable")

        async def size() -> dict[str, float]:
            await devtools.send("HeapProfiler.collectGarbage")
            found = await devtools.send("Performance.getMetrics")
            return {each["name"]: each["value"] for each in found["metrics"]}

        for _ in range(5):
            await _renew(page, "ledger budgets policy health")
        before = await size()
        for number in range(_RENEWALS):
            _spend(made, f"0.{number + 1:03}")
            await _renew(page, "ledger budgets policy health")
        await page.clock.run_for(24 * 3600 * 1000)
        most = {
            "Nodes": before["Nodes"] * 1.1,
            "JSEventListeners": before["JSEventListeners"] + 5,
            "JSHeapUsedSize": before["JSHeapUsedSize"] * 1.25,
        }
        grown = most
        for _ in range(_COLLECTIONS):
            after = await size()
            grown = {name: after[name] for name, bound in most.items() if after[name] > bound}
            if not grown:
                break
            await asyncio.sleep(0.5)
        assert not grown, most


async def test_whoever_was_signed_out_meanwhile_is_told(browser: Chromium, made: Window) -> None:
    async with context(browser, await made.signed_in(made.admin("auditor"))) as seen:
        await seen.add_init_script(_HAND)
        page = await seen.new_page()
        await page.goto("/requests")
        await seen.clear_cookies()
        await page.evaluate("told.onmessage({ data: 'ledger' })")
        told = page.locator("[data-pulse]")
        await expect(told).to_contain_text("You have been signed out.")
        await expect(told.get_by_role("link")).to_have_attribute("href", "/sign-in?next=%2Frequests")


async def test_code_is_copied(browser: Chromium, made: Window) -> None:
    complaints: list[str] = []
    async with context(browser, made.browser) as seen:
        await seen.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await opened(seen, "/models/deepseek/deepseek-v3.2", complaints)
        await page.get_by_role("button", name="Copy").first.click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == "deepseek/deepseek-v3.2"
    assert complaints == []


async def test_colours_change_in_place_and_the_language_keeps_the_question(browser: Chromium, made: Window) -> None:
    async with context(browser, made.browser) as seen:
        page = await opened(seen, "/requests?model=qwen/qwen3-32b", [])
        ground = "getComputedStyle(document.body).backgroundColor"
        light = await page.evaluate(ground)
        await page.get_by_label("Key", exact=True).fill("half a na")
        await page.get_by_role("link", name="Dark").click()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert await page.evaluate(ground) != light
        await expect(page.get_by_label("Key", exact=True)).to_have_value("half a na")
        await page.get_by_role("link", name="العربية").click()
        await expect(page.locator("html")).to_have_attribute("dir", "rtl")
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert page.url.endswith("/requests?model=qwen%2Fqwen3-32b")


async def test_the_menu_of_a_phone_opens_and_closes_by_keys(browser: Chromium, made: Window) -> None:
    async with context(browser, made.browser, width=PHONE) as seen:
        page = await opened(seen, "/", [])
        menu = page.get_by_role("navigation", name="Main")
        await expect(menu).to_be_hidden()
        await page.get_by_role("button", name="Menu").press("Enter")
        await expect(menu).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(menu).to_be_hidden()


async def test_without_script_pages_are_whole(browser: Chromium, made: Window) -> None:
    url = f"http://127.0.0.1:{made.port}"
    plain = await browser.new_context(base_url=url, java_script_enabled=False)
    await plain.add_cookies([{"name": name, "value": text, "url": url} for name, text in made.browser.cookies.items()])
    page = await plain.new_page()
    await page.goto("/")
    await page.get_by_role("link", name="Keys", exact=True).click()
    await page.get_by_role("link", name="New key").click()
    await page.get_by_label("Name").fill("plain")
    await page.get_by_role("button", name="Make the key").click()
    await expect(page.locator("code").first).to_contain_text("wb-")
    await plain.close()
