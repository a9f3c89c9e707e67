"""Events to a browser: their source is closed at once when the reader leaves, wherever it is."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from weighbridge.web.pages.playground.events import Events, event

SCOPE = {"type": "http"}


class Reader:
    """A browser: gets pieces, and leaves when it is told to."""

    def __init__(self, *, after: int = 1000, slow: bool = False) -> None:
        self.got: list[bytes] = []
        self.status = 0
        self._after, self._slow = after, slow
        self._left = asyncio.Event()

    async def receive(self) -> Message:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
            return
        self.got.append(message["body"])
        if len(self.got) >= self._after:
            self._left.set()
            if self._slow:
                await asyncio.Event().wait()


class Source:
    """Two pieces, then nothing for ever; knows when it was closed."""

    def __init__(self, *, ends: bool = False, breaks: bool = False) -> None:
        self.closed = False
        self._ends, self._breaks = ends, breaks

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            yield b"one"
            yield b"two"
            if self._breaks:
                raise ValueError("broken")
            if not self._ends:
                await asyncio.Event().wait()
        finally:
            self.closed = True


async def test_an_event_is_one_line_of_data_whatever_is_in_it() -> None:
    assert event("told", {"html": "a\n\nb"}) == b'event: told\ndata: {"html":"a\\n\\nb"}\n\n'


async def test_all_pieces_come_and_the_end_is_said() -> None:
    reader, source = Reader(), Source(ends=True)
    await Events(source.pieces())(SCOPE, reader.receive, reader.send)
    assert (reader.status, reader.got) == (200, [b"one", b"two", b""])
    assert reader.headers[b"content-type"].startswith(b"text/event-stream")
    assert b"content-length" not in reader.headers
    assert source.closed


@pytest.mark.parametrize("slow", [False, True], ids=["while the source waits", "while a piece is being sent"])
@pytest.mark.parametrize("after", [1, 2])
async def test_a_reader_who_leaves_closes_the_source(slow: bool, after: int) -> None:
    reader, source = Reader(after=after, slow=slow), Source()
    async with asyncio.timeout(10):
        await Events(source.pieces())(SCOPE, reader.receive, reader.send)
    assert source.closed


async def test_a_page_that_is_given_up_closes_the_source() -> None:
    reader, source = Reader(), Source()
    task = asyncio.create_task(Events(source.pieces())(SCOPE, reader.receive, reader.send))
    while len(reader.got) < 2:  # noqa: ASYNC110 - two turns of the loop
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed


async def test_a_fault_of_the_source_is_not_swallowed() -> None:
    reader, source = Reader(), Source(breaks=True)
    with pytest.raises(ValueError, match="broken"):
        await Events(source.pieces())(SCOPE, reader.receive, reader.send)
