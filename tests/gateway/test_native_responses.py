"""A provider that speaks Responses itself gets the client's own request, and its answer comes back as it is."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.gateway.conftest import near
from tests.gateway.house import Gateway, house
from tests.gateway.test_failover import MODEL, serves
from tests.gateway.upstream import Call, Upstream
from weighbridge.ledger.entry import Entry
from weighbridge.wire.responses.compaction import sealed

Json = dict[str, Any]
TARGET = "/v1/responses"
RUNS: Json = {"type": "code_interpreter", "container": {"type": "auto"}}
ASKED: Json = {"model": "near/tiny", "input": "What is new?", "tools": [RUNS], "x_new_field": [1, 2.5]}
COST = Decimal("0.00012442")
"""32 plain and 4 cached prompt tokens, 105 of the answer, at 0.27, 0.07 and 1.10 dollars for a million."""

# Shapes as in https://platform.openai.com/docs/api-reference/responses (code interpreter, reasoning, streaming).
REASONED: Json = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAAsealed"}
FOUND: Json = {
    "id": "ci_1",
    "type": "code_interpreter_call",
    "status": "completed",
    "code": "print(1)",
    "container_id": "cntr_1",
    "outputs": [{"type": "logs", "logs": "1"}],
}
SAID: Json = {
    "id": "msg_1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Much is new.", "annotations": [], "logprobs": []}],
}
RESPONSE: Json = {
    "id": "resp_theirs",
    "object": "response",
    "created_at": 1741476777,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "model": "tiny-2025",
    "output": [REASONED, FOUND, SAID],
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": "low", "summary": None},
    "store": False,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [RUNS],
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": {
        "input_tokens": 36,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 105,
        "output_tokens_details": {"reasoning_tokens": 64},
        "total_tokens": 141,
    },
    "user": None,
    "metadata": {},
    "x_only_there": True,
}
BEGUN: Json = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}
FAILED: Json = {**BEGUN, "status": "failed", "error": {"code": "server_error", "message": "The model failed."}}


def events(*last: tuple[str, Json]) -> list[bytes]:
    """A stream, with these for its last events."""
    place = {"item_id": "msg_1", "output_index": 2, "content_index": 0}
    all_of_them: list[tuple[str, Json]] = [
        ("response.created", {"response": BEGUN}),
        ("response.in_progress", {"response": BEGUN}),
        ("response.output_item.added", {"output_index": 1, "item": {**FOUND, "status": "in_progress"}}),
        ("response.code_interpreter_call.interpreting", {"output_index": 1, "item_id": "ci_1"}),
        ("response.output_item.done", {"output_index": 1, "item": FOUND}),
        ("response.output_item.added", {"output_index": 2, "item": {**SAID, "status": "in_progress", "content": []}}),
        ("response.content_part.added", {**place, "part": {**SAID["content"][0], "text": ""}}),
        ("response.output_text.delta", {**place, "delta": 'Much "response": is ', "logprobs": []}),
        ("response.output_text.delta", {**place, "delta": "new.", "obfuscation": "x7"}),
        ("response.output_item.done", {"output_index": 2, "item": SAID}),
        *last,
    ]
    return [
        f"event: {kind}\ndata: {json.dumps({'type': kind, 'sequence_number': at, **fields})}\n\n".encode()
        for at, (kind, fields) in enumerate(all_of_them)
    ]


EVENTS = events(("response.completed", {"response": RESPONSE}))


async def plainly(call: Call) -> None:
    """Answer as asked: whole, or as a stream."""
    if json.loads(call.body).get("stream"):
        await call.stream(EVENTS)
    else:
        await call.answer(RESPONSE, headers="x-request-id: req_1\r\n")


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Gateway]:
    upstream.script = plainly
    settings = near(upstream).replace("base_url", 'speaks = ["chat", "responses"]\nbase_url')
    async with house(tmp_path / "home", "[server]\ndrain_seconds = 0.2\n" + settings) as made:
        yield made


@pytest.fixture
async def keeping(gateway: Gateway) -> str:
    key = gateway.new_key("keeping", store=True)
    await gateway.until("/v1/models", key, 200)
    return key


def documents(body: bytes) -> list[Json]:
    """What the events of a stream say."""
    return [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: ")]


def counted(entry: Entry) -> tuple[int, int, int | None, int | None, str]:
    assert entry.charge is not None
    usage = entry.charge.usage
    return usage.prompt, usage.completion, usage.cached, usage.reasoning, entry.charge.counted_by


async def test_the_request_goes_out_as_it_came_and_is_not_kept_there(gateway: Gateway, upstream: Upstream) -> None:
    answer = await gateway.ask(ASKED, target=TARGET)
    (call,) = upstream.calls
    assert call.target == "/v1/responses"
    assert json.loads(call.body) == {
        **ASKED,
        "model": "tiny",
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    assert b"[1, 2.5]" in call.body
    said = answer.document
    assert isinstance(said["usage"], dict)
    assert (said.pop("id") != "resp_theirs", said["usage"].pop("cost")) == (True, pytest.approx(float(COST)))
    assert said == {name: value for name, value in RESPONSE.items() if name != "id"}
    entry = await gateway.entry()
    assert (counted(entry), entry.upstream_request) == ((36, 105, 4, 64, "provider"), "req_1")
    assert entry.charge is not None
    assert Decimal(answer.headers["x-weighbridge-cost"]) == entry.charge.cost


async def test_a_stream_passes_as_it_came_but_for_what_is_ours(gateway: Gateway) -> None:
    answer = await gateway.ask({**ASKED, "stream": True}, target=TARGET)
    came, went = documents(answer.body), documents(b"".join(EVENTS))
    assert [each["sequence_number"] for each in came] == list(range(len(EVENTS)))
    assert [each for each in came if "response" not in each] == [each for each in went if "response" not in each]
    ids = {each["response"].pop("id") for each in came if "response" in each}
    assert len(ids) == 1
    assert ids != {"resp_theirs"}
    assert came[-1]["response"]["usage"].pop("cost") == pytest.approx(float(COST))
    assert came[-1]["response"] == {name: value for name, value in RESPONSE.items() if name != "id"}
    entry = await gateway.entry()
    assert (entry.ending, entry.streamed, counted(entry)) == ("complete", True, (36, 105, 4, 64, "provider"))


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
async def test_how_the_stream_was_cut_changes_nothing(gateway: Gateway, upstream: Upstream, size: int) -> None:
    whole = b": keep-alive\r\n\r\n" + b"".join(EVENTS).replace(b"\n", b"\r\n" if size == 7 else b"\n")

    async def script(call: Call) -> None:
        await call.stream([whole[at : at + size] for at in range(0, len(whole), size)])

    upstream.script = script
    answer = await gateway.ask({**ASKED, "stream": True}, target=TARGET)
    assert [each["type"] for each in documents(answer.body.replace(b"\r\n", b"\n"))] == [
        each["type"] for each in documents(b"".join(EVENTS))
    ]
    assert counted(await gateway.entry()) == (36, 105, 4, 64, "provider")


async def test_a_conversation_is_continued_with_what_is_kept_here(
    gateway: Gateway, keeping: str, upstream: Upstream
) -> None:
    first = await gateway.ask(ASKED, key=keeping, target=TARGET)
    assert first.document["store"] is True
    then = {**ASKED, "input": "And now?", "previous_response_id": first.document["id"], "stream": True}
    again = await gateway.ask(then, key=keeping, target=TARGET)
    sent = json.loads(upstream.calls[1].body)
    assert "previous_response_id" not in sent
    assert [item["type"] for item in sent["input"]] == [
        "message",
        "reasoning",
        "code_interpreter_call",
        "message",
        "message",
    ]
    assert sent["input"][1] == REASONED
    last = documents(again.body)[-1]["response"]
    assert (last["previous_response_id"], last["store"]) == (first.document["id"], True)
    seen = await gateway.get(f"{TARGET}/{last['id']}", key=keeping)
    assert seen.document == last


@pytest.mark.parametrize(
    ("field", "value"),
    [("conversation", "conv_1"), ("background", True), ("previous_response_id", "resp_theirs")],
)
async def test_what_the_provider_keeps_for_all_keys_is_out_of_reach(
    gateway: Gateway, upstream: Upstream, field: str, value: object
) -> None:
    answer = await gateway.ask({**ASKED, field: value}, target=TARGET)
    assert (answer.status, answer.error["param"]) == (400, field)
    named = await gateway.ask({**ASKED, "input": [{"type": "item_reference", "id": "msg_1"}]}, target=TARGET)
    assert (named.status, named.error["param"]) == (400, "input[0]")
    assert upstream.calls == []


async def test_what_chat_cannot_say_is_refused_where_only_chat_is_spoken(tmp_path: Path, upstream: Upstream) -> None:
    async with house(tmp_path, near(upstream)) as gateway:
        answer = await gateway.ask(ASKED, target=TARGET)
    assert (answer.status, answer.error["param"]) == (400, "tools[0].type")
    assert upstream.calls == []


async def test_the_next_endpoint_is_asked_in_chat_if_that_can_say_it(tmp_path: Path, upstream: Upstream) -> None:
    async def busy(call: Call) -> None:
        await call.answer({"error": {"message": "Too many."}}, status=429)

    chat = Upstream()
    await chat.listen()
    upstream.script = busy
    settings = serves("first", upstream.port, "1").replace("base_url", 'speaks = ["chat", "responses"]\nbase_url')
    async with house(tmp_path, settings + serves("second", chat.port, "2")) as gateway:
        plain = {name: value for name, value in ASKED.items() if name != "tools"}
        answer = await gateway.ask({**plain, "model": MODEL}, target=TARGET)
        refused = await gateway.ask({**ASKED, "model": MODEL}, target=TARGET)
    await chat.close()
    assert (answer.status, answer.document["status"]) == (200, "completed")
    assert (refused.status, len(chat.calls)) == (429, 1)
    assert {call.target for call in upstream.calls} == {"/v1/responses"}


@pytest.mark.parametrize("at", range(len(EVENTS) + 1))
async def test_a_provider_that_breaks_off_leaves_one_entry_and_a_last_word(
    gateway: Gateway, upstream: Upstream, at: int
) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:at])
        call.die() if at % 2 else call.writer.close()

    upstream.script = script
    answer = await gateway.ask({**ASKED, "stream": True}, target=TARGET)
    entry = await gateway.entry()
    if at == len(EVENTS):
        assert (entry.ending, counted(entry)) == ("complete", (36, 105, 4, 64, "provider"))
        return
    assert entry.ending == "upstream_broke"
    if not at:  # nothing has left yet, so it is an answer of its own
        assert (answer.status, entry.status) == (502, 502)
        return
    came = documents(answer.body)
    assert came[-1]["type"] == ("response.failed")
    assert [each["sequence_number"] for each in came] == list(range(len(came)))
    assert entry.charge is not None
    assert entry.charge.counted_by == "estimate"


@pytest.mark.parametrize("at", range(1, len(EVENTS)))
async def test_a_client_that_leaves_leaves_one_entry(gateway: Gateway, upstream: Upstream, at: int) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:at])
        await call.left()

    upstream.script = script
    client = await gateway.send({**ASKED, "stream": True}, target=TARGET)
    await client.head()
    seen = b""
    while seen.count(b"\n\n") < at:
        seen += await client.piece()
    client.leave()
    entry = await gateway.entry()
    assert (entry.ending, entry.streamed) == ("client_left", True)


@pytest.mark.parametrize(
    "last",
    [
        ("response.failed", {"response": FAILED}),
        ("error", {"code": "server_error", "message": "The model failed.", "param": None}),
    ],
)
async def test_the_providers_own_failure_is_passed_on(
    gateway: Gateway, upstream: Upstream, last: tuple[str, Json]
) -> None:
    async def script(call: Call) -> None:
        await call.stream(events(last))

    upstream.script = script
    answer = await gateway.ask({**ASKED, "stream": True}, target=TARGET)
    assert documents(answer.body)[-1]["type"] == last[0]
    assert b"The model failed." in answer.body
    assert (await gateway.entry()).ending == "upstream_broke"


async def test_a_stream_is_called_off(gateway: Gateway, keeping: str, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:4])
        await call.left()

    upstream.script = script
    client = await gateway.send({**ASKED, "stream": True}, key=keeping, target=TARGET)
    await client.head()
    id_ = documents(await client.piece())[0]["response"]["id"]
    answer = await gateway.get(f"{TARGET}/{id_}/cancel", key=keeping, method="POST", headers="content-length: 0\r\n")
    assert (answer.status, answer.document["status"], answer.document["id"]) == (200, "cancelled", id_)
    assert (await gateway.entry()).ending == "client_left"
    client.leave()


async def test_the_sdk_streams_and_continues(gateway: Gateway, keeping: str) -> None:
    async with openai.AsyncOpenAI(base_url=gateway.url, api_key=keeping) as client:
        async with client.responses.stream(
            model="near/tiny", input="What is new?", tools=[{"type": "code_interpreter", "container": {"type": "auto"}}]
        ) as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_response()
        assert kinds[-1] == "response.completed"
        assert final.output_text == "Much is new."
        again = await client.responses.create(model="near/tiny", input="More?", previous_response_id=final.id)
        assert again.previous_response_id == final.id
        items = [item async for item in client.responses.input_items.list(again.id)]
    assert [item.type for item in items] == ["message"]


async def test_a_compaction_of_ours_goes_there_as_words(gateway: Gateway, upstream: Upstream) -> None:
    theirs = {"type": "compaction", "encrypted_content": "gAAAsealed"}
    ours = {"type": "compaction", "id": "cmp_1", "encrypted_content": sealed("Ann likes blue.")}
    answer = await gateway.ask({**ASKED, "input": [theirs, ours]}, target=TARGET)
    assert answer.status == 200, answer.body
    first, second = json.loads(upstream.calls[0].body)["input"]
    assert (first, second["type"], second["role"]) == (theirs, "message", "user")
    assert second["content"].endswith("Ann likes blue.")
