"""Responses over a WebSocket: the same events as over HTTP, one entry for each, and what is remembered meanwhile."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.frames import Frames, handshake
from tests.gateway.house import PATIENCE, Gateway, House
from tests.gateway.test_endings import COST, Faulty, tokens
from tests.gateway.upstream import ANSWER, DONE, EVENTS, USAGE, WORDS, Call, Upstream
from weighbridge.wire.responses.compaction import sealed

Json = dict[str, Any]
TARGET = "/v1/responses"
ASKED: Json = {"type": "response.create", "model": "near/tiny", "input": "Say hello.", "store": False}
LAST = ("response.completed", "response.incomplete", "response.failed", "error")


class Session:
    """A client that has shaken hands."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.frames = Frames()
        self.head = b""

    def send(self, message: object) -> None:
        """A message: JSON, or the very text."""
        self.writer.write(self.frames.text(message if isinstance(message, str) else json.dumps(message)))

    async def event(self) -> Json:
        """The next event. Raises EOFError where the server closes instead."""
        async with asyncio.timeout(PATIENCE):
            while not self.frames.texts:
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError(self.frames.closed)
                self.frames.feed(data)
        found: Json = json.loads(self.frames.texts.pop(0))
        return found

    async def answer(self, message: object | None = None) -> list[Json]:
        """The events of one answer, to the last; `message` is sent before."""
        if message is not None:
            self.send(message)
        events = [await self.event()]
        while events[-1]["type"] not in LAST:
            events.append(await self.event())
        if events[-1]["type"] == "error" and len(events) > 1:
            events.append(await self.event())
        return events

    def leave(self) -> None:
        """Drop the connection."""
        self.writer.transport.abort()


@asynccontextmanager
async def connected(gateway: House, key: str | None = None) -> AsyncIterator[Session]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    session = Session(reader, writer)
    writer.write(handshake(TARGET.encode(), (b"authorization", f"Bearer {key or gateway.key}".encode())))
    async with asyncio.timeout(PATIENCE):
        session.head = await reader.readuntil(b"\r\n\r\n")
    try:
        yield session
    finally:
        session.leave()


@pytest.fixture
async def session(gateway: Gateway) -> AsyncIterator[Session]:
    async with connected(gateway) as made:
        assert made.head.startswith(b"HTTP/1.1 101 ")
        yield made


def text(events: list[Json]) -> str:
    found: str = events[-1]["response"]["output"][0]["content"][0]["text"]
    return found


def contents(upstream: Upstream) -> list[object]:
    """What the provider was told last."""
    return [turn["content"] for turn in json.loads(upstream.calls[-1].body)["messages"]]


async def test_a_response_comes_in_the_events_of_a_stream(session: Session, gateway: House) -> None:
    events = await session.answer(ASKED)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [events[0]["type"], events[-1]["type"]] == ["response.created", "response.completed"]
    assert "".join(each["delta"] for each in events if each["type"] == "response.output_text.delta") == "".join(WORDS)
    assert text(events) == "".join(WORDS)
    entry = await gateway.entry()
    assert (entry.ending, entry.streamed, tokens(entry)) == ("complete", True, (12, 5, 4, "provider"))
    assert entry.charge is not None
    assert entry.charge.cost == COST
    assert events[0]["receipt"] == entry.id
    assert not any("receipt" in event for event in events[1:])


async def test_they_are_the_very_events_that_http_has(session: Session, gateway: House) -> None:
    over_http = await gateway.ask({**ASKED, "stream": True}, target=TARGET)
    told = [json.loads(each.split(b"data: ", 1)[1]) for each in over_http.body.split(b"\n\n") if each]
    events = await session.answer(ASKED)
    del events[0]["receipt"]

    def known(event: Json) -> Json:
        """Without what is another each time."""
        ids = {told[0]["response"]["id"][5:]: "ID", events[0]["response"]["id"][5:]: "ID"}
        said = json.dumps(event)
        for id_, name in ids.items():
            said = said.replace(id_, name)
        found: Json = json.loads(said)
        if "response" in found:
            found["response"] |= {"created_at": 0, "completed_at": 0}
        return found

    assert [known(event) for event in events] == [known(event) for event in told]


async def test_responses_come_one_after_the_other_in_their_order(session: Session, gateway: House) -> None:
    for word in ("one", "two", "three"):
        session.send({**ASKED, "input": word, "metadata": {"word": word}})
    said = [(await session.answer())[-1]["response"]["metadata"]["word"] for _ in range(3)]
    assert said == ["one", "two", "three"]
    assert [entry.ending for entry in gateway.entries()] == ["complete"] * 3


async def test_one_that_is_not_kept_is_continued_on_its_connection_only(
    session: Session, gateway: House, upstream: Upstream
) -> None:
    first = (await session.answer({**ASKED, "input": "My name is Ann."}))[-1]["response"]["id"]
    second = (await session.answer({**ASKED, "input": "My name?", "previous_response_id": first}))[-1]["response"]["id"]
    hello = "".join(WORDS)
    assert contents(upstream) == ["My name is Ann.", hello, "My name?"]
    await session.answer({**ASKED, "input": "Sure?", "previous_response_id": second})
    assert contents(upstream) == ["My name is Ann.", hello, "My name?", hello, "Sure?"]
    await session.answer({**ASKED, "input": "Or?", "previous_response_id": first})
    assert contents(upstream) == ["My name is Ann.", hello, "Or?"]
    async with connected(gateway) as other:
        (error,) = await other.answer({**ASKED, "input": "My name?", "previous_response_id": first})
        assert (error["status"], error["error"]["code"]) == (400, "previous_response_not_found")
        assert text(await other.answer(ASKED)) == hello


async def test_what_failed_to_go_on_is_forgotten(session: Session, gateway: House) -> None:
    first = (await session.answer(ASKED))[-1]["response"]["id"]
    orphan = {"type": "function_call_output", "call_id": "call_none", "output": "1"}
    (error,) = await session.answer({**ASKED, "previous_response_id": first, "input": [orphan]})
    assert (error["status"], error["error"]["param"]) == (400, "input[0].call_id")
    (error,) = await session.answer({**ASKED, "previous_response_id": first})
    assert error["error"]["code"] == "previous_response_not_found"
    assert [entry.ending for entry in gateway.entries()] == ["complete", "refused", "refused"]


async def test_what_is_kept_is_continued_wherever_and_not_forgotten(gateway: House, upstream: Upstream) -> None:
    key = gateway.new_key("keeping", store=True)
    await gateway.until("/v1/models", key, 200)
    asked = {**ASKED, "store": True, "input": "My name is Ann."}
    async with connected(gateway, key) as session:
        first = (await session.answer(asked))[-1]["response"]
        await session.answer({**asked, "previous_response_id": first["id"], "background": True})
        assert (await gateway.get(f"{TARGET}/{first['id']}", key=key)).document == first
    async with connected(gateway, key) as session:
        await session.answer({**ASKED, "input": "My name?", "previous_response_id": first["id"]})
    assert contents(upstream) == ["My name is Ann.", "".join(WORDS), "My name?"]


async def test_the_oldest_are_forgotten_where_they_are_too_many(gateway: Gateway, upstream: Upstream) -> None:
    async with connected(gateway) as session:
        big = {**ASKED, "input": "x" * 17 * 2**20}
        first = (await session.answer(big))[-1]["response"]["id"]
        second = (await session.answer(big))[-1]["response"]["id"]
        (error,) = await session.answer({**ASKED, "previous_response_id": first})
        assert error["error"]["code"] == "previous_response_not_found"
        assert (await session.answer({**ASKED, "previous_response_id": second}))[-1]["type"] == "response.completed"


async def test_a_compaction_begins_a_new_chain(session: Session, upstream: Upstream) -> None:
    items = [{"type": "compaction", "encrypted_content": sealed("Ann likes blue.")}, {"role": "user", "content": "Hi"}]
    assert (await session.answer({**ASKED, "input": items}))[-1]["type"] == "response.completed"
    assert str(contents(upstream)[0]).endswith("Ann likes blue.")


async def test_the_clients_name_for_a_stream_is_repeated(session: Session, upstream: Upstream) -> None:
    events = await session.answer({**ASKED, "stream_id": "a", "stream": True, "generate": True})
    assert {event["stream_id"] for event in events} == {"a"}
    assert not {"stream_id", "generate", "type"} & json.loads(upstream.calls[0].body).keys()
    assert not any("stream_id" in event for event in await session.answer(ASKED))


# what is refused

NO_REQUEST: list[tuple[object, str]] = [
    ("", "type"),
    ("Hello", "type"),
    ("[]", "type"),
    ("{}", "type"),
    ("[" * 100_000, "type"),
    ({"type": "response.steer"}, "type"),
    ({**ASKED, "stream": False}, "stream"),
    ({**ASKED, "generate": False}, "generate"),
]
REFUSED: list[tuple[Json, str]] = [
    ({**ASKED, "background": True}, "background"),
    ({**ASKED, "model": "naer/tiny"}, "model"),
    ({"type": "response.create", "input": "Hi"}, "model"),
    ({**ASKED, "input": []}, "input"),
]


@pytest.mark.parametrize(("message", "param"), NO_REQUEST)
async def test_what_is_no_request_is_an_error_and_no_entry(
    session: Session, gateway: House, message: object, param: str
) -> None:
    (error,) = await session.answer(message)
    assert (error["type"], error["status"], error["error"]["param"]) == ("error", 400, param)
    assert gateway.entries() == []
    assert text(await session.answer(ASKED)) == "".join(WORDS)


@pytest.mark.parametrize(("message", "param"), REFUSED)
async def test_what_is_refused_is_an_error_with_its_receipt(
    session: Session, gateway: House, message: Json, param: str
) -> None:
    (error,) = await session.answer(message)
    entry = await gateway.entry()
    assert (error["type"], error["receipt"], error["status"]) == ("error", entry.id, entry.status)
    assert error["error"]["param"] == param
    assert entry.ending == "refused"
    assert text(await session.answer(ASKED)) == "".join(WORDS)


async def test_no_key_shakes_no_hands(gateway: House) -> None:
    async with connected(gateway, "wb-wrong") as session:
        assert session.head.startswith(b"HTTP/1.1 401 ")
    answer = await gateway.get(TARGET)
    assert (answer.status, answer.error["code"], answer.headers["upgrade"]) == (426, "upgrade_required", "websocket")
    assert gateway.entries() == []


async def test_a_key_that_was_revoked_asks_for_nothing_more(gateway: House) -> None:
    key = gateway.new_key("brief")
    await gateway.until("/v1/models", key, 200)
    async with connected(gateway, key) as session:
        assert text(await session.answer(ASKED)) == "".join(WORDS)
        gateway.revoke("brief")
        await gateway.until("/v1/models", key, 401)
        (error,) = await session.answer(ASKED)
        assert (error["status"], error["error"]["type"]) == (401, "authentication_error")
    assert len(gateway.entries()) == 1


# how it ends


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("seen", range(len(EVENTS)))
async def test_a_client_that_leaves_leaves_one_entry(
    session: Session, gateway: House, upstream: Upstream, seen: int, how: str
) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def script(call: Call) -> None:
        asked.set()
        await call.start()
        await call.events(EVENTS[:seen])
        await call.left()
        gone.set()

    upstream.script = script
    session.send({**ASKED, "max_output_tokens": 3})
    deltas = 0
    while deltas < min(seen, len(WORDS)):
        deltas += (await session.event())["type"] == "response.output_text.delta"
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
        if how == "close":
            session.writer.write(session.frames.close())
        else:
            session.leave()
        await gone.wait()
    entry = await gateway.entry()
    assert (entry.ending, entry.status) == ("client_left", 499)
    if USAGE not in EVENTS[:seen]:
        letters = sum(len(word) for word in WORDS[:seen])
        assert tokens(entry)[1:] == (min(-(-letters // 4), 3), None, "estimate")


@pytest.mark.parametrize("sent", range(len(EVENTS) - 2))
async def test_an_upstream_that_dies_is_told_and_the_connection_goes_on(
    session: Session, gateway: House, upstream: Upstream, sent: int
) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:sent])
        call.writer.close()
        upstream.script = whole

    whole = upstream.script
    upstream.script = script
    events = await session.answer(ASKED)
    if sent:
        assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
    else:  # no response was created yet
        assert [event["type"] for event in events] == ["error"]
    assert (await gateway.entry()).ending == "upstream_broke"
    assert text(await session.answer(ASKED)) == "".join(WORDS)


async def test_a_provider_that_does_not_stream(session: Session, gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer()

    upstream.script = script
    assert text(await session.answer(ASKED)) == "Hello."
    assert tokens(await gateway.entry()) == (12, 5, 4, "provider")


async def test_a_provider_that_refuses(session: Session, gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer({"error": {"message": "slow down"}}, status=429)

    upstream.script = script
    (error,) = await session.answer(ASKED)
    entry = await gateway.entry()
    assert (error["status"], error["error"]["code"], error["receipt"]) == (429, "upstream_busy", entry.id)


async def test_a_fault_of_ours_is_an_error_and_the_connection_goes_on(
    session: Session, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(gateway.worker._providers, "near", Faulty())
        events = await session.answer(ASKED)
    assert (events[-2]["error"]["code"], events[-1]["type"]) == ("internal_error", "response.failed")
    assert text(await session.answer(ASKED)) == "".join(WORDS)
    assert [entry.ending for entry in gateway.entries()] == ["stopped", "complete"]


async def test_a_response_is_called_off_over_http(session: Session, gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await call.left()

    upstream.script = script
    session.send(ASKED)
    id_ = (await session.event())["response"]["id"]
    answer = await gateway.get(f"{TARGET}/{id_}/cancel", method="POST", headers="content-length: 0\r\n")
    assert answer.document["status"] == "cancelled"
    events = await session.answer()
    assert (events[-1]["type"], events[-1]["response"]) == ("response.incomplete", answer.document)
    assert (await gateway.entry()).ending == "client_left"
    (error,) = await session.answer({**ASKED, "previous_response_id": id_})
    assert error["error"]["code"] == "previous_response_not_found"


async def test_a_stop_lets_what_is_under_way_end_and_begins_nothing_new(gateway: Gateway, upstream: Upstream) -> None:
    stopping = asyncio.Event()

    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await stopping.wait()
        await call.events(EVENTS[2:])
        await call.end()

    upstream.script = script
    async with connected(gateway) as session, connected(gateway) as idle:
        session.send(ASKED)
        session.send(ASKED)
        await session.event()
        stop = asyncio.create_task(gateway.worker.stop())
        with contextlib.suppress(EOFError):
            await idle.event()
        assert idle.frames.closed is not None
        assert idle.frames.closed[0] == 1001
        idle.leave()
        stopping.set()
        assert text(await session.answer()) == "".join(WORDS)
        with pytest.raises(EOFError):
            await session.event()
        assert session.frames.closed is not None
        assert session.frames.closed[0] == 1001
        session.leave()
        await stop
    assert [entry.ending for entry in gateway.entries()] == ["complete"]


async def test_a_stop_cuts_what_does_not_end(gateway: Gateway, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await call.left()

    upstream.script = script
    async with connected(gateway) as session:
        session.send(ASKED)
        await session.event()
        await gateway.worker.stop()
    entry = await gateway.entry()
    assert (entry.ending, entry.status) == ("stopped", 503)


async def test_usage_that_never_comes_is_estimated(session: Session, gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        odd = b": alive\n\n".join(each for each in EVENTS if each is not USAGE).replace(b"\n", b"\r\n")
        await call.stream([odd[at : at + 7] for at in range(0, len(odd), 7)])

    upstream.script = script
    assert (await session.answer(ASKED))[-1]["response"]["usage"] is None
    assert tokens(await gateway.entry())[3] == "estimate"


async def test_an_error_in_the_middle_of_a_stream(session: Session, gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.stream([*EVENTS[:2], b'data: {"error": {"message": "overloaded", "code": 503}}\n\n', DONE])

    upstream.script = script
    events = await session.answer(ASKED)
    assert (events[-2]["error"]["message"], events[-1]["type"]) == ("overloaded", "response.failed")
    assert (await gateway.entry()).ending == "upstream_broke"


async def test_the_sdk_of_openai_speaks_it(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer(ANSWER)

    upstream.script = script
    async with (
        AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client,
        client.responses.connect() as connection,
    ):
        previous: str | None = None
        for words in ("My name is Ann.", "My name?"):
            await connection.response.create(model="near/tiny", input=words, store=False, previous_response_id=previous)
            async for event in connection:
                if event.type == "response.completed":
                    assert event.response.output_text == "Hello."
                    previous = event.response.id
                    break
    assert contents(upstream) == ["My name is Ann.", "Hello.", "My name?"]
