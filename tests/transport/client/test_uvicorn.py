"""Against uvicorn: what vLLM, SGLang and most Python engines are served by."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.transport.client.upstreams import ask, pooled, until
from weighbridge.errors import UpstreamError
from weighbridge.transport.client import Origin


class App:
    """Echoes, streams, and knows which endless streams are still being written."""

    def __init__(self) -> None:
        self.writing = 0
        self.starlette = Starlette(
            routes=[
                Route("/echo", self.echo, methods=["POST"]),
                Route("/stream", self.stream),
                Route("/endless", self.endless),
                Route("/refuse", self.refuse, methods=["POST"]),
                Route("/break", self.break_off),
            ]
        )

    async def echo(self, request: Request) -> Response:
        return Response(await request.body())

    async def refuse(self, request: Request) -> Response:
        del request
        return Response("no", 403)

    async def stream(self, request: Request) -> Response:
        del request
        return StreamingResponse(self._events(100), media_type="text/event-stream")

    async def endless(self, request: Request) -> Response:
        del request
        return StreamingResponse(self._events(1_000_000_000), media_type="text/event-stream")

    async def break_off(self, request: Request) -> Response:
        del request
        return Response("short", headers={"content-length": "9"})

    async def _events(self, count: int) -> AsyncIterator[bytes]:
        self.writing += 1
        try:
            for number in range(count):
                yield b"data: %d\n\n" % number
                await asyncio.sleep(0)
        finally:
            self.writing -= 1


class Served:
    """The app, and where it listens."""

    def __init__(self, app: App, port: int) -> None:
        self.app = app
        self.origin = Origin("uvicorn", "127.0.0.1", port)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    app = App()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app.starlette, log_level="critical", lifespan="off", http="httptools"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield Served(app, listener.getsockname()[1])
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


def post(path: str, size: int) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: uvicorn\r\nContent-Length: {size}\r\n\r\n".encode()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: uvicorn\r\n\r\n".encode()


@pytest.mark.parametrize("size", [0, 1, 1500, 5_000_000])
async def test_a_body_comes_back_as_it_went(served: Served, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    async with pooled(served.origin) as pool:
        for _ in range(3):
            assert await ask(pool, post("/echo", size), body) == (200, body)
        assert pool._open == 1


async def test_streams_come_whole_fifty_at_a_time_and_their_connections_are_kept(served: Served) -> None:
    whole = b"".join(b"data: %d\n\n" % number for number in range(100))
    async with pooled(served.origin) as pool:
        for _ in range(2):
            async with asyncio.TaskGroup() as tasks:
                asked = [tasks.create_task(ask(pool, get("/stream"))) for _ in range(50)]
            assert {task.result() for task in asked} == {(200, whole)}
            assert pool._open == len(pool._resting) <= 50


async def test_a_stream_given_up_stops_at_the_upstream(served: Served) -> None:
    async with pooled(served.origin) as pool:
        with closing(await pool.exchange([get("/endless")])) as answer:
            for _ in range(20):
                assert await answer.read()
            assert served.app.writing == 1
        await until(lambda: served.app.writing == 0)
        assert pool._open == 0


async def test_a_stream_nobody_reads_is_held_back(served: Served) -> None:
    async with pooled(served.origin) as pool:
        with closing(await pool.exchange([get("/endless")])) as answer:
            connection = next(iter(pool.deadlines._watched))
            await until(lambda: getattr(connection, "_paused", False))
            assert (await answer.read()).startswith(b"data: 0\n\n")
        await until(lambda: served.app.writing == 0)


async def test_a_refusal_of_a_request_still_being_sent_is_its_answer(served: Served) -> None:
    size = 8 * 1024 * 1024
    async with pooled(served.origin) as pool:
        for _ in range(3):
            assert await ask(pool, post("/refuse", size), bytes(size)) == (403, b"no")
            assert await ask(pool, post("/echo", 2), b"ok") == (200, b"ok")


async def test_an_app_that_breaks_off_is_an_error(served: Served) -> None:
    async with pooled(served.origin) as pool:
        for _ in range(3):
            with pytest.raises(UpstreamError, match="uvicorn closed the connection in the middle of its answer"):
                await ask(pool, get("/break"))


@pytest.mark.slow
async def test_its_five_seconds_of_keep_alive_are_noticed(served: Served) -> None:
    async with pooled(served.origin) as pool:
        assert await ask(pool, post("/echo", 2), b"ok") == (200, b"ok")
        await until(lambda: pool._open == 0)
        assert await ask(pool, post("/echo", 2), b"ok") == (200, b"ok")
