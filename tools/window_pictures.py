"""Writes docs/images/: the window as it is, from a stranger's way through it with the real local model.

`python -m tools.window_pictures` takes a few minutes, a Chromium and the default model's file (as the tests find it).
The same steps are a test: tests/web/test_journey.py.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.house.live import environment
from tests.web import journey
from tools.small_png import small

FOLDER: Final = Path(__file__).parents[1] / "docs" / "images"
_PROGRAM: Final = Path(sys.executable).with_name("weighbridge")
_MODELS: Final = Path(os.environ.get("WEIGHBRIDGE_TEST_MODELS", "~/.cache/weighbridge-test-models")).expanduser()
_SETTINGS: Final = '[local]\nmodels = ["qwen/qwen2.5-coder-0.5b-instruct"]\ncontext = 2048\nslots = 1\n'
_HEIGHT: Final = 860
_PAGES: Final = {
    "today": "/",
    "models": "/models",
    "model": f"/models/{journey.MODEL}",
    "requests": "/requests",
    "keys": "/keys",
    "budgets": "/budgets",
    "switch": "/switch/new",
    "doctor": "/doctor",
}


def main() -> None:
    """All of them."""
    FOLDER.mkdir(exist_ok=True)
    asyncio.run(_all())


async def _all() -> None:
    with _up() as (home, window):
        async with async_playwright() as playwright:
            path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
            browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            await _pictured(browser, home, window, "en", 1280, "light")
            await _pictured(browser, home, window, "ar", 390, "dark")
            await browser.close()


async def _pictured(  # noqa: PLR0917 - how it is seen
    browser: Browser, home: Path, window: str, language: str, width: int, theme: Literal["light", "dark"]
) -> None:
    context = await browser.new_context(
        base_url=window,
        viewport={"width": width, "height": _HEIGHT},
        locale=language,
        color_scheme=theme,
        reduced_motion="reduce",
    )
    page = await context.new_page()

    async def shot(name: str) -> None:
        await _kept(page, f"{name}-{language}")

    link = await asyncio.to_thread(
        subprocess.run,
        [str(_PROGRAM), "window"],
        env=environment(home, window=True),
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    await page.goto(link.stdout.strip())
    if language == "en":
        await shot("first-run")
    await journey.ask(page, "What is the capital of France? One word.", shot)
    receipt = await journey.answered(page)
    await page.goto(receipt)
    await shot("request")
    key = await journey.made_key(page, f"once {language}", shot)
    await journey.ask(page, "Say yes.", key=key)
    await journey.answered(page)
    await journey.ask(page, "Say it again.", key=key)
    await journey.refused(page)
    await shot("refused")
    await journey.forbidden(page, "permissive", shot)
    await page.goto(f"/policies/why?model={journey.MODEL}")
    await shot("policies-why")
    await journey.lifted(page)
    await journey.cited(page, shot)
    for name, path in _PAGES.items():
        await page.goto(path)
        await shot(name)
    await context.close()


async def _kept(page: Page, name: str) -> None:
    """A picture of what is seen, once nothing is being worked out and nothing moves."""
    await expect(page.locator("[data-again]")).to_have_count(0, timeout=journey.PATIENCE)
    await page.wait_for_timeout(300)
    picture = await page.screenshot(mask=[page.locator("code", has_text="wb-")])
    browser = page.context.browser
    assert browser is not None  # a context of launch_persistent_context alone has none
    (FOLDER / f"{name}.png").write_bytes(await small(picture, browser))
    print(f"docs/images/{name}.png")


@contextmanager
def _up() -> Iterator[tuple[Path, str]]:
    """A gateway with its window: its data directory and address."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "models").symlink_to(_MODELS)
        (home / "weighbridge.toml").write_text(_SETTINGS)
        command = [str(_PROGRAM), "up", "--port", "0"]
        with subprocess.Popen(
            command, env=environment(home, window=True), cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as up:
            assert up.stdout is not None
            said = ""
            try:
                for line in up.stdout:
                    said += line.decode()
                    if (found := re.search(r"(http://127\.0\.0\.1:\d+)/enter\?ticket=\S+", said)) is not None:
                        yield home, found[1]
                        return
                raise RuntimeError(said)
            finally:
                up.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
