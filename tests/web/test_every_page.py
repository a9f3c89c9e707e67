"""Every page there is, found by following links from the menu: it answers, in a real Chromium, as everybody needs it.

A page that is added is looked at too, as soon as one links to it; a place that nothing leads to is a failure here.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from starlette.routing import compile_path

from tests.web.chromium import DESKTOP, NARROWEST, PHONE, axe, chromium, context, opened, overflow, small_targets
from tests.web.furnished import SETTINGS, furnish
from tests.web.house import Page, Window, window
from weighbridge.web.tongue import tongues
from weighbridge.web.window import every_place

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

_LINK = re.compile(r'<a [^>]*href="([^"#]+)')
_MOST_VISITS = 150
_CHOICE = re.compile(r"[?&](language|theme)=")
_FILES = re.compile(r"\.(json|csv|svg|jsonl|parquet)$|/report$")
"""What answers with something else than a page of the window."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def furnished(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Window]:
    folder = tmp_path_factory.mktemp("window")
    async with window(folder / "home", SETTINGS) as made:
        await asyncio.to_thread(furnish, made, folder)
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def addresses(furnished: Window) -> dict[str, str]:
    """By place one address that leads there; of two pages of a place, the one that leads further."""
    places = {place.path: compile_path(place.path)[0] for place in every_place() if place.method == "GET"}
    found: dict[str, str] = {}
    waiting = [path for path in places if "{" not in path]
    known = set(waiting)
    visits = Counter[str]()
    while waiting and len(found) < len(places) and visits.total() < _MOST_VISITS:
        address = min(waiting, key=lambda each: visits[_place(each, places)])
        waiting.remove(address)
        visits[_place(address, places)] += 1
        page = await furnished.browser.get(address)
        assert page.status == 200, f"{address}: {page.status} {page.text[:500]}"
        links = [link for link in _links(page, address) if link not in known and _place(link, places)]
        known.update(links)
        waiting += links
        leads_on = any(_place(link, places) not in found for link in links)
        found[_place(address, places)] = address if leads_on else found.get(_place(address, places), address)
    assert set(places) - set(found) == set(), "places that no link leads to"
    return {place: address for place, address in found.items() if not _FILES.search(urlsplit(address).path)}


def _place(address: str, places: dict[str, re.Pattern[str]]) -> str:
    path = urlsplit(address).path
    return next((name for name, shape in places.items() if shape.match(path)), "")


def _links(page: Page, address: str) -> list[str]:
    is_ours = "html" in page.headers["content-type"]
    found = [urljoin(address, unescape(link)) for link in _LINK.findall(page.text)] if is_ours else []
    return [link for link in found if not _CHOICE.search(link)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    async with chromium() as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("language", tongues())
async def test_a_page_is_for_everybody(
    furnished: Window, browser: Chromium, addresses: dict[str, str], language: str
) -> None:
    """By axe in both themes, without a word of the console, with room for fingers, and no wider than any screen."""
    complaints: list[str] = []
    async with context(browser, furnished.browser, language=language) as seen:
        for address in addresses.values():
            page = await opened(seen, address, complaints)
            assert await page.locator("html").get_attribute("lang") == language
            found = [*await axe(page), *await small_targets(page)]
            await page.emulate_media(color_scheme="dark")
            found += await axe(page, rules=["color-contrast"])
            for width in (DESKTOP, PHONE, NARROWEST):
                await page.set_viewport_size({"width": width, "height": 800})
                if (by := await overflow(page)) > 0:
                    found.append(f"{by} pixels wider than a window of {width}")
            complaints += [f"{address}: {each}" for each in found]
            await page.close()
    assert complaints == []
