"""GET /v1/market/…: the figures that the command line prints, for any valid key."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.gateway.house import Gateway
from tests.market.conftest import WEEK, taken
from weighbridge.market import figures
from weighbridge.market.recipes.figure import Figure, figure
from weighbridge.market.recipes.recipe import recipes
from weighbridge.market.store import Store

TOP = "/v1/market/figures/top-20"
DAY = f"{TOP}?window=2026-08-10"


def filled(gateway: Gateway, tmp_path: Path) -> Store:
    """One day of rankings where the gateway has its market."""
    store = Store(gateway.worker._settings.home / "market")
    taken(store, tmp_path / "week.csv", WEEK)
    return store


async def test_figures_sources_and_charts(gateway: Gateway, tmp_path: Path) -> None:
    filled(gateway, tmp_path)
    listed = (await gateway.get("/v1/market/figures")).document["data"]
    assert isinstance(listed, list)
    assert [each["name"] for each in listed] == list(recipes())
    assert next(each for each in listed if each["name"] == "top-20")["missing"] == []
    sources = (await gateway.get("/v1/market/sources")).document["data"]
    assert isinstance(sources, list)
    assert len({each["name"] for each in sources}) == len(sources)
    rankings = next(each for each in sources if each["name"] == "openrouter-rankings")
    assert (rankings["payloads"], rankings["rows"], rankings["as_of"]) == (1, 5, "2026-08-10")
    found = (await gateway.get(f"{DAY}&top=1&variants=merged")).document
    assert found["object"] == "market.figure"
    table = found["table"]
    assert isinstance(table, dict)
    assert ["US", 0, 0, 350, 0.35] in table["rows"]
    drawn = await gateway.get(f"{TOP}.svg?window=2026-08-10&lang=ar")
    assert drawn.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert ElementTree.fromstring(drawn.body).attrib["lang"] == "ar"


@pytest.mark.parametrize(
    ("target", "status", "said"),
    [
        ("/v1/market/figures/top-30", 404, "top-20"),
        (f"{TOP}?windows=2026", 400, "window"),
        (f"{TOP}?top=many", 400, "top"),
        (f"{TOP}?top=0", 400, "it is at least 1"),
        (f"{TOP}?variants=some", 400, "it can be separate, merged"),
        (f"{TOP}?window=August", 400, "2026-08-10:2026-08-16"),
        (f"{TOP}?superseded=drop", 400, "no choice of superseded"),
        (f"{TOP}.svg?lang=xx", 400, "ar, en"),
        ("/v1/market/figures/arena-rank", 400, "market sync"),
    ],
)
async def test_what_cannot_be_had_says_what_can(
    target: str, status: int, said: str, gateway: Gateway, tmp_path: Path
) -> None:
    filled(gateway, tmp_path)
    answer = await gateway.get(target)
    assert (answer.status, said in answer.body.decode()) == (status, True), answer.body


async def test_a_figure_is_kept_until_its_inputs_change(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_out: list[str] = []

    def counted(store: Store, name: str, change: figures.Change) -> Figure:
        worked_out.append(name)
        return figure(store, name, change)

    monkeypatch.setattr(figures, "figure", counted)
    store = filled(gateway, tmp_path)
    first = await gateway.get(DAY)
    assert (await gateway.get(DAY)).body == first.body
    assert worked_out == ["top-20"]
    taken(store, tmp_path / "later.csv", WEEK.replace("2026-08-10", "2026-08-11"))
    assert (await gateway.get(DAY)).document["as_of"] == "2026-08-11"
    assert worked_out == ["top-20", "top-20"]


async def test_without_a_key_nothing_is_told(gateway: Gateway) -> None:
    for target in ("/v1/market/figures", "/v1/market/sources", TOP, f"{TOP}.svg"):
        assert (await gateway.get(target, key="wb-none")).status == 401
