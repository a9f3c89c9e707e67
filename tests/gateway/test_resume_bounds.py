"""Answers that are gone on with, where others hold the places or hedges are on."""

import asyncio
from decimal import Decimal
from pathlib import Path

from tests.gateway.house import house
from tests.gateway.test_hedging import HEDGED, KNOWN, Turning, hangs
from tests.gateway.test_resume import RESUME, STREAMED, check_sum, documents, dying, goes_on, parts, serves, three
from tests.gateway.upstream import Call, Upstream


async def test_where_no_place_is_free_to_go_on_the_stream_ends_with_its_error(tmp_path: Path) -> None:
    first, second = Upstream(dying(), models=()), Upstream(hangs, models=())
    for each in (first, second):
        await each.listen()
    toml = "[server]\ndrain_seconds = 0.2\n[admission]\nmax_queue = 1\n[routing]\nsort = 'price'\nretries = 0\n"
    toml += serves("a", first.port, "1") + serves("b", second.port, "2").replace("habits", "max_concurrent = 1\nhabits")
    async with house(tmp_path / "home", toml) as gateway:
        waiting = {**STREAMED, "provider": {"only": ["b"]}}
        clients = [await gateway.send(waiting) for _ in range(2)]  # one has the place, the other is the line
        async with asyncio.timeout(5):
            while not second.calls:  # noqa: ASYNC110 - a script that hangs sends no word
                await asyncio.sleep(0.005)
        answer = await gateway.ask(STREAMED, headers=RESUME)
        entry = await gateway.entry()
        for client in clients:
            client.leave()
    for each in (first, second):
        await each.close()
    assert b'"code":"upstream_error"' in answer.body
    assert entry.ending == "upstream_broke"
    assert parts(entry) == [("a", "upstream_error", 2, "estimate")]
    check_sum(entry)


async def test_who_goes_on_is_asked_alone_and_its_cost_is_told(tmp_path: Path) -> None:
    async def slow(call: Call) -> None:
        await asyncio.sleep(0.3)
        await goes_on(call)

    first, second, third = Turning(goes_on), Turning(goes_on), Turning(goes_on)
    routing = HEDGED.removeprefix("retries = 0\n")
    async with three(tmp_path / "home", first, second, third, routing=routing) as (gateway, _):
        for name in "abc":
            for _ in range(KNOWN):
                assert (await gateway.ask({**STREAMED, "provider": {"only": [name]}})).status == 200
        first.script, second.script = dying(), slow
        answer = await gateway.ask(STREAMED, headers=RESUME, target="/api/v1/chat/completions")
        entry = gateway.entries()[-1]
    assert [part[:2] for part in parts(entry)] == [("a", "upstream_error"), ("b", None)]
    (usage,) = [each["usage"] for each in documents(answer.body) if each.get("usage")]
    assert entry.charge is not None
    assert Decimal(str(usage["cost"])) == entry.charge.cost
    check_sum(entry)
