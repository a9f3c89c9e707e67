"""A real Chromium for pages of the window: Debian's, or whatever CHROMIUM names."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.web.house import Browser as SignedIn

DESKTOP, PHONE, NARROWEST = 1280, 390, 320
"""Widths, in CSS pixels; the last is what WCAG asks of reflow."""


def _path() -> str:
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(path).exists() and not os.environ.get("CI"):
        pytest.skip(f"no Chromium at {path}: apt install chromium, or name one in CHROMIUM")
    return path


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Running as long as the block does. Skips where there is none, but not in CI."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_path(), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def context(
    browser: Browser,
    of: SignedIn,
    *,
    language: str = "en",
    theme: Literal["light", "dark"] = "light",
    width: int = DESKTOP,
    height: int = 900,
) -> AsyncIterator[BrowserContext]:
    """Windows of somebody who is signed in as `of` is; without animation, so that what is seen is what stays."""
    url = f"http://127.0.0.1:{of.port}"
    made = await browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        color_scheme=theme,
        locale=language,
        reduced_motion="reduce",
        has_touch=width < 600,
    )
    await made.add_cookies([{"name": name, "value": value, "url": url} for name, value in of.cookies.items()])
    try:
        yield made
    finally:
        await made.close()


async def opened(within: BrowserContext, path: str, complaints: list[str]) -> Page:
    """A page; what it writes to the console as an error, such as what its content policy stops, is added."""
    page = await within.new_page()
    page.on("console", lambda said: complaints.append(f"{path}: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(f"{path}: {error}"))
    await page.goto(path)
    return page


async def axe(page: Page, *, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA and good practice: rule, element and what is the matter."""
    options = {} if rules is None else {"runOnly": {"type": "rule", "values": rules}}
    found = await Axe().run(page, options=options)
    return [
        f"{violation['id']} at {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


async def overflow(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    wide: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide


async def small_targets(page: Page) -> list[str]:
    """What is to be clicked and smaller than 24 by 24 pixels (WCAG 2.5.8), links in a sentence and in a table apart."""
    found: list[str] = await page.evaluate(_SMALL)
    return found


_SMALL = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary")]
    .filter((each) => each.checkVisibility({ visibilityProperty: true }))
    .filter((each) => !each.closest("p, td, th, dd, .skip, .notice"))
    .map((each) => [each, each.getBoundingClientRect()])
    .filter(([each, box]) => box.width > 1 && box.height < 23.9 && !/radio|checkbox/.test(each.type))
    .map(([each, box]) => `${each.outerHTML.slice(0, 90)} ${Math.round(box.width)}x${Math.round(box.height)}`)"""
