"""A gateway of several workers as it is watched: one sum over all of them, and logs of one kind."""

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.cli.conftest import Shell
from tests.cli.test_up import SETTINGS, WEIGHBRIDGE
from tests.cli.upstream import upstream
from tests.house import live
from tests.watching.reading import read
from weighbridge.app import running
from weighbridge.serving.state import read_state

LOGGING = '\n[logging]\nformat = "json"\naccess = true\n'


@pytest.fixture
def up(shell: Shell) -> Iterator[list[str | Path]]:
    """The command that starts two workers in front of a provider."""
    with upstream() as provider:
        shell.home.mkdir(mode=0o700)
        settings = shell.home / "weighbridge.toml"
        settings.write_text(SETTINGS.format(base_url=provider.base_url) + LOGGING, "utf-8")
        yield [WEIGHBRIDGE, "up", "--no-local", "--port", "0", "--workers", "2", "--config", settings]


def totals(address: str, key: str) -> dict[str, float]:
    """The sums of /metrics over all labels."""
    request = urllib.request.Request(f"{address}/metrics", headers={"authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found = read(answer.read().decode())
    return {name: sum(sample.value for sample in samples) for name, samples in found.items()}


def until(done: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    for _ in range(200):
        if done():
            return
        Event().wait(0.05)
    raise AssertionError("it was waited for in vain")


def pids(home: Path) -> dict[str, int | None]:
    state = read_state(running.state_file(home))
    assert state is not None
    return {name: child.pid for name, child in state.children.items()}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="several workers share a port on Linux")
def test_a_scrape_is_the_sum_of_all_workers_and_a_killed_one_is_in_it(shell: Shell, up: list[str | Path]) -> None:
    with live.gateway(up, shell.home) as (address, key):
        for _ in range(12):
            assert shell.run("chat", "Hi", "-m", "loopback/tiny").exit_code == 0
        until(lambda: totals(address, key)["weighbridge_workers"] == 2)
        assert {totals(address, key)["weighbridge_requests_total"] for _ in range(6)} == {12}
        for name in ("worker-1", "worker-2"):
            before = pids(shell.home)[name]
            assert before is not None
            os.kill(before, signal.SIGKILL)
            until(lambda name=name, before=before: pids(shell.home)[name] not in (None, before))  # type: ignore[misc]
            until(lambda: totals(address, key)["weighbridge_workers"] == 2)
            assert totals(address, key)["weighbridge_requests_total"] == 12
        assert shell.run("chat", "Hi", "-m", "loopback/tiny").exit_code == 0
        assert {totals(address, key)["weighbridge_requests_total"] for _ in range(6)} == {13}
    assert len(list((shell.home / "run" / "metrics").iterdir())) == 2
    lines = [
        json.loads(line)
        for log in sorted((shell.home / "logs").glob("worker-*.log"))
        for line in log.read_text("utf-8").splitlines()
    ]
    assert sum("request" in line for line in lines) == 13
    assert "Hello" not in str(lines)
