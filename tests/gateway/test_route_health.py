"""What the gateway tells of its endpoints: by its own path, and in OpenRouter's list of them."""

import asyncio
from pathlib import Path
from typing import Any

from tests.gateway.house import Gateway
from tests.gateway.test_failover import MODEL
from tests.gateway.test_retries import ASKED_ALL, STREAMED, after, answers, served
from tests.gateway.upstream import plainly

PATH = "/v1/route/health"
Json = list[dict[str, Any]]


async def seen(gateway: Gateway, *, requests: int) -> Json:
    """What is told once all requests are in it: a snapshot stands for a second."""
    async with asyncio.timeout(10):
        while True:
            document: Any = (await gateway.get(PATH)).document
            told: Json = document["data"]
            if sum(one["requests"] for one in told) == requests:
                return told
            await asyncio.sleep(0.05)


async def test_endpoints_are_listed_with_what_was_seen_of_them(tmp_path: Path) -> None:
    scripts = [after(3, answers(500)), after(1, answers(429, "retry-after: 60\r\n")), plainly]
    routing = "retries = 0\nbreaker_failures = 3\nbreaker_seconds = 60"
    async with served(tmp_path / "home", scripts, routing) as (gateway, _):
        assert (await gateway.get(PATH)).document == {"object": "list", "data": []}
        for _ in range(4):
            assert (await gateway.ask(STREAMED)).status == 200
        told = await seen(gateway, requests=8)
        listed = await openrouters(gateway)
    assert [(one["id"], one["status"], one["why"]) for one in told] == [
        ("first/tiny-at-first", "left_alone", "breaker"),
        ("second/tiny-at-second", "left_alone", "rate_limit"),
        ("third/tiny-at-third", "well", None),
    ]
    first, second, third = told
    assert 40 < first["again_in"] <= 75
    assert 50 < second["again_in"] <= 60
    assert (first["requests"], first["failures"], first["uptime"]) == (3, 3, 0.0)
    assert third["model"] == MODEL
    by_provider = {one["provider_name"]: one for one in listed}
    assert by_provider["first"]["uptime_last_5m"] == 0
    assert by_provider["third"]["uptime_last_5m"] == 100
    assert by_provider["first"]["latency_last_30m"] is None


async def openrouters(gateway: Gateway) -> Json:
    """The endpoints in OpenRouter's list."""
    document: Any = (await gateway.get(f"/api/v1/models/{MODEL}/endpoints")).document
    endpoints: Json = document["data"]["endpoints"]
    return endpoints


async def test_times_are_told_once_they_were_seen(tmp_path: Path) -> None:
    async with served(tmp_path / "home", [plainly]) as (gateway, _):
        for _ in range(4):
            assert (await gateway.ask(ASKED_ALL)).status == 200
        known = await seen(gateway, requests=4)
        listing = await openrouters(gateway)
    (told,), (listed,) = known, listing
    assert told["completion"] == 5
    assert told["cached_share"] is not None
    assert 0 < told["latency"]["p50"] <= told["latency"]["p99"] < 5
    assert listed["latency_last_30m"]["p50"] >= 0.1


async def test_a_key_sees_what_it_may_ask_for(tmp_path: Path) -> None:
    async with served(tmp_path / "home", [plainly]) as (gateway, _):
        assert (await gateway.ask(ASKED_ALL)).status == 200
        other = gateway.new_key("other", models=("lab/other",))
        await gateway.until("/v1/models", other, 200)
        assert (await gateway.get(PATH, key=other)).document["data"] == []
        assert (await gateway.get(PATH, key="")).status == 401
