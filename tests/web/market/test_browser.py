"""The market in a real browser: a figure is asked by another definition, and cited; each page in both languages."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.web.chromium import DESKTOP, NARROWEST, PHONE, axe, chromium, context, opened, overflow, small_targets
from tests.web.house import window

PATHS = ("/market", "/market/sources", "/market/licence-mix", "/market/price-multiple-vendors", "/market/top-20")


async def test_a_figure_is_found_asked_otherwise_and_cited(tmp_path: Path) -> None:
    complaints: list[str] = []
    async with (
        window(tmp_path / "home", seeded=False) as here,
        chromium() as browser,
        context(browser, here.browser) as within,
    ):
        await within.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await opened(within, "/market", complaints)
        await page.get_by_role("searchbox").fill("reasoning adds")
        await page.get_by_role("button", name="Show", exact=True).click()
        await page.get_by_role("link", name="What reasoning adds to the cost of an answer").click()
        await expect(page.get_by_text("$0.0126", exact=True).first).to_be_visible()
        await page.get_by_label("Tokens of reasoning").fill("1000")
        await page.get_by_role("button", name="Work it out").click()
        await expect(page.get_by_text("$0.0038", exact=True).first).to_be_visible()
        await page.locator("#cite").get_by_role("button", name="Copy").first.click()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert "“What reasoning adds to the cost of an answer”: cost $0.0038" in copied
        assert "Source: Weighbridge's catalogue" in copied
        async with page.expect_download() as coming:
            await page.get_by_role("link", name="CSV").click()
        assert (await coming.value).suggested_filename == "reasoning-cost.csv"
    assert complaints == []


@pytest.mark.parametrize(("language", "theme"), [("en", "dark"), ("ar", "light")])
async def test_every_page_is_accessible_and_fits_where_it_is_seen(tmp_path: Path, language: str, theme: str) -> None:
    complaints: list[str] = []
    async with (
        window(tmp_path / "home", seeded=False) as here,
        chromium() as browser,
        context(browser, here.browser, language=language, theme=theme) as within,  # type: ignore[arg-type] # literals
    ):
        for path in PATHS:
            page = await opened(within, path, complaints)
            assert await axe(page) == [], path
            for width in (DESKTOP, PHONE, NARROWEST):
                await page.set_viewport_size({"width": width, "height": 800})
                assert await overflow(page) <= 0, (path, width)
            assert await small_targets(page) == [], path
            await page.close()
    assert complaints == []
