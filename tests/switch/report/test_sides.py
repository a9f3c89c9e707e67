"""What a model's replays come to, and which went worst."""

from decimal import Decimal

import pytest

from weighbridge.switch.case import Answer, Case, Grade, ToolCall
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.report.document import Texts
from weighbridge.switch.report.sides import side
from weighbridge.switch.report.worst import MOST, with_texts, worst
from weighbridge.switch.store import REFERENCE


def done(**told: object) -> Replayed:
    return Replayed(state="done", **told)  # type: ignore[arg-type] # what each test says


def graded(loss: float, **told: object) -> Replayed:
    return done(grade=Grade("numeric/1", loss, why="against what is expected"), **told)


def test_a_side_counts_only_what_was_answered_and_can_be_said() -> None:
    rows = [
        done(seconds=1.0, cost="0.001", refused=False, format_valid=True, finish="stop", completion_tokens=10),
        done(seconds=3.0, cost="0.003", refused=True, format_valid=False, finish="length", completion_tokens=30),
        done(seconds=2.0, cost=None, refused=False, format_valid=None, finish="stop", completion_tokens=20),
        done(error="upstream_timeout"),
        Replayed(state="again"),
        Replayed(state="gone"),
    ]
    found = side("a/b", rows, Decimal("0.5"))
    assert (found.answers, found.failed) == (3, 1)
    assert (found.p50, found.p95) == (2.0, 3.0)
    assert found.cost == pytest.approx(2.0)
    assert found.refused == pytest.approx(1 / 3)
    assert (found.format_valid, found.tools_valid) == (0.5, None)
    assert found.cut == pytest.approx(1 / 3)
    assert found.tokens == 20


def test_kept_answers_cost_what_the_route_s_requests_do() -> None:
    assert side("a/b", [done(kept=True)], Decimal("0.002")).cost == pytest.approx(2.0)
    assert side("a/b", [done(kept=True)]).cost is None
    assert side("a/b", []).refused is None


def test_the_worst_are_those_that_lost_most() -> None:
    rows = {(f"c{place}", "a/b"): graded(place / 10) for place in range(9)}
    rows |= {("c8", REFERENCE): done(receipt="wbr-ref"), ("c1", "other"): graded(1.0)}
    found = worst(rows, ["a/b"])
    assert [each.case for each in found] == ["c8", "c7", "c6", "c5", "c4"]
    assert len(found) == MOST
    assert found[0].reference_receipt == "wbr-ref"
    assert worst({("c0", "a/b"): graded(0.0)}, ["a/b"]) == ()


def test_texts_are_shown_where_they_are_kept() -> None:
    rows = {
        ("wbr-1", "a/b"): graded(1.0, receipt="wbr-2"),
        ("line-3", "a/b"): graded(0.5, receipt="wbr-4"),
    }
    body = b'{"messages": [{"role": "user", "content": "How much?"}]}'
    kept = {"wbr-1": Case("wbr-1", "rt-1", body, reference=Answer("42"))}
    answers = {"wbr-2": Answer("see", calls=(ToolCall("find", '{"a": 1}'),))}
    first, second = with_texts(worst(rows, ["a/b"]), kept.get, answers.get)
    assert first.texts == Texts("How much?", "42", 'see\nfind({"a": 1})')
    assert first.reference_receipt == "wbr-1"
    assert second.texts is None
    assert second.reference_receipt is None
