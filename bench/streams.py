"""Many streams at once, each read event by event: is one lost, doubled, out of order or changed?

Correctness only: this client is far too slow to measure speed with.
"""

import asyncio
import re
from collections.abc import Sequence
from itertools import pairwise
from urllib.parse import urlsplit

import msgspec

from bench.candidates import Candidate
from bench.load import Target
from bench.results import StreamCheck

_STAMP = re.compile(rb"T=(\d+)")
_MODEL = re.compile(rb'"model":"[^"]*"')
_MOST_FAULTS = 10


async def check(candidate: Candidate, direct: Target, *, streams: int, chunks: int, pace_ms: int) -> StreamCheck:
    """Open `streams` at once and compare each, event by event, with one taken from `direct`.

    The mock stamps each chunk with the time it was made, so order shows; the model's name and the usage event may
    differ from the upstream's, nothing else.
    """
    model = _events(await _answer(direct, chunks, pace_ms))
    answers = await asyncio.gather(*(_answer(candidate.target, chunks, pace_ms) for _ in range(streams)))
    faults = [fault for answer in answers for fault in _compare(answer, model, chunks, pace_ms)]
    return StreamCheck(
        candidate=candidate.name, streams=streams, chunks=chunks, pace_ms=pace_ms, faults=faults[:_MOST_FAULTS]
    )


def events_of(body: bytes) -> list[bytes]:
    """The data of each event of a stream, `[DONE]` included. Raises ValueError for anything that is no event."""
    found = []
    for event in body.removesuffix(b"\n\n").split(b"\n\n"):
        if not event.startswith(b"data: ") or b"\n" in event:
            raise ValueError(f"not an event: {event[:80]!r}")
        found.append(event.removeprefix(b"data: "))
    return found


def faults_of(events: Sequence[bytes], model: Sequence[bytes], chunks: int, *, paced: bool) -> list[str]:
    """What differs between a stream and the `model` of it: `chunks` chunks, the end, the usage, `[DONE]`."""
    if len(events) != chunks + 3:
        return [f"{len(events)} events, expected {chunks + 3}"]
    stamps = [int(found[1]) for event in events[:chunks] if (found := _STAMP.search(event))]
    if len(stamps) != chunks:
        return [f"{len(stamps)} chunks with a stamp, expected {chunks}"]
    faults = []
    if paced and any(later <= earlier for earlier, later in pairwise(stamps)):
        faults.append("chunks out of order")
    for number, (event, expected) in enumerate(zip(events[: chunks + 1], model, strict=False)):
        if _plain(event) != _plain(expected):
            faults.append(f"event {number} was changed: {event[:200]!r}")
    if b'"prompt_tokens":312' not in events[-2] or events[-1] != b"[DONE]":
        faults.append(f"the end is {events[-2][:200]!r}, {events[-1]!r}")
    return faults


def _compare(answer: bytes, model: Sequence[bytes], chunks: int, pace_ms: int) -> list[str]:
    try:
        return faults_of(_events(answer), model, chunks, paced=pace_ms > 0)
    except ValueError as error:
        return [str(error)]


def _plain(event: bytes) -> bytes:
    return _MODEL.sub(b'"model":""', _STAMP.sub(b"T=", event))


async def _answer(target: Target, chunks: int, pace_ms: int) -> bytes:
    """The whole answer, head included, as it came."""
    where = urlsplit(target.url)
    body = msgspec.json.encode(
        {
            "model": target.model,
            "messages": [{"role": "user", "content": f"count CHUNKS={chunks} PACE={pace_ms} "}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    )
    head = [
        f"POST {where.path} HTTP/1.1",
        f"Host: {where.netloc}",
        f"Authorization: Bearer {target.key}",
        "Content-Type: application/json",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *target.headers,
    ]
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        return await _until_end(reader)
    finally:
        writer.close()


async def _until_end(reader: asyncio.StreamReader) -> bytes:
    """Head and body, to the end of the connection or the last chunk: the mock keeps its connections open."""
    whole = bytearray()
    while not whole.endswith(b"\r\n0\r\n\r\n"):
        part = await asyncio.wait_for(reader.read(65536), 60)
        if not part:
            break
        whole += part
    return bytes(whole)


def _events(answer: bytes) -> list[bytes]:
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ValueError(f"answered {head[:30]!r} {rest[:200]!r}")
    return events_of(_unchunked(rest) if b"chunked" in head.lower() else rest)


def _unchunked(rest: bytes) -> bytes:
    body, at = bytearray(), 0
    while True:
        line_end = rest.find(b"\r\n", at)
        if line_end < 0:
            raise ValueError(f"cut off after {len(body)} bytes")
        size = int(rest[at:line_end], 16)
        if size == 0:
            return bytes(body)
        body += rest[line_end + 2 : line_end + 2 + size]
        at = line_end + 2 + size + 2
