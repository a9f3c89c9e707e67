"""From what OpenRouter and others say today to figures: tasks, apps and sessions, over a server on loopback."""

import pytest

from tests.market.conftest import taken
from tests.market.live import answers
from tests.market.live.server import fetching, serving
from weighbridge.errors import MarketError
from weighbridge.market.live.fetching import fetch
from weighbridge.market.recipes.figure import figure
from weighbridge.market.store import Store


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """With what was said today of apps, sessions and tasks."""
    directory = tmp_path_factory.mktemp("today")
    store = Store(directory / "market")
    said = {
        "artificial-analysis": answers.ANALYSIS,
        "openrouter-apps": answers.APPS,
        "openrouter-endpoints": answers.ENDPOINTS,
        "openrouter-sessions": answers.SESSIONS,
        "openrouter-tasks": answers.TASKS,
    }
    for name, replies in said.items():
        with serving(replies) as server:
            payload = fetch(name, fetching(server, directory, lambda seconds: None), key="mine")
        taken(store, payload.path)
    return store


def test_what_it_is_used_for(today: Store) -> None:
    found = figure(today, "task-share")
    assert found.measured.rows == [("code", 0.31, 0.23), ("general", 0.2, 0.4)]
    assert (found.value("tokens"), found.value("requests")) == (0.31, 0.23)
    by_task = figure(today, "task-share", {"by": "task", "group": "general:chat"})
    assert by_task.value("tokens") == 0.2
    assert found.attribution == ("Source: OpenRouter (openrouter.ai/rankings), as of 2026-11-21.",)


def test_whose_models_lead_a_task(today: Store) -> None:
    found = figure(today, "task-leaders")
    assert (found.value("models"), found.value("share"), found.value("of")) == (1, 0.75, 2)
    assert found.measured.rows[0] == ("deepseek/deepseek-v4", "CN", 0.55, 0.75)
    assert figure(today, "task-leaders", {"country": "US", "top": 1}).value("models") == 0


def test_which_apps_tokens_go_to(today: Store) -> None:
    found = figure(today, "app-share")
    assert (found.value("share"), found.value("tokens"), found.value("apps")) == (0.9, 900, 2)
    assert found.measured.unmatched == pytest.approx(0.1)


def test_what_a_session_costs(today: Store) -> None:
    found = figure(today, "session-cost", {"model": "anthropic/claude-4.8-opus"})
    assert (found.value("cost"), found.value("multiple")) == (1.74, 1.0)
    assert figure(today, "session-cost", {"turns": "1-turn"}).value("cost") is None


def test_what_endpoints_ask_for_one_model(today: Store) -> None:
    found = figure(today, "endpoint-spread", {"model": "lab/m"})
    assert (found.value("cheapest"), found.value("multiple"), found.value("endpoints")) == (0.28, 1.0, 2)
    assert found.measured.rows[1] == ("deepinfra/fp8", 0.14, 0.28, "fp8", 0.995, 45.2)


def test_where_a_model_stands_by_an_index_of_one_version(today: Store) -> None:
    found = figure(today, "index-rank", {"model": "gpt-4o"})
    assert (found.value("rank"), found.value("models")) == (1, 1)
    assert figure(today, "index-rank", {"board": "intelligence_index 5"}).value("rank") is None


def test_without_a_key_the_figure_says_what_it_needs(store: Store) -> None:
    with pytest.raises(MarketError, match=r"none is here; .* market sync openrouter-tasks; nearest is token-share"):
        figure(store, "task-share")
