"""`weighbridge market` from files to figures, charts, the report and what moved."""

import json
from contextlib import closing
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Shell
from tests.ledger.made_up import entry
from tests.market.conftest import WEEK
from tests.market.live.server import Reply, serving
from weighbridge import db
from weighbridge.ledger import store

DAY = ("--window", "2026-08-10")
MODELS = (
    b'{"data": [{"id": "lab/m", "canonical_slug": "lab/m-1", "hugging_face_id": "lab/M", '
    b'"pricing": {"prompt": "0.00000014", "completion": "0.00000028"}}]}'
)


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
        (("--set", "variants=some"), 1, "variants cannot be 'some'; it can be separate, merged"),
        (("--set", "top=0"), 1, "top cannot be 0; it is at least 1"),
        (("--svg", "--lang", "xx"), 1, "it is in ar, en"),
    ],
)
def test_a_choice_that_cannot_be_had_says_what_can(
    options: tuple[str, ...], code: int, said: str, market: Shell
) -> None:
    assert said in market.fails(code, ["market", "figure", "top-20", *DAY, *options])


def test_a_name_that_no_figure_has_and_days_without_data_say_what_there_is(market: Shell) -> None:
    assert "there is no figure 'top20'; did you mean top-20" in market.fails(1, ["market", "figure", "top20"])
    assert "there is no figure '%'; there are " in market.fails(1, ["market", "explain", "%"])
    ran = market.run("market", "figure", "top-20", "--window", "2025-01-01")
    assert "nothing here answers top-20" in ran.stderr
    assert "its data here are of 2026-08-10 to 2026-08-10" in ran.stderr


def test_a_sync_tells_the_first_of_each_finding_and_how_many_more(shell: Shell) -> None:
    days = "".join(f"2026-08-{day:02},other,many\n" for day in range(1, 9))
    (shell.home.parent / "bad.csv").write_text(WEEK + days)
    told = shell.run("market", "sync", "--from", "bad.csv").stderr
    assert told.count("bad.csv: unreadable-row, row ") == 5
    assert "bad.csv: unreadable-row, 3 more; --json has all" in told


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
    (new,) = [each for each in moved["top-20"]["weights"] if each["cause"] == "new data"]
    assert new["values"][-1] == {"name": "tokens", "unit": "tokens", "value": 1400}
    (market.home.parent / "c.csv").write_text(WEEK.replace(",500", ",700"))
    market.good("market", "sync", "--from", "c.csv")
    said = market.good("market", "diff")
    assert "top-20: b.csv of openrouter-rankings, as of 2026-08-11" in said
    assert "top-20\trestated source\tshare +8.33 points, tokens +200" in said
    assert "0 moved" in market.good("market", "diff")
    (market.home / "market" / "figures.json").write_text("{")
    assert "delete it" in market.fails(1, ["market", "diff"])


def test_the_same_question_of_the_own_ledger_beside_the_market(market: Shell) -> None:
    assert "there is no ledger" in market.fails(1, ["market", "own", "token-share", *DAY])
    with closing(db.connect(market.home / "ledger.db")) as connection:
        db.migrate(connection)
        at = datetime(2026, 8, 10, 12, tzinfo=UTC)
        store.add(connection, [entry(at=at, model="deepseek/deepseek-chat"), entry(at=at, model="openai/gpt-4o")])
    found = json.loads(market.good("market", "own", "token-share", *DAY, "--json"))
    assert [row[0] for row in found["own"]["rows"]] == ["CN", "US"]
    assert found["own"]["values"][0] == {"name": "share", "unit": "share", "value": 0.5}
    assert {"name": "share", "unit": "share", "value": 0.5} in found["market"]["values"]
    lines = market.good("market", "own", "token-share", *DAY).splitlines()
    assert lines[:2] == ["value\town\tmarket", "share\t50.0 %\t50.0 %"]
    assert "Source: OpenRouter (openrouter.ai/rankings), as of 2026-08-10." in lines
    assert "the ledger has tokens" in market.fails(1, ["market", "own", "reasoning-cost"])


def test_where_the_market_has_no_data_the_ledger_answers_alone(shell: Shell) -> None:
    with closing(db.connect(shell.home.parent / "ledger.db")) as connection:
        db.migrate(connection)
    shell.environ["WEIGHBRIDGE_LEDGER_PATH"] = str(shell.home.parent / "ledger.db")
    ran = shell.run("market", "own", "token-share", *DAY)
    assert ran.exit_code == 0
    assert "The market has no answer" in ran.stderr


def test_a_source_is_asked_by_its_name(shell: Shell) -> None:
    with serving({"/api/v1/models": [Reply(MODELS)]}) as server:
        shell.environ["WEIGHBRIDGE_MARKET_HOSTS"] = f"openrouter={server.url}"
        shell.environ["OPENROUTER_API_KEY"] = "mine"
        (taken,) = json.loads(shell.good("market", "sync", "openrouter-models", "--json"))
        (again,) = json.loads(shell.good("market", "sync", "openrouter-models", "--json"))
        assert [headers["authorization"] for _, headers in server.asked] == ["Bearer mine"]
    assert (taken["payload"]["source"], taken["before"], again["before"]) == ("openrouter-models", False, True)
    assert taken["payload"]["rows"]["price"] == 1
    fetched = shell.home / "market" / "fetching" / taken["payload"]["name"]
    assert fetched.samefile(shell.home / "market" / "raw" / taken["payload"]["sha256"])
    assert "not both" in shell.fails(2, ["market", "sync", "hub", "--from", "."])
    assert "is not one of" in shell.fails(2, ["market", "sync", "nobody"])
    assert "ARTIFICIAL_ANALYSIS_API_KEY" in shell.fails(1, ["market", "sync", "artificial-analysis"])


def test_one_source_that_fails_keeps_no_other_from_being_asked(shell: Shell) -> None:
    with serving({"/api/v1/models": [Reply(MODELS)], "/api.json": [Reply(b"<html>")]}) as server:
        shell.environ["WEIGHBRIDGE_MARKET_HOSTS"] = f"openrouter={server.url}, models-dev={server.url}"
        ran = shell.run("market", "sync", "models.dev-models", "models.dev", "openrouter-models")
    assert ran.exit_code == 1
    assert "Error: models.dev-models: it answered 404" in ran.stderr
    assert "models.dev-api_" in ran.stdout
    assert "changed-schema" in ran.stderr
    assert "openrouter-models" in ran.stdout
