"""A run that is killed in the middle: run again it goes on, without a row or a cent counted twice."""

import asyncio
import json
import os
import signal
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.gateway.house import Gateway, house
from tests.gateway.upstream import Call, Upstream
from weighbridge import db
from weighbridge.ledger.tagged import spent_on
from weighbridge.switch import replayed, store

CASES = 40
AT_ONCE = 4
SETTINGS = """
[local]
enabled = false
[server]
drain_seconds = 0.2
[providers.near]
base_url = "http://127.0.0.1:{port}/v1"
models = [
    {{id = "big", model = "near/big", input = 10, output = 10}},
    {{id = "small", model = "near/small", input = 1, output = 1}},
]
"""


async def test_a_run_killed_again_and_again_ends_with_each_replay_once(tmp_path: Path) -> None:
    answered: list[str] = []

    async def script(call: Call) -> None:
        answered.append(json.loads(call.body)["model"])
        message = {"role": "assistant", "content": "7"}
        used = {"prompt_tokens": 20, "completion_tokens": 4}
        await call.answer({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": used})

    upstream = Upstream(script, models=("big", "small"))
    await upstream.listen()
    file = tmp_path / "requests.jsonl"
    asked = [
        {"request": {"messages": [{"role": "user", "content": f"{each}?"}]}, "expected": 7} for each in range(CASES)
    ]
    file.write_text("".join(f"{json.dumps(each)}\n" for each in asked))
    async with house(tmp_path / "home", SETTINGS.format(port=upstream.port)) as gateway:
        environ = {
            **os.environ,
            "WEIGHBRIDGE_HOME": str(tmp_path / "home"),
            "WEIGHBRIDGE_CONFIG": str(tmp_path / "home" / "weighbridge.toml"),
            "WEIGHBRIDGE_BASE_URL": gateway.url,
            "WEIGHBRIDGE_API_KEY": gateway.key,
        }
        plan = ("plan", "--from", "near/big", "--to", "near/small", "--requests", str(file), "--yes")
        assert await _ended(await _started(environ, *plan)) == 0
        for kills in (1, 2):
            running = await _started(environ, "run", "--at-once", str(AT_ONCE))
            await _until(gateway, kills * CASES // 4)
            running.send_signal(signal.SIGKILL)
            assert await _ended(running) == -signal.SIGKILL
        assert await _ended(await _started(environ, "run", "--at-once", str(AT_ONCE))) == 0
        rows = _rows(gateway)
        spent = _spent(gateway)
    await upstream.close()
    assert len(rows) == 2 * CASES
    assert all(row.state == "done" for row in rows)
    assert len({row.receipt for row in rows}) == 2 * CASES
    redone = len(answered) - 2 * CASES
    assert redone <= 2 * 2 * AT_ONCE, "what was under way at two kills, on the arm and on the reference"
    each = sum((Decimal(row.cost) for row in rows if row.cost is not None), Decimal(0))
    assert each == CASES * Decimal("0.000264")
    assert each <= spent <= each + 2 * AT_ONCE * Decimal("0.000264"), "what was asked twice is in the ledger too"


async def _started(environ: dict[str, str], *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "weighbridge", "switch", *arguments, env=environ, stdout=asyncio.subprocess.DEVNULL
    )


async def _ended(process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(60):
        return await process.wait()


async def _until(gateway: Gateway, done: int) -> None:
    async with asyncio.timeout(60):
        while sum(row.state == "done" for row in _rows(gateway)) < done:  # noqa: ASYNC110 - a database sends no word
            await asyncio.sleep(0.002)


def _rows(gateway: Gateway) -> list[replayed.Replayed]:
    with closing(db.connect(gateway.database)) as connection:
        (plan,) = store.plans(connection)
        return [replayed.decode(row.document) for row in store.replays(connection, plan.id)]


def _spent(gateway: Gateway) -> Decimal:
    with closing(db.connect(gateway.database)) as connection:
        (plan,) = store.plans(connection)
        return spent_on(connection, f"switch:{plan.id}", datetime.now(UTC) - timedelta(hours=1))
