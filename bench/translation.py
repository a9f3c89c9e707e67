"""`python -m bench.translation`: what a streamed chunk costs through another dialect, beside one passed through.

The same upstream, the same streams, the same gateway: in turn over chat, Messages and Responses, in several rounds.
Only the gateway's CPU time counts, so a slow client does no harm; the ratio within a round is the figure.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench import candidates
from bench.candidates import Candidate, Ground
from bench.load import Target
from bench.process import free_port, tree
from bench.tools import build

STREAMS, CHUNKS, PACE_MS = 64, 400, 5
_WORDS = f"count CHUNKS={CHUNKS} PACE={PACE_MS} "
DIALECTS: Mapping[str, tuple[str, dict[str, object], bytes]] = {
    "chat": (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": _WORDS}], "stream_options": {"include_usage": True}},
        b"[DONE]",
    ),
    "messages": (
        "/v1/messages",
        {"messages": [{"role": "user", "content": _WORDS}], "max_tokens": 1000},
        b"message_stop",
    ),
    "responses": ("/v1/responses", {"input": _WORDS}, b"event: response.completed"),
}
"""Path, request, and what a whole answer ends with."""


def main() -> None:
    """Measure and print a line for each dialect."""
    parser = argparse.ArgumentParser(prog="python -m bench.translation", description=__doc__)
    parser.add_argument("--tools", type=Path, help="folder of mock.c and loadgen.c (else $WEIGHBRIDGE_BENCH_TOOLS)")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        ground = Ground(build(given.tools, Path(scratch)), f"127.0.0.1:{free_port()}", Path(scratch), 0, 1)
        with candidates.mock(ground), candidates.weighbridge(ground) as gateway:
            os.sched_setaffinity(0, {ground.load_cpu})
            rounds = [_round(gateway) for _ in range(given.rounds + 1)][1:]  # the first warms up
    for line in summary(rounds):
        print(line)


def summary(rounds: Sequence[Mapping[str, float]]) -> list[str]:
    """A line for each dialect: the medians of CPU µs a chunk, and of the ratio to chat in the same round."""
    lines = []
    for dialect in DIALECTS:
        cost = statistics.median(each[dialect] for each in rounds)
        ratio = statistics.median(each[dialect] / each["chat"] for each in rounds)
        lines.append(f"{dialect:10} {cost:6.2f} µs a chunk  {ratio:5.3f} x chat")
    return lines


def _round(gateway: Candidate) -> dict[str, float]:
    return {dialect: _cost(gateway, dialect) for dialect in DIALECTS}


def _cost(gateway: Candidate, dialect: str) -> float:
    """The gateway's CPU microseconds for each chunk of all streams."""
    pids = tree(gateway.pid)
    before = _run_nanoseconds(pids)
    answers = asyncio.run(_all(gateway.target, dialect))
    spent = _run_nanoseconds(pids) - before
    _, _, end = DIALECTS[dialect]
    broken = [answer for answer in answers if end not in answer]
    if broken:
        raise RuntimeError(f"{len(broken)} streams over {dialect} did not end; one: {broken[0][:500]!r}")
    return spent / 1000 / (STREAMS * CHUNKS)


async def _all(target: Target, dialect: str) -> list[bytes]:
    return await asyncio.gather(*(_answer(target, dialect) for _ in range(STREAMS)))


async def _answer(target: Target, dialect: str) -> bytes:
    where = urlsplit(target.url)
    path, request, _ = DIALECTS[dialect]
    body = msgspec.json.encode({"model": target.model, "stream": True, **request})
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {target.key}\r\n"
        f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(head.encode() + body)
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()


def _run_nanoseconds(pids: Sequence[int]) -> int:
    """CPU time of all threads of the processes, from the scheduler: finer than ticks."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


if __name__ == "__main__":
    main()
