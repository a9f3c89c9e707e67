"""Every ending of a request leaves exactly one entry, and it says what happened and what it cost."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import pytest

from tests.gateway.house import ASKED, Gateway, House
from tests.gateway.upstream import ANSWER, DONE, EVENTS, USAGE, WORDS, Call, Upstream
from weighbridge.catalog.model import Endpoint
from weighbridge.ledger.entry import Entry
from weighbridge.providers.base import Answer
from weighbridge.wire.calls import Call as Asked
from weighbridge.wire.calls import Task

STREAMED = {**ASKED, "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 3}
COST = Decimal("0.00000794")
"""8 plain and 4 cached prompt tokens, 5 of the answer, at 0.27, 0.07 and 1.10 dollars for a million."""


@dataclass
class Faulty:
    """A provider whose answer fails in a way that nobody thought of, after its first event; it is its own body."""

    complete: bool = False
    natively: frozenset[Task] = frozenset()
    kind: bytes = b"text/event-stream"

    async def ask(self, task: Task, endpoint: Endpoint, call: Asked, body: bytes, headers: bytes = b"") -> Answer:
        """See Provider.ask."""
        return Answer(self.kind, self, "provider", str)

    async def read(self) -> bytes:
        """See Body.read."""
        raise ZeroDivisionError

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """See Body.pour."""
        sink(EVENTS[0])
        raise ZeroDivisionError

    def take(self) -> bytes:
        """See Body.take."""
        return b""

    def close(self) -> None:
        """See Body.close."""


def tokens(entry: Entry) -> tuple[int, int, int | None, str]:
    """Prompt, completion, cached, and who counted."""
    assert entry.charge is not None
    usage = entry.charge.usage
    return usage.prompt, usage.completion, usage.cached, entry.charge.counted_by


async def test_a_whole_answer_leaves_an_entry_with_the_providers_count(gateway: House) -> None:
    answer = await gateway.ask()
    entry = await gateway.entry()
    assert (answer.status, answer.receipt) == (200, entry.id)
    assert (entry.ending, entry.status, entry.error, entry.streamed) == ("complete", 200, None, False)
    assert tokens(entry) == (12, 5, 4, "provider")
    assert entry.charge is not None
    assert (entry.charge.cost, entry.charge.price_id) == (COST, "settings:near/tiny")
    assert Decimal(answer.headers["x-weighbridge-cost"]) == COST
    assert (entry.model, entry.provider, entry.upstream_model) == ("near/tiny", "near", "tiny")
    assert entry.first_byte is not None
    assert 0 < entry.first_byte <= entry.duration


async def test_a_whole_stream_leaves_an_entry_and_its_usage_chunk_says_the_cost(gateway: House) -> None:
    answer = await gateway.ask(STREAMED)
    entry = await gateway.entry()
    assert answer.receipt == entry.id
    assert (entry.ending, entry.streamed, tokens(entry)) == ("complete", True, (12, 5, 4, "provider"))
    assert answer.body.endswith(DONE)
    assert b'"usage": {"cost":0.00000794,"prompt_tokens": 12' in answer.body


async def test_usage_is_counted_and_not_shown_when_nobody_asked_for_it(gateway: House, upstream: Upstream) -> None:
    answer = await gateway.ask({**ASKED, "stream": True})
    assert b'"include_usage":true' in upstream.calls[0].body
    assert answer.body == b"".join(each for each in EVENTS if each is not USAGE)
    assert tokens(await gateway.entry()) == (12, 5, 4, "provider")


@pytest.mark.parametrize("seen", range(len(EVENTS)))
async def test_a_client_that_leaves_is_charged_for_what_was_made_till_then(
    gateway: House, upstream: Upstream, seen: int
) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:seen])
        begun.set()
        await call.left()
        gone.set()

    upstream.script = script
    client = await gateway.send(STREAMED)
    await begun.wait()
    if seen:  # the head leaves with the first event
        await client.head()
    received = b""
    while len(received) < sum(map(len, EVENTS[:seen])):
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
        assert tokens(entry) == (11, min(-(-text // 4), 3), None, "estimate")


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
    answer = await gateway.ask(STREAMED)
    entry = await gateway.entry()
    finished = how == "end" and sent >= len(WORDS) + 1
    assert (entry.ending, entry.status) == ("complete" if finished else "upstream_broke", 200 if sent else 502)
    assert entry.charge is not None
    assert entry.charge.counted_by == ("provider" if USAGE in EVENTS[:sent] else "estimate")
    assert not answer.broken
    if finished:
        assert answer.body.endswith(DONE)
    elif sent:
        assert b'"code":"upstream_error"' in answer.body.split(b"\n\n")[-2]
        assert DONE not in answer.body
    else:
        assert (answer.status, answer.error["code"]) == (502, "upstream_error")


async def test_a_client_that_leaves_before_the_answer_begins_leaves_an_entry(
    gateway: House, upstream: Upstream
) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def script(call: Call) -> None:
        asked.set()
        await call.left()
        gone.set()

    upstream.script = script
    client = await gateway.send(ASKED)
    async with asyncio.timeout(5):
        await asked.wait()
        client.leave()
        await gone.wait()
    entry = await gateway.entry()
    assert (entry.ending, entry.provider, tokens(entry)) == ("client_left", "near", (11, 0, None, "estimate"))


async def test_an_upstream_that_breaks_off_a_whole_answer_is_a_502(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"id": 1')
        call.writer.close()

    upstream.script = script
    answer = await gateway.ask()
    entry = await gateway.entry()
    assert (answer.status, answer.error["code"], answer.receipt) == (502, "upstream_error", entry.id)
    assert (entry.ending, entry.status, tokens(entry)[3]) == ("upstream_broke", 502, "estimate")


async def test_an_error_in_the_middle_of_a_stream_ends_it_in_our_words(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.stream([*EVENTS[:2], b'data: {"error": {"message": "overloaded", "code": 503}}\n\n', DONE])

    upstream.script = script
    answer = await gateway.ask(STREAMED)
    assert b'"message":"overloaded"' in answer.body
    assert (await gateway.entry()).ending == "upstream_broke"


async def test_an_error_in_a_200_is_an_error(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer({"error": {"message": "no capacity", "code": 502}})

    upstream.script = script
    answer = await gateway.ask()
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    entry = await gateway.entry()
    assert (entry.ending, entry.charge) == ("upstream_broke", None)


async def test_a_stream_without_usage_is_estimated_and_bounded_by_max_tokens(
    gateway: House, upstream: Upstream
) -> None:
    async def script(call: Call) -> None:
        await call.stream([each for each in EVENTS if each is not USAGE])

    upstream.script = script
    await gateway.ask(STREAMED)
    assert tokens(await gateway.entry()) == (11, 3, None, "estimate")


@pytest.mark.parametrize("fields", [{"max_tokens": 0}, {"max_tokens": 3, "max_completion_tokens": 0}])
@pytest.mark.parametrize("asked", [ASKED, STREAMED])
async def test_no_tokens_at_all_may_be_asked_for_and_bound_an_estimate(
    gateway: House, upstream: Upstream, asked: dict[str, object], fields: dict[str, int]
) -> None:
    async def script(call: Call) -> None:
        if json.loads(call.body).get("stream"):
            await call.stream([each for each in EVENTS if each is not USAGE])
        else:
            await call.answer({**ANSWER, "usage": None})

    upstream.script = script
    answer = await gateway.ask({**asked, **fields})
    assert answer.status == 200
    sent = json.loads(upstream.calls[0].body)
    assert {name: sent[name] for name in fields} == fields
    assert tokens(await gateway.entry()) == (11, 0, None, "estimate")


async def test_a_stop_cuts_what_does_not_end_and_its_entry_says_so(gateway: Gateway, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await call.left()

    upstream.script = script
    client = await gateway.send(STREAMED)
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
    answer = await gateway.ask(STREAMED)
    assert answer.body.startswith(EVENTS[0])
    assert b'"code":"internal_error"' in answer.body.split(b"\n\n")[-2]
    entry = await gateway.entry()
    assert (entry.ending, entry.status, entry.error) == ("stopped", 500, "internal_error")
    assert tokens(entry) == (11, 1, None, "estimate")


async def test_a_fault_of_ours_after_a_whole_answer_came_is_charged(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gateway.worker._providers, "near", Faulty(kind=b"application/json"))
    answer = await gateway.ask()
    assert answer.error["code"] == "internal_error"
    entry = await gateway.entry()
    assert (entry.status, entry.error) == (500, "internal_error")
    assert tokens(entry) == (11, 0, None, "estimate")
    assert [attempt.provider for attempt in entry.attempts] == ["near"]


async def test_no_key_leaves_no_entry(gateway: House) -> None:
    answer = await gateway.ask(key="wb-wrong")
    assert (answer.status, answer.error["type"]) == (401, "authentication_error")
    assert gateway.entries() == []
