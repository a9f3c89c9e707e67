"""A window with a worker behind it, and behind that two models: the cheap one knows as much as the dear one."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.gateway.upstream import USED, Call, Upstream
from tests.web.house import Window, window

SETTINGS = """
[local]
enabled = false
[providers.near]
base_url = "http://127.0.0.1:{port}/v1"
models = [
    {{id = "big", model = "near/big", input = 10, output = 30}},
    {{id = "small", model = "near/small", input = 1, output = 3}},
]
"""


@dataclass
class Room:
    """The window, and whether whoever is asked may answer."""

    window: Window
    upstream: Upstream
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, call: Call) -> None:
        """The sum that was asked for, once it may be told."""
        self.was_asked.set()
        await self.may_answer.wait()
        asked = re.search(r"What is (\d+)", json.loads(call.body)["messages"][-1]["content"])
        said = "0" if asked is None else str(int(asked[1]) + 1)
        message = {"role": "assistant", "content": said}
        await call.answer({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USED})


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    """What runs a plan is a process of its own: it finds this home and this key as one of a user does."""
    home = tmp_path / "home"
    monkeypatch.setenv("WEIGHBRIDGE_HOME", str(home))
    upstream = Upstream(models=("big", "small"))
    await upstream.listen()
    async with window(home, SETTINGS.format(port=upstream.port), seeded=False, worker=True) as made:
        assert made.gateway is not None
        (home / "client-key").write_text(made.gateway.key)
        here = Room(made, upstream)
        upstream.script = here.answer
        yield here
        here.may_answer.set()
    await upstream.close()
