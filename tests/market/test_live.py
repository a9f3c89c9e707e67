"""Live clients, against a server on loopback that speaks as the sources document it."""

from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.market.sources.reading import counted, read
from weighbridge.errors import MarketError
from weighbridge.market.live import Live, fetch
from weighbridge.market.tables import Usage

DAY = date(2026, 11, 22)
PAGES = {
    "/api/models": (b'[{"id": "lab/m", "author": "lab", "downloads": 3, "downloadsAllTime": 9, "createdAt": '
                    b'"2025-01-20T09:00:00.000Z", "tags": ["license:mit"], "safetensors": {"total": 8}}]'),
    "/api/models?cursor=2": b'[{"id": "shop/q", "downloads": 1, "tags": ["base_model:quantized:lab/m"]},\n{"id": 1}]',
    "/models": b'{"data": [{"id": "lab/m", "canonical_slug": "lab/m-20250120", "hugging_face_id": "lab/M", "pricing": '
               b'{"prompt": "0.00000014", "completion": "0.00000028"}}, {"id": "auto", "pricing": {"prompt": "-1", '
               b'"completion": "-1"}}]}',
    "/rankings": b'{"data": [{"date": "2026-11-20", "model_permaslug": "lab/m", "total_tokens": "12"}, {"date": '
                 b'"2026-11-20"}], "meta": {"as_of": "2026-11-21T04:00:00Z"}}',
}  # fmt: skip


class Hub(BaseHTTPRequestHandler):
    """Answers 429 to the first try of each second page, as the hub does where its window is spent."""

    asked: list[tuple[str, str | None]]
    busy: int

    def do_GET(self) -> None:
        kind = type(self)
        kind.asked.append((self.path, self.headers["Authorization"]))
        if "cursor" in self.path and kind.busy:
            kind.busy -= 1
            self.send_response(429)
            self.send_header("RateLimit", '"api";r=0;t=55')
            self.end_headers()
            return
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://192.0.2.1/api")
            self.end_headers()
            return
        body = PAGES.get(self.path)
        self.send_response(404 if body is None else 200)
        if self.path == "/api/models":
            host = f"http://{self.headers['Host']}"
            self.send_header("Link", f'<{host}/api/models?cursor=2>; rel="next"')
            self.send_header("RateLimit", '"api";r=0;t=7')
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's
        """Nothing."""


@pytest.fixture
def hub() -> Iterator[tuple[str, type[Hub]]]:
    kind = type("OneHub", (Hub,), {"asked": [], "busy": 1})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", kind
    server.shutdown()
    thread.join()
    server.server_close()


def models(base: str) -> Live:
    return Live("hub-api", f"{base}/api/models", key="Authorization", key_prefix="Bearer ", lines=True)


def test_all_pages_become_one_payload_and_the_limit_is_waited_out(hub: tuple[str, type[Hub]], tmp_path: Path) -> None:
    waits: list[float] = []
    payload = fetch(models(hub[0]), tmp_path, today=DAY, wait=waits.append, key="secret")
    assert waits == [7.0, 55.0]
    assert {key for _, key in hub[1].asked} == {"Bearer secret"}
    assert counted(*read(payload.path, as_of=None)) == (
        {"downloads": 2, "model": 2, "edge": 1},
        {"unreadable-row": 1},
    )
    asked = len(hub[1].asked)
    assert fetch(models(hub[0]), tmp_path, today=DAY, wait=waits.append) == payload
    assert len(hub[1].asked) == asked


def test_a_fetch_that_was_cut_off_goes_on_where_it_stopped(hub: tuple[str, type[Hub]], tmp_path: Path) -> None:
    hub[1].busy = 9

    def stop(seconds: float) -> None:
        if seconds > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(models(hub[0]), tmp_path, today=DAY, wait=stop)
    assert not list(tmp_path.glob("*.jsonl"))
    hub[1].busy = 0
    payload = fetch(models(hub[0]), tmp_path, today=DAY, wait=stop)
    assert [path for path, _ in hub[1].asked].count("/api/models") == 1
    assert payload.path.read_bytes().count(b"\n") == 3
    assert [path.name for path in tmp_path.iterdir()] == ["hub-api_2026-11-22.jsonl"]


def test_a_limit_that_stays_spent_and_another_host_are_refused(hub: tuple[str, type[Hub]], tmp_path: Path) -> None:
    hub[1].busy = 9
    with pytest.raises(MarketError, match="429; wait, and run it again: it goes on"):
        fetch(models(hub[0]), tmp_path, today=DAY, wait=lambda seconds: None)
    with pytest.raises(MarketError, match="sends elsewhere"):
        fetch(Live("x", f"{hub[0]}/elsewhere"), tmp_path, today=DAY, wait=lambda seconds: None)
    with pytest.raises(MarketError, match="answered 404"):
        fetch(Live("x", f"{hub[0]}/nothing"), tmp_path, today=DAY, wait=lambda seconds: None)


def test_openrouters_answers_are_read_as_documented(hub: tuple[str, type[Hub]], tmp_path: Path) -> None:
    listed = fetch(Live("models", f"{hub[0]}/models"), tmp_path, today=DAY, wait=lambda seconds: None)
    rows, findings = read(listed.path, as_of=None)
    assert [row[:-2] for row in rows] == [
        ("lab/m", "openrouter", "base", DAY, "0.14", "0.28", None, None),
        ("lab/m", "openrouter", "lab/m-20250120"),
        ("lab/m", "huggingface", "lab/M"),
    ]
    assert not findings
    ranked = fetch(Live("rankings", f"{hub[0]}/rankings"), tmp_path, today=DAY, wait=lambda seconds: None)
    rows, findings = read(ranked.path, as_of=None)
    assert rows == [
        Usage("lab/m", date(2026, 11, 20), "day", None, 12, "openrouter-rankings", date(2026, 11, 21)),
    ]
    assert [each.kind for each in findings] == ["unreadable-row"]
