"""/models: the catalogue and a model's page, by plain HTTP; and with a real gateway beside it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.conftest import near
from tests.gateway.conftest import upstream as upstream  # noqa: PLC0414 - a fixture
from tests.gateway.house import ASKED, PATIENCE
from tests.gateway.upstream import Upstream
from tests.web.house import Window, window
from weighbridge.config import Secret

QWEN = "/models/qwen/qwen2.5-coder-0.5b-instruct"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Window]:
    async with window(tmp_path / "home", seeded=False) as made:
        yield made


def listed(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/models/([^"]+)"', text)


async def test_the_catalogue_goes_on_over_pages_without_a_model_twice(here: Window) -> None:
    seen: list[str] = []
    path = "/models?sort=name"
    while path:
        page = await here.browser.get(path)
        seen += listed(page.text)
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = "" if following is None else following[1].replace("&amp;", "&")
    assert seen == sorted(here.parts.catalog().models)


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("licence=permissive", lambda model: model.licence.licence_class == "permissive"),
        ("origin=FR", lambda model: model.lab.country == "FR"),
        ("open=on&size=small", lambda model: model.open_weights and model.total_params <= 4e9),
        ("context=1000000", lambda model: model.context >= 1_000_000),
        ("tools=on&reasoning=on", lambda model: model.tools and model.reasoning),
        ("price=0.5", lambda model: min(p.output.base for e in model.endpoints for p in e.prices) <= 1),
        ("q=qwen+coder", lambda model: "coder" in model.id),
    ],
)
async def test_filters_let_through_what_is_asked_for(query: str, holds: object, here: Window) -> None:
    assert callable(holds)
    found = listed((await here.browser.get(f"/models?{query}")).text)
    assert found
    assert all(holds(here.parts.catalog().models[id_]) for id_ in found)


async def test_the_order_is_that_which_was_chosen_and_what_is_unknown_comes_last(here: Window) -> None:
    found = listed((await here.browser.get("/models?sort=context&open=on")).text)
    lengths = [here.parts.catalog().models[id_].context or 0 for id_ in found]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize("query", ["price=cheap", "licence=mine", "context=-1", "size=giant", "origin=XYZ"])
async def test_what_is_wrong_with_a_filter_is_said_at_its_field(query: str, here: Window) -> None:
    page = await here.browser.get(f"/models?{query}")
    assert page.status == 422
    assert page.text.count('aria-invalid="true"') == 1


async def test_digits_of_any_script_are_a_price(here: Window) -> None:
    arabic = listed((await here.browser.get("/models?price=%D9%A0%D9%AB%D9%A5")).text)
    assert arabic == listed((await here.browser.get("/models?price=0.5")).text) != []


async def test_a_model_s_page_has_endpoints_prices_with_causes_clauses_and_how_to_run_it(here: Window) -> None:
    page = await here.browser.get("/models/deepseek/deepseek-v4-flash")
    assert page.status == 200
    for part in (
        "deepinfra/deepseek-ai/DeepSeek-V4-Flash",
        "It lowered its price.",
        "as far back as is known",
        "It holds for any number of users.",
        "vllm serve deepseek-ai/DeepSeek-V4-Flash",
        "<svg",
    ):
        assert part in page.text


async def test_what_the_gateway_can_run_itself_says_which_file_and_how(here: Window) -> None:
    page = await here.browser.get(QWEN)
    assert "weighbridge pull qwen/qwen2.5-coder-0.5b-instruct" in page.text
    assert "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32" in page.text


async def test_a_model_without_weights_cannot_be_run_by_others(here: Window) -> None:
    page = await here.browser.get("/models/openai/gpt-5-mini")
    assert "only its providers can run it" in page.text
    assert "vllm serve" not in page.text


async def test_another_spelling_leads_to_the_model_and_an_unknown_one_to_what_is_alike(here: Window) -> None:
    page = await here.browser.get(QWEN.upper().replace("/MODELS", "/models"))
    assert (page.status, page.location) == (303, QWEN)
    page = await here.browser.get("/models/qwen/qwen2.5-coder-0.6b-instruct")
    assert page.status == 404
    assert "qwen/qwen2.5-coder-0.5b-instruct" in page.text


async def test_every_model_has_a_page_that_can_be_drawn_in_both_languages(here: Window) -> None:
    for number, id_ in enumerate(here.parts.catalog().models):
        page = await here.browser.get(f"/models/{id_}", accept_language="ar" if number % 2 else "en")
        assert page.status == 200, id_


async def test_a_name_of_markup_is_text(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    toml = f'[providers.odd]\nbase_url = "http://127.0.0.1:9/v1"\nmodels = [{{id = "{evil}", model = "odd/{evil}"}}]\n'
    async with window(tmp_path / "home", toml, seeded=False) as here:
        listing = await here.browser.get("/models?q=odd")
        assert "odd/&lt;img" in listing.text
        page = await here.browser.get("/models/odd/%3Cimg%20src=x%20onerror=alert(1)%3E")
        assert (page.status, evil in page.text) == (200, False)


async def test_health_is_what_the_gateway_has_seen_for_those_who_see_all_usage(
    tmp_path: Path, upstream: Upstream
) -> None:
    async with window(tmp_path / "home", near(upstream), seeded=False, worker=True) as here:
        assert here.gateway is not None
        assert (await here.gateway.ask(ASKED)).status == 200
        page = await here.browser.get("/models/near/tiny", x_part="endpoints")
        async with asyncio.timeout(PATIENCE):
            while "not asked yet" in page.text:  # a worker's snapshot stands for a second
                await asyncio.sleep(0.05)
                page = await here.browser.get("/models/near/tiny", x_part="endpoints")
        assert "well" in page.text
        assert "of the requests went well" in page.text
        assert "<h1" not in page.text  # the block alone
        member = await here.signed_in(here.admin("member"))
        assert "not yours to see" in (await member.get("/models/near/tiny")).text


async def test_without_a_gateway_the_page_says_so_and_stands(tmp_path: Path) -> None:
    async with window(tmp_path / "home", seeded=False) as here:
        here.parts.key = Secret("wb-any-will-do-as-nobody-is-there")
        page = await here.browser.get(QWEN)
        assert page.status == 200
        assert "The gateway does not answer" in page.text
