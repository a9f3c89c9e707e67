"""An answer in two halves is one in every dialect; and one that cannot be in two ends as it always did."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.house import house
from tests.gateway.test_anthropic_upstream import delta, events, start, stop
from tests.gateway.test_responses_socket import ASKED as MESSAGE
from tests.gateway.test_responses_socket import connected
from tests.gateway.test_resume import (
    FULL,
    MODEL,
    RESUME,
    ROLE,
    STREAMED,
    WHOLE,
    check_sum,
    dying,
    goes_on,
    parts,
    serves,
    text_of,
    three,
)
from tests.gateway.upstream import DONE, Call, Upstream, chunk
from weighbridge.wire import sse

Json = dict[str, Any]
MESSAGES: Json = {
    "model": MODEL,
    "max_tokens": 50,
    "stream": True,
    "messages": [{"role": "user", "content": "Count."}],
    "stop_sequences": ["five"],
}
RESPONSES: Json = {"model": MODEL, "input": "Count.", "stream": True, "max_output_tokens": 50, "store": False}


def documents(body: bytes) -> list[Json]:
    return [json.loads(each) for each in sse.documents(body) if each.startswith(b"{")]


def of(kind: str, body: bytes) -> list[Json]:
    return [each for each in documents(body) if each["type"] == kind]


async def test_a_message_is_one(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(), goes_on) as (gateway, (_, second)):
        answer = await gateway.ask(MESSAGES, target="/v1/messages", headers=RESUME)
        entry = await gateway.entry()
    assert "".join(each["delta"]["text"] for each in of("content_block_delta", answer.body)) == WHOLE
    assert [len(of(f"message_{each}", answer.body)) for each in ("start", "stop")] == [1, 1]
    assert [len(of(f"content_block_{each}", answer.body)) for each in ("start", "stop")] == [1, 1]
    (last,) = of("message_delta", answer.body)
    assert last["delta"]["stop_reason"] == "end_turn"
    assert entry.charge is not None
    assert last["usage"]["output_tokens"] == entry.charge.usage.completion
    assert last["usage"]["input_tokens"] == entry.charge.usage.prompt
    assert b": weighbridge: a broke off (upstream_error), b goes on\n\n" in answer.body
    sent = json.loads(second.calls[0].body)
    assert sent["messages"][-1] == {"role": "assistant", "content": "One, two"}
    assert (sent["max_tokens"], sent["stop"]) == (48, ["five"])
    assert parts(entry) == [("a", "upstream_error", 2, "estimate"), ("b", None, 3, "provider")]
    check_sum(entry)


async def test_a_response_is_one(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(), goes_on) as (gateway, (_, second)):
        answer = await gateway.ask(RESPONSES, target="/v1/responses", headers=RESUME)
        entry = await gateway.entry()
    assert "".join(each["delta"] for each in of("response.output_text.delta", answer.body)) == WHOLE
    assert [each["sequence_number"] for each in documents(answer.body)] == list(range(len(documents(answer.body))))
    (done,) = of("response.completed", answer.body)
    (message,) = done["response"]["output"]
    assert message["content"][0]["text"] == WHOLE
    assert entry.charge is not None
    assert done["response"]["usage"]["output_tokens"] == entry.charge.usage.completion
    assert len({each["item_id"] for each in of("response.output_text.delta", answer.body)}) == 1
    assert json.loads(second.calls[0].body)["messages"][-1]["content"] == "One, two"
    check_sum(entry)


async def test_a_response_over_a_websocket_is_one(tmp_path: Path) -> None:
    async with (
        three(tmp_path / "home", dying(), goes_on, routing="resume = true\n") as (gateway, _),
        connected(gateway) as session,
    ):
        told = await session.answer({**MESSAGE, "model": MODEL})
        entry = await gateway.entry()
    assert "".join(each["delta"] for each in told if each["type"] == "response.output_text.delta") == WHOLE
    assert told[-1]["type"] == "response.completed"
    assert [part[0] for part in parts(entry)] == ["a", "b"]


async def test_a_response_that_is_kept_is_kept_whole(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(), goes_on) as (gateway, _):
        key = gateway.new_key("keeper", store=True)
        await gateway.until("/v1/models", key, 200)
        answer = await gateway.ask({**RESPONSES, "store": True}, key=key, target="/v1/responses", headers=RESUME)
        (done,) = of("response.completed", answer.body)
        kept = await gateway.get(f"/v1/responses/{done['response']['id']}", key=key)
    assert kept.document["output"] == done["response"]["output"]
    assert WHOLE in str(kept.document["output"])


async def test_in_openrouters_dialect_it_is_one(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(), goes_on) as (gateway, _):
        answer = await gateway.ask(STREAMED, target="/api/v1/chat/completions", headers=RESUME)
        entry = await gateway.entry()
        generation = await gateway.get(f"/api/v1/generation?id=gen-{entry.id.removeprefix('wbr-')}")
    chunks = [each for each in documents(answer.body) if "choices" in each]
    assert text_of(answer.body) == WHOLE
    assert {each["id"] for each in chunks} == {f"gen-{entry.id.removeprefix('wbr-')}"}
    assert [each["weighbridge"]["resumed_by"] for each in chunks if "weighbridge" in each] == ["b"]
    assert entry.charge is not None
    usage = chunks[-1]["usage"]
    assert usage["total_tokens"] == entry.charge.usage.prompt + entry.charge.usage.completion
    assert f"{usage['cost']:.12f}" == f"{entry.charge.cost:.12f}"
    found = generation.document["data"]
    assert isinstance(found, dict)
    told = [(each["provider_name"], each["tokens_completion"]) for each in found["provider_responses"]]
    assert told == [("a", 2), ("b", 3)]


async def test_a_receipt_has_both_halves(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(), goes_on) as (gateway, _):
        answer = await gateway.ask(STREAMED, headers=RESUME)
        receipt = (await gateway.get(f"/v1/receipts/{answer.receipt}")).document
    attempts = receipt["attempts"]
    assert isinstance(attempts, list)
    first, second = (each["charge"] for each in attempts)
    assert (first["counted_by"], second["counted_by"], receipt["counted_by"]) == ("estimate", "provider", "estimate")
    assert (first["price"], second["price"]) == ("settings:a/tiny-at-a", "settings:b/tiny-at-b")
    assert receipt["price"] is None
    assert float(receipt["cost"]) == pytest.approx(float(first["cost"]) + float(second["cost"]), abs=1e-13)  # type: ignore[arg-type] # digits


class _Messages:
    """A provider of Messages."""

    def __init__(self, *said: Sequence[bytes]) -> None:
        self._said = list(said)

    async def __call__(self, call: Call) -> None:
        await call.start()
        await call.events(self._said.pop(0))
        if self._said:
            await asyncio.sleep(0.01)
            call.die()
        else:
            await call.end()


def _message(*texts: str, end: bool) -> list[bytes]:
    begun = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": []}
    used = {"input_tokens": 9, "output_tokens": 1}
    said = [start(0, type="text", text=""), *(delta(0, "text_delta", text=text) for text in texts)]
    last: list[Json] = [
        stop(0),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
    return events({"type": "message_start", "message": {**begun, "usage": used}}, *said, *(last if end else ()))


CLAUDE = "claude-sonnet-4-5"


def _claude(port: int, *, habits: str = "anthropic") -> str:
    settings = serves("c", port, "9", habits).replace("tiny-at-c", CLAUDE)
    return settings.replace("base_url", 'speaks = ["messages"]\napi_key = "k"\nbase_url')


async def test_a_claude_goes_on_with_another_hosts_answer(tmp_path: Path) -> None:
    first, second = Upstream(dying([ROLE, chunk({"content": "One, two\n"})]), models=()), Upstream(models=())
    second.script = _Messages(_message("\n", "\nThree.", end=True))
    for each in (first, second):
        await each.listen()
    toml = "[routing]\nsort = 'price'\nretries = 0\n" + serves("a", first.port, "1") + _claude(second.port)
    async with house(tmp_path / "home", toml) as gateway:
        answer = await gateway.ask(STREAMED, headers=RESUME)
        entry = await gateway.entry()
    for each in (first, second):
        await each.close()
    sent = json.loads(second.calls[0].body)
    assert sent["messages"][-1]["role"] == "assistant"
    assert "One, two" in str(sent["messages"][-1]["content"])
    assert not str(sent["messages"][-1]["content"]).endswith("\\n")  # it takes no blanks at the end
    assert text_of(answer.body) == "One, two\n\nThree."
    assert [part[:2] for part in parts(entry)] == [("a", "upstream_error"), ("c", None)]
    check_sum(entry)


async def test_what_passes_as_it_is_is_not_gone_on_with(tmp_path: Path) -> None:
    first, second = Upstream(models=()), Upstream(goes_on, models=())
    first.script = _Messages(_message("One, two", end=False), [])
    for each in (first, second):
        await each.listen()
    toml = "[routing]\nsort = 'price'\nretries = 0\n" + _claude(first.port).replace('"9"', '"1"')
    toml += serves("b", second.port, "2")
    async with house(tmp_path / "home", toml) as gateway:
        answer = await gateway.ask(MESSAGES, target="/v1/messages", headers=RESUME)
        entry = await gateway.entry()
    for each in (first, second):
        await each.close()
    assert [len(each.calls) for each in (first, second)] == [1, 0]
    assert of("error", answer.body)
    assert entry.ending == "upstream_broke"


BYTES = b"".join(FULL[:6])


async def test_it_goes_on_wherever_the_bytes_are_cut(tmp_path: Path) -> None:
    """At every byte of an event, and at every seventh of all."""
    cuts = sorted({*range(len(FULL[0]), len(FULL[0]) + len(FULL[1]) + 4), *range(1, len(BYTES), 7)})
    cut = 0

    async def script(call: Call) -> None:
        await call.start()
        await call.send(b"%x\r\n%b\r\n" % (cut, BYTES[:cut]))
        await asyncio.sleep(0.002)
        call.die()

    async with three(tmp_path / "home", script, goes_on, routing="breaker_failures = 100000\n") as (gateway, seen):
        for cut in cuts:
            answer = await gateway.ask(STREAMED, headers=RESUME)
            assert (cut, text_of(answer.body)) == (cut, WHOLE)
            assert answer.body.endswith(DONE)
        entries = gateway.entries()
    assert len(entries) == len(cuts)
    assert {entry.ending for entry in entries} == {"complete"}
    assert sum(len(each.calls) for each in seen) == sum(len(entry.attempts) for entry in entries)
    for entry in entries:
        if len(entry.attempts) > 1 and entry.attempts[0].charge is not None:
            check_sum(entry)
