"""Asking an engine over its Unix socket, with nothing of ours in between."""

import http.client
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.serving.engines import Upstream


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("engine", timeout=100)
        self._path = path

    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(100)
        try:
            sock.connect(str(self._path))
        except OSError:
            sock.close()
            raise
        self.sock = sock


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    raw: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever llama.cpp answers
        return msgspec.json.decode(self.raw)

    @property
    def message(self) -> Any:  # noqa: ANN401
        return self.json["choices"][0]["message"]

    @property
    def chunks(self) -> list[Any]:
        """The documents of a stream, without the `[DONE]` at its end."""
        events = [event.removeprefix(b"data: ") for event in self.raw.split(b"\n\n") if event.strip()]
        assert events[-1] == b"[DONE]"
        return [msgspec.json.decode(event) for event in events[:-1]]


def send(
    where: Upstream, body: object, *, path: str = "/v1/chat/completions", key: str | None = None
) -> UnixConnection:
    """Send a request and leave the answer on the connection. `body`: bytes as they are, None for a GET."""
    connection = UnixConnection(where.socket)
    raw = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
    headers = {"Authorization": f"Bearer {where.api_key if key is None else key}"}
    connection.request("GET" if raw is None else "POST", path, raw, headers)
    return connection


def ask(where: Upstream, body: object, *, path: str = "/v1/chat/completions", key: str | None = None) -> Answer:
    """One request and its whole answer."""
    connection = send(where, body, path=path, key=key)
    answer = connection.getresponse()
    got = Answer(answer.status, answer.headers["Content-Type"], answer.read())
    connection.close()
    return got


def chat(where: Upstream, text: str, **more: object) -> Answer:
    """A chat completion of one user message, at temperature 0."""
    body = {"model": where.model, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 60}
    return ask(where, {**body, **more})
