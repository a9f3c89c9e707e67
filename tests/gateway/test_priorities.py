"""More requests than places: who waits, who is served first, who is turned away, and what the ledger says of each."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.gateway.house import ASKED, Answer, Client, Gateway, House, house
from tests.gateway.test_resume import HOWS, dying, goes_on
from tests.gateway.upstream import DONE, EVENTS, Call, Upstream
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.defaults import Defaults

MODEL = "lab/tiny"
HELLO = [{"role": "user", "content": "Say hello."}]


@dataclass
class Gated:
    """An upstream that answers each call when it is let, in the order in which the calls came."""

    came: "asyncio.Queue[Call]" = field(default_factory=asyncio.Queue)

    async def script(self, call: Call) -> None:
        gate = asyncio.Event()
        call.headers["gate"] = ""
        self._gates[id(call)] = gate
        await self.came.put(call)
        await gate.wait()
        if json.loads(call.body).get("stream"):
            await call.events(EVENTS[1:])
            await call.end()
        else:
            await call.answer()

    _gates: dict[int, asyncio.Event] = field(default_factory=dict)

    async def next(self) -> Call:
        """The next call that came."""
        async with asyncio.timeout(5):
            return await self.came.get()

    def let(self, call: Call) -> None:
        """Answer it."""
        self._gates[id(call)].set()

    async def serve(self) -> str:
        """Answer the next call; who it was."""
        call = await self.next()
        self.let(call)
        return said(call)


def said(call: Call) -> str:
    """What its last turn says."""
    return str(json.loads(call.body)["messages"][-1]["content"])


def serves(name: str, port: int, dollars: str, bound: int | None) -> str:
    at_once = "" if bound is None else f"max_concurrent = {bound}\n"
    return f"""
[providers.{name}]
base_url = "http://127.0.0.1:{port}/v1"
{at_once}[[providers.{name}.models]]
id = "tiny"
model = "{MODEL}"
input = "{dollars}"
output = "{dollars}"
"""


@asynccontextmanager
async def crowded(
    home: Path, *, toml: str = "", bound: int | None = 1, second: bool = False
) -> AsyncIterator[tuple[Gateway, Gated, Gated]]:
    """A gateway before a provider of one place, and maybe another that is dearer."""
    first, other = Gated(), Gated()
    near, far = Upstream(first.script, models=()), Upstream(other.script, models=())
    await near.listen()
    await far.listen()
    text = '[server]\ndrain_seconds = 0.2\n[routing]\nretries = 0\nsort = "price"\n' + toml
    text += serves("near", near.port, "0", bound)
    if second:
        text += serves("far", far.port, "2", 1)
    async with house(home, text) as gateway:
        yield gateway, first, other
    await near.close()
    await far.close()


def body(name: str, **also: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": name}], **also}


async def stand(gateway: House, name: str, priority: str | None = None, key: str | None = None) -> Client:
    """Send a request that has to wait; it is in the line when this returns."""
    headers = "" if priority is None else f"x-weighbridge-priority: {priority}\r\n"
    client = await gateway.send(body(name), headers=headers, key=key)
    await settled(gateway)
    return client


async def settled(gateway: House) -> None:
    """Return when the gateway has done all it can: it answers on another connection, twice."""
    for _ in range(2):
        await gateway.get("/healthz")


async def answers(*clients: Client) -> list[Answer]:
    async with asyncio.timeout(5):
        found = [await client.answer() for client in clients]
    for client in clients:
        client.leave()
    return found


async def test_who_finds_no_place_waits_and_is_answered(tmp_path: Path) -> None:
    async with crowded(tmp_path / "home") as (gateway, near, _):
        first = await gateway.send(body("first"))
        call = await near.next()
        second = await stand(gateway, "second")
        assert near.came.empty()
        near.let(call)
        assert await near.serve() == "second"
        assert [answer.status for answer in await answers(first, second)] == [200, 200]
        entries = gateway.entries()
    assert [(entry.ending, len(entry.attempts)) for entry in entries] == [("complete", 1)] * 2


async def test_the_more_urgent_go_first_and_a_key_may_be_held_down(tmp_path: Path) -> None:
    async with crowded(tmp_path / "home") as (gateway, near, _):
        held = key_with(gateway, Defaults(most_priority="low"))
        low = key_with(gateway, Defaults(priority="low"))
        await gateway.until("/v1/models", low, 200)
        first = await gateway.send(body("first"))
        call = await near.next()
        clients = [
            await stand(gateway, "held down", "high", held),
            await stand(gateway, "low by its key", None, low),
            await stand(gateway, "normal"),
            await stand(gateway, "low key, high request", "high", low),
            await stand(gateway, "high", "HIGH"),
        ]
        near.let(call)
        order = [await near.serve() for _ in clients]
        found = await answers(first, *clients)
    assert order == ["low key, high request", "high", "normal", "held down", "low by its key"]
    assert {answer.status for answer in found} == {200}


async def test_a_preset_may_be_of_low_priority(tmp_path: Path) -> None:
    toml = f'[presets.batch]\nmodels = "{MODEL}"\npriority = "low"\n'
    async with crowded(tmp_path / "home", toml=toml) as (gateway, near, _):
        first = await gateway.send(body("first"))
        call = await near.next()
        batch = await gateway.send({**body("batch"), "model": "batch"})
        await settled(gateway)
        normal = await stand(gateway, "normal")
        near.let(call)
        assert [await near.serve() for _ in range(2)] == ["normal", "batch"]
        await answers(first, batch, normal)


async def test_a_provider_without_a_place_is_passed_over_before_anybody_waits(tmp_path: Path) -> None:
    async with crowded(tmp_path / "home", second=True) as (gateway, near, far):
        clients = [await gateway.send(body("first"))]
        held = await near.next()
        clients.append(await gateway.send(body("second")))
        there = await far.next()
        assert said(there) == "second"
        clients.append(await stand(gateway, "third"))
        far.let(there)
        assert await far.serve() == "third", "the first place that is free"
        near.let(held)
        assert [answer.status for answer in await answers(*clients)] == [200] * 3
        entries = gateway.entries()
    assert sorted(entry.provider or "" for entry in entries) == ["far", "far", "near"]
    assert all(len(entry.attempts) == 1 for entry in entries), "who has no place was not asked"


SHAPES = [
    ("/v1/chat/completions", b'"code":"overloaded"'),
    ("/api/v1/chat/completions", b'"code":"overloaded"'),
    ("/v1/messages", b'"type":"overloaded_error"'),
]


@pytest.mark.parametrize(("target", "shape"), SHAPES)
async def test_when_too_many_wait_the_least_urgent_is_turned_away_before_anything_is_spent(
    tmp_path: Path, target: str, shape: bytes
) -> None:
    async with crowded(tmp_path / "home", toml="[admission]\nmax_queue = 1\n") as (gateway, near, _):
        first = await gateway.send(body("first"))
        call = await near.next()
        low = await gateway.send(body("low", max_tokens=5), target=target, headers="x-weighbridge-priority: low\r\n")
        await settled(gateway)
        normal = await stand(gateway, "normal")
        (shed,) = await answers(low)
        turned_away = await gateway.ask(body("late", max_tokens=5), target=target)
        near.let(call)
        assert await near.serve() == "normal"
        await answers(first, normal)
        entries = gateway.entries()
    for answer in (shed, turned_away):
        assert (answer.status, shape in answer.body) == (503, True), answer.body
        assert int(answer.headers["retry-after"]) >= 1
    refused = [entry for entry in entries if entry.error == "overloaded"]
    assert sorted(entry.id for entry in refused) == sorted((shed.receipt, turned_away.receipt))
    assert {(entry.ending, entry.status, entry.charge, entry.attempts) for entry in refused} == {
        ("refused", 503, None, ())
    }
    assert len(entries) == 4


async def test_who_waits_too_long_is_turned_away(tmp_path: Path) -> None:
    async with crowded(tmp_path / "home", toml="[admission]\nmax_wait_seconds = 0.05\n") as (gateway, near, _):
        first = await gateway.send(body("first"))
        call = await near.next()
        answer = await gateway.ask(body("second"))
        near.let(call)
        await answers(first)
    assert (answer.status, answer.error["code"]) == (503, "overloaded")


async def test_a_client_that_leaves_the_line_costs_nothing_and_holds_nobody_up(tmp_path: Path) -> None:
    async with crowded(tmp_path / "home") as (gateway, near, _):
        first = await gateway.send(body("first"))
        call = await near.next()
        leaver = await stand(gateway, "leaver")
        last = await stand(gateway, "last")
        leaver.leave()
        entry = await gateway.entry()
        assert (entry.ending, entry.charge, entry.attempts) == ("client_left", None, ())
        near.let(call)
        assert await near.serve() == "last"
        assert [answer.status for answer in await answers(first, last)] == [200, 200]


async def test_a_client_that_leaves_its_answer_gives_its_place_to_the_next(tmp_path: Path) -> None:
    async with crowded(tmp_path / "home") as (gateway, near, _):
        first = await gateway.send(body("first"))
        await near.next()
        second = await stand(gateway, "second")
        first.leave()
        assert await near.serve() == "second"
        assert [answer.status for answer in await answers(second)] == [200]


async def test_a_stream_has_its_place_until_it_ends(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:1])
        await near.script(call)

    near = Gated()
    upstream = Upstream(script, models=())
    await upstream.listen()
    async with house(tmp_path / "home", serves("near", upstream.port, "0", 1)) as gateway:
        first = await gateway.send(body("first", stream=True))
        await first.head()
        await first.piece()
        second = await gateway.send(body("second", stream=True))
        await settled(gateway)
        call = await near.next()
        assert near.came.empty()
        near.let(call)
        assert await near.serve() == "second"
        (answer,) = await answers(second)
        first.leave()
    await upstream.close()
    assert answer.body.endswith(DONE)


async def test_a_failed_try_gives_its_place_back(tmp_path: Path) -> None:
    failed: list[Call] = []

    async def script(call: Call) -> None:
        failed.append(call)
        await call.answer({"error": {"message": "failed"}}, 500)

    upstream = Upstream(script, models=())
    await upstream.listen()
    async with house(tmp_path / "home", "[routing]\nretries = 0\n" + serves("near", upstream.port, "0", 1)) as gateway:
        statuses = [(await gateway.ask(body("x"))).status for _ in range(3)]
    await upstream.close()
    assert (statuses, len(failed)) == ([502] * 3, 3)


async def test_those_who_wait_when_the_gateway_stops_are_told_so_and_entered(tmp_path: Path) -> None:
    async with crowded(tmp_path / "home") as (gateway, near, _):
        first = await gateway.send(body("first"))
        await near.next()
        second = await stand(gateway, "second")
        await gateway.worker.stop()
        entries = gateway.entries()
        for client in (first, second):
            client.leave()
    assert sorted((entry.ending, entry.charge is None) for entry in entries) == [("stopped", False), ("stopped", True)]


async def test_those_who_wait_are_answered_while_the_gateway_has_patience(tmp_path: Path) -> None:
    async with crowded(tmp_path / "home", toml="") as (gateway, near, _):
        first = await gateway.send(body("first"))
        call = await near.next()
        second = await stand(gateway, "second")
        stopping = asyncio.create_task(gateway.worker.stop())
        await asyncio.sleep(0)
        near.let(call)
        assert await near.serve() == "second"
        assert [answer.status for answer in await answers(first, second)] == [200, 200]
        await stopping


async def test_the_whole_worker_may_have_a_bound(tmp_path: Path) -> None:
    async with crowded(tmp_path / "home", toml="[admission]\nmax_concurrent = 1\n", bound=None) as (gateway, near, _):
        first = await gateway.send(body("first"))
        call = await near.next()
        second = await stand(gateway, "second")
        assert near.came.empty()
        near.let(call)
        assert await near.serve() == "second"
        assert [answer.status for answer in await answers(first, second)] == [200, 200]


async def test_a_priority_that_is_none_is_refused(tmp_path: Path) -> None:
    async with crowded(tmp_path / "home") as (gateway, near, _):
        answer = await gateway.ask({**ASKED, "model": MODEL}, headers="x-weighbridge-priority: urgent\r\n")
        assert near.came.empty()
    assert (answer.status, answer.error["param"]) == (400, "x-weighbridge-priority")


def key_with(gateway: House, defaults: Defaults) -> str:
    with closing(db.connect(gateway.ledger)) as connection:
        return keys.create(connection, name="own", now=datetime.now(UTC), defaults=defaults)[1]


@pytest.mark.parametrize("how", HOWS)
async def test_an_answer_that_breaks_off_gives_its_place_to_whoever_goes_on_with_it(tmp_path: Path, how: str) -> None:
    calls: list[Call] = []

    async def script(call: Call) -> None:
        calls.append(call)
        await (dying(how=how) if len(calls) == 1 else goes_on)(call)

    upstream = Upstream(script, models=())
    await upstream.listen()
    text = "[upstream]\nidle_timeout_seconds = 0.3\n[routing]\nretries = 0\n"
    alone = serves("near", upstream.port, "0", 1).replace("max_concurrent", 'habits = "llama-server"\nmax_concurrent')
    async with house(tmp_path / "home", text + alone) as gateway:
        answer = await gateway.ask(body("x", stream=True), headers="x-weighbridge-resume: 1\r\n")
        assert len(calls) == 2
        assert (await gateway.ask(body("x"))).status == 200, "no place is lost"
    await upstream.close()
    assert answer.body.endswith(DONE)
