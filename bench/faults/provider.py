"""A provider that fails as it is told to, in a process of its own: `python -m bench.faults.provider`.

It reads a `Spec` from its standard input, says `Ports` in one line, and ends with its standard input.

At the first port the path says what goes wrong: `/reset-in-json/v1/chat/completions`. Each of the others is an
endpoint that lives by a schedule of episodes, from the moment that somebody posts to `/-/go/` and the number of its
storm. `/-/log` tells what was answered, `/-/busy` how many requests are being answered at the first port.
"""

import asyncio
import itertools
import socket
import ssl
import sys
from collections.abc import Iterator, Sequence

import msgspec
import uvloop

from bench.faults import answers
from bench.faults.connection import Call, Connection
from bench.faults.episodes import Episode, now_in
from bench.faults.scripts import BY_KIND, BY_PATH


class Spec(msgspec.Struct, frozen=True):
    """What the process is told."""

    storms: list[list[list[Episode]]] = []
    """For each storm the schedules of its endpoints."""
    certificates: list[str] = []
    """Files (PEM, with key) of ports that speak TLS: nobody who looks at them closely trusts them."""


class Ports(msgspec.Struct, frozen=True):
    """Where it listens, on 127.0.0.1."""

    by_path: int
    scheduled: list[list[int]]
    """Of each storm's endpoints."""
    tls: list[int]


class Answered(msgspec.Struct, frozen=True):
    """One request that came. `whole`: a good answer was written to its last byte."""

    id: str
    prompt: int
    cached: int
    completion: int
    whole: bool


class Log(msgspec.Struct, frozen=True):
    """All requests that came, by endpoint: the path's first part, or its name in a storm."""

    answered: dict[str, list[Answered]]


class _Endpoint:
    """A port that can be there and not be there, and what comes to it."""

    def __init__(self, name: str, schedule: Sequence[Episode]) -> None:
        self.name = name
        self.answered: list[Answered] = []
        self._schedule = schedule
        self._since: float | None = None
        self._open: set[Connection] = set()
        self._listening: asyncio.Server | None = None
        # bound, and never listening: the port stays ours while nobody answers at it
        self._placeholder = _bound(0)
        self.port: int = self._placeholder.getsockname()[1]

    async def up(self) -> None:
        """Listen, if it does not."""
        if self._listening is None:
            loop = asyncio.get_running_loop()
            made = lambda: Connection(self._serve, self._open)  # noqa: E731 - a factory, handed on
            self._listening = await loop.create_server(made, sock=_bound(self.port), backlog=4096)

    def down(self) -> None:
        """Refuse connections, and break off those there are."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for connection in list(self._open):
            connection.reset()

    async def live(self) -> None:
        """Go through the schedule from now on, being there and not being there."""
        self._since = asyncio.get_running_loop().time()
        for episode in self._schedule:
            if episode.kind != "dead":
                continue
            await asyncio.sleep(max(0.0, episode.start - self._elapsed()))
            self.down()
            await asyncio.sleep(max(0.0, episode.end - self._elapsed()))
            await self.up()

    def _elapsed(self) -> float:
        """Seconds since the schedule began; before it does nothing is wrong."""
        return -1.0 if self._since is None else asyncio.get_running_loop().time() - self._since

    async def _serve(self, connection: Connection, target: str, body: bytes) -> None:
        if target.endswith("/models"):
            connection.transport.write(answers.plain(b'{"object":"list","data":[]}'))
            return
        call = Call(connection, self.name, body, len(self.answered))
        self.answered.append(_answered(call))
        await BY_KIND[now_in(self._schedule, self._elapsed())](call)
        self.answered[call.number] = _answered(call)


class Provider:
    """All ports together."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._by_path: dict[str, list[Answered]] = {}
        self._storms = [
            [_Endpoint(name(storm, number), schedule) for number, schedule in enumerate(schedules)]
            for storm, schedules in enumerate(spec.storms)
        ]
        self._living: list[asyncio.Task[None]] = []
        self._open: set[Connection] = set()

    async def listen(self) -> Ports:
        """Take calls."""
        loop = asyncio.get_running_loop()
        made = lambda: Connection(self._serve, self._open)  # noqa: E731 - a factory, handed on
        by_path = await loop.create_server(made, "127.0.0.1", 0, backlog=16_384)
        tls = [await loop.create_server(made, "127.0.0.1", 0, ssl=_context(each)) for each in self._spec.certificates]
        for endpoint in self._endpoints():
            await endpoint.up()
        scheduled = [[each.port for each in endpoints] for endpoints in self._storms]
        return Ports(_port(by_path), scheduled, [_port(each) for each in tls])

    def _endpoints(self) -> Iterator[_Endpoint]:
        return itertools.chain.from_iterable(self._storms)

    async def _serve(self, connection: Connection, target: str, body: bytes) -> None:
        _, name, _ = target.split("/", 2)
        if name == "-":
            connection.transport.write(answers.plain(self._control(target)))
        elif target.endswith("/models"):
            connection.transport.write(answers.plain(b'{"object":"list","data":[]}'))
        else:
            log = self._by_path.setdefault(name, [])
            call = Call(connection, name, body, len(log))
            log.append(_answered(call))
            await BY_PATH[name](call)
            log[call.number] = _answered(call)

    def _control(self, target: str) -> bytes:
        if target.startswith("/-/go/"):
            endpoints = self._storms[int(target.removeprefix("/-/go/"))]
            self._living += [asyncio.create_task(endpoint.live()) for endpoint in endpoints]
            return b"{}"
        if target == "/-/busy":
            return str(sum(each.busy for each in self._open) - 1).encode()
        return msgspec.json.encode(Log(self._by_path | {each.name: each.answered for each in self._endpoints()}))


def name(storm: int, endpoint: int) -> str:
    """What an endpoint of a storm is called."""
    return f"storm{storm}-{endpoint}"


def _answered(call: Call) -> Answered:
    answer = call.answer
    return Answered(answer.id, answer.prompt, answer.cached, answer.completion, call.whole)


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


def _port(server: asyncio.Server) -> int:
    found: int = server.sockets[0].getsockname()[1]
    return found


def _context(file: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def run() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    line = await loop.run_in_executor(None, sys.stdin.buffer.readline)
    ports = await Provider(msgspec.json.decode(line, type=Spec)).listen()
    sys.stdout.buffer.write(msgspec.json.encode(ports) + b"\n")
    sys.stdout.buffer.flush()
    await loop.run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    uvloop.run(run())
