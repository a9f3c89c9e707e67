"""Anthropic's Messages at the door: every ending leaves one entry, and the client hears of it in its own format."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.gateway.house import Answer, Client, Gateway, House
from tests.gateway.test_endings import COST, Faulty, tokens
from tests.gateway.upstream import ANSWER, DONE, EVENTS, USAGE, WORDS, Call, Upstream, chunk
from tests.wire.messages_text import gathered
from weighbridge.gateway import relay
from weighbridge.wire import sse
from weighbridge.wire.chat.read import ChunkReader
from weighbridge.wire.inner import Event

PATH = "/v1/messages"
ASKED: dict[str, object] = {
    "model": "near/tiny",
    "max_tokens": 3,
    "messages": [{"role": "user", "content": "Say hello."}],
}
STREAMED = {**ASKED, "stream": True}
PROMPT = 10
"""The estimate of its tokens."""


def error_of(answer: Answer) -> dict[str, Any]:
    """What an error says, in the shape of Anthropic's."""
    document = answer.document
    assert set(document) == {"type", "error", "request_id"}
    assert document["type"] == "error"
    return answer.error


def last_event(answer: Answer) -> tuple[str, dict[str, Any]]:
    """Name and document."""
    *_, event = sse.events(answer.body)
    name, _, data = event.decode().strip().partition("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def test_a_message_leaves_an_entry_and_says_its_cost(gateway: House) -> None:
    answer = await gateway.ask({**ASKED, "max_tokens": 100}, target=PATH)
    entry = await gateway.entry()
    assert (answer.status, answer.receipt) == (200, entry.id)
    assert answer.headers["content-type"] == "application/json"
    assert (entry.ending, entry.streamed, tokens(entry)) == ("complete", False, (12, 5, 4, "provider"))
    assert answer.document["usage"] == {
        "input_tokens": 8,
        "cache_read_input_tokens": 4,
        "output_tokens": 5,
        "cost": float(COST),
    }


async def test_a_stream_leaves_an_entry_before_its_last_event(gateway: House) -> None:
    answer = await gateway.ask({**STREAMED, "max_tokens": 100}, target=f"{PATH}?beta=true")
    entry = await gateway.entry()
    assert (answer.receipt, answer.headers["content-type"]) == (entry.id, "text/event-stream")
    assert (entry.ending, entry.streamed, tokens(entry)) == ("complete", True, (12, 5, 4, "provider"))
    found = gathered(answer.body)
    assert found["content"] == [{"type": "text", "text": "".join(WORDS)}]
    assert found["usage"]["cost"] == float(COST)


@pytest.mark.parametrize("seen", range(len(EVENTS)))
async def test_a_client_that_leaves_is_charged_for_what_was_made_till_then(
    gateway: House, upstream: Upstream, seen: int
) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[: min(seen, len(WORDS))])
        await call.events([b"".join(EVENTS[len(WORDS) : seen])] * (seen > len(WORDS)))  # usage alone would not be seen
        begun.set()
        await call.left()
        gone.set()

    upstream.script = script
    client = await gateway.send(STREAMED, target=PATH)
    await begun.wait()
    if seen:  # the head leaves with the first event
        await client.head()
    received = b""
    while received.count(b"text_delta") < min(seen, len(WORDS)):
        received += await client.piece()
    while seen > len(WORDS) and b"content_block_stop" not in received:
        received += await client.piece()
    client.leave()
    async with asyncio.timeout(5):
        await gone.wait()
    entry = await gateway.entry()
    assert (entry.ending, entry.status) == ("client_left", 499)
    if USAGE in EVENTS[:seen]:
        assert tokens(entry) == (12, 5, 4, "provider")
    else:
        text = sum(len(word) for word in WORDS[:seen])
        assert tokens(entry) == (PROMPT, min(-(-text // 4), 3), None, "estimate")


@pytest.mark.parametrize("how", ["reset", "end", "cut chunk"])
@pytest.mark.parametrize("sent", range(len(EVENTS)))
async def test_an_upstream_that_dies_is_named_to_the_client_and_charged(
    gateway: House, upstream: Upstream, sent: int, how: str
) -> None:
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
    answer = await gateway.ask(STREAMED, target=PATH)
    entry = await gateway.entry()
    if not sent:  # nothing has left yet, so it is an answer of its own
        assert (answer.status, error_of(answer)["details"]["error_code"]) == (502, "upstream_error")
        assert (entry.ending, entry.status) == ("upstream_broke", 502)
        assert entry.charge is not None
        return
    finished = how == "end" and sent >= len(WORDS) + 1
    assert (entry.ending, entry.status) == ("complete" if finished else "upstream_broke", 200)
    assert entry.charge is not None
    assert entry.charge.counted_by == ("provider" if USAGE in EVENTS[:sent] else "estimate")
    assert not answer.broken
    if finished:
        assert gathered(answer.body)["stop_reason"] == "end_turn"
        return
    name, document = last_event(answer)
    assert (name, document["type"]) == ("error", "error")
    assert (document["error"]["type"], document["error"]["details"]["error_code"]) == ("api_error", "upstream_error")
    assert document["request_id"] == entry.id
    assert b"message_stop" not in answer.body


BROKEN: dict[str, tuple[Sequence[bytes], str]] = {
    "an error": ((*EVENTS[:2], b'data: {"error": {"message": "overloaded", "code": 503}}\n\n', DONE), "overloaded"),
    "a chunk that is none": ((*EVENTS[:2], b"data: {oops}\n\n", DONE), "cannot be read"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_fault_in_the_middle_of_a_stream_ends_it_in_our_words(
    gateway: House, upstream: Upstream, case: str
) -> None:
    events, says = BROKEN[case]

    async def script(call: Call) -> None:
        await call.stream(events)

    upstream.script = script
    answer = await gateway.ask(STREAMED, target=PATH)
    name, document = last_event(answer)
    assert name == "error"
    assert says in document["error"]["message"]
    assert (await gateway.entry()).ending == "upstream_broke"


async def test_an_error_before_anything_was_said_is_an_error(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.stream([b'data: {"error": "no capacity"}\n\n'])

    upstream.script = script
    answer = await gateway.ask(STREAMED, target=PATH)
    assert answer.status == 502
    assert "no capacity" in error_of(answer)["message"]
    assert (await gateway.entry()).ending == "upstream_broke"


FRAMES: dict[str, Sequence[bytes]] = {
    "as it is": EVENTS,
    "CRLF": [each.replace(b"\n", b"\r\n") for each in EVENTS],
    "keep-alives": [part for each in EVENTS for part in (b": keep-alive\n\n", each)],
    "no end": EVENTS[:-1],
    "byte for byte": [bytes([byte]) for byte in b"".join(EVENTS)],
    "all at once": [b"".join(EVENTS)],
    "no blank line at the end": [*EVENTS[:-1], DONE.rstrip()],
    "named events": [b"event: message\nid: 1\n" + each for each in EVENTS],
}


@pytest.mark.parametrize("case", FRAMES)
async def test_a_stream_says_the_same_however_it_is_framed(gateway: House, upstream: Upstream, case: str) -> None:
    async def script(call: Call) -> None:
        await call.stream(FRAMES[case])

    upstream.script = script
    found = gathered((await gateway.ask(STREAMED, target=PATH)).body)
    assert found["content"] == [{"type": "text", "text": "".join(WORDS)}]
    assert (found["stop_reason"], found["usage"]["output_tokens"]) == ("end_turn", 5)
    assert tokens(await gateway.entry()) == (12, 5, 4, "provider")


async def test_a_stream_without_usage_is_estimated_for_the_client_as_in_the_ledger(
    gateway: House, upstream: Upstream
) -> None:
    async def script(call: Call) -> None:
        await call.stream([each for each in EVENTS if each is not USAGE])

    upstream.script = script
    answer = await gateway.ask(STREAMED, target=PATH)
    assert tokens(await gateway.entry()) == (PROMPT, 3, None, "estimate")
    assert gathered(answer.body)["usage"] == {"input_tokens": PROMPT, "output_tokens": 3, "counted_by": "estimate"}


async def test_an_answer_without_usage_is_estimated_for_the_client_as_in_the_ledger(
    gateway: House, upstream: Upstream
) -> None:
    async def script(call: Call) -> None:
        await call.answer({**ANSWER, "usage": None})

    upstream.script = script
    answer = await gateway.ask(ASKED, target=PATH)
    assert tokens(await gateway.entry()) == (PROMPT, 2, None, "estimate")
    assert answer.document["usage"] == {"input_tokens": PROMPT, "output_tokens": 2, "counted_by": "estimate"}
    assert "x-weighbridge-cost" not in answer.headers


async def test_who_asked_for_a_stream_gets_one_though_the_provider_answers_whole(
    gateway: House, upstream: Upstream
) -> None:
    async def script(call: Call) -> None:
        await call.answer()

    upstream.script = script
    answer = await gateway.ask({**STREAMED, "max_tokens": 100}, target=PATH)
    assert answer.headers["content-type"] == "text/event-stream"
    found = gathered(answer.body)
    assert found["content"] == [{"type": "text", "text": "Hello."}]
    assert found["usage"]["cost"] == float(COST)
    assert (await gateway.entry()).ending == "complete"


async def test_who_asked_for_no_stream_gets_none_though_the_provider_streams(
    gateway: House, upstream: Upstream
) -> None:
    async def script(call: Call) -> None:
        await call.stream()

    upstream.script = script
    answer = await gateway.ask({**ASKED, "max_tokens": 100}, target=PATH)
    entry = await gateway.entry()
    assert (answer.status, answer.receipt) == (200, entry.id)
    assert answer.headers["content-type"] == "application/json"
    assert float(answer.headers["x-weighbridge-cost"]) == float(COST)
    assert answer.document["content"] == [{"type": "text", "text": "".join(WORDS)}]
    assert (entry.ending, tokens(entry)) == ("complete", (12, 5, 4, "provider"))


@pytest.mark.parametrize("how", ["reset", "end", "error", "nonsense"])
@pytest.mark.parametrize("sent", [0, 2, len(WORDS)])
async def test_a_stream_that_nobody_asked_for_and_that_breaks_off_is_a_502(
    gateway: House, upstream: Upstream, sent: int, how: str
) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:sent])
        if how == "end":
            await call.end()
        elif how in ("error", "nonsense"):
            fault = b'data: {"error": {"message": "gone"}}\n\n' if how == "error" else b"data: {oops}\n\n"
            await call.events([fault, DONE])
            await call.end()
        else:
            await asyncio.sleep(0)
            call.writer.close()

    upstream.script = script
    answer = await gateway.ask(ASKED, target=PATH)
    entry = await gateway.entry()
    assert (answer.status, answer.receipt) == (502, entry.id)
    assert error_of(answer)["type"] == "api_error"
    assert (entry.ending, entry.status) == ("upstream_broke", 502)
    if sent == 0 and how in ("error", "nonsense"):  # nothing of an answer is not paid for
        assert entry.charge is None
    else:
        assert tokens(entry)[3] == "estimate"


async def test_who_leaves_while_a_stream_is_gathered_is_charged_for_what_was_made(
    gateway: House, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, arrived, gone = ChunkReader.read, asyncio.Event(), asyncio.Event()

    def reading(reader: ChunkReader, document: bytes) -> list[Event]:
        found = read(reader, document)
        if WORDS[3].encode() in document:
            arrived.set()
        return found

    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:4])
        await call.left()
        gone.set()

    monkeypatch.setattr(ChunkReader, "read", reading)
    upstream.script = script
    client = await gateway.send(ASKED, target=PATH)
    async with asyncio.timeout(5):
        await arrived.wait()
        client.leave()
        await gone.wait()
    entry = await gateway.entry()
    assert (entry.ending, tokens(entry)) == ("client_left", (PROMPT, 3, None, "estimate"))


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_document_that_is_no_answer_is_a_502(gateway: House, upstream: Upstream, streamed: bool) -> None:
    async def script(call: Call) -> None:
        await call.answer({"choices": []})

    upstream.script = script
    answer = await gateway.ask({**ASKED, "stream": streamed}, target=PATH)
    assert (answer.status, error_of(answer)["type"]) == (502, "api_error")
    assert (await gateway.entry()).ending == "upstream_broke"


async def test_an_error_in_a_200_is_an_error(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer({"error": {"message": "no capacity", "code": 502}})

    upstream.script = script
    answer = await gateway.ask(ASKED, target=PATH)
    assert "no capacity" in error_of(answer)["message"]
    assert (await gateway.entry()).charge is None


async def test_a_stop_cuts_what_does_not_end_and_its_entry_says_so(gateway: Gateway, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await call.left()

    upstream.script = script
    client = await gateway.send(STREAMED, target=PATH)
    await client.head()
    await client.piece()
    await gateway.worker.stop()
    client.leave()
    entry = await gateway.entry()
    assert (entry.ending, entry.status) == ("stopped", 503)


async def test_a_fault_of_ours_in_the_middle_of_a_stream_is_named_and_charged(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gateway.worker._providers, "near", Faulty())
    answer = await gateway.ask(STREAMED, target=PATH)
    name, document = last_event(answer)
    assert (name, document["error"]["details"]["error_code"]) == ("error", "internal_error")
    entry = await gateway.entry()
    assert (entry.ending, entry.status, entry.error) == ("stopped", 500, "internal_error")
    assert tokens(entry) == (PROMPT, 1, None, "estimate")


async def test_thoughts_and_tools_reach_the_provider_and_the_client(gateway: House, upstream: Upstream) -> None:
    deltas: tuple[dict[str, object], ...] = (
        {"reasoning": "They ask for the weather."},
        {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "weather", "arguments": '{"city":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]},
    )

    async def script(call: Call) -> None:
        await call.stream([*(chunk(delta) for delta in deltas), chunk({}, "tool_calls"), USAGE, DONE])

    upstream.script = script
    tools = [{"name": "weather", "input_schema": {"type": "object"}}]
    found = gathered((await gateway.ask({**STREAMED, "tools": tools}, target=PATH)).body)
    assert found["content"] == [
        {"type": "thinking", "thinking": "They ask for the weather.", "signature": ""},
        {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}},
    ]
    sent = json.loads(upstream.calls[0].body)
    assert sent["tools"] == [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    assert (sent["model"], sent["stream"]) == ("tiny", True)


REFUSED: dict[str, tuple[bytes, int, str, str]] = {
    "no JSON": (b"{", 400, "invalid_request_error", "not valid JSON"),
    "no max_tokens": (b'{"model": "near/tiny", "messages": [{"role": "user", "content": "Hi."}]}', 400, *("",) * 2),
    "a server's tool": (
        json.dumps({**ASKED, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}).encode(),
        400,
        "invalid_request_error",
        "web_search_20250305",
    ),
    "a document by its address": (
        json.dumps(
            {
                **ASKED,
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}}],
                    }
                ],
            }
        ).encode(),
        400,
        "invalid_request_error",
        "base64",
    ),
    "a model nobody has": (json.dumps({**ASKED, "model": "naer/tiny"}).encode(), 404, "not_found_error", "near/tiny"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_makes_no_sense_is_refused_in_anthropics_shape_and_leaves_an_entry(
    gateway: House, upstream: Upstream, case: str
) -> None:
    body, status, kind, says = REFUSED[case]
    answer = await gateway.ask(body, target=PATH)
    error = error_of(answer)
    assert (answer.status, error["type"]) == (status, kind or "invalid_request_error")
    assert says in error["message"]
    entry = await gateway.entry()
    assert (entry.ending, entry.status, entry.id) == ("refused", status, answer.document["request_id"])
    assert upstream.calls == []


@pytest.mark.parametrize("target", [PATH, f"{PATH}/count_tokens"])
async def test_a_key_opens_as_x_api_key(gateway: House, target: str) -> None:
    for headers, status in (
        (f"x-api-key: {gateway.key}\r\n", 200),
        ("x-api-key: wb-wrong\r\n", 401),
        ("x-api-key: \r\n", 401),
    ):
        answer = await keyless(gateway, target, headers)
        assert answer.status == status
        if status != 200:
            assert error_of(answer)["type"] == "authentication_error"


async def keyless(gateway: House, target: str, headers: str) -> Answer:
    """A request whose only key is in the headers."""
    body = json.dumps(ASKED)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"POST {target} HTTP/1.1\r\nhost: test\r\nanthropic-version: 2023-06-01\r\nanthropic-beta: x,y\r\n{headers}"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
    async with asyncio.timeout(5):
        client = Client(reader, writer)
        answer = await client.answer()
        client.leave()
    return answer


async def test_a_count_grows_with_what_is_asked_and_leaves_no_entry(gateway: House, upstream: Upstream) -> None:
    target = f"{PATH}/count_tokens"
    counts = []
    for more in ({}, {"system": "Be brief."}, {"tools": [{"name": "weather", "input_schema": {"type": "object"}}]}):
        answer = await gateway.ask({**ASKED, **more}, target=target)
        assert answer.document["counted_by"] == "estimate"
        counts.append(answer.document["input_tokens"])
    assert counts[0] == PROMPT
    assert all(isinstance(count, int) and count > PROMPT for count in counts[1:])
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 100_000}}
    seen = await gateway.ask({**ASKED, "messages": [{"role": "user", "content": [picture]}]}, target=target)
    assert seen.document["input_tokens"] in range(10, 50)
    assert (gateway.entries(), upstream.calls) == ([], [])


async def test_a_count_is_refused_as_a_message_would_be(gateway: Gateway) -> None:
    target = f"{PATH}/count_tokens"
    assert error_of(await gateway.ask({**ASKED, "model": "naer/tiny"}, target=target))["type"] == "not_found_error"
    assert error_of(await gateway.ask({**ASKED, "x": 1}, target=target))["type"] == "invalid_request_error"
    assert error_of(await gateway.get(target))["type"] == "invalid_request_error"
    key = gateway.new_key("narrow", models=("qwen/*",))
    gateway.worker._keyring.refresh()
    assert error_of(await gateway.ask(ASKED, key=key, target=target))["type"] == "permission_error"


async def test_a_stream_that_nobody_asked_for_is_gathered_up_to_a_limit(
    gateway: House, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(call: Call) -> None:
        await call.stream()

    monkeypatch.setattr(relay, "_MOST", 300)
    upstream.script = script
    answer = await gateway.ask(ASKED, target=PATH)
    assert (answer.status, "over 300 bytes" in error_of(answer)["message"]) == (502, True)
    assert (await gateway.entry()).ending == "upstream_broke"
