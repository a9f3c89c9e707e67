"""`weighbridge market` from files to figures, charts, the report and what moved."""

import json
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Shell
from tests.market.conftest import WEEK

DAY = ("--window", "2026-08-10")


@pytest.fixture
def market(shell: Shell) -> Shell:
    """With one day of rankings taken in."""
    (shell.home.parent / "a.csv").write_text(WEEK, encoding="utf-8")
    shell.good("market", "sync", "--from", "a.csv")
    return shell


def test_a_fresh_home_has_figures_from_installed_prices(shell: Shell) -> None:
    said = shell.good("market", "figure", "reasoning-cost")
    assert "deepseek/deepseek-reasoner" in said
    assert "Source: Weighbridge's catalogue" in said
    assert "market sync --from FILE" in shell.fails(1, ["market", "figure", "top-20"])


def test_a_figure_as_json_csv_and_svg(market: Shell) -> None:
    found = json.loads(market.good("market", "figure", "top-20", *DAY, "--json"))
    assert (found["object"], found["name"], found["as_of"]) == ("market.figure", "top-20", "2026-08-10")
    assert {"name": "share", "unit": "share", "value": 0.5} in found["values"]
    assert found["choices"]["window"] == "2026-08-10"
    assert found["table"]["columns"][0] == "country"
    assert len(found["inputs"][0]["sha256"]) == 64
    assert {each["title"] for each in found["sensitivity"]} >= {"without stealth models"}
    lines = market.good("market", "figure", "top-20", *DAY, "--csv").splitlines()
    assert lines[0] == "country,models,tokens of these,tokens of all,share of all"
    svg = market.good("market", "figure", "top-20", *DAY, "--svg", "--lang", "ar")
    assert ElementTree.fromstring(svg).attrib["lang"] == "ar"
    assert "--json, --csv and --svg exclude" in market.fails(2, ["market", "figure", "top-20", "--json", "--svg"])


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--set", "variants"), 2, "is not CHOICE=VALUE"),
        (("--set", "variant=merged"), 2, "there is no choice 'variant'"),
        (("--set", "top=many"), 2, "whole number"),
        (("--set", "window=2026-08-10"), 2, "window is said twice"),
        (("--set", "superseded=drop"), 1, "no choice of superseded"),
        (("--set", "variants=some"), 1, "variants"),
        (("--svg", "--lang", "xx"), 1, "it is in ar, en"),
    ],
)
def test_a_choice_that_cannot_be_had_says_what_can(
    options: tuple[str, ...], code: int, said: str, market: Shell
) -> None:
    assert said in market.fails(code, ["market", "figure", "top-20", *DAY, *options])


def test_choices_are_set_by_name(market: Shell) -> None:
    merged = json.loads(
        market.good("market", "figure", "top-20", *DAY, "--set", "variants=merged", "--set", "top=1", "--json")
    )
    assert (merged["choices"]["variants"], merged["choices"]["top"]) == ("merged", 1)
    assert ["US", 0, 0, 350, 0.35] in merged["table"]["rows"]
    assert "variants" in market.good("market", "explain", "top-20", *DAY)


def test_the_report_is_a_file(market: Shell) -> None:
    said = market.good("market", "report", "--lang", "ar", "--from", "a.csv", "-o", "report.html")
    assert said.startswith("report.html: ")
    text = (market.home.parent / "report.html").read_text(encoding="utf-8")
    assert '<html lang="ar" dir="rtl">' in text
    assert "cannot be written" in market.fails(1, ["market", "report", "-o", "no/report.html"])


def test_diff_says_what_moved_and_why(market: Shell) -> None:
    assert "are noted" in market.good("market", "diff")
    assert "0 moved" in market.good("market", "diff")
    (market.home.parent / "b.csv").write_text(WEEK.replace(",500", ",900").replace("2026-08-10", "2026-08-11"))
    market.good("market", "sync", "--from", "b.csv")
    found = json.loads(market.good("market", "diff", "--keep", "--json"))
    moved = {each["figure"]: each for each in found["moved"]}
    assert moved["top-20"]["causes"] == ["new data"]
    assert [each["name"] for each in moved["top-20"]["inputs"]] == ["b.csv"]
    assert moved["top-20"]["before"] != moved["top-20"]["after"]
    assert "top-20: b.csv of openrouter-rankings, as of 2026-08-11" in market.good("market", "diff")
    assert "0 moved" in market.good("market", "diff")
    (market.home / "market" / "figures.json").write_text("{")
    assert "delete it" in market.fails(1, ["market", "diff"])
