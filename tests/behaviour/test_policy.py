"""Policies in real processes: two workers follow one file, and the ledger of both passes the audit, or does not."""

import asyncio
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.gateway.house import ASKED, PATIENCE
from tests.gateway.upstream import Upstream
from tests.house import live
from weighbridge import db
from weighbridge.ledger.policies import in_force

WEIGHBRIDGE = Path(sys.executable).with_name("weighbridge")
AMERICANS = '[[deny]]\nname = "no {law} law"\nwhen.jurisdiction.country = "{country}"\n'
OPEN, CLOSED = AMERICANS.format(law="Chinese", country="CN"), AMERICANS.format(law="American", country="US")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    return made


def told(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a command said."""
    return subprocess.run(
        [WEIGHBRIDGE, *arguments],
        check=False,
        env=live.environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
    )


async def status(address: str, key: str) -> int:
    """The status of one answer, on a connection of its own, so that either worker may take it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
    body = str({**ASKED, "model": "america/tiny"}).replace("'", '"').encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
    writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


def workers(home: Path) -> int:
    """How many workers have adopted a policy."""
    with closing(db.connect(home / "ledger.db")) as connection:
        return len({row.worker for row in in_force(connection)})


async def test_two_workers_follow_one_file_and_the_audit_finds_what_is_planted(home: Path) -> None:
    upstream = Upstream(models=())
    await upstream.listen()
    (home / "policy.toml").write_text(OPEN)
    (home / "weighbridge.toml").write_text(
        f'[policy]\nfile = "policy.toml"\n[providers.america]\nbase_url = "http://127.0.0.1:{upstream.port}/v1"\n'
        'country = "US"\n[[providers.america.models]]\nid = "tiny"\n'
    )
    up: list[str | Path] = [
        WEIGHBRIDGE,
        "up",
        "--no-local",
        "--port",
        "0",
        "--workers",
        "2",
        "--config",
        home / "weighbridge.toml",
    ]
    running = live.gateway(up, home)
    address, key = await asyncio.to_thread(running.__enter__)
    try:
        async with asyncio.timeout(PATIENCE):
            while workers(home) < 2:  # noqa: ASYNC110 - a database sends no word
                await asyncio.sleep(0.05)
        assert {await status(address, key) for _ in range(20)} == {200}
        (home / "policy.toml").write_text(CLOSED)
        changed = time.monotonic()
        while 200 in [await status(address, key) for _ in range(10)]:
            assert time.monotonic() - changed < 3
        assert {await status(address, key) for _ in range(20)} == {403}
        (home / "policy.toml").write_text("[[deny]")
        await asyncio.sleep(1)
        assert await status(address, key) == 403
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)
        await upstream.close()
    audit = told(home, "audit", "--config", "weighbridge.toml")
    assert (audit.returncode, "0  VIOLATE" in audit.stdout) == (0, True), audit.stdout + audit.stderr
    broken = told(home, "up", "--no-local", "--port", "0", "--config", "weighbridge.toml")
    assert (broken.returncode, "policy.toml" in broken.stderr) == (1, True), broken.stderr
    with closing(db.connect(home / "ledger.db")) as connection:
        connection.execute("DROP TRIGGER facts_are_final")
        connection.execute("""UPDATE facts SET text = replace(text, '"US"', '"CN"')""")
    tampered = told(home, "audit", "--config", "weighbridge.toml")
    assert tampered.returncode == 1
    assert "outside the policy" in tampered.stdout
    assert "no Chinese law" in tampered.stdout
