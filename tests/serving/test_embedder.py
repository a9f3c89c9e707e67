"""The engine for embeddings with the real model, through the provider that the gateway asks."""

import asyncio
import base64
import json
import math
import struct
from collections.abc import AsyncIterator
from operator import mul
from typing import Any

import pytest

from tests.conftest import MINILM
from weighbridge.catalog.model import Endpoint
from weighbridge.errors import BadRequest, ContextOverflow
from weighbridge.providers.base import Answer
from weighbridge.serving.engines import Upstream
from weighbridge.serving.provider import LocalEngines
from weighbridge.transport.client import Patience
from weighbridge.transport.deadlines import Deadlines
from weighbridge.wire.chat.surface import CHAT
from weighbridge.wire.reported import usage_in
from weighbridge.wire.surface import Surface
from weighbridge.wire.tasks import rerank
from weighbridge.wire.tasks.completions import COMPLETIONS
from weighbridge.wire.tasks.embeddings import EMBEDDINGS
from weighbridge.wire.tasks.rerank import RERANK
from weighbridge.wire.usage import Usage

pytestmark = pytest.mark.model

ENDPOINT = Endpoint("local", MINILM, MINILM)
SENTENCES = ["A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby."]


@pytest.fixture
async def engines(embedder: Upstream) -> AsyncIterator[LocalEngines]:
    made = LocalEngines((embedder,), patience=Patience(), deadlines=Deadlines(asyncio.get_running_loop()))
    yield made
    made.close()


async def ask(engines: LocalEngines, surface: Surface, fields: dict[str, object]) -> tuple[Answer, bytes]:
    asked = surface.read(json.dumps({"model": MINILM, **fields}).encode())
    answer = await engines.ask(asked.task, ENDPOINT, asked.call, asked.body)
    parts = b""
    while data := await answer.body.read():
        parts += data
    answer.body.close()
    return answer, parts


async def embedded(engines: LocalEngines, **fields: object) -> list[Any]:
    _, document = await ask(engines, EMBEDDINGS, fields)
    return [row["embedding"] for row in json.loads(document)["data"]]


async def test_vectors_are_those_of_the_published_model(engines: LocalEngines) -> None:
    one, other, third = await embedded(engines, input=SENTENCES)
    assert [len(one), len(other), len(third)] == [384] * 3
    assert math.hypot(*one) == pytest.approx(1, abs=1e-5)
    # sbert.net shows 0.7553 for this pair, computed with the maker's own library
    assert sum(map(mul, one, other)) == pytest.approx(0.7553, abs=2e-3)
    assert sum(map(mul, one, third)) < 0.1


async def test_the_tokens_are_counted_and_no_completion(engines: LocalEngines) -> None:
    answer, document = await ask(engines, EMBEDDINGS, {"input": ["hi", "hello there"]})
    assert answer.counted_by == "engine"
    assert usage_in(document) == Usage(3 + 4, 0)


async def test_base64_and_token_ids_give_the_same_vector(engines: LocalEngines) -> None:
    (numbers,) = await embedded(engines, input="hi")
    (encoded,) = await embedded(engines, input="hi", encoding_format="base64")
    assert list(struct.unpack("<384f", base64.b64decode(encoded))) == pytest.approx(numbers, abs=1e-6)
    (ids,) = await embedded(engines, input=[[101, 7632, 102]])  # what it makes of "hi"
    assert ids == pytest.approx(numbers, abs=1e-5)


async def test_texts_of_any_script_and_none_have_a_vector(engines: LocalEngines) -> None:
    vectors = await embedded(engines, input=["Zürich, naïve", "日本語", "🎈", ""])
    assert all(math.hypot(*vector) == pytest.approx(1, abs=1e-5) for vector in vectors)


async def test_many_texts_are_answered_in_their_order(engines: LocalEngines) -> None:
    texts = [f"sentence number {number}" for number in range(40)]
    vectors = await embedded(engines, input=texts)
    (alone,) = await embedded(engines, input=texts[31])
    likest = max(range(40), key=lambda at: sum(map(mul, alone, vectors[at])))
    assert likest == 31


async def test_its_own_number_of_dimensions_may_be_named_and_no_other(engines: LocalEngines) -> None:
    assert len((await embedded(engines, input="hi", dimensions=384))[0]) == 384
    with pytest.raises(BadRequest) as refused:
        await embedded(engines, input="hi", dimensions=256)
    assert refused.value.param == "dimensions"


async def test_a_text_over_512_tokens_is_refused_and_never_cut(engines: LocalEngines) -> None:
    await embedded(engines, input="word " * 510)
    with pytest.raises(ContextOverflow) as refused:
        await embedded(engines, input=["short", "word " * 600])
    assert refused.value.param == "input"
    with pytest.raises(ContextOverflow) as refused:
        await ask(engines, RERANK, {"query": "short", "documents": ["word " * 600]})
    assert refused.value.param == "documents"


@pytest.mark.parametrize(
    ("surface", "fields"),
    [(CHAT, {"messages": [{"role": "user", "content": "hi"}]}), (COMPLETIONS, {"prompt": "hi"})],
)
async def test_it_is_not_asked_to_write(engines: LocalEngines, surface: Surface, fields: dict[str, object]) -> None:
    with pytest.raises(BadRequest, match="makes embeddings") as refused:
        await ask(engines, surface, fields)
    assert refused.value.param == "model"


DOCUMENTS = ["The weather in Oslo is cold.", "Cats purr when they are content.", "Bread is baked in an oven."]


async def test_documents_are_ranked_by_their_likeness_to_the_query(engines: LocalEngines) -> None:
    answer, document = await ask(engines, RERANK, {"query": "Why does my kitten purr?", "documents": DOCUMENTS})
    read = json.loads(document)
    assert read["results"][0]["index"] == 1
    scores = [each["relevance_score"] for each in read["results"]]
    assert sorted(scores, reverse=True) == scores
    assert len(scores) == 3
    assert all("document" not in each for each in read["results"])
    assert (read["model"], read["method"]) == (MINILM, "cosine similarity of embeddings")
    assert (answer.counted_by, rerank.usage_in(document)) == ("engine", Usage(read["usage"]["total_tokens"], 0))
    assert read["usage"]["prompt_tokens"] > 20


async def test_the_best_are_named_alone_and_shown_where_asked_for(engines: LocalEngines) -> None:
    fields = {"query": "baking", "documents": [*DOCUMENTS[:2], {"text": DOCUMENTS[2]}], "top_n": 1}
    _, document = await ask(engines, RERANK, {**fields, "return_documents": True})
    (best,) = json.loads(document)["results"]
    assert (best["index"], best["document"]) == (2, {"text": DOCUMENTS[2]})


async def test_a_document_is_as_like_itself_as_can_be(engines: LocalEngines) -> None:
    _, document = await ask(engines, RERANK, {"query": DOCUMENTS[0], "documents": [DOCUMENTS[0], DOCUMENTS[0]]})
    results = json.loads(document)["results"]
    assert [each["index"] for each in results] == [0, 1]
    assert results[0]["relevance_score"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": "a", "documents": [{"image": "https://x/y.png"}]}, "documents"),
        ({"query": {"image": "https://x/y.png"}, "documents": ["a"]}, "query"),
        ({"query": "a", "documents": ["a"] * 1001}, "documents"),
    ],
)
async def test_what_it_cannot_read_is_refused_by_name(
    engines: LocalEngines, fields: dict[str, object], param: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        await ask(engines, RERANK, fields)
    assert refused.value.param == param
