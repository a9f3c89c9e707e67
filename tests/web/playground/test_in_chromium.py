"""The playground in a real Chromium: what streams, what stops, what the keyboard does, and what stays text."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, expect

from tests.gateway.upstream import Call, Upstream
from tests.web.chromium import NARROWEST, PHONE, axe, chromium, context, opened, overflow, small_targets
from tests.web.house import window
from tests.web.playground.conftest import HOSTILE, MODEL, SETTINGS, Room, called, hangs, streams, words
from weighbridge.serving.engines import Upstream as Engine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Chromium]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Room]:
    upstream = Upstream(models=("tiny", "gpt"))
    await upstream.listen()
    home: Path = tmp_path_factory.mktemp("playground") / "home"
    async with window(home, SETTINGS.format(port=upstream.port), seeded=False, worker=True) as made:
        yield Room(made, upstream)
    await upstream.close()


@asynccontextmanager
async def playground(browser: Chromium, room: Room, **look: object) -> AsyncIterator[tuple[Page, list[str]]]:
    """The page, and what its console complains of."""
    complaints: list[str] = []
    async with context(browser, room.window.browser, **look) as seen:  # type: ignore[arg-type] # language, theme, width
        page = await opened(seen, "/playground", complaints)
        yield page, complaints
        assert complaints == []


async def send(page: Page, text: str) -> None:
    """By the keyboard alone."""
    await page.get_by_role("textbox", name="Your message").fill(text)
    await page.keyboard.press("Control+Enter")


async def test_two_models_answer_beside_each_other_with_their_receipts(browser: Chromium, room: Room) -> None:
    room.upstream.script = streams(*[words("Here:\n\n``", "`python\nprint('x')\n", "```\n\nThat is all.")] * 2)
    async with playground(browser, room) as (page, _):
        await page.get_by_role("combobox", name="Model").fill(MODEL)
        await page.get_by_role("combobox", name="Beside it").fill("near/tiny")
        await send(page, "Show me")
        for side in ("First model", "Second model"):
            talk = page.get_by_role("region", name=side)
            await expect(talk.get_by_text("That is all.")).to_be_visible()
            await expect(talk.locator("pre code")).to_have_text("print('x')")
            await expect(talk.get_by_role("link", name="wbr-")).to_be_visible()
            await expect(talk.get_by_text("Route: near/")).to_be_visible()
            await expect(talk.get_by_text("On other open models: about")).to_be_visible()
        say = page.get_by_role("textbox", name="Your message")
        await expect(say).to_be_focused()
        await expect(say).to_have_value("")
        left, right = [await page.locator(".talk").nth(place).bounding_box() for place in (0, 1)]
        assert left is not None
        assert right is not None
        assert left["x"] + left["width"] <= right["x"]


async def test_a_conversation_goes_on_and_begins_anew(browser: Chromium, room: Room) -> None:
    room.upstream.script = streams(words("One."), words("Two."), words("Three."))
    async with playground(browser, room) as (page, _):
        for question, answer in (("First?", "One."), ("Second?", "Two.")):
            await send(page, question)
            await expect(page.get_by_text(answer, exact=True)).to_be_visible()
            await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        assert [each["content"] for each in _messages(room)] == ["First?", "One.", "Second?"]
        await page.get_by_role("button", name="New conversation").click()
        await expect(page.locator(".turn")).to_have_count(0)
        await send(page, "Third?")
        await expect(page.get_by_text("Three.", exact=True)).to_be_visible()
        assert [each["content"] for each in _messages(room)] == ["Third?"]


def _messages(room: Room) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(room.upstream.calls[-1].body)["messages"]
    return found


async def test_escape_stops_an_answer_whose_receipt_says_so(browser: Chromium, room: Room) -> None:
    room.upstream.script = hangs
    before = len(room.gateway.entries())
    async with playground(browser, room) as (page, _):
        await send(page, "Go on for ever")
        await expect(page.get_by_text("Slowly.")).to_be_visible()
        await expect(page.get_by_role("button", name="Stop")).to_be_visible()
        say = page.get_by_role("textbox", name="Your message")
        await say.fill("The next one")
        await page.keyboard.press("Escape")
        await expect(page.get_by_text("You stopped this answer.")).to_be_visible()
        await expect(page.get_by_text("stopped by the reader")).to_be_visible()
        await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        await expect(say).to_have_value("The next one")
    assert (await room.gateway.entry(after=before)).ending == "client_left"


async def test_a_new_conversation_leaves_the_answer_that_was_under_way(browser: Chromium, room: Room) -> None:
    room.upstream.script = hangs
    before = len(room.gateway.entries())
    async with playground(browser, room) as (page, _):
        await send(page, "Go on for ever")
        await expect(page.get_by_text("Slowly.")).to_be_visible()
        await page.get_by_role("button", name="New conversation").click()
        await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        await expect(page.locator(".turn")).to_have_count(0)
        room.upstream.script = streams(words("Anew."))
        await send(page, "Begin")
        await expect(page.get_by_text("Anew.", exact=True)).to_be_visible()
        assert [each["content"] for each in _messages(room)] == ["Begin"]
        await expect(page.locator(".told .receipt")).to_have_count(1)
    assert [entry.ending for entry in room.gateway.entries()[before:]] == ["client_left", "complete"]


async def test_a_tool_is_called_answered_and_heard(browser: Chromium, room: Room) -> None:
    room.upstream.script = streams(called("weather", '{"in": "Rome"}'), words("Warm."))
    async with playground(browser, room) as (page, _):
        await send(page, "How warm is Rome?")
        await expect(page.locator(".call pre")).to_have_text('{"in": "Rome"}')
        await page.get_by_text("Reasoning", exact=True).click()
        await expect(page.get_by_text("I must look.")).to_be_visible()
        await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        await page.get_by_label("What the tool gave: weather").fill("30 degrees")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_text("Warm.", exact=True)).to_be_visible()
        assert _messages(room)[-1] == {"role": "tool", "content": "30 degrees", "tool_call_id": "c1"}
        assert _messages(room)[-2]["reasoning_content"] == "I must look."
        await expect(page.get_by_label("What the tool gave")).to_have_count(0)


async def test_hostile_words_stay_words(browser: Chromium, room: Room) -> None:
    async def evil(call: Call) -> None:
        await call.answer({"error": {"message": HOSTILE, "code": HOSTILE}}, 400)

    room.upstream.script = streams(called(HOSTILE, HOSTILE), words(HOSTILE, "\n```\n" + HOSTILE + "\n```\n"))
    async with playground(browser, room) as (page, complaints):
        await page.get_by_text("Options").click()
        await page.get_by_label("System prompt").fill(HOSTILE)
        await send(page, HOSTILE)
        await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        await page.locator("[data-output]").fill(HOSTILE)
        await send(page, HOSTILE)
        await expect(page.locator(".turn.model pre code")).to_have_text(HOSTILE)
        await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        room.upstream.script = evil
        await page.get_by_role("combobox", name="Beside it").fill(HOSTILE)
        await send(page, "And now?")
        await expect(page.locator(".told .notice.bad")).to_have_count(2)
        assert await page.title() == "Playground · Weighbridge"
        assert await page.locator("#playground :is(script, img)").count() == 0
        complaints.clear()  # Chromium notes refused answers of fetch as errors, if any


async def test_what_is_wrong_is_told_at_its_field_and_in_plain_words(browser: Chromium, room: Room) -> None:
    room.upstream.script = streams()
    async with playground(browser, room) as (page, complaints):
        await page.get_by_text("Options").click()
        await page.get_by_label("Tools (JSON)").fill("[")
        await page.get_by_text("Options").click()
        await send(page, "Keep this")
        field = page.get_by_label("Tools (JSON)")
        await expect(field).to_be_focused()
        await expect(field).to_have_accessible_description(
            re.compile("^Error: This is no JSON: .*truncated.* A list of tools")
        )
        await expect(page.get_by_role("textbox", name="Your message")).to_have_value("Keep this")
        await field.fill("")
        await page.get_by_role("combobox", name="Model").fill("nobody/knows")
        await send(page, "Keep this")
        await expect(page.get_by_text("There is no model of this name here.")).to_be_visible()
        await expect(page.get_by_role("textbox", name="Your message")).to_have_value("Keep this")
        await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
        await page.context.clear_cookies()
        await send(page, "Still there?")
        await expect(page.get_by_text("You have been signed out.")).to_be_visible()
        assert all("status of 4" in each for each in complaints)
        complaints.clear()


async def test_a_long_answer_costs_no_more_for_each_token_and_is_read_out_by_sentences(
    browser: Chromium, room: Room
) -> None:
    said = [f"This is sentence number {number}. " for number in range(3000)]
    room.upstream.script = streams(words(*(piece for each in said for piece in (each[:9], each[9:]))))
    async with playground(browser, room) as (page, _):
        await page.evaluate(
            """() => {
                window.heard = [];
                const live = document.querySelector("[data-side=a] [data-live]");
                new MutationObserver(() => window.heard.push(live.textContent)).observe(live, { childList: true });
            }"""
        )
        await send(page, "Much")
        await expect(page.get_by_role("link", name="wbr-")).to_be_visible()
        text = "document.querySelector('.turn.model [data-slot=text]')"
        length, nodes = await page.evaluate(f"() => [{text}.textContent.length, {text}.childNodes.length]")
        assert length == sum(map(len, said))
        assert nodes <= length / 4000 + 2
        await expect(page.locator("[data-side=a] [data-live]")).to_contain_text("number 2999.")
        heard: list[str] = await page.evaluate("() => window.heard")
        assert len(heard) < 40
        assert all(each.endswith(".") for each in heard if each)


@pytest.mark.slow
@pytest.mark.parametrize(("language", "theme", "other"), [("en", "light", "dark"), ("ar", "dark", "light")])
async def test_a_conversation_is_for_everybody(
    browser: Chromium, room: Room, language: str, theme: str, other: Literal["light", "dark"]
) -> None:
    room.upstream.script = streams(words("Here:\n```\ncode\n```\n"), called("weather", '{"in": "Rome"}'))
    async with playground(browser, room, language=language, theme=theme) as (page, _):
        for count in (1, 2):
            await page.locator("[name=say]").fill("Hi")
            await page.locator("[name=say]").press("Control+Enter")
            await expect(page.locator(".told .receipt")).to_have_count(count)
        for folded in await page.locator("#playground details:visible > summary").all():
            if await folded.is_visible():
                await folded.click()
        assert await axe(page) == []
        assert await small_targets(page) == []
        await page.emulate_media(color_scheme=other)
        assert await axe(page, rules=["color-contrast"]) == []
        for width in (PHONE, NARROWEST):
            await page.set_viewport_size({"width": width, "height": 800})
            assert await overflow(page) <= 0, width


@pytest.mark.model
async def test_the_real_local_model_is_asked_and_its_receipt_read(
    browser: Chromium, engine: Engine, tmp_path: Path
) -> None:
    async with window(tmp_path / "home", seeded=False, worker=True, engines=(engine,)) as here:
        room = Room(here, Upstream())
        async with playground(browser, room) as (page, _):
            await expect(page.get_by_role("combobox", name="Model")).to_have_value(engine.model)
            await page.get_by_text("Options").click()
            await page.get_by_label("Most tokens of the answer").fill("16")
            await send(page, "Write the word hello.")
            await expect(page.get_by_text("the engine on this machine")).to_be_visible(timeout=60_000)
            said = await page.locator(".turn.model [data-slot=text]").text_content()
            assert said is not None
            assert said.strip()
            await expect(page.get_by_text("Route: local/")).to_be_visible()
            await expect(page.get_by_text("On other open models: about")).to_be_visible()
        entry = await room.gateway.entry()
        assert (entry.ending, entry.model) == ("complete", engine.model)
