"""What somebody does who has never seen the project: from `weighbridge up` and a browser alone, in any language.

Ask the local model, read its receipt and route; make a key with a budget and see it refused at its end; forbid a class
of licences and see why a model is refused now; cite a figure of the market. Nothing is found by its words, so that the
same steps go through every language.
"""

import re
from collections.abc import Awaitable, Callable

from playwright.async_api import Page, expect

MODEL = "qwen/qwen2.5-coder-0.5b-instruct"
PATIENCE = 90_000
"""Milliseconds that a small model on a busy machine may think."""
Shot = Callable[[str], Awaitable[None]]
"""Is told where the journey is, for a picture."""


async def none(place: str) -> None:
    """No picture."""


async def ask(page: Page, question: str, shot: Shot = none, *, key: str | None = None) -> None:
    """Ask the local model in the playground; read the answer, the receipt and the route."""
    await page.goto("/playground")
    await page.fill("[name=model-a]", MODEL)
    if key is not None:
        await page.locator("details:has([name=key]) > summary").click()
        await page.check("[name=ask-with][value=pasted]")
        await page.fill("[name=key]", key)
    await page.fill("[name=say]", question)
    await page.click("[data-send]")
    told = page.locator(".turn.model [data-slot=told]").last
    await expect(told.locator("dl.receipt:visible, .notice:visible").first).to_be_visible(timeout=PATIENCE)
    await shot("playground")


async def answered(page: Page) -> str:
    """What the model said last; its receipt and route stand under it."""
    turn = page.locator(".turn.model").last
    await expect(turn.locator("dl.receipt")).to_be_visible(timeout=PATIENCE)
    await expect(turn.locator("details.route").first).to_be_attached()
    text = await turn.locator("[data-slot=text]").first.inner_text()
    assert text.strip()
    receipt: str = (await turn.locator("dl.receipt a[href^='/requests/']").get_attribute("href")) or ""
    assert re.fullmatch(r"/requests/wbr-[0-9a-f]{32}", receipt)
    return receipt


async def refused(page: Page) -> str:
    """What is said where the model was not asked."""
    notice = page.locator(".turn.model").last.locator(".notice:visible").first
    await expect(notice).to_be_visible(timeout=PATIENCE)
    return await notice.inner_text()


async def made_key(page: Page, name: str, shot: Shot = none) -> str:
    """Make a key for one request; the key, which is shown this once."""
    await page.goto("/keys/new")
    await page.fill("[name=name]", name)
    await page.fill("[name=budget-amount]", "1")
    await page.select_option("[name=budget-unit]", "requests")
    await page.select_option("[name=budget-period]", "total")
    await shot("keys-new")
    await page.locator(
        "main form[action='/keys/new'] button.primary, main form[action='/keys/new'] [type=submit]"
    ).first.click()
    shown = page.locator("main code, main pre").filter(has_text="wb-").first
    await expect(shown).to_be_visible()
    found = re.search(r"wb-[\w-]{16,}", await page.locator("main").inner_text())
    assert found is not None
    return found[0]


async def forbidden(page: Page, licences: str, shot: Shot = none) -> None:
    """Forbid a class of licences: see what it would do, then apply it."""
    await page.goto("/policies")
    await page.select_option("[name=forbid]", licences)
    await page.locator("form:has([name=forbid]) button").first.click()
    await page.wait_for_url("**/policies/edit**")
    tried = page.locator("button[value=try]")
    if await page.locator("button[value=apply]").count() == 0:
        await tried.click()
    await shot("policies-try")
    await page.locator("button[value=apply]").click()
    await page.wait_for_url(re.compile(r"/policies$"))


async def lifted(page: Page) -> None:
    """Take the policy back."""
    await page.goto("/policies/edit")
    await page.click("button[value=lift]")
    await page.locator("button[value=apply]").click()
    await page.wait_for_url(re.compile(r"/policies$"))


async def cited(page: Page, shot: Shot = none) -> str:
    """Open a figure of the market that has data, and take what is to be cited of it."""
    await page.goto("/market?here=on")
    await shot("market")
    await page.locator("main th a[href^='/market/']").first.click(timeout=PATIENCE)
    cite = page.locator("main .cite, main [data-cite]").first
    await expect(cite).to_be_visible(timeout=PATIENCE)
    await shot("market-figure")
    return await cite.inner_text()
