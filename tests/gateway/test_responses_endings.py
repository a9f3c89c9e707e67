"""Every ending of a response leaves exactly one entry, and its client is told in events of its own format."""

import asyncio
import json
from typing import Any

import pytest

from tests.gateway.house import Answer, Gateway, House
from tests.gateway.test_endings import COST, Faulty, tokens
from tests.gateway.upstream import ANSWER, DONE, EVENTS, USAGE, WORDS, Call, Upstream

Json = dict[str, Any]
TARGET = "/v1/responses"
ASKED: Json = {"model": "near/tiny", "input": "Say hello."}
STREAMED: Json = {**ASKED, "stream": True, "max_output_tokens": 3}
TYPES = ["created", "in_progress", "output_item.added", "content_part.added"]
"""What a stream begins with, before its words."""


def events(answer: Answer) -> list[Json]:
    """The events of a stream, as far as they came."""
    assert answer.headers["content-type"] == "text/event-stream"
    return [json.loads(each.split(b"data: ", 1)[1]) for each in answer.body.split(b"\n\n") if each]


async def test_a_whole_answer(gateway: House) -> None:
    answer = await gateway.ask(ASKED, target=TARGET)
    entry = await gateway.entry()
    assert (answer.status, answer.receipt, answer.document["status"]) == (200, entry.id, "completed")
    assert (entry.ending, entry.streamed, tokens(entry)) == ("complete", False, (12, 5, 4, "provider"))
    assert entry.charge is not None
    assert entry.charge.cost == COST


async def test_a_whole_stream(gateway: House) -> None:
    answer = await gateway.ask(STREAMED, target=TARGET)
    entry = await gateway.entry()
    assert (entry.ending, entry.streamed, tokens(entry)) == ("complete", True, (12, 5, 4, "provider"))
    assert events(answer)[-1]["type"] == "response.completed"
    assert answer.receipt == entry.id


async def test_a_stream_from_a_provider_that_does_not_stream(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer()

    upstream.script = script
    answer = await gateway.ask(STREAMED, target=TARGET)
    assert events(answer)[-1]["response"]["output"][0]["content"][0]["text"] == "Hello."
    assert (await gateway.entry()).ending == "complete"


async def test_a_document_from_a_provider_that_streams(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.stream()

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    assert answer.headers["content-type"] == "application/json"
    output: Any = answer.document["output"]
    assert output[0]["content"][0]["text"] == "".join(WORDS)
    assert tokens(await gateway.entry()) == (12, 5, 4, "provider")


@pytest.mark.parametrize("seen", range(len(EVENTS)))
async def test_a_client_that_leaves(gateway: House, upstream: Upstream, seen: int) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:seen])
        begun.set()
        await call.left()
        gone.set()

    upstream.script = script
    client = await gateway.send(STREAMED, target=TARGET)
    await begun.wait()
    if seen:  # the head leaves with the first event
        await client.head()
    received = b""
    while received.count(b"output_text.delta\ndata") < min(seen, len(WORDS)):
        received += await client.piece()
    if seen > len(WORDS):
        while b"response.output_item.done\ndata" not in received:
            received += await client.piece()
    client.leave()
    async with asyncio.timeout(5):
        await gone.wait()
    entry = await gateway.entry()
    assert (entry.ending, entry.status) == ("client_left", 499)
    counted = tokens(entry)
    if USAGE not in EVENTS[:seen]:
        text = sum(len(word) for word in WORDS[:seen])
        assert counted[1:] == (min(-(-text // 4), 3), None, "estimate")


@pytest.mark.parametrize("how", ["reset", "end", "cut chunk"])
@pytest.mark.parametrize("sent", range(len(EVENTS)))
async def test_an_upstream_that_dies(gateway: House, upstream: Upstream, sent: int, how: str) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:sent])
        if how == "end":
            await call.end()
        elif how == "cut chunk":
            await call.send(b"ff\r\ndata: {")
            call.writer.close()
        else:
            await asyncio.sleep(0)
            call.writer.close()

    upstream.script = script
    answer = await gateway.ask(STREAMED, target=TARGET)
    entry = await gateway.entry()
    if not sent:  # nothing has left yet, so it is an answer of its own
        assert (answer.status, answer.error["code"]) == (502, "upstream_error")
        assert (entry.ending, entry.status) == ("upstream_broke", 502)
        return
    finished = how == "end" and sent >= len(WORDS) + 1
    assert (entry.ending, entry.status) == ("complete" if finished else "upstream_broke", 200)
    assert not answer.broken
    said = events(answer)
    assert [each["sequence_number"] for each in said] == list(range(len(said)))
    assert said[0]["type"] == "response.created"
    if finished:
        assert said[-1]["type"] == "response.completed"
    else:
        assert [each["type"] for each in said[-2:]] == ["error", "response.failed"]
        assert said[-2]["error"]["code"] == "upstream_error"
        assert said[-1]["response"]["error"]["code"] == "server_error"


async def test_an_error_in_the_middle_of_a_stream(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.stream([*EVENTS[:2], b'data: {"error": {"message": "overloaded", "code": 503}}\n\n', DONE])

    upstream.script = script
    said = events(await gateway.ask(STREAMED, target=TARGET))
    assert said[-1]["response"]["error"]["message"] == "overloaded"
    assert (await gateway.entry()).ending == "upstream_broke"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_in_a_200(gateway: House, upstream: Upstream, stream: bool) -> None:
    async def script(call: Call) -> None:
        await call.answer({"error": {"message": "no capacity", "code": 502}})

    upstream.script = script
    answer = await gateway.ask({**ASKED, "stream": stream}, target=TARGET)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert (await gateway.entry()).ending == "upstream_broke"


async def test_a_stream_for_a_document_that_breaks_off_is_a_502(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        call.writer.close()

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert (await gateway.entry()).ending == "upstream_broke"


async def test_a_document_that_breaks_off_is_a_502(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"id": 1')
        call.writer.close()

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert (await gateway.entry()).ending == "upstream_broke"


async def test_what_is_no_chat_completion_is_a_502(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer({"object": "list", "usage": ANSWER["usage"]})

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    entry = await gateway.entry()
    assert (entry.ending, tokens(entry)[:2]) == ("upstream_broke", (12, 5))


async def test_usage_that_never_comes_is_estimated_and_not_shown(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.stream([each for each in EVENTS if each is not USAGE])

    upstream.script = script
    said = events(await gateway.ask(STREAMED, target=TARGET))
    assert said[-1]["response"]["usage"] is None
    assert tokens(await gateway.entry())[1:] == (3, None, "estimate")


async def test_comments_and_other_line_ends_change_nothing(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        odd = b": alive\n\n".join(EVENTS).replace(b"\n", b"\r\n")
        await call.stream([odd[at : at + 7] for at in range(0, len(odd), 7)])

    upstream.script = script
    said = events(await gateway.ask(STREAMED, target=TARGET))
    assert said[-1]["response"]["output"][0]["content"][0]["text"] == "".join(WORDS)


async def test_a_stop_cuts_what_does_not_end(gateway: Gateway, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await call.left()

    upstream.script = script
    client = await gateway.send(STREAMED, target=TARGET)
    await client.head()
    await client.piece()
    await gateway.worker.stop()
    client.leave()
    entry = await gateway.entry()
    assert (entry.ending, entry.status) == ("stopped", 503)


async def test_a_fault_of_ours_in_the_middle_of_a_stream(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gateway.worker._providers, "near", Faulty())
    said = events(await gateway.ask(STREAMED, target=TARGET))
    assert [each["type"] for each in said][:4] == [f"response.{name}" for name in TYPES]
    assert (said[-2]["error"]["code"], said[-1]["type"]) == ("internal_error", "response.failed")
    entry = await gateway.entry()
    assert (entry.ending, entry.status, entry.error) == ("stopped", 500, "internal_error")


async def test_a_refused_request_leaves_an_entry(gateway: House) -> None:
    answer = await gateway.ask({**ASKED, "background": True}, target=TARGET)
    assert (answer.status, answer.error["param"]) == (400, "background")
    assert (await gateway.entry()).ending == "refused"


async def test_no_key_leaves_no_entry(gateway: House) -> None:
    answer = await gateway.ask(ASKED, target=TARGET, key="wb-wrong")
    assert (answer.status, answer.error["type"]) == (401, "authentication_error")
    assert gateway.entries() == []
