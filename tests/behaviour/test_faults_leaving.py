"""Ten thousand clients that leave at once: an entry each, nobody goes on working for them, and the next is served."""

import asyncio
import resource
from pathlib import Path

import pytest

from bench.faults.leaving import leave_at_once

CLIENTS = 10_000


@pytest.mark.slow
def test_ten_thousand_clients_that_leave_at_once_leave_an_entry_each(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    clients = CLIENTS if hard == resource.RLIM_INFINITY else min(CLIENTS, hard - 1000)
    left = asyncio.run(leave_at_once(tmp_path, clients))
    assert left.entries == clients
    assert left.endings == {"client_left 499": clients}
    assert len(left.costs) == 1, "each had the same, so each costs the same"
    assert "none" not in left.costs
    assert left.answers_after
