"""`weighbridge explain`: the plan of a request, from the running gateway or from the settings alone."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.gateway.house import house
from weighbridge.app import client_key

REQUEST = {"model": "lab/tiny", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 64}
SETTINGS = "[local]\nenabled = false\n" + "".join(
    f"""
[providers.{name}]
base_url = "http://127.0.0.1:9/v1"
[[providers.{name}.models]]
id = "tiny"
model = "lab/tiny"
input = "{dollars}"
output = "{dollars}"
"""
    for name, dollars in (("cheap", "1"), ("middling", "2"), ("dear", "40"))
)


@pytest.fixture
def furnished(shell: Shell, tmp_path: Path) -> Shell:
    (tmp_path / "weighbridge.toml").write_text(SETTINGS)
    (tmp_path / "request.json").write_text(json.dumps(REQUEST))
    return shell


def test_without_a_gateway_it_is_planned_from_the_settings_and_says_so(furnished: Shell) -> None:
    result = furnished.run("explain", "request.json", "--provider", '{"sort":"price","ignore":["middling"]}')
    assert result.exit_code == 0, result.output
    assert "planned from the settings" in result.stderr
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[1] for row in rows if row[0] in ("1", "2", "3")] == ["cheap/tiny", "dear/tiny"]
    assert ["middling/tiny", "provider.ignore", "middling is among them"] in rows


def test_a_request_comes_by_standard_input_and_goes_out_as_json(furnished: Shell) -> None:
    asked = json.dumps({**REQUEST, "model": "x"})
    told = furnished.good("explain", "-", "--json", "--session", "mine", "--model", "lab/tiny", stdin=asked)
    said = json.loads(told)
    assert (said["models"], said["seed_from"]) == (["lab/tiny"], "session")
    assert sorted(step["endpoint"] for step in said["order"]) == ["cheap/tiny", "dear/tiny", "middling/tiny"]
    again = json.loads(furnished.run("explain", "request.json", "--json", "--session", "mine").stdout)
    assert again["order"] == said["order"]


def test_a_plan_of_nobody_says_why_and_fails(furnished: Shell) -> None:
    result = furnished.run("explain", "request.json", "--provider", '{"max_price":{"prompt":0.5}}')
    assert result.exit_code == 1
    assert "The cheapest there is: cheap/tiny at $1 for a million prompt tokens" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["explain", "-"], "no json", "no JSON object"),
        (["explain", "request.json", "--header", "bare"], None, "write NAME:VALUE"),
        (["explain", "nowhere.json"], None, "No such file"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_told(
    furnished: Shell, arguments: list[str], stdin: str | None, said: str
) -> None:
    assert said in furnished.fails(2, arguments, stdin)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "nope"], "there is no model 'nope'"),
        (["--provider", "{"], "x-weighbridge-provider: JSON"),
        (["--provider", '{"only":["cheep"]}'], "the nearest: cheap"),
    ],
)
def test_what_cannot_be_planned_is_told_in_a_line(furnished: Shell, arguments: list[str], said: str) -> None:
    assert said in furnished.fails(1, ["explain", "request.json", *arguments])


@pytest.fixture
def running(furnished: Shell, tmp_path: Path) -> Iterator[Shell]:
    """A gateway beside the commands, and its key where they look for it."""
    started, done = threading.Event(), threading.Event()

    async def run() -> None:
        async with house(tmp_path / "home", SETTINGS) as gateway:
            client_key.path(furnished.home).write_text(gateway.key)
            furnished.environ["WEIGHBRIDGE_BASE_URL"] = gateway.url
            started.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert started.wait(10)
    yield furnished
    done.set()
    thread.join(10)


def test_the_running_gateway_is_asked(running: Shell) -> None:
    result = running.run(
        "explain", "request.json", "--header", 'x-weighbridge-provider:{"order":["dear"],"allow_fallbacks":false}'
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert "dear/tiny" in result.stdout
    assert "cheap/tiny\tprovider.order\t" in result.stdout
    messages = running.run("explain", "request.json", "--dialect", "messages", "--json")
    assert json.loads(messages.stdout)["models"] == ["lab/tiny"]
    assert "weighbridge keys list" in running.fails(1, ["explain", "request.json", "--key", "wb-none"])
