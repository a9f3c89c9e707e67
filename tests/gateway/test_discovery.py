"""What a server says it serves can be asked for; what it keeps to itself too, at a price nobody knows."""

import asyncio
import logging
from decimal import Decimal
from pathlib import Path

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, PATIENCE, House, house
from tests.gateway.upstream import Call, Upstream

OFTEN = 0.05
NAMES = ("lab/tiny", "LAB/tiny", "near/tiny", "tiny")


def bare(upstream: Upstream) -> str:
    """Settings that give no more than an address."""
    return f'[providers.near]\nbase_url = "http://127.0.0.1:{upstream.port}/v1"\n'


async def listed(gateway: House, *wanted: str) -> None:
    """Return when the models are these and no others."""
    async with asyncio.timeout(PATIENCE):
        while await ids(gateway) != list(wanted):  # noqa: ASYNC110 - the list is read by the clock
            await asyncio.sleep(OFTEN)


async def ids(gateway: House) -> list[str]:
    """The models on offer."""
    data = (await gateway.get("/v1/models")).document["data"]
    assert isinstance(data, list)
    return [model["id"] for model in data]


async def test_a_servers_models_are_found_and_new_ones_too(tmp_path: Path, upstream: Upstream) -> None:
    upstream.models = ("tiny", "org/Other-7B", "Qwen/Qwen3-32B")
    async with house(tmp_path / "home", bare(upstream), look_again=OFTEN) as gateway:
        await listed(gateway, "near/org/Other-7B", "near/tiny", "qwen/qwen3-32b")
        assert (await gateway.ask({**ASKED, "model": "near/org/Other-7B"})).status == 200
        assert (await gateway.ask({**ASKED, "model": "qwen/qwen3-32b"})).status == 200
        assert [b'"org/Other-7B"' in call.body for call in upstream.calls] == [True, False]
        assert b'"Qwen/Qwen3-32B"' in upstream.calls[1].body
        upstream.models = ("tiny", "late")
        await listed(gateway, "near/late", "near/org/Other-7B", "near/tiny", "qwen/qwen3-32b")


async def test_a_server_that_is_down_at_the_start_is_found_later(
    tmp_path: Path, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    await upstream.close()
    async with house(tmp_path / "home", bare(upstream), look_again=OFTEN) as gateway:
        assert (await gateway.get("/readyz")).status == 503
        assert (await gateway.ask()).error["code"] == "upstream_unreachable"
        await upstream.listen()
        await listed(gateway, "near/tiny")
        assert (await gateway.get("/readyz")).status == 200
        assert (await gateway.ask()).status == 200
    said = [record for record in caplog.records if "cannot be listed" in record.getMessage()]
    assert len(said) == 1


async def test_a_model_the_server_does_not_list_is_asked_of_it_all_the_same(tmp_path: Path, upstream: Upstream) -> None:
    async with house(tmp_path / "home", bare(upstream)) as gateway:
        answer = await gateway.ask({**ASKED, "model": "near/secret/model:v2"})
        entry = await gateway.entry()
    assert b'"secret/model:v2"' in upstream.calls[0].body
    assert answer.status == 200
    assert "x-weighbridge-cost" not in answer.headers
    assert (entry.model, entry.upstream_model) == ("near/secret/model:v2", "secret/model:v2")
    assert entry.charge is not None
    assert (entry.charge.cost, entry.charge.price_id, entry.charge.counted_by) == (None, None, "provider")


async def test_without_a_price_the_usage_of_a_stream_has_no_cost(tmp_path: Path, upstream: Upstream) -> None:
    async with house(tmp_path / "home", bare(upstream)) as gateway:
        answer = await gateway.ask({**ASKED, "stream": True, "stream_options": {"include_usage": True}})
    assert b'"prompt_tokens"' in answer.body
    assert b'"cost"' not in answer.body


async def test_a_price_in_the_settings_holds_under_every_name_of_the_model(tmp_path: Path, upstream: Upstream) -> None:
    toml = near(upstream).replace('id = "tiny"\n', 'id = "tiny"\nmodel = "lab/tiny"\n')
    async with house(tmp_path / "home", toml) as gateway:
        answers = [await gateway.ask({**ASKED, "model": name}) for name in NAMES]
        entries = gateway.entries()
    assert [answer.headers["x-weighbridge-cost"] for answer in answers] == ["0.00000794"] * len(NAMES)
    assert [(entry.model, entry.charge and entry.charge.cost) for entry in entries] == [
        ("lab/tiny", Decimal("0.00000794"))
    ] * len(NAMES)


LISTS = {
    "no JSON": b"<html>",
    "no list": b"{}",
    "another list": b'{"data": [{"name": "tiny"}]}',
    "nothing": b"",
    "odd bytes": b'{"data": [{"id": "\xff"}]}',
    "no end": b'{"data": [{"id": "a", "x": ' + b"[" * 100_000,
}


@pytest.mark.parametrize("case", LISTS)
async def test_a_list_that_cannot_be_read_leaves_what_the_settings_say(tmp_path: Path, case: str) -> None:
    async def script(call: Call) -> None:
        await call.answer(LISTS[case])

    upstream = Upstream(script, lists=False)
    await upstream.listen()
    async with house(tmp_path / "home", near(upstream), look_again=OFTEN) as gateway:
        async with asyncio.timeout(PATIENCE):
            while len(upstream.calls) < 3:  # noqa: ASYNC110 - the list is read by the clock
                await asyncio.sleep(OFTEN)
        assert await ids(gateway) == ["near/tiny"]
    await upstream.close()


async def test_models_are_looked_for_again_after_a_fault_that_nobody_thought_of(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = 0
    found = asyncio.Event()

    async def models(_: object) -> list[str]:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise ZeroDivisionError
        found.set()
        return ["tiny"]

    monkeypatch.setattr("weighbridge.providers.openai_compatible.OpenAICompatible.models", models)
    async with house(tmp_path / "home", near(upstream), look_again=OFTEN):
        async with asyncio.timeout(PATIENCE):
            await found.wait()
    assert [(each.levelno, "models of near" in each.message) for each in caplog.records] == [(logging.ERROR, True)]
