"""A gateway's API as `chat` sees it, and a provider's as the gateway sees it: a loopback server with one model."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USED = {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}
CHUNKS: tuple[dict[str, object], ...] = (
    {"model": "tiny", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    {"model": "tiny", "choices": [{"index": 0, "delta": {"content": "Hel"}}]},
    {"model": "tiny", "choices": [{"index": 0, "delta": {"content": "lo."}, "finish_reason": "stop"}]},
)


class Upstream(ThreadingHTTPServer):
    """Answers "Hello." to all, or what the message names: `refuse`, `break off`, `fail late`."""

    def __init__(self, *, cost: float | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.used = USED if cost is None else {**USED, "cost": cost}
        self.seen: list[dict[str, object]] = []
        self.keys: list[str | None] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def upstream(*, cost: float | None = None) -> Iterator[Upstream]:
    """It serves while the block runs; with `cost` its usage has one, as the gateway's has."""
    with Upstream(cost=cost) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_GET(self) -> None:
        self.server.keys.append(self.headers["Authorization"])
        self._send(200, {"object": "list", "data": [{"id": "tiny", "object": "model"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append(asked)
        self.server.keys.append(self.headers["Authorization"])
        said = asked["messages"][-1]["content"]
        if said == "refuse":
            self._send(401, {"error": {"message": "the API key is not one of ours", "code": "invalid_api_key"}})
        elif asked.get("stream"):
            self._stream(said)
        else:
            message = {"role": "assistant", "content": "Hello."}
            self._send(200, {"model": "tiny", "choices": [{"index": 0, "message": message}], "usage": self.server.used})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
        pass

    def _stream(self, said: str) -> None:
        self._head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        last: dict[str, object] = {"model": "tiny", "choices": [], "usage": self.server.used}
        for chunk in CHUNKS[:2] if said in {"break off", "fail late"} else (*CHUNKS, last):
            self._event(json.dumps(chunk))
        if said == "fail late":
            self._event(json.dumps({"error": {"message": "the upstream went away"}}))
        elif said != "break off":
            self._event("[DONE]")
        self.close_connection = True

    def _event(self, text: str) -> None:
        self.wfile.write(f"data: {text}\n\n".encode())
        self.wfile.flush()

    def _send(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self._head(status, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "x-weighbridge-receipt": "wbr-1"}.items():
            self.send_header(name, value)
        self.end_headers()
