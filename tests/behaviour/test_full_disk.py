"""A disk that is full: no request is taken that could not be entered, and all goes on when there is room again."""

import asyncio
import resource
import sys
from pathlib import Path

import pytest

from tests.behaviour.worker import process
from tests.gateway.conftest import near
from tests.gateway.house import ASKED
from tests.gateway.upstream import Upstream

ROOM = 1_000_000
"""Bytes that any file of the worker may have: the log of the ledger reaches it first."""
LONG = 60


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits can be set on Linux only")
async def test_a_full_disk_refuses_before_anything_is_spent_and_mends_by_itself(
    tmp_path: Path, upstream: Upstream
) -> None:
    settings = "[ledger]\nreserve_mib = 0\n" + near(upstream)
    async with process(tmp_path / "home", settings) as gateway, asyncio.timeout(LONG):
        seen = [(await gateway.ask()).receipt]
        soft, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (ROOM, hard))
        while (answer := await gateway.ask()).status == 200:
            seen.append(answer.receipt)
        assert (answer.status, answer.error["code"]) == (503, "ledger_unavailable")
        spent = len(upstream.calls)
        assert spent == len(seen) + 1  # the one whose answer was held back
        for body in (ASKED, {**ASKED, "stream": True}):
            assert (await gateway.ask(body)).error["code"] == "ledger_unavailable"
        assert len(upstream.calls) == spent
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
        await gateway.until("/readyz", "", 200)
        seen.append((await gateway.ask()).receipt)
        await gateway.stop()
    entries = {entry.id: entry.ending for entry in gateway.entries()}
    assert {receipt: entries.get(receipt) for receipt in seen} == dict.fromkeys(seen, "complete")
    assert sorted(entries.values()) == ["complete"] * len(seen) + ["stopped"]
