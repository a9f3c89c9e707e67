"""What sources say today, asked of a server on loopback and read: apps, sessions, tasks, endpoints, indices, prices."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from tests.market.live import answers
from tests.market.live.server import Reply, fetching, serving
from tests.market.sources.reading import counted, read
from weighbridge.market.findings import Finding
from weighbridge.market.live.fetching import fetch
from weighbridge.market.tables import AppUsage, Model, Offer, Price, Rating, Row, SessionCost, TaskShare

DAY = date(2026, 11, 22)
Found = tuple[list[Row], list[Finding]]


def asked(name: str, replies: Mapping[str, list[Reply]], directory: Path) -> Found:
    """Fetched, and read by the source that takes it for its own."""
    with serving(replies) as server:
        payload = fetch(name, fetching(server, directory, lambda seconds: None), key="mine")
        assert set(server.paths()) == set(replies)
    return read(payload.path, as_of=None)


def kinds(findings: list[Finding]) -> list[str]:
    return [each.kind for each in findings]


def test_apps_in_all_and_by_category(tmp_path: Path) -> None:
    rows, findings = asked("openrouter-apps", answers.APPS, tmp_path)
    window = date(2026, 11, 15), date(2026, 11, 21)
    source = ("openrouter-apps", DAY)
    assert rows == [
        AppUsage("1", "Cline", None, *window, 900, 3, *source),
        AppUsage("2", "Chat", None, *window, 100, 3, *source),
        AppUsage("1", "Cline", "coding", *window, 900, 3, *source),
    ]
    assert kinds(findings) == ["unreadable-row", "unreadable-row", "changed-schema"]


def test_what_sessions_cost(tmp_path: Path) -> None:
    rows, findings = asked("openrouter-sessions", answers.SESSIONS, tmp_path)
    names = ("hermes-agent", "anthropic/claude-4.8-opus", "10-49-turns")
    assert rows == [SessionCost(*names, date(2026, 11, 15), 30, 1.74, "openrouter-sessions", DAY)]
    assert kinds(findings) == ["unreadable-row", "restated"]


def test_what_requests_are_for(tmp_path: Path) -> None:
    rows, findings = asked("openrouter-tasks", answers.TASKS, tmp_path)
    day = date(2026, 11, 21)
    assert rows[:2] == [
        TaskShare("code:general_impl", "code", None, day, 7, 0.23, 0.31, "openrouter-tasks", day),
        TaskShare("code:general_impl", "code", "deepseek/deepseek-v4", day, 7, 0.55, 0.75, "openrouter-tasks", day),
    ]
    assert counted(rows, findings) == ({"task_share": 4}, {"unreadable-row": 1})


def test_endpoints_of_each_model(tmp_path: Path) -> None:
    rows, findings = asked("openrouter-endpoints", answers.ENDPOINTS, tmp_path)
    source = ("openrouter-endpoints", DAY)
    assert rows == [
        Price("lab/m", "deepinfra/fp8", "base", DAY, "0.14", "0.28", None, None, *source),
        Offer("lab/m", "deepinfra/fp8", DAY, "fp8", 8192, 4096, 0.995, 0.25, 45.2, *source),
        Price("lab/m", "Own", "base", DAY, "0", "0", None, None, *source),
        Offer("lab/m", "Own", DAY, None, None, None, None, None, None, *source),
    ]
    assert kinds(findings) == ["unreadable-row", "changed-schema"]


def test_indices_with_their_version(tmp_path: Path) -> None:
    rows, findings = asked("artificial-analysis", answers.ANALYSIS, tmp_path)
    source = ("artificial-analysis", DAY)
    assert rows[:4] == [
        Model("gpt-4o", "OpenAI", date(2024, 5, 13), None, None, None, None, None, *source),
        Rating("gpt-4o", "intelligence_index 4.3", DAY, "OpenAI", None, None, None, 85.2, None, *source),
        Price("gpt-4o", "median of providers", "base", DAY, "5", "15", None, None, *source),
        Offer("gpt-4o", "median of providers", DAY, None, None, None, None, 0.35, 85.0, *source),
    ]
    assert kinds(findings) == ["changed-schema", "impossible-date", "unreadable-row"]
    assert counted(rows, findings)[0] == {"model": 2, "rating": 1, "price": 2, "offer": 2}


def test_a_price_list_that_is_newer_than_the_installed_one(tmp_path: Path) -> None:
    rows, findings = asked("genai-prices", answers.PRICES, tmp_path)
    source = ("genai-prices", DAY)
    opus = ("claude-opus-4-6", "anthropic")
    assert rows == [
        Price("claude-2", "anthropic", "base", None, "8", "24", None, None, *source),
        Price(*opus, "base", None, "5", "25", None, None, *source),
        Price(*opus, "prompt>200000", None, "10", "25", None, None, *source),
        Price(*opus, "base", date(2026, 3, 13), "5", "25", None, None, *source),
        Price(*opus, "hours=16:30-00:30", None, "1", None, None, None, *source),
    ]
    assert kinds(findings) == ["unreadable-row"]


@pytest.mark.parametrize("name", ["openrouter-apps", "openrouter-sessions", "artificial-analysis"])
def test_a_page_that_is_cut_off_is_told(name: str, tmp_path: Path) -> None:
    path = {
        "openrouter-apps": "/api/v1/datasets/app-rankings",
        "openrouter-sessions": "/api/v1/datasets/session-cost",
        "artificial-analysis": "/api/v2/language/models/free",
    }[name]
    content = f'{{"asked": "{path}?x=1", "answer": {{"data": [], "meta": {{"as_of": "2026-1'
    rows, findings = read(tmp_path / f"{name}_2026-11-22.jsonl", content, as_of=None)
    assert (rows, kinds(findings)) == ([], ["truncated-file"])
