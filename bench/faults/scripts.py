"""What goes wrong: each fault as a script for one request. `BY_PATH` names them all."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from bench.faults import answers
from bench.faults.answers import DONE, STREAM_HEAD, TERMINAL_CHUNK, events, framed, plain, stream, whole
from bench.faults.connection import Call, Script
from bench.faults.episodes import Kind

USUAL_SECONDS: Final = 0.005
"""From a request to its answer, where nothing is wrong."""
SLOWER: Final = 100
_DRIPS: Final = 0.05
"""Seconds between the events of an answer that comes slowly, and does come."""


async def well(call: Call) -> None:
    """As asked: whole, or as a stream."""
    await asyncio.sleep(USUAL_SECONDS)
    call.finish(_all(call))


async def slowly(call: Call) -> None:
    """The same, a hundred times later."""
    await asyncio.sleep(USUAL_SECONDS * SLOWER)
    call.finish(_all(call))


async def drips(call: Call) -> None:
    """The same, a piece at a time: no silence is long, and the whole takes its time."""
    data = _all(call)
    for start in range(0, len(data), 250):
        call.write(data[start : start + 250])
        await asyncio.sleep(_DRIPS)


async def head_drips(call: Call) -> None:
    """The head a byte at a time: it would be there some day."""
    for at in range(len(STREAM_HEAD)):
        call.write(STREAM_HEAD[at : at + 1].encode())
        await asyncio.sleep(_DRIPS)
    call.write(_all(call))


async def never_answers(call: Call) -> None:
    """Not a byte."""
    await call.left()


async def falls_silent(call: Call) -> None:
    """Half of it, and not a byte more."""
    call.write(_all(call)[: len(_all(call)) // 2])
    await call.left()


async def never_ends(call: Call) -> None:
    """All of the answer, and no end: the connection stays open."""
    if call.streamed:
        call.write(_all(call).removesuffix(TERMINAL_CHUNK))
    else:
        call.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + whole(call.answer))
    await call.left()


async def hangs_up(call: Call) -> None:
    """The connection closed in order, without a byte."""
    call.close()


async def begins(call: Call) -> None:
    """A stream's first event, and no more until the other side has gone."""
    call.write(STREAM_HEAD.format(id=call.answer.id).encode() + framed(events(call.answer)[:1]))
    await call.left()


async def says_error(call: Call) -> None:
    """200, and in it an error: for a stream as its first event."""
    error = {"error": {"message": "The model is overloaded.", "type": "server_error", "code": 503}}
    if call.streamed:
        head = STREAM_HEAD.format(id=call.answer.id).encode()
        call.write(head + framed([answers.event(error), DONE]) + TERMINAL_CHUNK)
    else:
        call.write(plain(answers.event(error)[6:-2]))


async def says_page(call: Call) -> None:
    """200, and a page for people."""
    call.write(plain(b"<html><body>Maintenance</body></html>", kind="text/html"))


async def other_model(call: Call) -> None:
    """A good answer, of a model that nobody asked for."""
    call.answer = replace(call.answer, model="another-model-7b")
    call.finish(_all(call))


async def not_http(call: Call) -> None:
    """Another protocol."""
    call.write(b"SSH-2.0-OpenSSH_9.9\r\n")


def refusing(status: str, headers: str = "") -> Script:
    """This status, with an error that says nothing more."""

    async def script(call: Call) -> None:
        call.write(plain(b'{"error":{"message":"no"}}', status=status, headers=headers))

    return script


def cut(find: Callable[[bytes], int]) -> Script:
    """A stream that is reset at a byte of it."""

    async def script(call: Call) -> None:
        data = _all(call)
        call.write(data[: find(data)])
        call.reset()

    return script


async def busy_at_first(call: Call) -> None:
    """Every second request is asked to come again in a second."""
    await (well if call.number % 2 else BY_PATH["busy-for-a-second"])(call)


async def cut_somewhere(call: Call) -> None:
    """An answer that is reset at any byte of it but its last ones, which end it for any reader."""
    data = _all(call)
    ends = data.find(b"[DONE]") + 6 if call.streamed else len(data)
    call.write(data[: random.Random(call.number).randrange(ends)])
    call.reset()


def _all(call: Call) -> bytes:
    answer = call.answer
    return stream(answer) if call.streamed else plain(whole(answer), headers=f"x-request-id: {answer.id}\r\n")


def _third_event(data: bytes) -> int:
    """Where the third event begins."""
    at = -1
    for _ in range(3):
        at = data.index(b"data: ", at + 1)
    return at


RESETS: Final[Mapping[str, Callable[[bytes], int]]] = {
    "reset-in-status-line": lambda data: data.index(b"200 OK"),
    "reset-in-header": lambda data: data.index(b"content-type") + 5,
    "reset-after-head": lambda data: data.index(b"\r\n\r\n") + 4,
    "reset-in-chunk-size": lambda data: _third_event(data) - 3,
    "reset-in-field-name": lambda data: _third_event(data) + 2,
    "reset-in-json": lambda data: _third_event(data) + 60,
    "reset-in-character": lambda data: data.index("ü".encode()) + 1,
    "reset-between-newlines": lambda data: data.index(b"\n\n", _third_event(data)) + 1,
    "reset-between-events": lambda data: data.index(b"\n\n", _third_event(data)) + 4,
    "reset-after-finish": lambda data: data.index(b"\n\n\r\n", data.index(b'"stop"}')) + 4,
    "reset-in-usage": lambda data: data.index(b'"usage"') + 20,
    "reset-in-done": lambda data: data.index(b"[DONE]") + 3,
    "reset-before-terminal-chunk": lambda data: len(data) - len(TERMINAL_CHUNK),
    "reset-in-terminal-chunk": lambda data: len(data) - 3,
}
"""For each class of bytes of a stream, where it is cut."""

BY_PATH: Final[Mapping[str, Script]] = {
    "well": well,
    "drips": drips,
    "head-drips": head_drips,
    "never-answers": never_answers,
    "falls-silent": falls_silent,
    "never-ends": never_ends,
    "never-closes": never_ends,
    "hangs-up": hangs_up,
    "begins": begins,
    "says-error": says_error,
    "says-page": says_page,
    "other-model": other_model,
    "not-http": not_http,
    "reset-in-body": cut(lambda data: len(data) - 40),
    "busy": refusing("429 Too Many Requests"),
    "busy-for-a-second": refusing("429 Too Many Requests", "retry-after: 1\r\n"),
    "busy-for-an-hour": refusing("429 Too Many Requests", "retry-after: 3600\r\n"),
    "busy-at-first": busy_at_first,
    "fails": refusing("500 Internal Server Error"),
    "unavailable": refusing("503 Service Unavailable"),
    "refuses-our-key": refusing("401 Unauthorized"),
    "lacks-the-model": refusing("404 Not Found"),
    **{name: cut(find) for name, find in RESETS.items()},
}

BY_KIND: Final[Mapping[Kind | None, Script]] = {
    None: well,
    "dead": hangs_up,  # what came in at the very moment
    "silent": never_answers,
    "slow": slowly,
    "busy": refusing("429 Too Many Requests", "retry-after: 1\r\n"),
    "failing": refusing("500 Internal Server Error"),
    "lying": says_error,
    "resetting": cut_somewhere,
}
