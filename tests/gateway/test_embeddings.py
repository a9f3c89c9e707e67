"""Embeddings over any provider: the same door, failover, receipt and endings as chat, at the path of their own."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.gateway.conftest import near
from tests.gateway.house import Gateway, House, house
from tests.gateway.upstream import Call, Upstream
from weighbridge.ledger.entry import Entry

TARGET = "/v1/embeddings"
ASKED = {"model": "near/tiny", "input": ["a text", "another"]}
VECTORS = [[0.25, -0.5, 1.0], [0.0, 0.125, -2.0]]
ANSWER = {
    "object": "list",
    "model": "tiny",
    "data": [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(VECTORS)],
    "usage": {"prompt_tokens": 1000, "total_tokens": 1000},
    "x_field_nobody_knows": {"kept": 1.10},
}
COST = Decimal("0.00027")
"""1,000 tokens at 0.27 dollars for a million."""


async def embeds(call: Call) -> None:
    """A server that gives numbers, whatever it is asked for."""
    await call.answer(ANSWER)


@pytest.fixture(autouse=True)
def answers(upstream: Upstream) -> None:
    upstream.script = embeds


@pytest.fixture
async def client(gateway: House) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0) as made:
        yield made


def counted(entry: Entry) -> tuple[int, int, str]:
    """Prompt and completion tokens, and who counted."""
    assert entry.charge is not None
    return entry.charge.usage.prompt, entry.charge.usage.completion, entry.charge.counted_by


async def test_an_answer_comes_back_byte_for_byte_and_leaves_an_entry_with_its_cost(
    gateway: House, upstream: Upstream
) -> None:
    answer = await gateway.ask(ASKED, target=TARGET)
    entry = await gateway.entry()
    assert (answer.status, answer.receipt) == (200, entry.id)
    assert answer.body == json.dumps(ANSWER).encode()
    assert upstream.calls[0].target == "/v1/embeddings"
    assert json.loads(upstream.calls[0].body) == {**ASKED, "model": "tiny"}
    assert (entry.ending, entry.status, entry.streamed, entry.model) == ("complete", 200, False, "near/tiny")
    assert counted(entry) == (1000, 0, "provider")
    assert entry.charge is not None
    assert entry.charge.cost == COST == Decimal(answer.headers["x-weighbridge-cost"])


@pytest.mark.parametrize("texts", ['"one"', '["one","two"]', "[1,2,3]", "[[1,2],[3]]", '[{"image":"https://x/y.png"}]'])
async def test_every_form_of_input_and_every_field_reaches_the_provider_untouched(
    gateway: House, upstream: Upstream, texts: str
) -> None:
    body = f'{{"dimensions": 256, "input":{texts},"user":"u", "model":"near/tiny","x_task":"query","t":1.10}}'
    answer = await gateway.ask(body.encode(), target=TARGET)
    assert answer.status == 200
    assert upstream.calls[0].body == body.replace("near/", "").encode()


async def test_the_sdk_gets_the_numbers_though_it_asks_for_base64_and_the_provider_has_none(
    client: AsyncOpenAI, upstream: Upstream
) -> None:
    made = await client.embeddings.create(model="near/tiny", input=["a text", "another"], dimensions=3)
    assert json.loads(upstream.calls[0].body)["encoding_format"] == "base64"
    assert [each.embedding for each in made.data] == VECTORS
    assert (made.usage.prompt_tokens, made.usage.total_tokens) == (1000, 1000)
    assert made.model_extra == {"x_field_nobody_knows": {"kept": 1.10}}


@pytest.mark.parametrize("wanted", ["float", "base64"])
async def test_the_sdk_gets_what_it_names(client: AsyncOpenAI, wanted: str) -> None:
    made = await client.with_raw_response.embeddings.create(
        model="near/tiny", input="a text", extra_body={"encoding_format": wanted}
    )
    row = json.loads(made.text)["data"][0]["embedding"]
    assert row == (VECTORS[0] if wanted == "float" else base64.b64encode(struct.pack("<3f", *VECTORS[0])).decode())


async def test_base64_of_the_providers_own_passes_untouched(client: AsyncOpenAI, upstream: Upstream) -> None:
    encoded = base64.b64encode(struct.pack("<3f", *VECTORS[1])).decode()

    async def script(call: Call) -> None:
        await call.answer({**ANSWER, "data": [{"object": "embedding", "index": 0, "embedding": encoded}]})

    upstream.script = script
    made = await client.embeddings.create(model="near/tiny", input="a text")
    assert made.data[0].embedding == VECTORS[1]


async def test_the_sdk_that_blocks_works_as_well(gateway: House) -> None:
    def blocking() -> list[float]:
        with OpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
            return client.embeddings.create(model="near/tiny", input=[1, 2, 3]).data[1].embedding

    assert await asyncio.to_thread(blocking) == VECTORS[1]


async def test_another_endpoint_answers_where_the_first_has_no_such_path(tmp_path: Path, upstream: Upstream) -> None:
    lacking = Upstream()

    async def lacks(call: Call) -> None:
        await call.answer(b"Not Found", 405, kind="text/plain")

    lacking.script = lacks
    await lacking.listen()
    cheap = near(lacking, name="cheap").replace('"0.27"', '"0.01"')
    same = 'model = "lab/shared"\n'
    settings = (cheap + same, near(upstream) + same, "[routing]\nsort = 'price'\nretries = 0\n")
    async with house(tmp_path / "both", "".join(settings)) as gateway:
        answer = await gateway.ask({**ASKED, "model": "lab/shared"}, target=TARGET)
        entry = await gateway.entry()
    await lacking.close()
    assert (answer.status, entry.provider, entry.ending) == (200, "near", "complete")
    assert [(each.provider, each.error) for each in entry.attempts] == [("cheap", "model_not_found"), ("near", None)]


@pytest.mark.parametrize(
    "usage", [{"total_tokens": 900}, {"prompt_tokens": 900}, {"prompt_tokens": 900, "total_tokens": 900}]
)
async def test_tokens_are_counted_however_they_are_called(
    gateway: House, upstream: Upstream, usage: dict[str, int]
) -> None:
    async def script(call: Call) -> None:
        await call.answer({**ANSWER, "usage": usage})

    upstream.script = script
    await gateway.ask(ASKED, target=TARGET)
    assert counted(await gateway.entry()) == (900, 0, "provider")


async def test_a_provider_that_does_not_count_is_estimated_and_no_cost_is_shown(
    gateway: House, upstream: Upstream
) -> None:
    async def script(call: Call) -> None:
        await call.answer({key: value for key, value in ANSWER.items() if key != "usage"})

    upstream.script = script
    answer = await gateway.ask({**ASKED, "input": [[1, 2, 3], [4]]}, target=TARGET)
    assert counted(await gateway.entry()) == (4, 0, "estimate")
    assert "x-weighbridge-cost" not in answer.headers


REFUSED = {
    "no input": ({"model": "near/tiny"}, 400, "invalid_request", "input"),
    "no such model": ({"model": "nothing-like-it", "input": "a"}, 404, "model_not_found", "model"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_refusal_is_openais_and_leaves_an_entry(gateway: House, upstream: Upstream, case: str) -> None:
    sent, status, code, param = REFUSED[case]
    answer = await gateway.ask(sent, target=TARGET)
    entry = await gateway.entry()
    assert (answer.status, answer.error["code"], answer.error["param"]) == (status, code, param)
    assert (entry.ending, entry.status, entry.charge, answer.receipt) == ("refused", status, None, entry.id)
    assert upstream.calls == []


async def test_a_text_that_is_too_long_is_refused_by_its_own_name(client: AsyncOpenAI, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer({"error": {"message": "This model's maximum context length is 8192 tokens"}}, 400)

    upstream.script = script
    with pytest.raises(openai.BadRequestError) as caught:
        await client.embeddings.create(model="near/tiny", input="a text")
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input")


async def test_no_key_leaves_no_entry(gateway: House) -> None:
    answer = await gateway.ask(ASKED, target=TARGET, key="wb-wrong")
    assert (answer.status, answer.error["type"], gateway.entries()) == (401, "authentication_error", [])


async def test_an_upstream_that_breaks_off_is_a_502_and_charged_for_what_it_read(
    gateway: House, upstream: Upstream
) -> None:
    async def script(call: Call) -> None:
        await call.send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"data": [')
        call.writer.close()

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    entry = await gateway.entry()
    assert (answer.status, answer.error["code"], answer.receipt) == (502, "upstream_error", entry.id)
    assert (entry.ending, counted(entry)) == ("upstream_broke", (4, 0, "estimate"))


NONSENSE = {
    "an error": ({"error": {"message": "no capacity"}}, "application/json", None),
    "no list": ({"object": "chat.completion", "choices": []}, "application/json", (4, 0, "estimate")),
    "no list, but a count": ({"usage": ANSWER["usage"]}, "application/json", (1000, 0, "provider")),
    "no JSON": (b"<html>", "text/html", None),
    "events": (b"data: {}\n\n", "text/event-stream", (4, 0, "estimate")),
}


@pytest.mark.parametrize("case", NONSENSE)
async def test_a_200_that_is_no_list_of_embeddings_is_a_502_with_one_entry(
    gateway: House, upstream: Upstream, case: str
) -> None:
    document, kind, charged = NONSENSE[case]

    async def script(call: Call) -> None:
        await call.answer(document, kind=kind)

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    entry = await gateway.entry()
    assert (answer.status, answer.error["code"], entry.ending) == (502, "upstream_error", "upstream_broke")
    assert (None if entry.charge is None else counted(entry)) == charged


async def test_a_client_that_leaves_ends_the_upstream_and_leaves_an_entry(gateway: House, upstream: Upstream) -> None:
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
    entry = await gateway.entry()
    assert (entry.ending, entry.provider, counted(entry)) == ("client_left", "near", (4, 0, "estimate"))


async def test_a_stop_is_an_ending_as_well(gateway: Gateway, upstream: Upstream) -> None:
    asked = asyncio.Event()

    async def script(call: Call) -> None:
        asked.set()
        await call.left()

    upstream.script = script
    client = await gateway.send(ASKED, target=TARGET)
    async with asyncio.timeout(5):
        await asked.wait()
    await gateway.worker.stop()
    client.leave()
    assert (await gateway.entry()).ending == "stopped"
