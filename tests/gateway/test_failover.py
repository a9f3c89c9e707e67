"""Two providers serve one model: what the cheaper one cannot do the other does, before a byte has left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.gateway.house import ASKED, House, house
from tests.gateway.upstream import DONE, EVENTS, Call, Script, Upstream, plainly

MODEL = "lab/tiny"
ASKED_BOTH = {**ASKED, "model": MODEL}


def serves(name: str, port: int, dollars: str) -> str:
    """Settings for a provider that calls the model `tiny-at-<name>`."""
    return f"""
[providers.{name}]
base_url = "http://127.0.0.1:{port}/v1"
[[providers.{name}.models]]
id = "tiny-at-{name}"
model = "{MODEL}"
input = "{dollars}"
output = "{dollars}"
"""


@asynccontextmanager
async def both(
    home: Path, cheap: Script | None, dear: Script = plainly
) -> AsyncIterator[tuple[House, Upstream, Upstream]]:
    """A gateway in front of two providers; `None` is one that is not there."""
    first, second = Upstream(cheap or plainly, models=()), Upstream(dear, models=())
    await first.listen()
    await second.listen()
    if cheap is None:
        await first.close()
    patience = "[server]\ndrain_seconds = 0.2\n[upstream]\nfirst_byte_timeout_seconds = 0.3\n"
    patience += "[routing]\nsort = 'price'\nretries = 0\n"
    # the dear one is named first in the settings, and by the alphabet
    toml = patience + serves("a-dear", second.port, "2") + serves("b-cheap", first.port, "1")
    async with house(home, toml) as gateway:
        yield gateway, first, second
    await first.close()
    await second.close()


async def _busy(call: Call) -> None:
    await call.answer({"error": {"message": "busy"}}, 429)


async def _failed(call: Call) -> None:
    await call.answer({"error": {"message": "failed"}}, 500)


async def _key_refused(call: Call) -> None:
    await call.answer({"error": {"message": "who are you?"}}, 401)


async def _lacks_it(call: Call) -> None:
    await call.answer({"error": {"message": "no such model"}}, 404)


async def _silent(call: Call) -> None:
    await call.left()


async def _hangs_up(call: Call) -> None:
    call.die()


async def _not_http(call: Call) -> None:
    await call.send(b"SSH-2.0-OpenSSH_9.9\r\n")


FAULTS: dict[str, tuple[Script | None, str]] = {
    "refuses the connection": (None, "upstream_unreachable"),
    "is busy": (_busy, "upstream_busy"),
    "fails": (_failed, "upstream_error"),
    "takes not our key": (_key_refused, "upstream_key_refused"),
    "lacks the model": (_lacks_it, "model_not_found"),
    "never answers": (_silent, "upstream_timeout"),
    "hangs up": (_hangs_up, "upstream_error"),
    "speaks another protocol": (_not_http, "upstream_error"),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("case", FAULTS)
async def test_where_the_cheapest_fails_the_next_answers(tmp_path: Path, case: str, streamed: bool) -> None:
    script, code = FAULTS[case]
    async with both(tmp_path / "home", script) as (gateway, first, second):
        answer = await gateway.ask({**ASKED_BOTH, "stream": streamed})
        entry = await gateway.entry()
    assert answer.status == 200
    assert not streamed or answer.body.endswith(DONE)
    assert (len(first.calls), len(second.calls)) == (0 if script is None else 1, 1)
    assert b'"tiny-at-a-dear"' in second.calls[0].body
    assert [(one.provider, one.upstream_model, one.error) for one in entry.attempts] == [
        ("b-cheap", "tiny-at-b-cheap", code),
        ("a-dear", "tiny-at-a-dear", None),
    ]
    assert (entry.ending, entry.error, entry.provider, entry.model) == ("complete", None, "a-dear", MODEL)
    assert entry.charge is not None
    assert (entry.charge.price_id, entry.charge.cost) == ("settings:a-dear/tiny-at-a-dear", Decimal("0.000034"))
    seconds = [one.seconds for one in entry.attempts]
    assert all(each > 0 for each in seconds)
    assert sum(seconds) <= entry.duration
    assert (seconds[0] >= 0.25) == (code == "upstream_timeout")


async def test_the_cheapest_is_asked_first_and_alone(tmp_path: Path) -> None:
    async with both(tmp_path / "home", plainly) as (gateway, first, second):
        answer = await gateway.ask(ASKED_BOTH)
        entry = await gateway.entry()
    assert (answer.status, len(first.calls), len(second.calls)) == (200, 1, 0)
    assert [one.provider for one in entry.attempts] == ["b-cheap"]
    assert Decimal(answer.headers["x-weighbridge-cost"]) == Decimal("0.000017")


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_the_caller_must_mend_is_not_tried_elsewhere(tmp_path: Path, status: int) -> None:
    async def script(call: Call) -> None:
        await call.answer({"error": {"message": "messages[0].role: no such role"}}, status)

    async with both(tmp_path / "home", script) as (gateway, _, second):
        answer = await gateway.ask(ASKED_BOTH)
        entry = await gateway.entry()
    assert (answer.status, second.calls) == (400, [])
    assert "no such role" in str(answer.error["message"])
    assert (entry.ending, [one.error for one in entry.attempts]) == ("refused", ["invalid_request"])


async def test_when_all_fail_the_last_one_is_named_and_every_try_is_in_the_entry(tmp_path: Path) -> None:
    async with both(tmp_path / "home", _failed, _busy) as (gateway, _, _):
        answer = await gateway.ask(ASKED_BOTH)
        entry = await gateway.entry()
    assert (answer.status, answer.error["code"]) == (429, "upstream_busy")
    assert [one.error for one in entry.attempts] == ["upstream_error", "upstream_busy"]
    assert (entry.ending, entry.charge) == ("upstream_broke", None)


async def test_nobody_else_is_tried_once_a_stream_has_begun(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:1])
        call.die()

    async with both(tmp_path / "home", script) as (gateway, _, second):
        answer = await gateway.ask({**ASKED_BOTH, "stream": True})
        entry = await gateway.entry()
    assert (answer.status, second.calls) == (200, [])
    assert b'"code":"upstream_error"' in answer.body
    assert (entry.ending, entry.provider) == ("upstream_broke", "b-cheap")


async def test_a_client_that_leaves_during_the_first_try_ends_the_search(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def script(call: Call) -> None:
        asked.set()
        await call.left()

    async with both(tmp_path / "home", script) as (gateway, _, second):
        client = await gateway.send(ASKED_BOTH)
        await asked.wait()
        client.leave()
        entry = await gateway.entry()
    assert (entry.ending, entry.provider, second.calls) == ("client_left", "b-cheap", [])
