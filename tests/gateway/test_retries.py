"""What becomes of a request whose endpoints fail: other endpoints, other rounds, bounded in number and time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.gateway.house import ASKED, Gateway, house
from tests.gateway.test_failover import MODEL, serves
from tests.gateway.upstream import DONE, EVENTS, Call, Script, Upstream, plainly

ASKED_ALL = {**ASKED, "model": MODEL}
STREAMED = {**ASKED_ALL, "stream": True}
NAMES = ("first", "second", "third")


def answers(status: int, headers: str = "") -> Script:
    """A provider that always answers so."""

    async def script(call: Call) -> None:
        await call.answer({"error": {"message": f"{status}!"}}, status, headers)

    return script


def after(count: int, script: Script, then: Script = plainly) -> Script:
    """One that answers so for the first `count` calls, and then otherwise."""
    seen = 0

    async def scripted(call: Call) -> None:
        nonlocal seen
        seen += 1
        await (script if seen <= count else then)(call)

    return scripted


async def dies(call: Call) -> None:
    """Hang up in the head of an answer: before it, a connection that was used before is tried anew."""
    await call.send(b"HTTP/1.1 200 OK\r\ncontent-ty")
    call.die()


async def dies_in_its_body(call: Call) -> None:
    await call.send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"choices":')
    call.die()


async def begins_and_dies(call: Call) -> None:
    await call.start()
    call.die()


async def says_it_failed(call: Call) -> None:
    await call.answer({"error": {"message": "out of memory"}})


async def streams_that_it_failed(call: Call) -> None:
    await call.stream([b'data: {"error": {"message": "out of memory"}}\n\n'])


@asynccontextmanager
async def served(
    home: Path, scripts: Sequence[Script], routing: str = "retries = 2"
) -> AsyncIterator[tuple[Gateway, Sequence[Upstream]]]:
    """A gateway in front of a provider for each script, the first the cheapest."""
    upstreams = [Upstream(script, models=()) for script in scripts]
    for upstream in upstreams:
        await upstream.listen()
    toml = f"[server]\ndrain_seconds = 0.2\n[routing]\nsort = 'price'\n{routing}\n"
    for place, (name, upstream) in enumerate(zip(NAMES, upstreams, strict=False), 1):
        toml += serves(name, upstream.port, str(place))
    async with house(home, toml) as gateway:
        yield gateway, upstreams
    for upstream in upstreams:
        await upstream.close()


BEFORE_A_BYTE: dict[str, tuple[Script, bool, bool]] = {
    "dies in its head": (dies, False, False),
    "dies in its body": (dies_in_its_body, False, True),
    "says in a 200 that it failed": (says_it_failed, False, False),
    "begins a stream and dies": (begins_and_dies, True, True),
    "streams that it failed": (streams_that_it_failed, True, False),
}


@pytest.mark.parametrize("case", BEFORE_A_BYTE)
async def test_until_a_byte_has_left_another_endpoint_gives_the_answer(tmp_path: Path, case: str) -> None:
    script, streamed, charged = BEFORE_A_BYTE[case]
    async with served(tmp_path / "home", [script, plainly], "retries = 0") as (gateway, (first, second)):
        answer = await gateway.ask(STREAMED if streamed else ASKED_ALL)
        entry = await gateway.entry()
    assert (answer.status, len(first.calls), len(second.calls)) == (200, 1, 1)
    assert not streamed or answer.body.endswith(DONE)
    assert [(one.provider, one.error) for one in entry.attempts] == [("first", "upstream_error"), ("second", None)]
    assert (entry.ending, entry.provider, entry.error) == ("complete", "second", None)
    assert (entry.attempts[0].charge is not None) == charged, "it had been working on it"
    assert entry.charge is not None
    assert entry.charge.cost is not None
    apart = [one.charge.cost for one in entry.attempts if one.charge is not None and one.charge.cost is not None]
    assert not charged or entry.charge.cost == sum(apart)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("script", [answers(500), dies, answers(503), answers(429, "retry-after: 0.1\r\n")])
async def test_the_only_endpoint_is_asked_again(tmp_path: Path, script: Script, streamed: bool) -> None:
    async with served(tmp_path / "home", [after(2, script)]) as (gateway, (only,)):
        answer = await gateway.ask(STREAMED if streamed else ASKED_ALL)
        entry = await gateway.entry()
    assert (answer.status, len(only.calls)) == (200, 3)
    assert (entry.ending, [one.error is None for one in entry.attempts]) == ("complete", [False, False, True])


async def test_all_are_asked_before_one_is_asked_again(tmp_path: Path) -> None:
    async with served(tmp_path / "home", [after(1, answers(500)), after(1, dies), answers(500)]) as (gateway, _):
        answer = await gateway.ask(ASKED_ALL)
        entry = await gateway.entry()
    assert answer.status == 200
    assert [one.provider for one in entry.attempts] == ["first", "second", "third", "first"]


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_rounds_are_counted(tmp_path: Path, retries: int) -> None:
    routing = f"retries = {retries}\nbreaker_failures = 100"
    async with served(tmp_path / "home", [answers(500), answers(500)], routing) as (gateway, both):
        answer = await gateway.ask(ASKED_ALL)
        entry = await gateway.entry()
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert [len(each.calls) for each in both] == [1 + retries] * 2
    assert (entry.ending, len(entry.attempts)) == ("upstream_broke", 2 + 2 * retries)


SAME_AGAIN: dict[str, tuple[int, int, str]] = {
    "400": (400, 400, "invalid_request"),
    "our key": (401, 502, "upstream_key_refused"),
    "credit": (402, 502, "upstream_key_refused"),
    "no such model": (404, 404, "model_not_found"),
}


@pytest.mark.parametrize("case", SAME_AGAIN)
async def test_who_would_say_the_same_is_not_asked_again(tmp_path: Path, case: str) -> None:
    status, told, code = SAME_AGAIN[case]
    async with served(tmp_path / "home", [answers(status)]) as (gateway, (only,)):
        answer = await gateway.ask(ASKED_ALL)
    assert (answer.status, answer.error["code"], len(only.calls)) == (told, code, 1)


async def test_a_wait_that_is_too_long_is_told_instead(tmp_path: Path) -> None:
    scripts = [answers(429, "retry-after: 90\r\n"), answers(429, "retry-after: 30\r\n")]
    async with served(tmp_path / "home", scripts) as (gateway, both):
        answer = await gateway.ask(ASKED_ALL)
        again = await gateway.ask(ASKED_ALL)
        entries = gateway.entries()
    assert [one.status for one in (answer, again)] == [429, 429]
    assert answer.headers["retry-after"] == "30", "the soonest of both"
    assert 28 <= int(again.headers["retry-after"]) <= 30
    assert [len(each.calls) for each in both] == [1, 1], "while they are limited nobody asks them"
    assert [(one.ending, len(one.attempts)) for one in entries] == [("upstream_broke", 2), ("upstream_broke", 0)]


async def test_a_provider_that_has_nothing_left_is_passed_over_before_it_says_so(tmp_path: Path) -> None:
    async def last_one(call: Call) -> None:
        await call.answer(headers="x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 60\r\n")

    async with served(tmp_path / "home", [last_one, plainly]) as (gateway, (first, second)):
        statuses = [(await gateway.ask(ASKED_ALL)).status for _ in range(3)]
    assert (statuses, len(first.calls), len(second.calls)) == ([200] * 3, 1, 2)


TOLD: dict[str, tuple[Sequence[Script], int, str]] = {
    "busy before broken": ([answers(429, "retry-after: 60\r\n"), answers(500)], 429, "upstream_busy"),
    "broken before the key": ([answers(500), answers(401)], 502, "upstream_error"),
    "the last of equals": ([answers(500), answers(504)], 504, "upstream_timeout"),
}


@pytest.mark.parametrize("case", TOLD)
async def test_the_most_useful_of_the_errors_is_told(tmp_path: Path, case: str) -> None:
    scripts, status, code = TOLD[case]
    async with served(tmp_path / "home", scripts, "retries = 0") as (gateway, _):
        answer = await gateway.ask(ASKED_ALL)
    assert (answer.status, answer.error["code"]) == (status, code)


async def test_one_that_keeps_failing_is_left_alone_and_comes_back(tmp_path: Path) -> None:
    routing = "retries = 0\nbreaker_failures = 3\nbreaker_seconds = 0.2\nbreaker_most_seconds = 0.2"
    async with served(tmp_path / "home", [after(3, answers(500)), plainly], routing) as (gateway, (first, second)):
        for _ in range(10):
            assert (await gateway.ask(ASKED_ALL)).status == 200
        assert (len(first.calls), len(second.calls)) == (3, 10), "seven were spared the detour"
        await comes_back(gateway, first, asked=3)


async def comes_back(gateway: Gateway, upstream: Upstream, *, asked: int) -> None:
    """Ask until the upstream is asked again."""
    async with asyncio.timeout(10):
        while len(upstream.calls) == asked:
            assert (await gateway.ask(ASKED_ALL)).status == 200


async def test_a_provider_that_lists_its_models_again_is_tried_before_its_time(tmp_path: Path) -> None:
    routing = (
        "retries = 0\nbreaker_failures = 1\nbreaker_seconds = 600\nbreaker_most_seconds = 600\nprobe_seconds = 0.05"
    )
    async with served(tmp_path / "home", [after(1, answers(500)), plainly], routing) as (gateway, (first, _)):
        assert (await gateway.ask(ASKED_ALL)).status == 200
        assert len(first.calls) == 1
        await comes_back(gateway, first, asked=1)


async def test_a_provider_that_does_not_take_our_key_is_not_tried_before_its_time(tmp_path: Path) -> None:
    routing = "retries = 0\nprobe_seconds = 0.01"
    async with served(tmp_path / "home", [answers(401), plainly], routing) as (gateway, (first, _)):
        for _ in range(10):
            assert (await gateway.ask(ASKED_ALL)).status == 200
            await asyncio.sleep(0.02)
        assert len(first.calls) == 1


async def test_while_one_tries_a_broken_endpoint_the_others_go_elsewhere(tmp_path: Path) -> None:
    trying, go_on = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> None:
        trying.set()
        await go_on.wait()
        await plainly(call)

    routing = "retries = 0\nbreaker_failures = 3\nbreaker_seconds = 0.1\nbreaker_most_seconds = 0.1"
    async with served(tmp_path / "home", [after(3, answers(500), slow), plainly], routing) as (gateway, (first, _)):
        for _ in range(3):
            await gateway.ask(ASKED_ALL)
        asking = asyncio.create_task(comes_back(gateway, first, asked=3))
        async with asyncio.timeout(10):
            await trying.wait()
        for _ in range(5):
            assert (await gateway.ask(ASKED_ALL)).status == 200
        assert len(first.calls) == 4, "one at a time"
        go_on.set()
        await asking


async def test_when_all_are_closed_they_are_asked_all_the_same(tmp_path: Path) -> None:
    routing = "retries = 0\nbreaker_failures = 1\nbreaker_seconds = 60"
    async with served(tmp_path / "home", [after(1, dies), after(1, dies)], routing) as (gateway, _):
        statuses = [(await gateway.ask(ASKED_ALL)).status for _ in range(3)]
    assert statuses == [502, 200, 200]


async def test_a_storm_is_not_multiplied(tmp_path: Path) -> None:
    routing = "retries = 5\nretry_percent = 20\nretries_per_second = 1\nbreaker_failures = 1000\nbreaker_percent = 100"
    async with served(tmp_path / "home", [answers(500)], routing) as (gateway, (only,)):
        answers_ = await asyncio.gather(*(gateway.ask(ASKED_ALL) for _ in range(200)))
        assert len({one.receipt for one in answers_}) == len(gateway.entries()) == 200
    assert {one.status for one in answers_} == {502}
    assert 200 < len(only.calls) <= 200 + 40 + 10 + 20, "a fifth, what was saved, and some for the seconds it took"


async def test_a_client_that_leaves_while_a_round_is_waited_for_ends_the_search(tmp_path: Path) -> None:
    failed = asyncio.Event()

    async def busy(call: Call) -> None:
        await call.answer({"error": {"message": "busy"}}, 429, "retry-after: 5\r\n")
        failed.set()

    async with served(tmp_path / "home", [busy]) as (gateway, (only,)):
        client = await gateway.send(ASKED_ALL)
        await failed.wait()
        client.leave()
        entry = await gateway.entry()
    assert (entry.ending, entry.charge, len(only.calls)) == ("client_left", None, 1)


async def test_a_client_that_leaves_a_probe_does_not_keep_the_endpoint_closed(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def hangs(call: Call) -> None:
        begun.set()
        await call.left()

    script = after(1, answers(500), after(1, hangs))
    routing = "retries = 0\nbreaker_failures = 1\nbreaker_seconds = 0.05\nbreaker_most_seconds = 0.05"
    async with served(tmp_path / "home", [script], routing) as (gateway, (only,)):
        assert (await gateway.ask(ASKED_ALL)).status == 502
        client = await gateway.send(ASKED_ALL)
        await begun.wait()
        client.leave()
        await gateway.entry(after=1)
        assert (await gateway.ask(ASKED_ALL)).status == 200
    assert len(only.calls) == 3


async def test_streams_that_break_after_they_began_close_an_endpoint_too(tmp_path: Path) -> None:
    async def breaks(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        call.die()

    routing = "retries = 0\nbreaker_failures = 3\nbreaker_seconds = 60"
    async with served(tmp_path / "home", [breaks, plainly], routing) as (gateway, (first, second)):
        answers_ = [await gateway.ask(STREAMED) for _ in range(6)]
    assert [one.body.endswith(DONE) for one in answers_] == [False] * 3 + [True] * 3
    assert (len(first.calls), len(second.calls)) == (3, 3)


async def test_who_waited_for_a_place_at_an_endpoint_that_is_limited_meanwhile_asks_another(tmp_path: Path) -> None:
    asked, both_here = asyncio.Event(), asyncio.Event()

    async def soon_busy(call: Call) -> None:
        asked.set()
        await both_here.wait()
        await answers(429, "retry-after: 60\r\n")(call)

    routing = "retries = 0\n[admission]\nmax_concurrent = 1"
    async with served(tmp_path / "home", [soon_busy, plainly], routing) as (gateway, _), asyncio.TaskGroup() as group:
        one = group.create_task(gateway.ask(ASKED_ALL))
        await asked.wait()
        other = group.create_task(gateway.ask(ASKED_ALL))
        lines = gateway.worker._dispatch.admission
        assert lines is not None
        while not lines._lines.waiting:  # noqa: ASYNC110 - a line sends no word
            await asyncio.sleep(0.005)
        both_here.set()
    assert (one.result().status, other.result().status) == (200, 200)


async def test_who_finds_a_line_before_the_one_that_is_well_waits_and_leaves_the_broken_one_alone(
    tmp_path: Path,
) -> None:
    go_on = asyncio.Event()

    async def slow(call: Call) -> None:
        await go_on.wait()
        await plainly(call)

    well, broken = Upstream(slow, models=()), Upstream(answers(500), models=())
    for each in (well, broken):
        await each.listen()
    toml = "[routing]\nsort = 'price'\nretries = 0\nbreaker_failures = 1\nbreaker_seconds = 60\n"
    toml += serves("well", well.port, "1").replace("base_url", "max_concurrent = 1\nbase_url")
    toml += serves("broken", broken.port, "2")
    async with house(tmp_path / "home", toml) as gateway, asyncio.TaskGroup() as group:
        await gateway.ask({**ASKED_ALL, "provider": {"only": ["broken"]}})
        asked = [group.create_task(gateway.ask(ASKED_ALL)) for _ in range(5)]
        lines = gateway.worker._dispatch.admission
        assert lines is not None
        while lines._lines.waiting < 4:  # noqa: ASYNC110 - a line sends no word
            await asyncio.sleep(0.005)
        go_on.set()
    for each in (well, broken):
        await each.close()
    assert [one.result().status for one in asked] == [200] * 5
    assert (len(well.calls), len(broken.calls)) == (5, 1)
