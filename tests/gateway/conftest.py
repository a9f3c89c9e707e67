import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.gateway.house import Gateway, house
from tests.gateway.upstream import Upstream


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream()
    await made.listen()
    yield made
    await made.close()


def near(upstream: Upstream, *, name: str = "near") -> str:
    """Settings for a provider on loopback with a price."""
    return f"""
[providers.{name}]
base_url = "http://127.0.0.1:{upstream.port}/v1"
[[providers.{name}.models]]
id = "tiny"
input = "0.27"
output = "1.10"
cache_read = "0.07"
"""


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Gateway]:
    async with house(tmp_path / "home", "[server]\ndrain_seconds = 0.2\n" + near(upstream)) as made:
        yield made
