"""`weighbridge up` as a user starts it, in front of a loopback provider; and the commands beside it."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.upstream import Upstream, upstream
from tests.house import live
from weighbridge.app import running
from weighbridge.app.first_question import curl, snippet
from weighbridge.serving.state import read_state

WEIGHBRIDGE = Path(sys.executable).with_name("weighbridge")
SETTINGS = """
[providers.loopback]
base_url = "{base_url}"

[[providers.loopback.models]]
id = "tiny"
input = 0.27
output = "1.1"
"""
COST = (11 * Decimal("0.27") + 2 * Decimal("1.1")) / 1_000_000


@pytest.fixture
def provider() -> Iterator[Upstream]:
    with upstream() as server:
        yield server


@pytest.fixture
def up(shell: Shell, provider: Upstream) -> list[str | Path]:
    """The command that starts a gateway in front of the provider."""
    shell.home.mkdir(mode=0o700)
    settings = shell.home / "weighbridge.toml"
    settings.write_text(SETTINGS.format(base_url=provider.base_url), "utf-8")
    return [WEIGHBRIDGE, "up", "--no-local", "--port", "0", "--config", settings]


def test_an_answer_has_its_receipt_and_its_cost_to_the_last_digit(shell: Shell, up: list[str | Path]) -> None:
    with live.gateway(up, shell.home):
        asked = shell.run("chat", "Hi", "-m", "loopback/tiny")
        assert asked.stdout == "Hello.\n"
        receipt = asked.stderr.strip().rpartition(" ")[2]
        assert f"${COST:f} · wbr-" in asked.stderr
    entry = json.loads(shell.good("receipt", receipt, "--json"))
    assert (entry["ending"], entry["provider"], Decimal(entry["cost"])) == ("complete", "loopback", COST)
    (row,) = json.loads(shell.good("usage", "--json"))
    assert (row["model"], row["requests"], row["prompt_tokens"], row["completion_tokens"]) == (
        "loopback/tiny",
        1,
        11,
        2,
    )
    assert Decimal(row["cost"]) == COST


def test_the_key_is_made_once_and_kept_for_its_owner_only(shell: Shell, up: list[str | Path]) -> None:
    with live.gateway(up, shell.home) as (_, first):
        pass
    with live.gateway(up, shell.home) as (_, second):
        pass
    assert first == second
    file = shell.home / "client-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text("ascii") == f"{first}\n"
    assert len(json.loads(shell.good("keys", "list", "--json"))) == 1


def test_a_revoked_key_is_replaced_at_the_next_start(shell: Shell, up: list[str | Path]) -> None:
    with live.gateway(up, shell.home) as (_, first):
        pass
    (listed,) = json.loads(shell.good("keys", "list", "--json"))
    shell.good("keys", "revoke", listed["id"])
    with live.gateway(up, shell.home) as (_, second):
        assert shell.run("chat", "Hi", "-m", "loopback/tiny").exit_code == 0
    assert second != first


def test_a_key_made_beside_a_running_gateway_opens_it_and_its_models_only(shell: Shell, up: list[str | Path]) -> None:
    made = shell.good("keys", "create", "narrow", "--models", "other/*").strip()
    with live.gateway(up, shell.home):
        assert "may not use" in shell.run("chat", "Hi", "-m", "loopback/tiny", "--key", made).stderr


def test_a_port_in_use_is_named_with_the_flag_that_chooses_another(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = shell.fails(1, ["up", "--no-local", "--port", str(port)])
    assert f"port {port} on 127.0.0.1 is in use" in said
    assert "weighbridge up --port" in said


def test_a_second_gateway_on_the_same_data_directory_is_refused(shell: Shell, up: list[str | Path]) -> None:
    with live.gateway(up, shell.home) as (address, _):
        said = shell.fails(1, ["up", "--no-local", "--port", "0"])
    assert f"already at {address}/v1" in said
    assert "WEIGHBRIDGE_HOME" in said


def test_a_stopped_gateway_leaves_no_note_behind_but_its_metrics(shell: Shell, up: list[str | Path]) -> None:
    with live.gateway(up, shell.home):
        assert running.find(shell.home) is not None
    assert running.find(shell.home) is None
    assert sorted(path.name for path in (shell.home / "run").iterdir()) == ["lock", "metrics"]


def test_a_killed_worker_comes_back_and_loses_no_waiting_connection(shell: Shell, up: list[str | Path]) -> None:
    with live.gateway(up, shell.home):
        found = read_state(running.state_file(shell.home))
        assert found is not None
        worker = found.children["worker-1"].pid
        assert worker is not None
        os.kill(worker, signal.SIGKILL)
        assert shell.run("chat", "Hi", "-m", "loopback/tiny").stdout == "Hello.\n"


def test_a_worker_reckons_on_one_core(shell: Shell, up: list[str | Path]) -> None:
    with live.gateway(up, shell.home):
        found = read_state(running.state_file(shell.home))
        assert found is not None
        told = Path(f"/proc/{found.children['worker-1'].pid}/environ").read_bytes()
    assert b"OPENBLAS_NUM_THREADS=1" in told.split(b"\0")


def test_doctor_finds_a_running_gateway_well(shell: Shell, up: list[str | Path]) -> None:
    with live.gateway(up, shell.home) as (address, key):
        said = shell.good("doctor", "--json", "--config", str(up[-1]))
        found = {each["about"]: each for each in json.loads(said)}
    assert found["gateway"] == {
        "about": "gateway",
        "condition": "ok",
        "said": f"answers at {address}/v1",
        "next_step": None,
    }
    assert found["worker-1"]["condition"] == "ok"
    assert found["provider loopback"]["condition"] == "ok"
    assert key not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--port", "70000"], "--port"), (["--workers", "0"], "--workers"), (["--config", "gone.toml"], "gone.toml")],
)
def test_flags_that_make_no_sense_are_misuse(shell: Shell, arguments: list[str], said: str) -> None:
    assert said in shell.fails(2, ["up", *arguments])


def test_a_host_that_is_not_here_is_told(shell: Shell) -> None:
    assert "cannot listen on 192.0.2.1" in shell.fails(1, ["up", "--no-local", "--host", "192.0.2.1", "--port", "0"])


def test_what_it_prints_to_try_does_work(shell: Shell, up: list[str | Path]) -> None:
    with live.gateway(up, shell.home) as (address, key):
        base_url = f"{address}/v1"
        python = [sys.executable, "-c", "\n".join(snippet(base_url, key, "loopback/tiny"))]
        assert subprocess.run(python, capture_output=True, text=True, check=True).stdout == "Hello.\n"
        bash = ["bash", "-c", curl(base_url, key, "loopback/tiny")]
        answer = json.loads(subprocess.run(bash, capture_output=True, check=True).stdout)
    assert answer["choices"][0]["message"]["content"] == "Hello."


@pytest.mark.model
def test_the_real_model_answers_counts_and_costs_nothing(shell: Shell, model_files: tuple[Path, ...]) -> None:
    models = shell.home / "models"
    models.mkdir(parents=True)
    for file in model_files:
        (models / file.name).symlink_to(file)
    (shell.home / "weighbridge.toml").write_text("[local]\nthreads = 1\n")
    with live.gateway([WEIGHBRIDGE, "up", "--port", "0"], shell.home):
        asked = shell.run("chat", "Say hello.", "--max-tokens", "16")
        found = {each["about"]: each for each in json.loads(shell.good("doctor", "--json"))}
    assert asked.stdout.strip()
    assert " tokens in, " in asked.stderr
    assert " · $0 · wbr-" in asked.stderr
    assert found["local models"]["condition"] == "ok"
    assert found["engine-qwen-qwen2.5-coder-0.5b-instruct"]["said"] == "ready"
    (row,) = json.loads(shell.good("usage", "--json"))
    assert (row["model"], row["complete"], row["estimated"]) == ("qwen/qwen2.5-coder-0.5b-instruct", 1, 0)
    assert row["prompt_tokens"] > 0
    assert 0 < row["completion_tokens"] <= 16
    assert Decimal(row["cost"]) == 0
