"""The window as `weighbridge up` opens it: its link, its process, and what becomes of the gateway without it."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import Shell
from tests.cli.test_up import SETTINGS
from tests.cli.upstream import Upstream, upstream
from tests.house import live
from tests.web.house import Browser, Page
from weighbridge.app import running
from weighbridge.serving.state import SupervisorState, read_state

WEIGHBRIDGE = Path(sys.executable).with_name("weighbridge")
PATIENCE = 30


@pytest.fixture
def provider() -> Iterator[Upstream]:
    with upstream() as server:
        yield server


def up(shell: Shell, provider: Upstream, more: str = "") -> list[str | Path]:
    """The command that starts a gateway with a window, in front of the provider."""
    shell.home.mkdir(mode=0o700)
    settings = shell.home / "weighbridge.toml"
    settings.write_text(SETTINGS.format(base_url=provider.base_url) + more, "utf-8")
    return [WEIGHBRIDGE, "up", "--no-local", "--port", "0", "--config", settings]


def entered(link: str, port: int | None = None) -> Browser:
    """Who has followed a link, and was let in."""
    url = urlsplit(link)
    browser = Browser(port or url.port or 0)
    page = asyncio.run(browser.get(f"{url.path}?{url.query}"))
    assert (page.status, page.location) == (303, "/")
    return browser


def state(home: Path) -> SupervisorState:
    found = read_state(running.state_file(home))
    assert found is not None
    return found


async def _until_there(browser: Browser, path: str) -> Page:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await browser.get(path)
            except (ConnectionError, IndexError, ValueError):  # it was just killed with this connection in its hands
                await asyncio.sleep(0.05)


def listening(browser: Browser) -> socket.socket:
    """A page that waits for what changes."""
    made = socket.create_connection(("127.0.0.1", browser.port), PATIENCE)
    cookie = f"weighbridge={browser.cookies['weighbridge']}"
    made.sendall(f"GET /live HTTP/1.1\r\nhost: 127.0.0.1:{browser.port}\r\ncookie: {cookie}\r\n\r\n".encode())
    assert made.recv(12) == b"HTTP/1.1 200"
    return made


def test_a_killed_window_comes_back_with_its_sessions_and_the_gateway_goes_on(shell: Shell, provider: Upstream) -> None:
    with live.gateway(up(shell, provider), shell.home, window=True):
        browser = entered(shell.good("window").strip())
        assert asyncio.run(browser.get("/models")).status == 200
        children = state(shell.home).children
        killed, worker = children["window"].pid, children["worker-1"].pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        assert shell.run("chat", "Hi", "-m", "loopback/tiny").stdout == "Hello.\n"
        assert asyncio.run(_until_there(browser, "/models")).status == 200
        after = state(shell.home).children
        assert (after["worker-1"].pid, after["window"].pid == killed) == (worker, False)
        with listening(browser):  # which holds up no stop
            found = running.find(shell.home)
            assert found is not None
            os.kill(found.pid, signal.SIGTERM)
    assert "window" not in {path.name for path in (shell.home / "run").iterdir()}


def test_each_link_lets_in_once_as_the_owner_of_this_machine(shell: Shell, provider: Upstream) -> None:
    with live.gateway(up(shell, provider), shell.home, window=True):
        first, second = shell.good("window").strip(), shell.good("window").strip()
        entered(first)
        assert first != second
        page = asyncio.run(entered(second).get("/models"))
        assert "this machine" in page.text
        assert '"this machine"' in shell.good("admins", "list", "--json")
        said = shell.good("doctor", "--json", "--config", str(shell.home / "weighbridge.toml"))
        assert re.search(r'"about": "window",\s+"condition": "ok",\s+"said": "is at http://127.0.0.1:\d+;', said)


def test_behind_a_proxy_the_link_has_its_name_and_the_window_ends_well(shell: Shell, provider: Upstream) -> None:
    more = '\n[window]\npublic_url = "https://window.example.org"\n'
    command = up(shell, provider, more)
    with live.gateway(command, shell.home, window=True):
        link = shell.good("window", "--config", str(command[-1])).strip()
        assert link.startswith("https://window.example.org/enter?ticket=")
    assert not (shell.home / "logs" / "window.log").exists()  # it had nothing to say, not at its end either


def test_without_a_place_to_listen_there_is_no_window_and_a_gateway_all_the_same(
    shell: Shell, provider: Upstream
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        more = f"\n[window]\nport = {taken.getsockname()[1]}\n"
        with live.gateway(up(shell, provider, more), shell.home, window=True):
            assert shell.run("chat", "Hi", "-m", "loopback/tiny").stdout == "Hello.\n"
            assert "runs without a window" in shell.fails(1, ["window"])


def test_a_link_takes_a_gateway_that_runs(shell: Shell) -> None:
    assert "weighbridge up" in shell.fails(1, ["window"])
