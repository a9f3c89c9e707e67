"""Two workers that share nothing but a Valkey or Redis server: breakers, limits and kept answers are known to both."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gateway.house import ASKED, PATIENCE, Answer, Gateway, house
from tests.gateway.test_failover import MODEL, serves
from tests.gateway.upstream import Call, Script, Upstream, plainly
from tests.valkey import Valkey, valkey
from weighbridge import config
from weighbridge.app.connections import Connection
from weighbridge.app.sharing import _accounts, forget_answers
from weighbridge.config import Secret
from weighbridge.providers.rows import Row

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


def settings(url: str, more: str = "", answers: str = "true") -> str:
    return f"""
[server]
drain_seconds = 0.2
[routing]
sort = "price"
retries = 0
breaker_seconds = 30
[cache]
shared = {answers}
[shared]
url = "{url}"
wait_seconds = 1
{more}
"""


@asynccontextmanager
async def both(
    tmp_path: Path, url: str, cheap: Script = plainly, *, more: str = "", answers: str = "true"
) -> AsyncIterator[Both]:
    async with AsyncExitStack() as stack:
        upstreams = Upstream(cheap, models=()), Upstream(models=())
        toml = settings(url, more, answers)
        for name, each, dollars in zip(("a", "b"), upstreams, ("1", "2"), strict=True):
            await each.listen()
            stack.push_async_callback(each.close)
            toml += serves(name, each.port, dollars).replace("\n[[", '\napi_key = "sk-test"\n[[', 1)
        first = await stack.enter_async_context(house(tmp_path / "one", toml))
        second = await stack.enter_async_context(house(tmp_path / "two", toml))
        for gateway in (first, second):
            await well(gateway)
        yield Both(first, second, *upstreams)


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


async def heard_by_both(server: Valkey, channel: str, said: str) -> None:
    """Say it there, again if it was before both had subscribed."""
    await until(lambda: server.say("PUBLISH", channel, said) == b":2\r\n")


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


@pytest.mark.parametrize(("is_shared", "how"), [("true", "hit"), ("false", "miss")])
async def test_keys_are_given_each_others_answers_only_where_the_owner_says_so(
    tmp_path: Path, server: Valkey, is_shared: str, how: str
) -> None:
    ledger = f'[ledger]\npath = "{tmp_path / "ledger.db"}"\n'  # both know both keys
    async with both(tmp_path, server.url, more=ledger, answers=is_shared) as two:
        await asked(two.first, KEPT)
        await until(lambda: _are_kept(server, 1))
        for key, expected in ((two.second.key, how), (two.first.key, "hit")):
            answer = await two.second.ask(ASKED_BOTH, key=key, headers=KEPT)
            assert answer.headers["x-weighbridge-cache"] == expected


def _are_kept(server: Valkey, count: int) -> bool:
    return sum(":answer:" in name for name in server.names()) == count


async def test_what_is_deleted_is_deleted_on_all_machines(tmp_path: Path, server: Valkey) -> None:
    async with both(tmp_path, server.url) as two:
        await asked(two.first, KEPT)
        await until(lambda: _are_kept(server, 1))
        environ = {"WEIGHBRIDGE_HOME": str(tmp_path / "three"), "WEIGHBRIDGE_SHARED_URL": server.url}
        chosen = config.read({}, environ, here=tmp_path)
        assert await forget_answers(chosen, key="key-of-nobody") == (0, 2)
        assert (await asked(two.first, KEPT)).headers["x-weighbridge-cache"] == "hit"
        assert await forget_answers(chosen) == (1, 2)
        await until(lambda: _in_file(two.first) == 0)
        assert (await asked(two.first, KEPT)).headers["x-weighbridge-cache"] == "miss"


def _in_file(gateway: Gateway) -> int:
    with closing(sqlite3.connect(gateway.ledger.with_name("cache.db"))) as connection:
        (count,) = connection.execute("SELECT count(*) FROM answer").fetchone()
    return int(count)


async def test_what_comes_of_it_is_counted(tmp_path: Path, server: Valkey) -> None:
    async with both(tmp_path, server.url, _limited) as two:
        await asked(two.first, KEPT)
        await until(lambda: _are_kept(server, 1) and left_alone(two.second) != [])
        await asked(two.second, KEPT)
        counted = [(await gateway.get("/metrics")).body.decode() for gateway in (two.first, two.second)]
    for text, name, value in (
        (counted[0], "told_total", 1),
        (counted[0], "misses_total", 1),
        (counted[1], "heard_total", 1),
        (counted[1], "hits_total", 1),
        (counted[1], "failures_total", 0),
        (counted[1], "fault", 0),
    ):
        assert f"\nweighbridge_shared_{name} {value}\n" in text


async def test_what_was_known_is_told_again_to_a_server_that_has_lost_it(tmp_path: Path, server: Valkey) -> None:
    async with both(tmp_path, server.url, _failed) as two:
        for _ in range(3):
            await asked(two.first)
        await until(lambda: left_alone(two.second) != [])
        server.kill()
        await until(lambda: fault(two.first) is not None)
        await asyncio.to_thread(server.start)
        await until(lambda: server.names() == ["weighbridge:left-alone"])
        toml = (tmp_path / "one" / "weighbridge.toml").read_text()
        async with house(tmp_path / "three", toml) as third:
            await until(lambda: left_alone(third) != [])


async def test_what_cannot_be_read_is_said_and_passed_over(
    tmp_path: Path, server: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    server.say("HSET", "weighbridge:left-alone", "open/x", "nonsense")
    async with both(tmp_path, server.url) as two:
        for channel in ("endpoints", "forget"):
            await heard_by_both(server, f"weighbridge:{channel}", '[{"by": 5}]')
        await asked(two.first)
        await until(lambda: caplog.text.count("cannot be read") >= 6)
        assert left_alone(two.first) == []


@pytest.mark.parametrize(
    ("base_url", "is_here"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://localhost/v1", True),
        ("http://vllm.localhost/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://10.0.0.2:8000/v1", False),
        ("https://api.example.org/v1", False),
    ],
)
def test_an_address_of_loopback_is_another_on_each_machine(base_url: str, is_here: bool) -> None:
    row = Row(id="own", name="own", source="a test")
    connections = [Connection(row, base_url, None, ("chat",), None)]
    here, there = (_accounts(connections, machine)["own"] for machine in (b"one", b"two"))
    assert (here != there) is is_here


def test_an_account_is_an_address_and_a_key_and_tells_neither() -> None:
    row = Row(id="own", name="own", source="a test")
    url = "https://api.example.org/v1"
    given = [(url, "sk-1"), (url, "sk-2"), (url, None), ("https://eu.example.org/v1", "sk-1")]
    marks = []
    for base_url, key in given:
        made = Connection(row, base_url, None if key is None else Secret(key), ("chat",), None)
        account = _accounts([made], b"")["own"]
        assert account.is_keyed is (key is not None)
        marks.append(account.mark)
    assert len(set(marks)) == len(given)
    assert all("sk-" not in mark and "example" not in mark for mark in marks)
