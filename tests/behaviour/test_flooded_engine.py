"""A flood for the real engine: its slots are kept busy, the urgent go first, and what is too much is turned away."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from openai import APIStatusError, AsyncOpenAI

from tests.house import live
from weighbridge import db
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry

pytestmark = pytest.mark.model

MODEL = "qwen/qwen2.5-coder-0.5b-instruct"
SLOTS, QUEUE, FLOOD, URGENT = 2, 6, 16, 3
SETTINGS = f"""
[local]
models = ["{MODEL}"]
context = 512
slots = {SLOTS}
threads = 1
[admission]
max_queue = {QUEUE}
"""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that is up: where, and its data directory."""

    address: str
    key: str
    home: Path

    def entries(self) -> list[Entry]:
        """Everything in the ledger."""
        with closing(db.connect(self.home / "ledger.db")) as connection:
            return store.entries(connection)


@pytest.fixture(scope="module")
def gateway(model_files: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home = tmp_path_factory.mktemp("home")
    (home / "weighbridge.toml").write_text(SETTINGS)
    (home / "models").mkdir()
    for file in model_files:
        (home / "models" / file.name).symlink_to(file)
    weighbridge = Path(sys.executable).with_name("weighbridge")
    with live.gateway([weighbridge, "up", "--port", "0"], home) as (address, key):
        yield Gateway(address, key, home)


async def test_a_flood_is_served_by_priority_and_what_is_too_much_is_told_when_to_come_again(gateway: Gateway) -> None:
    async with AsyncOpenAI(base_url=f"{gateway.address}/v1", api_key=gateway.key, max_retries=0, timeout=100) as client:

        async def ask(name: str, priority: str, tokens: int = 6) -> tuple[str, int, str, str | None]:
            """The name, the status, the receipt, and when to come again."""
            try:
                raw = await client.chat.completions.with_raw_response.create(
                    model=MODEL,
                    messages=[{"role": "user", "content": f"Count from {name} on."}],
                    max_tokens=tokens,
                    stream=True,
                    extra_headers={"x-weighbridge-priority": priority},
                )
            except APIStatusError as error:
                headers = error.response.headers
                return name, error.status_code, headers["x-weighbridge-receipt"], headers.get("retry-after")
            text = "".join([each.choices[0].delta.content or "" async for each in raw.parse() if each.choices])
            assert text
            return name, 200, raw.headers["x-weighbridge-receipt"], None

        await ask("0", "normal", 1)  # the engine is loaded
        flood = [asyncio.create_task(ask(str(100 + each), "low")) for each in range(FLOOD)]
        done, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED, timeout=100)
        assert done, "the first that is turned away, or answered: the line is full"
        urgent = [asyncio.create_task(ask(str(200 + each), "high")) for each in range(URGENT)]
        low, high = await asyncio.gather(*flood), await asyncio.gather(*urgent)
    assert [status for _, status, _, _ in high] == [200] * URGENT
    by_status = Counter(status for _, status, _, _ in low)
    assert set(by_status) == {200, 503}
    assert all(again is not None and 1 <= int(again) <= 60 for _, status, _, again in low if status == 503)
    entries = {entry.id: entry for entry in gateway.entries()}
    assert len(entries) == 1 + FLOOD + URGENT == len(gateway.entries())
    for _, status, receipt, _ in (*low, *high):
        entry = entries[receipt]
        if status == 200:
            assert (entry.ending, len(entry.attempts)) == ("complete", 1)
            assert entry.charge is not None
        else:
            assert (entry.ending, entry.error, entry.charge, entry.attempts) == ("refused", "overloaded", None, ())
    ended = sorted((entry.at.timestamp() + entry.duration, receipt) for receipt, entry in entries.items())
    place = {receipt: at for at, (_, receipt) in enumerate(ended) if entries[receipt].ending == "complete"}
    came = min(entries[receipt].at for _, _, receipt, _ in high).timestamp()
    later = [r for _, status, r, _ in low if status == 200 and entries[r].at.timestamp() + entries[r].duration > came]
    last_urgent = max(place[receipt] for _, _, receipt, _ in high)
    overtook = [receipt for receipt in later if place[receipt] < last_urgent]
    # those in the slots when the urgent came, those beside the last urgent, and the share of who waits longest
    assert len(overtook) <= 2 * SLOTS + 1 + URGENT // 7
