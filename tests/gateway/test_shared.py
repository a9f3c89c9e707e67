"""Two workers that share nothing but a Valkey or Redis server: breakers, limits and kept answers are known to both."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gateway.house import ASKED, PATIENCE, Answer, Gateway, house
from tests.gateway.test_failover import MODEL, serves
from tests.gateway.upstream import Call, Script, Upstream, plainly
from tests.valkey import Valkey, valkey

ASKED_BOTH = {**ASKED, "model": MODEL}
KEPT = "x-weighbridge-cache: on\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with valkey() as made:
        yield made


@pytest.fixture(autouse=True)
def _empty(server: Valkey) -> None:
    server.say("FLUSHALL")


@dataclass
class Both:
    """Two workers in front of the same two providers, of which `cheap` is asked first."""

    first: Gateway
    second: Gateway
    cheap: Upstream
    dear: Upstream


def settings(url: str, more: str = "") -> str:
    return f"""
[server]
drain_seconds = 0.2
[routing]
sort = "price"
retries = 0
breaker_seconds = 30
[cache]
shared = true
[shared]
url = "{url}"
wait_seconds = 1
{more}
"""


@asynccontextmanager
async def both(tmp_path: Path, url: str, cheap: Script = plainly, more: str = "") -> AsyncIterator[Both]:
    upstreams = Upstream(cheap, models=()), Upstream(models=())
    for each in upstreams:
        await each.listen()
    toml = settings(url, more)
    for name, each, dollars in zip(("a", "b"), upstreams, ("1", "2"), strict=True):
        toml += serves(name, each.port, dollars).replace("\n[[", '\napi_key = "sk-test"\n[[', 1)
    async with house(tmp_path / "one", toml) as first, house(tmp_path / "two", toml) as second:
        for gateway in (first, second):
            await well(gateway)
        yield Both(first, second, *upstreams)
    for each in upstreams:
        await each.close()


def fault(gateway: Gateway) -> str | None:
    sharing = gateway.worker._sharing
    assert sharing is not None
    return sharing.server.fault


async def well(gateway: Gateway) -> None:
    await until(lambda: fault(gateway) is None)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():  # noqa: ASYNC110 - two workers and a server, which tell no test
            await asyncio.sleep(0.005)


async def asked(gateway: Gateway, headers: str = "") -> Answer:
    answer = await gateway.ask(ASKED_BOTH, headers=headers)
    assert (answer.status, answer.broken) == (200, False), answer.body
    return answer


def left_alone(gateway: Gateway) -> list[tuple[str, str, str]]:
    health = gateway.worker._seen
    return list(health.left_alone(gateway.worker._dispatch.seconds()))


async def _failed(call: Call) -> None:
    await call.answer({"error": {"message": "failed"}}, 500)


async def _limited(call: Call) -> None:
    await call.answer({"error": {"message": "later"}}, 429, "retry-after: 30\r\n")


async def _key_refused(call: Call) -> None:
    await call.answer({"error": {"message": "who are you?"}}, 401)


@pytest.mark.parametrize(
    ("script", "times", "why"), [(_failed, 3, "breaker"), (_limited, 1, "rate_limit"), (_key_refused, 1, "breaker")]
)
async def test_what_one_worker_leaves_alone_the_other_does_not_ask(
    tmp_path: Path, server: Valkey, script: Script, times: int, why: str
) -> None:
    async with both(tmp_path, server.url, script) as two:
        for _ in range(times):
            await asked(two.first)
        await until(lambda: left_alone(two.second) != [])
        assert left_alone(two.second) == left_alone(two.first) == [("a", MODEL, why)]
        await asked(two.second)
        assert (len(two.cheap.calls), len(two.dear.calls)) == (times, times + 1)


async def test_what_one_worker_knows_is_known_to_one_that_starts_later(tmp_path: Path, server: Valkey) -> None:
    async with both(tmp_path, server.url, _failed) as two:
        for _ in range(3):
            await asked(two.first)
        await until(lambda: left_alone(two.second) != [])
        toml = (tmp_path / "one" / "weighbridge.toml").read_text()
        async with house(tmp_path / "three", toml) as third:
            await until(lambda: left_alone(third) != [])
            await asked(third)
            assert len(two.cheap.calls) == 3


async def test_an_answer_to_one_worker_lets_the_other_try_at_once(tmp_path: Path, server: Valkey) -> None:
    async with both(tmp_path, server.url, _failed) as two:
        for _ in range(3):
            await asked(two.first)
        await until(lambda: left_alone(two.second) != [])
        two.cheap.script = plainly
        watch = next(each for each in two.second.worker._seen.each() if each.id.startswith("a/"))
        watch.breaker.until = 0.0  # as if the time were over
        await asked(two.second)
        await until(lambda: left_alone(two.first) == [])
        await asked(two.first)
        assert (len(two.cheap.calls), len(two.dear.calls)) == (5, 3)


async def test_a_worker_that_was_answered_lately_wants_one_failure_of_its_own(tmp_path: Path, server: Valkey) -> None:
    async with both(tmp_path, server.url) as two:
        await asked(two.second)
        two.cheap.script = _failed
        for _ in range(3):
            await asked(two.first)
        await until(lambda: _heard(two.second) == 1)
        assert left_alone(two.second) == []
        await asked(two.second)
        assert left_alone(two.second) == [("a", MODEL, "breaker")]


async def test_workers_with_another_key_are_not_told(tmp_path: Path, server: Valkey) -> None:
    async with both(tmp_path, server.url, _limited) as two:
        toml = (tmp_path / "one" / "weighbridge.toml").read_text().replace("sk-test", "sk-other")
        async with house(tmp_path / "three", toml) as third:
            await well(third)
            await asked(two.first)
            await until(lambda: left_alone(two.second) != [])
            assert left_alone(third) == []


async def test_an_answer_that_one_worker_keeps_the_other_gives(tmp_path: Path, server: Valkey) -> None:
    async with both(tmp_path, server.url) as two:
        paid = await asked(two.first, KEPT)
        await until(lambda: any(":answer:" in key for key in server.names()))
        again = await asked(two.second, KEPT)
        assert len(two.cheap.calls) == 1
        assert again.headers["x-weighbridge-cache"] == "hit"
        assert again.headers["x-weighbridge-cache-receipt"] == paid.receipt
        assert again.document["choices"] == paid.document["choices"]


def _heard(gateway: Gateway) -> int:
    sharing = gateway.worker._sharing
    assert sharing is not None
    assert sharing.gossip is not None
    return sharing.gossip.heard
