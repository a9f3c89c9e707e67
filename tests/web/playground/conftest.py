"""A window with a worker behind it, and behind that a provider that answers as it is told to."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gateway.house import Gateway
from tests.gateway.upstream import DONE, USAGE, Call, Upstream, chunk, plainly
from tests.web.house import Window, window
from weighbridge.wire.chat.gathered import Gathered
from weighbridge.wire.sse import documents

HOSTILE = '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'"></textarea></pre>'
MODEL = "openai/gpt-4o"


def called(name: str, arguments: str) -> list[bytes]:
    """A stream that thinks and then calls a tool, its arguments in two pieces."""
    half = len(arguments) // 2
    pieces = (
        {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": arguments[:half]}},
        {"index": 0, "function": {"arguments": arguments[half:]}},
    )
    calls = [chunk({"tool_calls": [piece]}) for piece in pieces]
    return [chunk({"reasoning_content": "I must look."}), *calls, chunk({}, "tool_calls"), USAGE, DONE]


def words(*said: str) -> list[bytes]:
    """A stream of these pieces."""
    return [*(chunk({"content": each}) for each in said), chunk({}, "stop"), USAGE, DONE]


async def hangs(call: Call) -> None:
    """Begins to answer, and goes on only when it is left."""
    await call.start()
    await call.events([chunk({"content": "Slowly. "})])
    await call.left()


def streams(*events: Sequence[bytes]) -> "Script":
    """Answers each call with the next of these streams."""
    return Script(list(events))


@dataclass
class Script:
    """See `streams`; after the last of them it answers plainly."""

    left: list[Sequence[bytes]]

    async def __call__(self, call: Call) -> None:
        if not self.left:
            await plainly(call)
        elif json.loads(call.body).get("stream"):
            await call.stream(self.left.pop(0))
        else:
            await call.answer(_whole(self.left.pop(0)))


def _whole(events: Sequence[bytes]) -> object:
    """The answer that these events tell."""
    gathered = Gathered()
    for document in documents(b"".join(events)):
        gathered.add(document)
    return json.loads(gathered.document("chatcmpl-1", 1))


@dataclass
class Room:
    """The window, the gateway behind it and the provider behind that."""

    window: Window
    upstream: Upstream

    @property
    def gateway(self) -> Gateway:
        """The worker."""
        assert self.window.gateway is not None
        return self.window.gateway

    def asked(self, place: int = -1) -> dict[str, object]:
        """What the provider was asked."""
        found: dict[str, object] = json.loads(self.upstream.calls[place].body)
        return found


SETTINGS = """
[local]
enabled = false
[providers.near]
base_url = "http://127.0.0.1:{port}/v1"
[[providers.near.models]]
id = "tiny"
input = "0.5"
output = "2"
[[providers.near.models]]
id = "gpt"
model = "openai/gpt-4o"
input = "2.5"
output = "10"
"""


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream(models=("tiny", "gpt"))
    await made.listen()
    yield made
    await made.close()


@pytest.fixture
async def room(tmp_path: Path, upstream: Upstream, request: pytest.FixtureRequest) -> AsyncIterator[Room]:
    """Parametrized indirectly: with these settings added."""
    toml = SETTINGS.format(port=upstream.port) + getattr(request, "param", "")
    async with window(tmp_path / "home", toml, seeded=False, worker=True) as made:
        yield Room(made, upstream)
