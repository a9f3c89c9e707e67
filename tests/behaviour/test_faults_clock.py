"""A wall clock that jumps, by days, in the middle of answers: dates follow it, durations and patience do not."""

import asyncio
from pathlib import Path

import pytest

from bench.faults import clock


@pytest.mark.skipif(clock.why_not() is not None, reason=str(clock.why_not()))
def test_a_clock_that_jumps_changes_dates_and_nothing_else(tmp_path: Path) -> None:
    for jumped in asyncio.run(clock.jumps(tmp_path)):
        assert jumped.whole == 3, jumped
        assert jumped.dated, jumped
        assert 0.3 < jumped.longest < 10, jumped
