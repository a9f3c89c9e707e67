"""Against the engine we run ourselves, over its unix socket."""

from contextlib import closing

import msgspec
import pytest

from tests.transport.client.upstreams import ask, pooled, read_all, until
from weighbridge.serving.engines import Upstream
from weighbridge.transport.client import Origin

pytestmark = pytest.mark.model


def origin(engine: Upstream) -> Origin:
    return Origin("the engine", socket=str(engine.socket))


def chat(engine: Upstream, **fields: object) -> bytes:
    messages = [{"role": "user", "content": "Count from one to a thousand, in words."}]
    body = msgspec.json.encode({"model": engine.model, "messages": messages, "temperature": 0, **fields})
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: engine\r\nContent-Type: application/json\r\n"
    return f"{head}Authorization: Bearer {engine.api_key}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def test_whole_answers_and_streams_come_over_one_connection(engine: Upstream) -> None:
    async with pooled(origin(engine), first_byte=60) as pool:
        status, whole = await ask(pool, chat(engine, max_tokens=8))
        assert (status, b'"completion_tokens":8' in whole) == (200, True)
        status, stream = await ask(pool, chat(engine, max_tokens=8, stream=True))
        assert (status, stream[:6], stream.rstrip()[-6:]) == (200, b"data: ", b"[DONE]")
        assert (await ask(pool, chat(engine, messages="none")))[0] in {400, 500}
        assert pool._open == 1


async def test_a_stream_given_up_frees_its_slot(engine: Upstream) -> None:
    async with pooled(origin(engine), first_byte=60) as pool:
        for _ in range(3):  # the engine has two slots: were one lost, the third would wait for it
            with closing(await pool.exchange([chat(engine, max_tokens=1500, stream=True)])) as answer:
                assert b"data: " in await answer.read()
            await until(lambda: pool._open == 0)
        assert (await ask(pool, chat(engine, max_tokens=1)))[0] == 200


async def test_a_stream_arrives_token_by_token(engine: Upstream) -> None:
    async with pooled(origin(engine), first_byte=60) as pool:
        with closing(await pool.exchange([chat(engine, max_tokens=16, stream=True)])) as answer:
            pieces: list[bytes] = []
            await read_all(answer, pieces)
        assert len(pieces) >= 8
