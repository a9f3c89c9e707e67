"""The official Python SDK of OpenAI works with stored chat completions as it does against OpenAI."""

from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.gateway.conftest import near
from tests.gateway.house import furnished, house
from tests.gateway.upstream import EVENTS, WORDS, Call, Upstream
from weighbridge import db
from weighbridge.accounts import keys

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello."}]


@pytest.fixture
async def client(tmp_path: Path, upstream: Upstream) -> AsyncIterator[AsyncOpenAI]:
    """One whose key may keep."""
    settings, _ = furnished(tmp_path / "home", near(upstream), {})
    with closing(db.connect(settings.ledger_path)) as connection:
        key = keys.create(connection, name="keeping", now=datetime.now(UTC), store=True)[1]
    async with (
        house(tmp_path / "home", near(upstream)) as gateway,
        AsyncOpenAI(base_url=gateway.url, api_key=key, max_retries=0, _strict_response_validation=True) as made,
    ):
        yield made


@pytest.fixture(autouse=True)
def strictly(upstream: Upstream) -> None:
    """OpenAI's own shape, which the SDK validates: with `created`, `index` and nothing left out."""

    async def script(call: Call) -> None:
        if b'"stream":true' in call.body:
            await call.stream(
                [event.replace(b'"model"', b'"created": 1795000000, "model"') for event in EVENTS[:6] + EVENTS[7:]]
            )
        else:
            choice = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
            head = {"id": "theirs", "object": "chat.completion", "created": 1_795_000_000, "model": "tiny"}
            await call.answer({**head, "choices": [choice]})

    upstream.script = script


def lenient(client: AsyncOpenAI) -> AsyncOpenAI:
    """As it is by default: by its type of what went in, every message is an assistant's."""
    return client.copy(_extra_kwargs={"_strict_response_validation": False})


async def test_one_is_made_read_marked_and_deleted(client: AsyncOpenAI) -> None:
    said = await client.chat.completions.create(model="near/tiny", messages=HELLO, store=True, metadata={"a": "b"})
    found = await client.chat.completions.retrieve(said.id)
    assert found == said.model_copy(update={"metadata": {"a": "b"}})
    marked = await client.chat.completions.update(said.id, metadata={"c": "d"})
    assert (marked.id, marked.metadata) == (said.id, {"c": "d"})
    (message,) = (await lenient(client).chat.completions.messages.list(said.id)).data
    assert (message.id, message.content, message.content_parts) == (f"{said.id}-0", "Say hello.", None)
    gone = await client.chat.completions.delete(said.id)
    assert (gone.id, gone.deleted, gone.object) == (said.id, True, "chat.completion.deleted")
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.retrieve(said.id)


async def test_a_stream_is_kept_whole(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="near/tiny", messages=HELLO, store=True, stream=True)
    (id_,) = {chunk.id async for chunk in stream}
    found = await client.chat.completions.retrieve(id_)
    assert found.choices[0].message.content == "".join(WORDS)
    assert (found.choices[0].finish_reason, found.created, found.model) == ("stop", 1_795_000_000, "tiny")


async def test_all_are_listed_however_many_pages_they_take(client: AsyncOpenAI) -> None:
    made = [
        await client.chat.completions.create(
            model="near/tiny", messages=HELLO, store=True, metadata={"odd": str(number % 2)}
        )
        for number in range(5)
    ]
    ids = [each.id for each in made]
    assert [each.id async for each in client.chat.completions.list(limit=2)] == ids
    assert [each.id async for each in client.chat.completions.list(limit=2, order="desc")] == ids[::-1]
    odd = client.chat.completions.list(limit=1, metadata={"odd": "1"}, model="near/tiny")
    assert [each.id async for each in odd] == ids[1::2]


async def test_what_went_in_is_listed_however_many_pages_it_takes(client: AsyncOpenAI) -> None:
    turns = HELLO * 5
    said = await client.chat.completions.create(model="near/tiny", messages=turns, store=True)
    listed = lenient(client).chat.completions.messages.list(said.id, limit=2, order="desc")
    assert [each.id async for each in listed] == [f"{said.id}-{at}" for at in (4, 3, 2, 1, 0)]
