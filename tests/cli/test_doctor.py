"""`weighbridge doctor` on installations in various states."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.upstream import upstream
from tests.ledger.made_up import entry
from weighbridge import db
from weighbridge.app.connections import connections
from weighbridge.config import read
from weighbridge.ledger import store
from weighbridge.providers.rows import Row

ROW = Row(id="acme", name="Acme", source="a page", key_env=("ACME_API_KEY",), base_url="https://api.acme.example/v1")
SERVER = Row(id="own", name="Own", source="a page", base_url_env="OWN_BASE_URL")


def findings(shell: Shell, *arguments: str, code: int = 0) -> dict[str, dict[str, str]]:
    result = shell.run("doctor", "--json", *arguments)
    assert result.exit_code == code, result.output
    return {each["about"]: each for each in json.loads(result.stdout)}


def test_an_empty_machine_is_told_to_start_and_left_as_it_was(shell: Shell) -> None:
    found = findings(shell)
    assert [found[about]["condition"] for about in ("data", "ledger", "gateway")] == ["missing"] * 3
    assert not shell.home.exists()
    assert shell.good("doctor").rstrip().endswith("Next: weighbridge up")


def test_a_broken_ledger_fails_with_a_next_step(shell: Shell) -> None:
    shell.home.mkdir(mode=0o700)
    (shell.home / "ledger.db").write_text("no database at all" * 400, "utf-8")
    found = findings(shell, code=1)["ledger"]
    assert found["condition"] == "failed"
    assert "backup" in found["next_step"]


def test_sums_that_are_not_those_of_the_entries_are_told(shell: Shell) -> None:
    shell.good("keys", "create", "alice")
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        store.add(connection, [entry()])
        assert findings(shell)["sums"]["condition"] == "ok"
        connection.execute("UPDATE rollup SET prompt_tokens = prompt_tokens - 2")
    found = findings(shell, code=1)["sums"]
    assert (found["condition"], found["said"].rpartition(": ")[2]) == ("failed", "prompt_tokens by -2")


def test_a_data_directory_that_others_may_read_is_noted(shell: Shell) -> None:
    shell.home.mkdir(mode=0o700)
    shell.home.chmod(0o755)
    said = shell.good("doctor")
    assert f"chmod 700 {shell.home}" in said


def test_a_variable_that_looks_like_ours_is_noted(shell: Shell) -> None:
    shell.environ["WEIGHBRIDGE_PROT"] = "8090"
    assert "WEIGHBRIDGE_PROT is none of ours" in findings(shell)["settings"]["said"]


def test_a_settings_file_with_a_key_that_others_may_read_is_noted(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text('[providers.deepseek]\nenabled = false\napi_key = "sk-mine"\n', "utf-8")
    file.chmod(0o644)
    said = shell.good("doctor")
    assert f"chmod 600 {file}" in said
    assert "sk-mine" not in said


@pytest.mark.parametrize(("flags", "answer"), [([], "reachable"), (["--probe"], "answers")])
def test_a_provider_is_reached_and_asked_with_its_key_where_wanted(shell: Shell, flags: list[str], answer: str) -> None:
    with upstream() as server:
        shell.environ |= {
            "WEIGHBRIDGE_PROVIDERS_OWN_BASE_URL": server.base_url,
            "WEIGHBRIDGE_PROVIDERS_OWN_API_KEY": "sk-mine",
        }
        found = findings(shell, *flags)["provider own"]
        assert server.keys == (["Bearer sk-mine"] if flags else [])
    assert found["condition"] == "ok"
    assert found["said"] == f"{server.base_url}, key set; {answer}"


def test_a_provider_that_cannot_be_reached_fails(shell: Shell) -> None:
    with upstream() as gone:
        shell.environ["WEIGHBRIDGE_PROVIDERS_OWN_BASE_URL"] = gone.base_url
    assert "cannot be reached" in findings(shell, code=1)["provider own"]["said"]


@pytest.mark.parametrize(
    ("environ", "lacks"),
    [
        ({}, {"acme": "key", "own": "base URL"}),
        ({"ACME_API_KEY": "sk-1"}, {"acme": None, "own": "base URL"}),
        ({"OWN_BASE_URL": "http://127.0.0.1:1/v1"}, {"acme": "key", "own": None}),
        ({"ACME_API_KEY": "sk-1", "WEIGHBRIDGE_PROVIDERS_ACME_ENABLED": "false"}, {"acme": "off", "own": "base URL"}),
        ({"WEIGHBRIDGE_PROVIDERS_ACME_BASE_URL": "http://127.0.0.1:1"}, {"acme": None, "own": "base URL"}),
        (
            {"WEIGHBRIDGE_PROVIDERS_MINE_BASE_URL": "http://127.0.0.1:1"},
            {"acme": "key", "own": "base URL", "mine": None},
        ),
    ],
)
def test_a_provider_can_be_called_when_it_has_what_it_needs(
    tmp_path: Path, environ: dict[str, str], lacks: dict[str, str | None]
) -> None:
    settings = read({}, {"HOME": str(tmp_path), **environ}, here=tmp_path)
    assert {each.id: each.lack for each in connections(settings, [ROW, SERVER])} == lacks


def test_a_provider_nobody_knows_needs_a_base_url(shell: Shell) -> None:
    shell.environ["WEIGHBRIDGE_PROVIDERS_DEPSEEK_API_KEY"] = "sk-mine"
    for arguments in (["doctor"], ["up", "--port", "0"]):
        said = shell.fails(2, arguments)
        assert "providers.depseek: no provider of that id is known" in said
        assert "did you mean providers.deepseek?" in said


def test_a_key_that_cannot_be_one_stops_the_start_and_is_not_shown(shell: Shell) -> None:
    shell.environ["DEEPSEEK_API_KEY"] = "sk-one two"
    said = shell.fails(2, ["up", "--port", "0"])
    assert "DEEPSEEK_API_KEY: expected a key" in said
    assert "sk-one" not in said


def test_a_name_that_means_nothing_is_noted_and_a_preset_that_cannot_be_asked_fails(
    shell: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text('[aliases]\ncoder = "lab/gone"\n[presets.calm]\ntemperature = 0.5\n')
    assert "the alias 'coder' means nothing now: there is no model 'lab/gone'" in shell.good("doctor")
    assert findings(shell)["names"]["said"] == "2 aliases and presets"
    file.write_text("[presets.calm]\nprovider = { onyl = ['a'] }\n")
    found = findings(shell, code=1)["names"]
    assert (found["condition"], "presets.calm.provider" in found["said"]) == ("failed", True)


def test_a_key_whose_preset_is_not_in_the_settings_fails(shell: Shell, tmp_path: Path) -> None:
    shell.good("keys", "create", "ci", "--preset", "calm")
    assert "names the preset 'calm', which is not in the settings" in findings(shell, code=1)["keys"]["said"]
    (tmp_path / "weighbridge.toml").write_text("[presets.Calm]\ntemperature = 0.5\n")
    assert findings(shell)["keys"]["condition"] == "ok"
