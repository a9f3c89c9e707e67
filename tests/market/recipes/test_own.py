"""The market's questions of one's own ledger: by the same measures, and the same taxonomy as its usage."""

from datetime import UTC, datetime

import pytest

from weighbridge.errors import MarketError
from weighbridge.ledger.tally import Sums, Tally
from weighbridge.market.recipes.own import own, question, reasoning


def tally(model: str | None, day: int, tokens: int, *, thought: int = 0, asked: str = "x") -> Tally:
    """Entries of a day of August 2026; half of the tokens are of prompts."""
    hour = int(datetime(2026, 8, day, tzinfo=UTC).timestamp()) // 3600
    sums = Sums(requests=2, prompt_tokens=tokens // 2, completion_tokens=tokens // 2, reasoning_tokens=thought)
    return Tally(sums, hour=hour, model=model, asked_model=asked)


LEDGER = [
    tally("deepseek/deepseek-chat", 10, 600, thought=90),
    tally("openai/gpt-4o", 16, 300),
    tally(None, 12, 100, asked="nobody/knows"),
    tally("openai/gpt-4o", 17, 5000),
]


def test_the_ledger_is_asked_for_the_days_of_the_window() -> None:
    asked = question("token-share", {"window": "2026-08-10:2026-08-16"})
    assert asked.by == ("day", "model")
    assert (asked.since, asked.until) == (datetime(2026, 8, 10, tzinfo=UTC), datetime(2026, 8, 17, tzinfo=UTC))


def test_tokens_are_by_the_seat_of_the_lab_and_the_unknown_stays() -> None:
    found = own("token-share", LEDGER).measured
    assert [(each.name, each.value) for each in found.values] == [("share", 0.6), ("tokens", 600)]
    assert found.rows == [("CN", 600, 0.6), ("US", 300, 0.3), ("unknown", 100, 0.1)]
    assert found.unmatched == 0.1


def test_other_choices_are_those_of_the_figure() -> None:
    weights = own("token-share", LEDGER, {"by": "weights", "group": "open"}).measured
    assert weights.rows == [("open", 600, 0.6), ("closed", 300, 0.3), ("unknown", 100, 0.1)]
    weeks = own("weekly-leaders", LEDGER, {"window": "2026-08-10"}).measured
    assert weeks.rows == [("CN", 600, 0.6), ("US", 300, 0.3), ("unknown", 100, 0.1)]
    assert own("top-20", LEDGER).measured.values[0].value == 1
    with pytest.raises(MarketError, match="cannot be had with by = 'weights'"):
        own("concentration", LEDGER, {"by": "weights"})


def test_concentration_is_of_what_can_be_told_apart() -> None:
    values = {each.name: each.value for each in own("concentration", LEDGER).measured.values}
    assert values["hhi"] == pytest.approx(0.36 + 0.09)
    assert values["gini"] == pytest.approx(1 / 6)


def test_reasoning_is_told_for_each_request() -> None:
    values = {each.name: each.value for each in reasoning(LEDGER[:1]).values}
    assert values == {"per request": 45, "share": 0.3}
    assert [each.value for each in reasoning([]).values] == [None, None]


def test_what_the_ledger_cannot_say_is_refused() -> None:
    with pytest.raises(MarketError, match="the ledger has tokens"):
        question("price-multiple")
