"""`weighbridge switch report`: what was replayed so far, in words, as JSON and as a page."""

import json
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import Shell
from tests.cli.test_switch import SETTINGS, planned, requests
from weighbridge import db
from weighbridge.db import microseconds
from weighbridge.switch import replayed, store
from weighbridge.switch.case import Grade
from weighbridge.switch.outcome import Interval, Outcome
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.report.proof import Proof
from weighbridge.switch.store import REFERENCE, CertificateRow, ReplayRow, RuleRow, ShadowRow
from weighbridge.texts.sealing import Seals
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Text

NOW = datetime.now(UTC)
ARM = "near/small"
PROVEN = Proof(
    why="proven",
    epsilon=0.05,
    delta=0.1,
    replays=2,
    routed=Outcome(loss=Interval(-0.01, 0.04, 0.01), saving=Interval(0.5, 0.7, 0.6), moved=0.8),
)


@pytest.fixture
def home(shell: Shell) -> Shell:
    shell.home.mkdir()
    (shell.home.parent / "weighbridge.toml").write_text(SETTINGS)
    return shell


@pytest.fixture
def plan(home: Shell) -> str:
    """Of four requests, of which none was replayed yet."""
    words = ["one", "two", "<script>three", "four"]
    lines = [{"request": {"messages": [{"role": "user", "content": each}]}, "expected": each} for each in words]
    found: str = planned(home, "--to", ARM, "--requests", requests(home, *lines), "--yes")["plan"]
    return found


def replays(shell: Shell, plan: str, *losses: float) -> str:
    """Replay as many cases, with these losses; the route."""
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        row = store.find_plan(connection, plan)
        assert row is not None
        (route,) = replayed_plan(row.document)["routes"]
        cases = [each[0] for each in route["cases"]]
        for case, loss in zip(cases, losses, strict=False):
            grade = Grade("exact/1", loss, 1.0, 1.0 - loss, why="against what is expected")
            rows = {
                REFERENCE: Replayed(state="done", receipt="wbr-1", cost="0.01", seconds=2.0, finish="stop"),
                ARM: Replayed(state="done", receipt="wbr-2", cost="0.001", seconds=1.0, finish="stop", grade=grade),
            }
            store.put_replays(
                connection, [ReplayRow(plan, case, arm, NOW, replayed.encode(each)) for arm, each in rows.items()]
            )
    found: str = route["route"]
    return found


def replayed_plan(document: bytes) -> Any:  # noqa: ANN401 - JSON
    return json.loads(document)


def proven(shell: Shell, plan: str, route: str) -> None:
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        store.add_certificate(
            connection,
            CertificateRow("cert-1", plan, route, NOW, NOW + timedelta(days=30), msgspec.json.encode(PROVEN), b""),
        )
        store.add_rule(connection, RuleRow(route, 1, "cert-1", NOW, 0.02, "proven", "applied"))
        store.add_rule(connection, RuleRow(route, 2, "cert-1", NOW, float("-inf"), "stepped_back", "alarm"))
        seen = ShadowRow(
            certificate="cert-1", receipt="wbr-8", at=NOW, shadow_receipt="wbr-9", propensity=0.03, tau=0.02, arm=ARM,
            predicted=0.0, loss=0.5, harm=True,
        )  # fmt: skip
        store.add_shadows(connection, [seen])


def test_a_plan_that_was_not_run_says_so(home: Shell, plan: str) -> None:
    assert "Not decided yet: 0 replayed calls" in home.good("switch", "report").replace("\N{NO-BREAK SPACE}", " ")
    assert plan in home.good("switch", "report", "--json")


def test_the_numbers_of_each_model_are_those_of_its_replays(home: Shell, plan: str) -> None:
    replays(home, plan, 1.0, 0.0)
    made = json.loads(home.good("switch", "report", plan, "--json"))
    (route,) = made["routes"]
    assert (made["replays"], route["why"]) == (4, "running")
    assert (route["reference"]["cost"], route["reference"]["p50"]) == (pytest.approx(10.0), 2.0)
    (candidate,) = route["candidates"]
    assert candidate["side"]["cost"] == pytest.approx(1.0)
    assert [each["loss"] for each in route["worst"]] == [1.0]


def test_the_page_has_the_examples_texts_and_is_its_owner_s_alone(home: Shell, plan: str) -> None:
    replays(home, plan, 1.0, 1.0, 1.0, 1.0)
    page = home.home.parent / "report.html"
    said = home.good("switch", "report", "-o", str(page), "--lang", "ar")
    assert "0 of 1 routes certified" in said
    text = page.read_text()
    assert 'dir="rtl"' in text
    assert "&lt;script&gt;three" in text
    assert "<script>" not in text
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_a_candidate_s_answer_is_shown_where_its_text_is_kept(home: Shell, plan: str) -> None:
    replays(home, plan, 1.0)
    answer = b'{"choices": [{"message": {"content": "</blockquote>\\u202ewrong"}, "finish_reason": "stop"}]}'
    text = Text("wbr-2", NOW, "key-1", "chat", ARM, b"{}", answer)
    with closing(TextStore(home.home / "texts.db")) as texts:
        texts.keep([Seals().closed(text, microseconds(NOW + timedelta(days=9)))])
    (route,) = json.loads(home.good("switch", "report", "--json"))["routes"]
    assert route["worst"][0]["texts"]["candidate"] == "</blockquote>\u202ewrong"
    home.good("switch", "report", "-o", str(home.home / "report.html"))
    assert "&lt;/blockquote&gt;⟨U+202E⟩wrong" in (home.home / "report.html").read_text()


def test_what_was_proven_is_said_with_what_became_of_it(home: Shell, plan: str) -> None:
    proven(home, plan, replays(home, plan, 0.0, 0.0, 0.0, 0.0))
    said = home.good("switch", "report").replace("\N{NO-BREAK SPACE}", " ")
    assert "routing costs 60 % less and loses at most 5 % quality with 90 % confidence" in said
    (route,) = json.loads(home.good("switch", "report", "--json"))["routes"]
    since = route["watched"]
    assert (since["state"], since["shadows"], since["loss"], since["harmed"], since["alarms"]) == (
        "stepped_back", 1, 0.5, 1, 1,
    )  # fmt: skip
    assert [each["tau"] for each in since["steps"]] == [None, 0.02]


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        (1, ("plan-none",), "weighbridge switch status"),
        (1, ("--lang", "xx"), "it is in ar, en"),
        (2, ("--json", "-o", "x.html"), "leave out -o"),
    ],
)
def test_what_cannot_be_reported_says_what_would_do(
    home: Shell, plan: str, code: int, arguments: tuple[str, ...], said: str
) -> None:
    assert said in home.fails(code, ("switch", "report", *arguments))
