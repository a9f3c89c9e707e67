"""kill -9 of the worker under load: it is started anew, nobody is refused, and the ledger has what was answered."""

import asyncio
from pathlib import Path

import pytest

from bench.faults.killing import kill_again_and_again

KILLS = 3


@pytest.mark.slow
def test_a_killed_worker_is_started_anew_and_no_answer_that_was_seen_is_missing(tmp_path: Path) -> None:
    killed = asyncio.run(kill_again_and_again(tmp_path, kills=KILLS, seed=2026))
    assert killed.whole > KILLS
    assert 0 < killed.broken <= 32 * KILLS * 2
    assert (killed.missing, killed.charged_twice) == (0, 0)
    assert killed.entries >= killed.whole
