"""`weighbridge market` from files to figures, charts, the report and what moved."""

import json
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Shell
from tests.ledger.made_up import entry
from tests.market.conftest import WEEK
from weighbridge import db
from weighbridge.ledger import store
from weighbridge.market.live import Live

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


class Source(BaseHTTPRequestHandler):
    """OpenRouter's list of models."""

    def do_GET(self) -> None:
        pricing = {"prompt": "0.00000014", "completion": "0.00000028"}
        model = {"id": "lab/m", "canonical_slug": "lab/m-1", "hugging_face_id": "lab/M", "pricing": pricing}
        body = json.dumps({"data": [model]})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's
        """Nothing."""


def test_a_source_is_asked_by_its_name(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Source) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            there = Live("openrouter-models", f"http://127.0.0.1:{server.server_port}/models")
            monkeypatch.setattr("weighbridge.cli.market.LIVE", {"openrouter-models": there})
            (taken,) = json.loads(shell.good("market", "sync", "openrouter-models", "--json"))
            (again,) = json.loads(shell.good("market", "sync", "openrouter-models", "--json"))
        finally:
            server.shutdown()
            thread.join()
    assert (taken["payload"]["source"], taken["before"], again["before"]) == ("openrouter-models", False, True)
    assert taken["payload"]["rows"]["price"] == 1
    assert "not both" in shell.fails(2, ["market", "sync", "hub", "--from", "."])
    assert "is not one of" in shell.fails(2, ["market", "sync", "nobody"])
