"""Legacy completions: text that goes on, or fills a gap; whole and as a stream, with chat's receipt and endings."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal

import openai
import pytest
from openai import AsyncOpenAI

from tests.gateway.house import House
from tests.gateway.upstream import DONE, USED, Call, Upstream, event
from weighbridge.ledger.entry import Entry

TARGET = "/v1/completions"
ASKED: dict[str, object] = {"model": "near/tiny", "prompt": "def half(x):\n", "suffix": "\n    return y"}
STREAMED = {**ASKED, "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 3}
COST = Decimal("0.00000794")
WORDS = ("    y", " = x", " / 2")
LOGPROBS = {"tokens": ["    y"], "token_logprobs": [-0.10], "top_logprobs": [{"    y": -0.1}], "text_offset": [13]}


def piece(text: str, finish: str | None = None) -> bytes:
    """A chunk of a stream as an event."""
    choice = {"index": 0, "text": text, "logprobs": LOGPROBS, "finish_reason": finish}
    return event({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "tiny", "choices": [choice]})


USAGE = event(
    {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "tiny", "choices": [], "usage": USED}
)
EVENTS = (*map(piece, WORDS), piece("", "stop"), USAGE, DONE)
ANSWER = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1,
    "model": "tiny",
    "choices": [{"index": 0, "text": "".join(WORDS), "logprobs": LOGPROBS, "finish_reason": "stop"}],
    "usage": USED,
}


async def completes(call: Call) -> None:
    """Whole, or as a stream with its usage."""
    if json.loads(call.body).get("stream"):
        await call.stream(EVENTS)
    else:
        await call.answer(ANSWER)


@pytest.fixture(autouse=True)
def answers(upstream: Upstream) -> None:
    upstream.script = completes


@pytest.fixture
async def client(gateway: House) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0) as made:
        yield made


def counted(entry: Entry) -> tuple[int, int, str]:
    """Prompt and completion tokens, and who counted."""
    assert entry.charge is not None
    return entry.charge.usage.prompt, entry.charge.usage.completion, entry.charge.counted_by


async def test_an_answer_comes_back_byte_for_byte_and_leaves_an_entry(gateway: House, upstream: Upstream) -> None:
    answer = await gateway.ask(ASKED, target=TARGET)
    entry = await gateway.entry()
    assert (answer.status, answer.body) == (200, json.dumps(ANSWER).encode())
    assert upstream.calls[0].target == "/v1/completions"
    assert (answer.receipt, entry.ending, entry.streamed, counted(entry)) == (
        entry.id, "complete", False, (12, 5, "provider"),
    )  # fmt: skip
    assert Decimal(answer.headers["x-weighbridge-cost"]) == COST


@pytest.mark.parametrize("prompt", ['"def f"', '["a","b"]', "[1,2,3]", "[[1,2],[3]]"])
async def test_every_form_of_prompt_and_every_field_reaches_the_provider_untouched(
    gateway: House, upstream: Upstream, prompt: str
) -> None:
    more = '"suffix":"\\n}","echo" : true,"n":2,"best_of":0,"logprobs":5,"max_tokens":0,"logit_bias":{"50256":-100.0}'
    body = f'{{"prompt":{prompt},{more},"model":"near/tiny","stop":["\\n"],"seed":7,"temperature":0.10,"user":"u"}}'
    answer = await gateway.ask(body.encode(), target=TARGET)
    assert answer.status == 200
    assert upstream.calls[0].body == body.replace("near/", "").encode()


async def test_a_stream_comes_back_byte_for_byte_but_for_the_cost(gateway: House, upstream: Upstream) -> None:
    answer = await gateway.ask(STREAMED, target=TARGET)
    priced = USAGE.replace(b'"usage": {', b'"usage": {"cost":0.00000794,')
    assert answer.body == b"".join(EVENTS).replace(USAGE, priced)
    entry = await gateway.entry()
    assert (entry.ending, entry.streamed, counted(entry)) == ("complete", True, (12, 5, "provider"))


async def test_usage_is_counted_and_not_shown_when_nobody_asked_for_it(gateway: House, upstream: Upstream) -> None:
    answer = await gateway.ask({**ASKED, "stream": True}, target=TARGET)
    assert json.loads(upstream.calls[0].body)["stream_options"] == {"include_usage": True}
    assert answer.body == b"".join(each for each in EVENTS if each is not USAGE)
    assert counted(await gateway.entry()) == (12, 5, "provider")


async def test_the_sdk_fills_a_gap(client: AsyncOpenAI, upstream: Upstream) -> None:
    made = await client.completions.create(
        model="near/tiny", prompt="def half(x):\n", suffix="\n    return y", echo=True, n=1, logprobs=1, max_tokens=9
    )
    assert (made.choices[0].text, made.choices[0].finish_reason) == ("".join(WORDS), "stop")
    assert made.choices[0].logprobs is not None
    assert made.choices[0].logprobs.token_logprobs == [-0.10]
    assert made.usage is not None
    assert made.usage.completion_tokens == 5
    sent = json.loads(upstream.calls[0].body)
    assert (sent["suffix"], sent["echo"], sent["logprobs"]) == ("\n    return y", True, 1)


async def test_the_sdk_reads_a_stream(client: AsyncOpenAI) -> None:
    stream = await client.completions.create(
        model="near/tiny", prompt="x", stream=True, stream_options={"include_usage": True}
    )
    chunks = [each async for each in stream]
    assert "".join(each.choices[0].text for each in chunks if each.choices) == "".join(WORDS)
    (used,) = [each.usage for each in chunks if each.usage is not None]
    assert Decimal(str((used.model_extra or {})["cost"])) == COST


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
    client = await gateway.send(STREAMED, target=TARGET)
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
    text = sum(len(word) for word in WORDS[:seen])
    estimated = (7, min(-(-text // 4), 3), "estimate")  # 13 bytes of prompt, 13 of suffix
    assert counted(entry) == ((12, 5, "provider") if USAGE in EVENTS[:seen] else estimated)


@pytest.mark.parametrize("how", ["close", "end"])
@pytest.mark.parametrize("sent", range(len(EVENTS)))
async def test_an_upstream_that_dies_is_named_to_the_client_and_charged(
    gateway: House, upstream: Upstream, sent: int, how: str
) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:sent])
        if how == "end":
            await call.end()
        call.writer.close()

    upstream.script = script
    answer = await gateway.ask(STREAMED, target=TARGET)
    entry = await gateway.entry()
    if not sent:  # nothing has left yet, so it is an answer of its own
        assert (answer.status, answer.error["code"]) == (502, "upstream_error")
        assert (entry.ending, entry.status) == ("upstream_broke", 502)
        assert entry.charge is not None
        return
    finished = how == "end" and sent > len(WORDS)
    assert (entry.ending, entry.status) == ("complete" if finished else "upstream_broke", 200)
    assert entry.charge is not None
    assert entry.charge.counted_by == ("provider" if USAGE in EVENTS[:sent] else "estimate")
    if finished:
        assert answer.body.endswith(DONE)
    else:
        assert b'"code":"upstream_error"' in answer.body.split(b"\n\n")[-2]
        assert DONE not in answer.body


async def test_an_error_in_the_middle_of_a_stream_raises_in_the_sdk(client: AsyncOpenAI, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.stream([EVENTS[0], event({"error": {"message": "overloaded", "code": 503}}), DONE])

    upstream.script = script
    stream = await client.completions.create(model="near/tiny", prompt="x", stream=True)
    with pytest.raises(openai.APIError, match="overloaded"):
        async for _ in stream:
            pass


@pytest.mark.parametrize(
    ("sent", "status", "param"),
    [
        ({"model": "near/tiny"}, 400, "prompt"),
        ({"model": "near/tiny", "prompt": []}, 400, "prompt"),
        ({"model": "nothing-like-it", "prompt": "a"}, 404, "model"),
    ],
)
async def test_a_refusal_is_openais_and_leaves_an_entry(
    gateway: House, upstream: Upstream, *, sent: dict[str, object], status: int, param: str
) -> None:
    answer = await gateway.ask(sent, target=TARGET)
    entry = await gateway.entry()
    assert (answer.status, answer.error["param"], answer.receipt) == (status, param, entry.id)
    assert (entry.ending, entry.charge, upstream.calls) == ("refused", None, [])


async def test_no_key_leaves_no_entry(gateway: House) -> None:
    answer = await gateway.ask(ASKED, target=TARGET, key="wb-wrong")
    assert (answer.status, gateway.entries()) == (401, [])
