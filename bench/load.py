"""One run of the load generator: which request, how it is sent, and what came of it."""

import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

_SYSTEM = (
    "You are a careful assistant for a company help desk. Answer in plain words, name the page you used, "
    "and say so when you do not know. Never invent an order number. "
) * 3
_USER = "My parcel was sent on Monday and has not come. " * 18


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes. `headers` are whole lines besides the usual ones."""

    url: str
    key: str
    model: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """How the load comes: `closed` keeps `connections` busy; `open` sends `rate` a second whatever the answers do,
    counts latency from the due time, and waits for the last answer.
    """

    mode: Literal["closed", "open"]
    connections: int
    seconds: float
    rate: int = 0
    warm_up: float = 0
    stream: bool = False
    pace_ms: int = 0
    """Between the chunks of a stream; 0: the upstream sends all hundred at once."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What the generator says of one run. Times are in milliseconds; `ch…` is the age of a chunk on arrival."""

    ok: int
    err: int
    nousage: int
    secs: float
    rps: float
    chunks_s: float
    p50: float
    p90: float
    p99: float
    max: float
    ttft50: float
    ttft99: float
    ch50: float
    ch99: float
    nch: int
    errbody: str


@dataclass(frozen=True, slots=True)
class Generator:
    """The load generator, on the CPU that the gateway does not use. `scratch` takes the request file."""

    program: Path
    cpu: int
    scratch: Path

    def run(self, target: Target, shape: Shape) -> tuple[Load, float]:
        """Send the load and wait for its end; also the CPU seconds this took the generator.

        Raises CalledProcessError when the generator itself fails.
        """
        request = self.scratch / "request"
        request.write_bytes(_request(target, shape))
        where = urlsplit(target.url)
        numbers = (shape.connections, shape.seconds, shape.rate, shape.warm_up)
        where_to = (str(where.hostname), str(where.port))
        pinned = ("taskset", "-c", str(self.cpu), self.program, *where_to, request, shape.mode)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [*pinned, *(str(number) for number in numbers)],
            check=True,
            stdout=subprocess.PIPE,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return msgspec.json.decode(done.stdout, type=Load), spent


def _request(target: Target, shape: Shape) -> bytes:
    where = urlsplit(target.url)
    body = _body(target.model, shape)
    head = [
        f"POST {where.path} HTTP/1.1",
        f"Host: {where.netloc}",
        f"Authorization: Bearer {target.key}",
        "Content-Type: application/json",
        "Accept: */*",
        "User-Agent: bench/1",
        f"Content-Length: {len(body)}",
        *target.headers,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _body(model: str, shape: Shape) -> bytes:
    """About 1.6 KB: what a help desk might ask. The mock reads `PACE=` in it."""
    pace = f" PACE={shape.pace_ms} " if shape.pace_ms else ""
    body: dict[str, object] = {
        "model": model,
        "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER + pace}],
        "temperature": 0.7,
        "max_tokens": 256,
        "top_p": 1,
        "user": "u-1001",
    }
    if shape.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return msgspec.json.encode(body)
