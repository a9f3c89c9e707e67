"""Our own gateway, asked as any client asks it."""

import asyncio
from pathlib import Path

import pytest

from tests.gateway.conftest import near
from tests.gateway.conftest import upstream as upstream  # noqa: PLC0414 - a fixture
from tests.gateway.house import PATIENCE, house
from tests.gateway.upstream import Call, Upstream
from weighbridge.config import Secret
from weighbridge.errors import GatewayAway
from weighbridge.web.asking import Asking

BODY = b'{"model": "near/tiny", "stream": true, "messages": [{"role": "user", "content": "Say hello."}]}'


async def test_it_gets_posts_and_streams(tmp_path: Path, upstream: Upstream) -> None:
    async with house(tmp_path / "home", near(upstream)) as gateway:
        asking = Asking(f"http://127.0.0.1:{gateway.port}")
        assert (await asking.get("/healthz")).status == 200
        assert (await asking.get("/v1/models")).status == 401
        said = await asking.post("/v1/chat/completions", BODY.replace(b"true", b"false"), Secret(gateway.key))
        assert (said.status, said.headers["content-type"]) == (200, "application/json")
        async with asking.stream("/v1/chat/completions", BODY, gateway.key) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert b"".join([piece async for piece in answer]).endswith(b"data: [DONE]\n\n")
        asking.close()
        assert len(gateway.entries()) == 2


async def test_to_leave_a_stream_calls_it_off_at_the_gateway(tmp_path: Path, upstream: Upstream) -> None:
    async def never_ends(call: Call) -> None:
        call.writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            + chunk(b'data: {"choices": [{"index": 0, "delta": {"content": "Once"}}]}\n\n')
        )
        await call.reader.read()

    upstream.script = never_ends
    async with house(tmp_path / "home", near(upstream)) as gateway:
        asking = Asking(f"http://127.0.0.1:{gateway.port}")
        async with asyncio.timeout(PATIENCE), asking.stream("/v1/chat/completions", BODY, gateway.key) as answer:
            async for piece in answer:
                assert b"Once" in piece
                break
        assert (await gateway.entry()).ending == "client_left"
        asking.close()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_where_nobody_answers_it_says_so() -> None:
    asking = Asking("http://127.0.0.1:9")
    with pytest.raises(GatewayAway, match="the gateway"):
        await asking.get("/healthz")
    asking.close()


async def test_no_line_can_be_smuggled_into_a_request() -> None:
    asking = Asking("http://127.0.0.1:9")
    with pytest.raises(ValueError, match="line"):
        await asking.get("/x HTTP/1.1\r\nx: y")
    with pytest.raises(ValueError, match="line"):
        await asking.post("/x", b"", "key\r\nx: y")
    asking.close()
