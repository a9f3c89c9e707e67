"""Reranking over any provider that has it: what the shapes of its answers count, and chat's receipt and endings."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.gateway.house import House, house
from tests.gateway.upstream import Call, Upstream
from weighbridge.ledger.entry import Entry

TARGET = "/v1/rerank"
ASKED = {"model": "near/tiny", "query": "purr", "documents": ["cats", "dogs"], "top_n": 1, "return_documents": True}
RESULTS = [{"index": 0, "relevance_score": 0.98, "document": {"text": "cats"}}]
ESTIMATE = (4, "estimate")
"""8 bytes of documents, and 4 of the query with each."""

SHAPES: dict[str, tuple[dict[str, object], tuple[int, str]]] = {
    "Cohere": (
        {
            "id": "r1",
            "results": RESULTS,
            "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
        },
        ESTIMATE,
    ),
    "Cohere, which counts": (
        {"results": RESULTS, "meta": {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 30.0}}},
        (30, "provider"),
    ),
    "Jina": ({"model": "m", "object": "list", "usage": {"total_tokens": 31}, "results": RESULTS}, (31, "provider")),
    "vLLM": (
        {"id": "rerank-1", "model": "m", "usage": {"prompt_tokens": 32, "total_tokens": 32}, "results": RESULTS},
        (32, "provider"),
    ),
    "SiliconFlow": (
        {
            "id": "1",
            "results": RESULTS,
            "meta": {
                "billed_units": {"input_tokens": 33, "output_tokens": 0, "search_units": 0, "classifications": 0},
                "tokens": {"input_tokens": 33, "output_tokens": 0},
            },
        },
        (33, "provider"),
    ),
    "none": ({"results": RESULTS}, ESTIMATE),
    "nonsense": ({"results": RESULTS, "usage": {"total_tokens": -1}}, ESTIMATE),
    "other nonsense": ({"results": RESULTS, "usage": {"total_tokens": "many"}}, ESTIMATE),
}


def counted(entry: Entry) -> tuple[int, str]:
    """Prompt tokens, and who counted; nothing is written."""
    assert entry.charge is not None
    assert entry.charge.usage.completion == 0
    return entry.charge.usage.prompt, entry.charge.counted_by


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_answer_comes_back_byte_for_byte_and_is_counted_as_its_provider_does(
    gateway: House, upstream: Upstream, shape: str
) -> None:
    document, expected = SHAPES[shape]

    async def script(call: Call) -> None:
        await call.answer(document)

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    entry = await gateway.entry()
    assert (answer.status, answer.body, answer.receipt) == (200, json.dumps(document).encode(), entry.id)
    assert upstream.calls[0].target == "/v1/rerank"
    assert json.loads(upstream.calls[0].body) == {**ASKED, "model": "tiny"}
    assert (entry.ending, entry.streamed, counted(entry)) == ("complete", False, expected)
    assert entry.charge is not None
    assert entry.charge.cost == Decimal(expected[0]) * Decimal("0.27") / 1_000_000
    assert ("x-weighbridge-cost" in answer.headers) == (expected[1] == "provider")


@pytest.mark.parametrize(
    "documents", ['[{"text":"cats","id":1.10}]', '["a","b"]', '[{"image":"https://x/y.png"}]', '"one"']
)
async def test_every_form_of_document_and_every_field_reaches_the_provider_untouched(
    gateway: House, upstream: Upstream, documents: str
) -> None:
    async def script(call: Call) -> None:
        await call.answer({"results": []})

    upstream.script = script
    more = '"rank_fields" : ["text"],"max_chunks_per_doc":2,"overlap_tokens":8,"truncation":true'
    body = f'{{"query":{{"text":"q"}},"documents":{documents},{more},"model":"near/tiny"}}'
    answer = await gateway.ask(body.encode(), target=TARGET)
    assert answer.status == 200
    assert upstream.calls[0].body == body.replace("near/", "").encode()


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"query": ...}, "query"),
        ({"documents": ...}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": None}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"return_documents": "yes"}, "return_documents"),
        ({"model": "nothing-like-it"}, "model"),
    ],
)
async def test_a_refusal_names_the_field_and_leaves_an_entry(
    gateway: House, upstream: Upstream, change: dict[str, object], param: str
) -> None:
    sent = {name: value for name, value in {**ASKED, **change}.items() if value is not ...}
    answer = await gateway.ask(sent, target=TARGET)
    entry = await gateway.entry()
    assert (answer.error["param"], answer.receipt, upstream.calls) == (param, entry.id, [])
    assert (entry.ending, entry.charge) == ("refused", None)


NONSENSE = {
    "an error": ({"error": {"message": "no capacity"}}, "application/json"),
    "no ranking": ({"object": "list", "data": []}, "application/json"),
    "no JSON": (b"<html>", "text/html"),
    "events": (b"data: {}\n\n", "text/event-stream"),
}


@pytest.mark.parametrize("case", NONSENSE)
async def test_a_200_that_is_no_ranking_is_a_502_with_one_entry(gateway: House, upstream: Upstream, case: str) -> None:
    document, kind = NONSENSE[case]

    async def script(call: Call) -> None:
        await call.answer(document, kind=kind)

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    entry = await gateway.entry()
    assert (answer.status, answer.error["code"], entry.ending) == (502, "upstream_error", "upstream_broke")


async def test_a_provider_without_it_is_a_404_that_says_so(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer({"detail": "Not Found"}, 404)

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    assert (answer.status, answer.error["code"], (await gateway.entry()).ending) == (
        404, "model_not_found", "upstream_broke",
    )  # fmt: skip


async def test_documents_that_are_too_long_are_refused_by_name(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer({"error": {"message": "maximum context length is 512 tokens"}}, 400)

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    assert (answer.error["code"], answer.error["param"]) == ("context_length_exceeded", "documents")


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
    assert (entry.ending, counted(entry)) == ("client_left", ESTIMATE)


async def test_an_upstream_that_breaks_off_is_a_502_and_charged(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{")
        call.writer.close()

    upstream.script = script
    answer = await gateway.ask(ASKED, target=TARGET)
    entry = await gateway.entry()
    assert (answer.status, entry.ending, counted(entry)) == (502, "upstream_broke", ESTIMATE)


async def test_no_key_leaves_no_entry(gateway: House) -> None:
    answer = await gateway.ask(ASKED, target=TARGET, key="wb-wrong")
    assert (answer.status, gateway.entries()) == (401, [])


TEI = """
[providers.tei]
base_url = "http://127.0.0.1:{port}"
rerank = "texts"
[[providers.tei.models]]
id = "bge"
input = "0.27"
output = "0"
"""
RANKS = [{"index": 1, "score": 0.25}, {"index": 0, "score": 0.5}, {"index": 2, "score": 0.5}]
THREE = {"model": "tei/bge", "query": "purr", "documents": ["cats", {"text": "dogs"}, "lions"]}


@pytest.fixture
async def tei(tmp_path: Path, upstream: Upstream) -> AsyncIterator[House]:
    async with house(tmp_path / "tei", TEI.format(port=upstream.port)) as made:
        yield made


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [(0, None), (2, None), (1, None)]),
        ({"top_n": 1}, [(0, None)]),
        ({"return_documents": True, "top_n": 9}, [(0, "cats"), (2, "lions"), (1, "dogs")]),
    ],
)
async def test_text_embeddings_inference_is_spoken_to_in_its_own_format(
    tei: House, upstream: Upstream, *, more: dict[str, object], expected: list[tuple[int, str | None]]
) -> None:
    async def script(call: Call) -> None:
        await call.answer(RANKS, headers="x-compute-tokens: 34\r\n")

    upstream.script = script
    answer = await tei.ask({**THREE, **more}, target=TARGET)
    assert upstream.calls[0].target == "/rerank"
    assert json.loads(upstream.calls[0].body) == {"query": "purr", "texts": ["cats", "dogs", "lions"]}
    read = json.loads(answer.body)
    assert [(each["index"], (each.get("document") or {}).get("text")) for each in read["results"]] == expected
    assert (read["model"], read["usage"], "method" in read) == ("bge", {"prompt_tokens": 34, "total_tokens": 34}, False)
    assert counted(await tei.entry()) == (34, "provider")


@pytest.mark.parametrize("document", [b"[", {"results": []}, [{"index": 3, "score": 1}], [{"index": -1, "score": 1}]])
async def test_what_is_no_ranking_of_its_own_is_a_502(tei: House, upstream: Upstream, document: object) -> None:
    async def script(call: Call) -> None:
        await call.answer(document)

    upstream.script = script
    answer = await tei.ask(THREE, target=TARGET)
    entry = await tei.entry()
    assert (answer.status, answer.error["code"], entry.ending) == (502, "upstream_error", "upstream_broke")


async def test_it_is_not_sent_what_is_no_text(tei: House, upstream: Upstream) -> None:
    answer = await tei.ask({**THREE, "documents": [{"image": "https://x/y.png"}]}, target=TARGET)
    assert (answer.status, answer.error["param"], upstream.calls) == (400, "documents", [])
    assert (await tei.entry()).ending == "refused"


async def test_its_embeddings_are_openais(tei: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer(
            {"data": [{"index": 0, "embedding": [1.0]}], "usage": {"prompt_tokens": 2, "total_tokens": 2}}
        )

    upstream.script = script
    await tei.ask({"model": "tei/bge", "input": "cats"}, target="/v1/embeddings")
    assert (upstream.calls[0].target, json.loads(upstream.calls[0].body)["input"]) == ("/embeddings", "cats")
    assert counted(await tei.entry()) == (2, "provider")


async def test_its_refusals_and_a_client_that_leaves_are_as_anyones(tei: House, upstream: Upstream) -> None:
    gone = asyncio.Event()

    async def script(call: Call) -> None:
        if len(upstream.calls) == 1:
            await call.answer({"error": "batch size 3 > maximum allowed batch size 2", "error_type": "Validation"}, 413)
        else:
            await call.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n[")
            client.leave()
            await call.left()
            gone.set()

    upstream.script = script
    answer = await tei.ask(THREE, target=TARGET)
    assert (answer.status, "maximum allowed batch size 2" in str(answer.error["message"])) == (400, True)
    assert (await tei.entry()).ending == "refused"
    client = await tei.send(THREE, target=TARGET)
    async with asyncio.timeout(5):
        await gone.wait()
    assert (await tei.entry(after=1)).ending == "client_left"
