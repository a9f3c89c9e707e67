"""The window as a stranger uses it: the real `weighbridge up`, the real Qwen, a real Chromium; in both languages."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.house.live import environment
from tests.web import journey
from tests.web.chromium import DESKTOP, PHONE, chromium
from weighbridge.serving.state import read_state
from weighbridge.web.tongue import tongues

pytestmark = [pytest.mark.model, pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.asyncio(loop_scope="module")]

WEIGHBRIDGE = Path(sys.executable).with_name("weighbridge")
SETTINGS = '[local]\nmodels = ["qwen/qwen2.5-coder-0.5b-instruct"]\ncontext = 1024\nslots = 1\nthreads = 1\n'


@dataclass(frozen=True, slots=True)
class Up:
    """A gateway with its window, as `up` has started them."""

    home: Path
    window: str

    def link(self) -> str:
        """One that lets in once, as `weighbridge window` prints it."""
        said = subprocess.run(
            [WEIGHBRIDGE, "window"],
            env=environment(self.home, window=True),
            cwd=self.home,
            capture_output=True,
            text=True,
            check=True,
        )
        return said.stdout.strip()


@pytest.fixture(scope="module")
def up(qwen_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    home = tmp_path_factory.mktemp("home")
    (home / "models").mkdir()
    (home / "models" / qwen_file.name).symlink_to(qwen_file)
    (home / "weighbridge.toml").write_text(SETTINGS)
    with subprocess.Popen(
        [WEIGHBRIDGE, "up", "--port", "0"],
        env=environment(home, window=True),
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line.decode()
            if (found := re.search(r"(http://127\.0\.0\.1:\d+)/enter\?ticket=\S+", said)) is not None:
                break
        else:
            raise AssertionError(f"`up` ended with {process.wait()} and said:\n{said}")
        yield Up(home, found[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as made:
        yield made


async def _page(browser: Browser, up: Up, language: str, width: int) -> Page:
    context = await browser.new_context(
        base_url=up.window, viewport={"width": width, "height": 900}, locale=language, reduced_motion="reduce"
    )
    page = await context.new_page()
    await page.goto(await asyncio.to_thread(up.link))
    return page


@pytest.mark.parametrize(("language", "width"), [("en", DESKTOP), ("ar", PHONE)])
async def test_a_stranger_finds_the_way(browser: Browser, up: Up, language: str, width: int) -> None:
    page = await _page(browser, up, language, width)
    await expect(page.locator("html")).to_have_attribute("lang", language)
    await journey.ask(page, "What is the capital of France? One word.")
    receipt = await journey.answered(page)
    await page.goto(receipt)
    await expect(page.locator("main")).to_contain_text(journey.MODEL)

    key = await journey.made_key(page, f"once {language}")
    await journey.ask(page, "Say yes.", key=key)
    await journey.answered(page)
    await journey.ask(page, "Say it again.", key=key)
    assert await journey.refused(page)
    assert key not in await page.content()

    await journey.forbidden(page, "permissive")
    async with asyncio.timeout(30):
        while True:  # the workers follow within a second
            await journey.ask(page, "Say no.")
            if await page.locator(".turn.model").last.locator(".notice:visible").count():
                break
    route = page.locator(".turn.model").last.locator("details.route")
    await expect(route).to_contain_text(tongues()[language].gettext("Class of the licence"))
    await expect(route.locator("[lang=en]")).to_have_count(0)
    await page.goto(f"/policies/why?model={journey.MODEL}")
    await expect(page.locator("main")).to_contain_text("permissive")
    await journey.lifted(page)

    assert "Weighbridge" in await journey.cited(page)


async def test_a_page_that_is_open_outlives_a_restart_of_the_window(browser: Browser, up: Up) -> None:
    page = await _page(browser, up, "en", DESKTOP)
    await page.goto("about:blank")  # so that nobody listens but the page below
    async with page.expect_response("**/live?*"):
        await page.goto("/policies")
    state = read_state(up.home / "run" / "state.json")
    assert state is not None
    pid = state.children["window"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    pulse = page.locator("[data-pulse]")
    await expect(pulse).to_be_visible(timeout=20_000)
    await expect(pulse).to_be_hidden(timeout=60_000)
    await page.reload()
    await expect(page.locator("main h1")).to_be_visible()
