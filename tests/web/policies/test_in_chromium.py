"""A key with a budget and a policy, made in a real Chromium, and obeyed by the real worker."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect

from tests.gateway.house import ASKED, PATIENCE, Answer
from tests.gateway.upstream import Upstream
from tests.web.chromium import PHONE, chromium, context, opened
from tests.web.house import window
from tests.web.playground.conftest import MODEL, SETTINGS, Room
from weighbridge.web.tongue import tongues

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Room]:
    upstream = Upstream(models=("tiny", "gpt"))
    await upstream.listen()
    home: Path = tmp_path_factory.mktemp("policies") / "home"
    async with window(home, SETTINGS.format(port=upstream.port), seeded=False, worker=True) as made:
        yield Room(made, upstream)
    await upstream.close()


async def until(room: Room, status: int, model: str = MODEL, key: str | None = None) -> Answer:
    """Ask until the answer has this status: keys and policies count within a second."""
    async with asyncio.timeout(PATIENCE):
        while (answer := await room.gateway.ask({**ASKED, "model": model}, key=key)).status != status:  # noqa: ASYNC110 - read by the clock
            await asyncio.sleep(0.05)
    return answer


async def test_a_key_is_made_on_a_phone_in_arabic_and_refused_at_its_limit(browser: Chromium, room: Room) -> None:
    complaints: list[str] = []
    say = tongues()["ar"].gettext
    async with context(browser, room.window.browser, language="ar", width=PHONE) as seen:
        page = await opened(seen, "/keys", complaints)
        await page.get_by_role("link", name=say("New key")).click()
        await page.get_by_label(say("Name")).fill("هاتف")
        await page.get_by_label(say("Amount")).fill("\u0662")
        await page.get_by_label(say("Unit")).select_option("requests")
        await page.get_by_label(say("Period")).select_option("day")
        await page.get_by_role("button", name=say("Make the key")).click()
        await expect(page.get_by_role("heading", name=say("Your new key"))).to_be_visible()
        secret = re.search(r"wb-[\w-]{30,}", await page.get_by_role("region", name=say("The key")).inner_text())
        assert secret is not None
        await until(room, 200, key=secret[0])
        await until(room, 200, key=secret[0])
        refused = await until(room, 402, key=secret[0])
        assert refused.error["code"] == "budget_spent"
        await page.goto("/keys")
        assert await page.locator("bdi", has_text="هاتف").count() == 1
        meter = page.get_by_role("meter")
        await expect(meter).to_have_attribute("aria-valuenow", "100")
    assert complaints == []


async def test_a_licence_class_is_forbidden_seen_refused_and_allowed_again(browser: Chromium, room: Room) -> None:
    complaints: list[str] = []
    await until(room, 200)
    async with context(browser, room.window.browser) as seen:
        page = await opened(seen, "/policies", complaints)
        other = await opened(seen, "/policies", complaints)
        await page.get_by_label("Class of the licence").select_option("proprietary")
        await page.get_by_role("button", name="See what it would do").click()
        await expect(page.get_by_text("2 models could not be asked for any more")).to_be_visible()
        await page.get_by_role("button", name="Apply it").click()
        await expect(page.get_by_text("The gateway obeys it within a second.")).to_be_visible()
        refused = await until(room, 403)
        assert "no proprietary licences" in str(refused.error["message"])
        await expect(page.get_by_text("This policy is in force.")).to_be_visible()
        await expect(other.get_by_text("This policy is in force.")).to_be_visible()  # by /live, without a reload
        await page.goto(f"/policies/why?model={MODEL}")
        row = page.get_by_role("row").filter(has_text="near/gpt")
        await expect(row.get_by_text("no proprietary licences")).to_be_visible()
        await expect(row.get_by_text("Class of the licence: proprietary")).to_be_visible()
        await page.goto("/policies/edit")
        await page.get_by_role("button", name="See it without any rule").click()
        await expect(page.get_by_text("2 models could be asked for again")).to_be_visible()
        await page.get_by_role("button", name="Apply it").click()
        await until(room, 200)
        await page.goto("/policies/history")
        await expect(page.locator(".timeline > li")).to_have_count(2)
    assert complaints == []
