"""The built wheel, in an environment that has nothing else: health, key, completion, usage row."""

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.house import live

ROOT = Path(__file__).parents[2]
SETTINGS = """
[providers.loopback]
base_url = "{base_url}"

[[providers.loopback.models]]
id = "tiny"
input = 0.27
output = 1.1
"""
USED = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
COST = (11 * Decimal("0.27") + 7 * Decimal("1.1")) / 1_000_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Upstream(BaseHTTPRequestHandler):
    """An OpenAI-compatible server with one model and one answer."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer({"object": "list", "data": [{"id": "tiny", "object": "model", "created": 0, "owned_by": "us"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": "Hello."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "tiny"}
        self._answer({**head, "choices": [choice], "usage": USED})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
        pass

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def upstream() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `weighbridge` of the wheel, in an environment of the lock's packages alone."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", ROOT)
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    run(*pip, "--require-hashes", "--requirement", ROOT / "requirements.lock")
    (wheel,) = (folder / "dist").glob("*.whl")
    run(*pip, "--no-deps", wheel)
    return folder / "venv/bin/weighbridge"


def test_wheel_walks_from_health_to_usage_row(installed: Path, upstream: str, tmp_path: Path) -> None:
    settings = tmp_path / "weighbridge.toml"
    settings.write_text(SETTINGS.format(base_url=upstream))
    key = json.loads(run(installed, "keys", "create", "smoke", "--json", home=tmp_path))["key"]
    with live.gateway([installed, "up", "--no-local", "--port", "0", "--config", settings], tmp_path) as (address, _):
        assert ask(address, "GET", "/healthz", key)[0] == 200
        status, answer = ask(address, "POST", "/v1/chat/completions", key)
        assert status == 200, answer
        assert answer["choices"][0]["message"]["content"] == "Hello."
    (row,) = json.loads(run(installed, "usage", "--json", home=tmp_path))
    assert (row["model"], row["requests"], row["complete"]) == ("loopback/tiny", 1, 1)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (11, 7)
    assert Decimal(row["cost"]) == COST


def ask(address: str, method: str, path: str, key: str) -> tuple[int, dict[str, Any]]:
    """One request; a POST says hello to the upstream's model. The document is JSON of whatever shape."""
    body = (
        json.dumps({"model": "loopback/tiny", "messages": [{"role": "user", "content": "Hi"}]})
        if method == "POST"
        else None
    )
    with contextlib.closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)) as connection:
        connection.request(method, path, body, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def run(*command: str | Path, home: Path | None = None) -> str:
    """What a command prints. Raises AssertionError with its words when it fails."""
    env = live.environment(home) if home else None
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
