"""Sums of days as figures: today, this month, each day of a chart."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from weighbridge.ledger.tally import BUCKETS, NO_TIMES, NOTHING, Sums
from weighbridge.web.pages.today.charts import charts
from weighbridge.web.pages.today.figures import FEWEST_DAYS, Day, figures, lately
from weighbridge.web.tongue import tongues

TODAY = date(2026, 11, 3)


def some(requests: int, **more: object) -> Sums:
    return Sums(requests=requests, cost=requests * 10**12, **more)  # type: ignore[arg-type] # whatever fields


def test_the_month_is_its_days_and_yesterday_may_be_of_another() -> None:
    past = {TODAY - timedelta(days=back): some(back) for back in (1, 2, 3)}  # the third is of October
    found = lately(past, some(10), TODAY)
    assert (found.today.cost, found.yesterday.cost, found.month.cost) == (Decimal(10), Decimal(1), Decimal(13))
    assert (found.today.requests, found.month.requests) == (10, 13)
    assert lately({}, some(1), date(2026, 11, 1)).yesterday.requests == 0


@pytest.mark.parametrize(("back", "days"), [(0, FEWEST_DAYS), (3, FEWEST_DAYS), (20, 21)])
def test_a_chart_has_every_day_since_the_first_and_a_week_at_least(back: int, days: int) -> None:
    found = lately({TODAY - timedelta(days=back): some(1)} if back else {}, NOTHING, TODAY)
    assert [each.day for each in found.days] == [TODAY - timedelta(days=days - 1 - count) for count in range(days)]


def test_what_was_not_measured_is_unknown_and_not_nothing() -> None:
    found = figures(NOTHING)
    assert (found.error_share, found.first_half, found.first_most, found.cost) == (None, None, None, Decimal(0))
    quick = (10, *NO_TIMES[1:])
    told = figures(some(10, errors=1, first=quick, prompt_tokens=7, completion_tokens=5))
    assert (told.error_share, told.tokens) == (0.1, 12)
    assert told.first_half == pytest.approx(0.008)
    assert len(quick) == BUCKETS


@pytest.mark.parametrize("code", ["en", "ar"])
def test_each_question_that_has_an_answer_is_drawn(code: str) -> None:
    days = [Day(TODAY + timedelta(days=count), figures(some(count))) for count in range(3)]
    drawn = charts(days, tongues()[code])
    assert len(drawn) == 3  # nothing was answered, so nothing is drawn of first bytes
    assert all(each.svg.startswith("<svg") and "style=" not in each.svg for each in drawn)
    timed = [Day(TODAY, figures(some(1, first=(1, *NO_TIMES[1:]))))]
    assert len(charts(timed, tongues()[code])) == 4
