"""The market in the window: figures by subject, one with its definition, the same as files, and their sources."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from tests.market.conftest import WEEK, taken
from tests.web.house import Window, window
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.document import documented
from weighbridge.market.recipes.figure import figure
from weighbridge.market.recipes.measures.known import MEASURES
from weighbridge.market.recipes.recipe import Choices, recipes
from weighbridge.web.pages.market.asked import LABELS
from weighbridge.web.pages.market.subjects import SUBJECTS, subject

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Window]:
    """A fresh install; nobody takes anything in."""
    async with window(tmp_path_factory.mktemp("market") / "home", seeded=False) as made:
        yield made


def said(text: str) -> str:
    """What a page says, without its elements."""
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", text).split()))


async def test_every_figure_has_a_subject_and_every_choice_a_label() -> None:
    assert {subject(each) for each in recipes().values()} == set(SUBJECTS)
    assert set(LABELS) == set(Choices.__struct_fields__) >= {name for each in MEASURES.values() for name in each.heeds}


async def test_a_fresh_install_lists_all_figures_and_says_which_have_data(here: Window) -> None:
    page = await here.browser.get("/market")
    assert page.status == 200
    assert set(re.findall(r'href="/market/([a-z0-9-]+)"', page.text)) == set(recipes()) | {"sources"}
    assert "There are data here for" in said(page.text)
    only = await here.browser.get("/market?here=on")
    assert set(re.findall(r'href="/market/([a-z0-9-]+)"', only.text)) - {"sources"} >= {"reasoning-cost", "licence-mix"}
    assert "/market/top-20" not in only.text


@pytest.mark.parametrize(
    ("looked_for", "found"), [("REASONING cost", "reasoning-cost"), ("lmarena-days", "best-open-model"), ("zz", None)]
)
async def test_figures_are_found_by_what_is_said_of_them(here: Window, looked_for: str, found: str | None) -> None:
    page = await here.browser.get(f"/market?q={looked_for.replace(' ', '+')}")
    names = set(re.findall(r'href="/market/([a-z0-9-]+)"', page.text)) - {"sources"}
    assert (found in names) if found else not names
    assert len(names) < 10


async def test_a_figure_has_its_value_its_definition_and_a_line_to_cite(here: Window) -> None:
    page = await here.browser.get("/market/reasoning-cost")
    text = said(page.text)
    assert page.status == 200
    assert "$0.0126" in text
    assert "An answer of 500 tokens" in text
    assert "a long thought of 20,000 tokens" in text
    assert "“What reasoning adds to the cost of an answer”: cost $0.0126" in text
    assert "Source: Weighbridge's catalogue" in text
    assert '<svg class="drawing"' in page.text
    assert "style=" not in page.text


async def test_a_figure_is_had_by_other_choices_and_says_how_to_have_it_again(here: Window) -> None:
    page = await here.browser.get("/market/reasoning-cost?reasoning_tokens=1000&model=deepseek%2Fdeepseek-reasoner")
    text = said(page.text)
    assert "$0.0038" in text
    assert "--set reasoning_tokens=1000" in text
    assert "/market/reasoning-cost/table.csv?reasoning_tokens=1000" in page.text
    assert "As it is defined" in text
    days = await here.browser.get("/market/licence-mix?first=2025-01-01&last=2025-12-31")
    assert 'name="last" type="date" value="2025-12-31"' in days.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("list=nonsense", "list"),
        ("prompt_tokens=many", "prompt_tokens"),
        ("prompt_tokens=-1", "prompt_tokens"),
        ("first=2025-03-03&last=2025-03-01", "first"),
    ],
)
async def test_a_choice_that_cannot_be_is_said_at_its_field_and_the_figure_stands(
    here: Window, query: str, field: str
) -> None:
    page = await here.browser.get(f"/market/reasoning-cost?{query}")
    assert page.status == 422
    assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', page.text)
    assert "$0.0126" in said(page.text)


async def test_a_figure_that_there_is_not_is_not_found_and_the_one_meant_is_named(here: Window) -> None:
    page = await here.browser.get("/market/top-2")
    assert page.status == 404
    assert "did you mean top-20" in said(page.text)


async def test_a_figure_that_the_data_here_do_not_answer_says_so(here: Window) -> None:
    text = said((await here.browser.get("/market/price-history")).text)
    assert "The data here have no answer to this." in text
    assert "weighbridge market sync" in text
    listed = await here.browser.get("/market?q=price-history")
    assert "partly here" in said(listed.text)


async def test_a_figure_without_data_says_how_to_have_them(here: Window) -> None:
    page = await here.browser.get("/market/top-20")
    assert page.status == 200
    assert "weighbridge market sync openrouter-rankings" in said(page.text)
    missing = await here.browser.get("/market/top-20/figure.json")
    assert missing.status == 404


async def test_a_figure_can_be_taken_along_as_document_table_and_chart(here: Window) -> None:
    await here.browser.get("/market")
    document = await here.browser.get("/market/licence-mix/figure.json?group=restricted")
    assert document.headers["content-disposition"] == 'attachment; filename="licence-mix.json"'
    store = here.parts.market.figures.store
    found = figure(store, "licence-mix", {"group": "restricted"})
    assert json.loads(document.text)["values"][0]["value"] == documented(found).values[0].value
    table = await here.browser.get("/market/licence-mix/table.csv")
    head, *rows = csv.reader(io.StringIO(table.text))
    assert head == list(found.measured.columns)
    assert len(rows) == len(found.measured.rows)
    chart = await here.browser.get("/market/licence-mix/chart.svg")
    assert chart.headers["content-type"].startswith("image/svg+xml")
    desc = ElementTree.fromstring(chart.text).find("{http://www.w3.org/2000/svg}desc")
    assert desc is not None
    assert found.attribution[0] in (desc.text or "")
    assert (await here.browser.get("/market/licence-mix/table.csv?by=nonsense")).status == 400


async def test_where_the_libraries_are_missing_the_page_says_what_to_install(
    here: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacks() -> NoReturn:
        raise PackageMissing("pyarrow is not installed: pip install 'weighbridge[analysis]'")

    monkeypatch.setattr(here.parts.market, "take_in", lacks)
    for path in ("/market", "/market/reasoning-cost", "/market/sources"):
        page = await here.browser.get(path)
        assert page.status == 200
        assert "pip install 'weighbridge[analysis]'" in said(page.text)
    assert "/market/top-20" in (await here.browser.get("/market")).text


async def test_one_s_own_ledger_is_asked_the_same_by_whoever_sees_all_of_it(tmp_path: Path) -> None:
    async with window(tmp_path / "home") as here:
        taken(here.parts.market.figures.store, tmp_path / "week.csv", WEEK)
        path = "/market/token-share?first=2026-08-10&last=2026-08-10"
        assert "own=on#own" in (await here.browser.get(path)).text
        asked = said((await here.browser.get(f"{path}&own=on")).text)
        assert "The same question, asked of your own ledger" in asked
        now = here.parts.now().date()
        recent = await here.browser.get(f"/market/token-share?first={now.replace(day=1)}&last={now}&own=on")
        assert "CN" in said(recent.text).partition("asked of your own ledger")[2]
        lesser = await here.signed_in(here.admin("admin", organisation="acme"))
        assert "own ledger" not in (await lesser.get(f"{path}&own=on")).text


async def test_sources_say_what_was_taken_in_and_how_to_have_the_others(here: Window) -> None:
    page = await here.browser.get("/market/sources")
    text = said(page.text)
    assert "catalogue-prices" in text
    assert "weighbridge market sync openrouter-rankings" in text
    assert "CC-BY-4.0" in text


async def test_in_arabic_a_figure_is_said_in_arabic(here: Window) -> None:
    page = await here.browser.get("/market/reasoning-cost", accept_language="ar")
    assert 'dir="rtl"' in page.text
    assert "٪" in page.text
    assert "An answer of 500 tokens" not in page.text
