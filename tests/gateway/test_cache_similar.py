"""Answers to questions that are like one another, by the real model of embeddings; all else must be the same."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MINILM
from tests.gateway.conftest import near
from tests.gateway.house import PATIENCE, Answer, Gateway, house
from tests.gateway.test_cache import DIALECTS, WHOLE, settled
from tests.gateway.upstream import Upstream
from weighbridge.serving.engines import Upstream as Engine

pytestmark = pytest.mark.model

Json = Any  # any JSON value
ALIKE = "x-weighbridge-cache: semantic=0.9\r\n"
FIRST = "How do I reset my password?"
SAME = "How can I reset my password?"
ANOTHER = "How do I delete my account?"


@asynccontextmanager
async def served(tmp_path: Path, upstream: Upstream, embedder: Engine) -> AsyncIterator[Gateway]:
    async with house(tmp_path / "home", near(upstream), engines=(embedder,)) as gateway:
        yield gateway


def body(text: str, **more: Json) -> Json:
    return {"model": "near/tiny", "messages": [{"role": "user", "content": text}], **more}


async def asked_first(gateway: Gateway, question: Json, **how: str) -> Answer:
    answer = await gateway.ask(question, headers=ALIKE, **how)
    assert answer.headers["x-weighbridge-cache"] == "miss"
    await settled(gateway)
    return answer


async def test_a_question_that_is_like_another_gets_its_answer_and_is_told_how_like(
    tmp_path: Path, upstream: Upstream, embedder: Engine
) -> None:
    async with served(tmp_path, upstream, embedder) as gateway:
        paid = await asked_first(gateway, body(FIRST))
        free = await gateway.ask(body(SAME), headers=ALIKE)
        other = await gateway.ask(body(ANOTHER), headers=ALIKE)
        entry = gateway.entries()[1]
    assert (free.headers["x-weighbridge-cache"], free.body) == ("hit", paid.body)
    similarity = Decimal(free.headers["x-weighbridge-cache-similarity"])
    assert Decimal("0.9") <= similarity < 1
    assert free.headers["x-weighbridge-cache-receipt"] == paid.receipt
    assert entry.charge is not None
    assert (entry.charge.cost, entry.upstream_request) == (Decimal(0), paid.receipt)
    assert entry.charge.price_source == f"similarity {similarity:.2f}"
    assert other.headers["x-weighbridge-cache"] == "miss"
    assert len(upstream.calls) == 2


async def test_the_same_words_are_found_without_a_look_at_their_likeness(
    tmp_path: Path, upstream: Upstream, embedder: Engine
) -> None:
    async with served(tmp_path, upstream, embedder) as gateway:
        await asked_first(gateway, body(FIRST))
        answer = await gateway.ask(body(FIRST), headers=ALIKE)
    assert answer.headers["x-weighbridge-cache"] == "hit"
    assert "x-weighbridge-cache-similarity" not in answer.headers


DIFFERENT: dict[str, Json] = {
    "another system prompt": {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": SAME}]
    },
    "tools": {"tools": [{"type": "function", "function": {"name": "f"}}]},
    "a temperature": {"temperature": 0.5},
    "an earlier turn": {
        "messages": [
            {"role": "user", "content": "Hello."},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": SAME},
        ]
    },
}


@pytest.mark.parametrize("case", DIFFERENT)
async def test_all_else_must_be_the_same(tmp_path: Path, upstream: Upstream, embedder: Engine, case: str) -> None:
    async with served(tmp_path, upstream, embedder) as gateway:
        await asked_first(gateway, body(FIRST))
        answer = await gateway.ask({**body(SAME), **DIFFERENT[case]}, headers=ALIKE)
    assert answer.headers["x-weighbridge-cache"] == "miss"


async def test_numbers_must_be_the_same(tmp_path: Path, upstream: Upstream, embedder: Engine) -> None:
    async with served(tmp_path, upstream, embedder) as gateway:
        await asked_first(gateway, body("How many days are there in the year 1900?"))
        answer = await gateway.ask(body("How many days are there in the year 2000?"), headers=ALIKE)
        again = await gateway.ask(body("How many days were there in the year 1900?"), headers=ALIKE)
    assert [each.headers["x-weighbridge-cache"] for each in (answer, again)] == ["miss", "hit"]


async def test_keys_are_not_given_each_others_answers(tmp_path: Path, upstream: Upstream, embedder: Engine) -> None:
    async with served(tmp_path, upstream, embedder) as gateway:
        other = gateway.new_key("other")
        await gateway.until("/v1/models", other, 200)
        await asked_first(gateway, body(FIRST))
        answer = await gateway.ask(body(SAME), headers=ALIKE, key=other)
    assert answer.headers["x-weighbridge-cache"] == "miss"


async def test_what_was_asked_without_the_wish_is_found_by_its_words_alone(
    tmp_path: Path, upstream: Upstream, embedder: Engine
) -> None:
    async with served(tmp_path, upstream, embedder) as gateway:
        await gateway.ask(body(FIRST), headers="x-weighbridge-cache: on\r\n")
        await settled(gateway)
        answer = await gateway.ask(body(SAME), headers=ALIKE)
        plain = await gateway.ask(body(ANOTHER), headers="x-weighbridge-cache: on\r\n")
    assert [each.headers["x-weighbridge-cache"] for each in (answer, plain)] == ["miss", "miss"]


async def test_a_question_too_long_for_the_model_is_asked_anew(
    tmp_path: Path, upstream: Upstream, embedder: Engine
) -> None:
    text = "Tell me about the weather in the town where I was born. " * 400
    async with served(tmp_path, upstream, embedder) as gateway:
        await asked_first(gateway, body(text))
        answer = await gateway.ask(body(text + "Please."), headers=ALIKE)
        same = await gateway.ask(body(text), headers=ALIKE)
    assert [each.headers["x-weighbridge-cache"] for each in (answer, same)] == ["miss", "hit"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", DIALECTS)
async def test_it_works_in_every_dialect(
    tmp_path: Path, upstream: Upstream, embedder: Engine, name: str, streamed: bool
) -> None:
    dialect = DIALECTS[name]

    def said(text: str) -> Json:
        words = {"input": text} if name == "responses" else {"messages": [{"role": "user", "content": text}]}
        return {**dialect.body, **words}

    async with served(tmp_path, upstream, embedder) as gateway:
        await asked_first(gateway, said(FIRST), target=dialect.target)
        answer = await gateway.ask({**said(SAME), "stream": streamed}, target=dialect.target, headers=ALIKE)
    assert answer.headers["x-weighbridge-cache"] == "hit"
    assert dialect.text(answer, streamed=streamed) == WHOLE


async def test_an_engine_that_is_gone_makes_a_miss(tmp_path: Path, upstream: Upstream, embedder: Engine) -> None:
    gone = Engine(MINILM, tmp_path / "nowhere.sock", "key", dimensions=384)
    async with served(tmp_path, upstream, gone) as gateway, asyncio.timeout(PATIENCE):
        await asked_first(gateway, body(FIRST))
        answer = await gateway.ask(body(FIRST), headers=ALIKE)
    assert answer.headers["x-weighbridge-cache"] == "hit"  # by its words
    assert len(upstream.calls) == 1
    assert json.loads(answer.body)["id"] == "chatcmpl-1"
