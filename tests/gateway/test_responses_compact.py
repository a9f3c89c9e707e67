"""Every ending of a compaction leaves one entry, as that of any request does."""

import asyncio
import json
from typing import Any

import pytest

from tests.gateway.house import House
from tests.gateway.test_endings import COST, tokens
from tests.gateway.upstream import ANSWER, DONE, EVENTS, USAGE, WORDS, Call, Upstream, chunk
from weighbridge.wire.responses.compaction import opened

Json = dict[str, Any]
TARGET = "/v1/responses/compact"
ASKED: Json = {"model": "near/tiny", "input": [{"role": "user", "content": "My name is Ann."}]}


def summary(document: Json) -> str | None:
    return opened(document["output"][-1]["encrypted_content"])


async def test_a_whole_answer(gateway: House) -> None:
    answer = await gateway.ask(ASKED, target=TARGET)
    entry = await gateway.entry()
    assert (answer.status, answer.receipt, summary(answer.document)) == (200, entry.id, "Hello.")
    assert (entry.ending, entry.streamed, tokens(entry)) == ("complete", False, (12, 5, 4, "provider"))
    assert entry.charge is not None
    assert entry.charge.cost == COST


async def test_a_provider_that_streams_all_the_same(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.stream()

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    assert (answer.headers["content-type"], summary(answer.document)) == ("application/json", "".join(WORDS))
    assert tokens(await gateway.entry()) == (12, 5, 4, "provider")


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(("content", "finish"), [("", "stop"), ("Ann i", "length")])
async def test_what_is_no_summary_is_a_502_and_paid_for(
    gateway: House, upstream: Upstream, content: str, finish: str, streams: bool
) -> None:
    async def script(call: Call) -> None:
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
        if streams:
            await call.stream([chunk({"content": content}), chunk({}, finish), USAGE, DONE])
        else:
            await call.answer({**ANSWER, "choices": [choice]})

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    entry = await gateway.entry()
    assert (entry.ending, tokens(entry)[:2], answer.receipt) == ("upstream_broke", (12, 5), entry.id)


async def test_a_provider_that_breaks_off(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:3])
        call.writer.close()

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert (await gateway.entry()).ending == "upstream_broke"


async def test_a_client_that_leaves(gateway: House, upstream: Upstream) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def script(call: Call) -> None:
        asked.set()
        await call.left()
        gone.set()

    upstream.script = script
    client = await gateway.send(ASKED, target=TARGET)
    async with asyncio.timeout(5):
        await asked.wait()
        client.leave()
        await gone.wait()
    assert (await gateway.entry()).ending == "client_left"


async def test_usage_that_never_comes_is_estimated_and_not_shown(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer({name: value for name, value in ANSWER.items() if name != "usage"})

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    assert answer.document["usage"] is None
    assert tokens(await gateway.entry())[3] == "estimate"


REFUSED: list[tuple[Json, str]] = [
    ({"input": ASKED["input"]}, "model"),
    ({"model": "near/tiny"}, "input"),
    ({**ASKED, "stream": True}, "stream"),
    ({**ASKED, "input": [{"type": "compaction", "encrypted_content": "gAAAA"}]}, "input[0].encrypted_content"),
]


@pytest.mark.parametrize(("body", "param"), REFUSED)
async def test_what_makes_no_sense_is_refused(gateway: House, body: Json, param: str) -> None:
    answer = await gateway.ask(body, target=TARGET)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert (await gateway.entry()).ending == "refused"


async def test_a_compaction_is_kept_and_listed_with_what_went_in(gateway: House, upstream: Upstream) -> None:
    key = gateway.new_key("keeping", store=True)
    await gateway.until("/v1/models", key, 200)
    compacted: Any = (await gateway.ask(ASKED, target=TARGET)).document["output"]
    asked = {"model": "near/tiny", "input": [*compacted, {"role": "user", "content": "My name?"}]}
    said = (await gateway.ask(asked, target="/v1/responses", key=key)).document
    listed: Any = (await gateway.get(f"/v1/responses/{said['id']}/input_items?order=asc", key=key)).document["data"]
    assert listed[:2] == compacted
    again = {"model": "near/tiny", "input": "Sure?", "previous_response_id": said["id"]}
    assert (await gateway.ask(again, target="/v1/responses", key=key)).status == 200
    contents = [turn["content"] for turn in json.loads(upstream.calls[-1].body)["messages"]]
    assert (contents[0], contents[2:]) == ("My name is Ann.", ["My name?", "Hello.", "Sure?"])
    assert contents[1].endswith("Hello.")


async def test_no_key_leaves_no_entry(gateway: House) -> None:
    for target in (TARGET, "/v1/responses/input_tokens"):
        assert (await gateway.ask(ASKED, target=target, key="wb-wrong")).status == 401
    assert gateway.entries() == []
