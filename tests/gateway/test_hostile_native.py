"""A provider of Responses that answers what it should not: the client is told, the ledger is right, nothing breaks."""

import asyncio
import gc
import json
import socket
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.frames import Frames, handshake
from tests.gateway.conftest import near
from tests.gateway.house import PATIENCE, Gateway, house
from tests.gateway.test_native_responses import ASKED, BEGUN, EVENTS, RESPONSE, TARGET, Json, events
from tests.gateway.test_responses_socket import connected
from tests.gateway.upstream import Call, Upstream

USED: Json = RESPONSE["usage"]


@pytest.fixture
async def native(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Gateway]:
    settings = near(upstream).replace("base_url", 'speaks = ["chat", "responses"]\nbase_url')
    async with house(tmp_path / "native", "[server]\ndrain_seconds = 0.2\n" + settings) as made:
        yield made


async def keeping(gateway: Gateway) -> str:
    key = gateway.new_key("keeping", store=True)
    await gateway.until("/v1/models", key, 200)
    return key


NO_RESPONSES: list[object] = [
    [{"usage": USED}],
    "a { in a text",
    7,
    None,
    {},
    {"usage": USED},
    {**RESPONSE, "output": {}},
    {**RESPONSE, "output": None},
    {**RESPONSE, "output": [1]},
]


@pytest.mark.parametrize("document", NO_RESPONSES)
async def test_json_that_is_no_response_is_an_error_that_is_charged_and_not_kept(
    native: Gateway, upstream: Upstream, document: object
) -> None:
    async def script(call: Call) -> None:
        await call.answer(document)

    upstream.script = script
    answer = await native.ask({**ASKED, "store": True}, target=TARGET, key=await keeping(native))
    assert (answer.status, answer.error["type"]) == (502, "upstream_error")
    entry = await native.entry()
    assert (entry.ending, entry.charge is not None) == ("upstream_broke", True)


@pytest.mark.parametrize("document", [*NO_RESPONSES[4:], None, [], "text {", 5])
async def test_a_stream_that_ends_in_no_response_broke_off(
    native: Gateway, upstream: Upstream, document: object
) -> None:
    async def script(call: Call) -> None:
        await call.stream(events(("response.completed", {"response": document})))

    upstream.script = script
    answer = await native.ask({**ASKED, "store": True, "stream": True}, target=TARGET, key=await keeping(native))
    assert b'"type":"response.failed"' in answer.body
    assert b"response.completed" not in answer.body
    assert (await native.entry()).ending == "upstream_broke"


async def test_a_response_of_few_fields_can_be_kept_continued_and_streamed_again(
    native: Gateway, upstream: Upstream
) -> None:
    few = {
        "object": "response",
        "status": "completed",
        "output": RESPONSE["output"],
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }

    async def script(call: Call) -> None:
        await call.answer(few)

    upstream.script = script
    key = await keeping(native)
    made = (await native.ask({**ASKED, "store": True}, target=TARGET, key=key)).document
    again = await native.get(f"{TARGET}/{made['id']}?stream=true", key=key)
    assert again.status == 200
    went_on = await native.ask({**ASKED, "previous_response_id": made["id"]}, target=TARGET, key=key)
    assert went_on.status == 200


@pytest.mark.parametrize("usage", [{"input_tokens": 0, "output_tokens": 0}, {"input_tokens": 36, "output_tokens": 1}])
async def test_a_count_from_before_the_end_is_none_where_the_answer_breaks_off(
    native: Gateway, upstream: Upstream, usage: Json
) -> None:
    first, *rest = EVENTS[:-1]
    begun = json.dumps({"type": "response.created", "sequence_number": 0, "response": {**BEGUN, "usage": usage}})
    assert first.startswith(b"event: response.created")

    async def script(call: Call) -> None:
        await call.start()
        await call.events([f"event: response.created\ndata: {begun}\n\n".encode(), *rest])
        call.writer.close()

    upstream.script = script
    await native.ask({**ASKED, "stream": True}, target=TARGET)
    entry = await native.entry()
    assert entry.charge is not None
    assert entry.charge.counted_by == "estimate"
    assert entry.charge.usage.completion > 1


async def test_an_event_on_several_lines_has_our_id_too(native: Gateway, upstream: Upstream) -> None:
    def lines(event: bytes) -> bytes:
        return event.replace(b', "', b',\ndata: "') if b"resp_theirs" in event else event

    async def script(call: Call) -> None:
        await call.stream([lines(event) for event in EVENTS])

    upstream.script = script
    answer = await native.ask({**ASKED, "stream": True}, target=TARGET)
    assert b"resp_theirs" not in answer.body
    assert answer.body.count(b'"cost"') == 1


async def test_more_read_from_and_written_to_a_cache_than_was_asked_is_not_charged_twice(
    native: Gateway, upstream: Upstream
) -> None:
    details = {"cached_tokens": 36, "cache_write_tokens": 36}

    async def script(call: Call) -> None:
        await call.answer({**RESPONSE, "usage": {**USED, "input_tokens_details": details}})

    upstream.script = script
    await native.ask(ASKED, target=TARGET)
    charge = (await native.entry()).charge
    assert charge is not None
    assert (charge.usage.cached, charge.usage.written) == (36, 0)


async def test_a_picture_in_the_request_is_not_counted_as_text(native: Gateway, upstream: Upstream) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 400_000}

    async def script(call: Call) -> None:
        await call.answer({**RESPONSE, "usage": None})

    upstream.script = script
    asked = {**ASKED, "input": [{"role": "user", "content": [picture]}]}
    await native.ask(asked, target=TARGET)
    charge = (await native.entry()).charge
    assert charge is not None
    assert charge.usage.prompt < 100


async def test_a_response_that_came_on_many_lines_is_streamed_again_in_events_of_one(
    native: Gateway, upstream: Upstream
) -> None:
    async def script(call: Call) -> None:
        await call.answer(json.dumps(RESPONSE, indent=2).encode())

    upstream.script = script
    key = await keeping(native)
    made = (await native.ask({**ASKED, "store": True}, target=TARGET, key=key)).document
    again = await native.get(f"{TARGET}/{made['id']}?stream=true", key=key)
    last = again.body.rstrip().split(b"\n\n")[-1].split(b"\n")
    assert len(last) == 2
    assert json.loads(last[1].removeprefix(b"data: "))["response"] == made


# over a WebSocket


async def test_a_name_that_every_event_would_repeat_is_short(native: Gateway) -> None:
    async with connected(native) as session:
        (error,) = await session.answer({**ASKED, "type": "response.create", "stream_id": "x" * 257})
    assert (error["status"], error["error"]["param"]) == (400, "stream_id")
    assert "stream_id" not in error


async def test_who_reads_nothing_is_answered_no_more(native: Gateway) -> None:
    loop, frames, head, sent = asyncio.get_running_loop(), Frames(), b"", 1500
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", native.port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or they arrive many at a time
        client.setblocking(False)
        opening = handshake(TARGET.encode(), (b"authorization", f"Bearer {native.key}".encode()))
        await loop.sock_sendall(client, opening)
        while not head.endswith(b"\r\n\r\n"):
            head += await loop.sock_recv(client, 1)
        for _ in range(sent):
            await loop.sock_sendall(client, frames.text('{"type":"%s"}' % ("?" * 1000)))
            await asyncio.sleep(0.001)  # for it to be answered, or many would wait whoever reads
        async with asyncio.timeout(PATIENCE):
            while frames.closed is None and len(frames.texts) < sent:
                frames.feed(await loop.sock_recv(client, 2**20))
    assert frames.closed == (1008, "over 16 messages wait")


async def test_a_whole_answer_comes_over_a_websocket_as_its_last_event(native: Gateway, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer(RESPONSE)

    upstream.script = script
    async with connected(native) as session:
        found = await session.answer({**ASKED, "type": "response.create"})
    assert found[-1]["type"] == "response.completed"
    assert found[-1]["response"]["output"] == RESPONSE["output"]
    assert len({event["response"]["id"] for event in found if "response" in event}) == 1
    assert (await native.entry()).ending == "complete"


async def test_a_whole_answer_comes_as_a_stream_where_one_was_asked_for(native: Gateway, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer(RESPONSE)

    upstream.script = script
    answer = await native.ask({**ASKED, "stream": True}, target=TARGET)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert b"event: response.completed\n" in answer.body
    assert (await native.entry()).ending == "complete"


async def test_a_stream_comes_whole_where_none_was_asked_for(native: Gateway, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.stream(EVENTS)

    upstream.script = script
    answer = await native.ask(ASKED, target=TARGET)
    assert answer.document["output"] == RESPONSE["output"]
    assert (await native.entry()).ending == "complete"


@pytest.mark.parametrize(
    "odd", [b"data: {}\n\n", b"data: 7\n\n", b"data: \xff\n\n", b'data: {"type":"x","delta":"\xff"}\n\n']
)
async def test_odd_events_leave_messages_of_json(native: Gateway, upstream: Upstream, odd: bytes) -> None:
    async def script(call: Call) -> None:
        await call.stream([odd, *EVENTS])

    upstream.script = script
    async with connected(native) as session:
        session.send({**ASKED, "type": "response.create"})
        async with asyncio.timeout(10):
            while (await session.event()).get("type") not in ("response.completed", "error"):
                pass
    assert (await native.entry()).ending == "complete"


async def test_what_is_remembered_holds_no_more_than_it_counts(native: Gateway, upstream: Upstream) -> None:
    padded = {**RESPONSE, "instructions": "x" * 2**20}

    async def script(call: Call) -> None:
        await call.stream(events(("response.completed", {"response": padded})))

    upstream.script = script
    async with connected(native) as session:
        await session.answer({**ASKED, "type": "response.create"})
        tracemalloc.start()
        for _ in range(10):
            await session.answer({**ASKED, "type": "response.create"})
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert held < 6 * 2**20
