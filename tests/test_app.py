"""The worker's start: what it needs and does not find is told in its own words."""

import resource
import socket
from pathlib import Path

import pytest

from tests.gateway.house import furnished
from weighbridge import db
from weighbridge.app import worker as worker_module
from weighbridge.app.worker import Worker
from weighbridge.errors import LedgerUnavailable


async def test_a_ledger_of_a_newer_release_stops_the_start_with_what_to_do(tmp_path: Path) -> None:
    settings, _ = furnished(tmp_path / "home", "", {})
    connection = db.connect(settings.ledger_path)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    worker = Worker(settings, ())
    with socket.socket() as listening, pytest.raises(LedgerUnavailable, match="install that release"):
        await worker.start(listening)
    worker._reading.close()


async def test_a_ledger_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    settings, _ = furnished(tmp_path / "home", "", {})
    settings.ledger_path.write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db"):
        Worker(settings, ())


@pytest.mark.parametrize(("connections", "warns"), [(10_000, False), (19_000, False), (20_000, True)])
def test_few_files_are_told_only_if_fewer_than_connections(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, connections: int, warns: bool
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (20_000, 20_000))
    worker_module._open_many_files(connections)
    assert bool(caplog.records) == warns
