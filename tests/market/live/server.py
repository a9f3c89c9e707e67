"""A server on loopback that replays what sources were recorded, or are documented, to say: pages, limits, files."""

import http.server
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Thread

import msgspec

from weighbridge.market.live.address import Addresses, Live, addresses
from weighbridge.market.live.asking import Wait
from weighbridge.market.live.fetching import Fetching
from weighbridge.market.live.files import Progress


@dataclass(frozen=True)
class Reply:
    """One answer. `cut` bytes of the body are sent, and the connection is closed; headers may say `{host}`."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    ranges: bool = False
    """Whether it answers a `Range` with that part, while `If-Range` is its ETag."""


DAY = date(2026, 11, 22)
BUSY = Reply(
    status=429, headers={"RateLimit": '"api";r=0;t=55', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
)
DOWN = Reply(status=503)


class Server:
    """Answers of a path one after another; the last stays."""

    def __init__(self, replies: Mapping[str, list[Reply]]) -> None:
        self.replies = {path: list(each) for path, each in replies.items()}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [path for path, _ in self.asked]

    def reply(self, path: str) -> Reply | None:
        left = self.replies.get(path)
        return None if left is None else left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def serving(replies: Mapping[str, list[Reply]]) -> Iterator[Server]:
    """A running one."""
    server = Server(replies)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            reply = server.reply(self.path) or Reply(status=404)
            body, status = reply.body, reply.status
            headers = {name: value.format(host=server.url) for name, value in reply.headers.items()}
            asked = self.headers["Range"] if reply.ranges else None
            if asked is not None and self.headers["If-Range"] in (None, headers.get("ETag")):
                first = int(asked.removeprefix("bytes=").removesuffix("-"))
                headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
                status, body = (206, body[first:]) if first < len(body) else (416, b"")
            self.send_response(status)
            for name, value in {"Content-Length": f"{len(body)}", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: reply.cut])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's
            """Nothing."""

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listener.server_port}"
    thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def fetching(
    server: Server,
    directory: Path,
    wait: Wait,
    *,
    progress: Progress = lambda done, of: None,
    passes_to: tuple[str, ...] = (),
    changed: Mapping[str, object] | None = None,
) -> Fetching:
    """All hosts are that server; `changed` are fields of every source's row."""
    known = addresses([f"{name}={server.url}" for name in addresses().hosts])
    hosts = {name: msgspec.structs.replace(host, passes_to=passes_to) for name, host in known.hosts.items()}
    sources = {name: msgspec.structs.replace(live, **(changed or {})) for name, live in known.sources.items()}
    return Fetching(Addresses(hosts, sources), directory, DAY, wait, progress)


def never(seconds: float) -> None:
    """A wait that must not come."""
    raise AssertionError(f"waits {seconds} s")


def row(name: str) -> Live:
    """A source's row."""
    return addresses().live(name)
