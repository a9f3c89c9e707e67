"""An entry's attempts as what happened: who was asked when, and what came of it."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.made_up import charge, entries, entry
from weighbridge.ledger.entry import HEDGE_LOST, Attempt
from weighbridge.web.pages.requests.life import bars, life, place

ONE, OTHER = charge("0.01"), charge("0.02")


def tried(provider: str, error: str | None, seconds: float, **more: object) -> Attempt:
    return msgspec.structs.replace(Attempt(provider, "m", error, seconds), **more)


def told(*attempts: Attempt, **more: object) -> list[tuple[str, str, float, float | None, float]]:
    found = life(entry(attempts=attempts, **{"first_byte": 1.0, "duration": 4.0, **more}))
    return [(each.provider, each.outcome, each.began, each.spoke, each.ended) for each in found.tries]


def test_one_that_answered_at_once_has_all_of_the_time() -> None:
    one = life(entry(attempts=(tried("a", None, 0.5),), duration=4.0))
    assert [(each.began, each.spoke, each.ended, each.outcome) for each in one.tries] == [(0.0, 0.5, 4.0, "answered")]
    assert not one.reckoned
    assert one.tries[0].charge == entry().charge


def test_one_that_had_to_be_waited_for_began_when_it_says() -> None:
    assert told(tried("a", None, 0.5, began=3.0)) == [("a", "answered", 3.0, 3.5, 4.0)]


def test_what_failed_was_before_what_answered() -> None:
    assert told(tried("a", "upstream_busy", 0.25), tried("b", None, 0.5)) == [
        ("a", "failed", 0.0, None, 0.25),
        ("b", "answered", 0.25, 0.75, 4.0),
    ]


def test_a_wait_between_is_seen_where_it_was_kept() -> None:
    assert told(tried("a", "upstream_busy", 0.25, began=0.0), tried("b", None, 0.5, began=2.0)) == [
        ("a", "failed", 0.0, None, 0.25),
        ("b", "answered", 2.0, 2.5, 4.0),
    ]


@pytest.mark.parametrize("kept", [True, False])
def test_of_a_hedge_both_are_done_at_once_and_the_first_stands_first(kept: bool) -> None:
    """The second one, which lost, is noted first."""
    lost = tried("second", HEDGE_LOST, 0.5, charge=ONE, began=1.0 if kept else None)
    won = tried("first", None, 1.5, charge=OTHER, began=0.0 if kept else None)
    assert told(lost, won) == [("first", "answered", 0.0, 1.5, 4.0), ("second", "overtaken", 1.0, None, 1.5)]
    assert life(entry(attempts=(lost, won))).reckoned != kept


def test_the_loser_may_have_been_asked_first() -> None:
    lost, won = tried("first", HEDGE_LOST, 2.0, charge=ONE), tried("second", None, 0.5, charge=OTHER)
    assert told(lost, won) == [("first", "overtaken", 0.0, None, 2.0), ("second", "answered", 1.5, 2.0, 4.0)]


def test_halves_of_an_answer_have_each_their_own_cost() -> None:
    halves = (
        tried("a", "upstream_error", 0.5, charge=ONE, began=0.0),
        tried("b", None, 0.25, charge=OTHER, began=2.0),
    )
    found = life(entry(attempts=halves, duration=4.0)).tries
    assert [(each.outcome, each.spoke, each.ended) for each in found] == [
        ("broke_off", 0.5, 2.0),
        ("answered", 2.25, 4.0),
    ]
    assert [each.charge and each.charge.cost for each in found] == [Decimal("0.01"), Decimal("0.02")]


def test_an_answer_that_broke_off_with_nobody_to_go_on() -> None:
    only = tried("a", "upstream_error", 0.5)
    assert told(only, ending="upstream_broke", error="upstream_error") == [("a", "broke_off", 0.0, 0.5, 4.0)]


def test_one_that_never_answered_was_no_half() -> None:
    only = tried("a", "upstream_timeout", 4.0)
    assert told(only, ending="upstream_broke", error="upstream_timeout", first_byte=None) == [
        ("a", "failed", 0.0, None, 4.0)
    ]


@given(entries)
def test_whatever_is_in_a_ledger_can_be_drawn(entry_: object) -> None:
    assert isinstance(entry_, type(entry()))
    found = life(entry_)
    assert len(found.tries) == len(entry_.attempts)
    for each in found.tries:
        for mirrored in (False, True):
            for bar in bars(each, found.span, mirrored=mirrored):
                assert 0 <= bar.at <= 1000
                assert 0 < bar.width <= 1000
                assert bar.at + bar.width <= 1000.2


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_mirrored_place_is_as_far_from_the_other_side(seconds: float, span: float) -> None:
    assert place(seconds, span) + place(seconds, span, mirrored=True) == pytest.approx(1000)
