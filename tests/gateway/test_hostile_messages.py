"""A provider of Messages that answers what it should not, or not to the end: one entry, which says what it may bill."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.conftest import near
from tests.gateway.house import Gateway, house
from tests.gateway.test_anthropic_upstream import MESSAGE, MESSAGES, NATIVE
from tests.gateway.test_failover import MODEL, serves
from tests.gateway.upstream import Call, Upstream, plainly


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Gateway]:
    settings = near(upstream).replace("base_url", 'speaks = ["messages"]\nbase_url')
    async with house(tmp_path / "home", "[server]\ndrain_seconds = 0.2\n" + settings) as made:
        yield made


async def test_a_whole_answer_that_breaks_off_on_its_way_into_chat_is_charged(
    gateway: Gateway, upstream: Upstream
) -> None:
    async def script(call: Call) -> None:
        text = json.dumps(MESSAGE).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
        await call.send(head.encode() + text[:-20])
        call.writer.close()

    upstream.script = script
    answer = await gateway.ask()
    assert answer.status == 502
    entry = await gateway.entry()
    assert entry.ending == "upstream_broke"
    assert entry.charge is not None


@pytest.mark.parametrize("document", [[1], 7, None, {}, "x"])
async def test_json_that_is_no_message(gateway: Gateway, upstream: Upstream, document: object) -> None:
    async def script(call: Call) -> None:
        await call.answer(document)

    upstream.script = script
    answer = await gateway.ask(NATIVE, target=MESSAGES)
    assert answer.status == 502


@pytest.mark.parametrize("first", ["native", "chat"])
async def test_what_only_one_can_be_told_is_asked_there_alone(tmp_path: Path, first: str) -> None:
    async def busy(call: Call) -> None:
        await call.answer({"error": {"message": "busy"}}, 429)

    native, chat = Upstream(busy, models=()), Upstream(plainly, models=())
    await native.listen()
    await chat.listen()
    dollars = {"native": ("1", "2"), "chat": ("2", "1")}[first]
    toml = serves("a-native", native.port, dollars[0]).replace("base_url", 'speaks = ["messages"]\nbase_url')
    asked = {**NATIVE, "model": MODEL, "container": "container_1"}
    async with house(tmp_path / "home", toml + serves("b-chat", chat.port, dollars[1])) as made:
        answer = await made.ask(asked, target=MESSAGES)
        entry = await made.entry()
    assert (answer.status, len(native.calls), len(chat.calls)) == (429, 1, 0)
    assert [attempt.provider for attempt in entry.attempts] == ["a-native"]
    await native.close()
    await chat.close()
