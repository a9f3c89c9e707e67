"""The list of commands, and how they fail."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Shell
from weighbridge.cli import main
from weighbridge.cli.root import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_list_says_what_it_does_and_shows_an_example(shell: Shell, name: str) -> None:
    said = shell.good(name, "--help")
    assert said.startswith(f"Usage: weighbridge {name}")
    assert f"Examples:\n    weighbridge {name}" in said


def test_help_lists_every_command_without_importing_one() -> None:
    code = (
        "import sys, weighbridge.cli as cli\n"
        "cli.main(['--help'], standalone_mode=False)\n"
        "print(*sorted(name for name in sys.modules if name.split('.')[0] in {'rich', 'sqlite3', 'asyncio'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [name for name in COMMANDS if any(line.startswith(f"  {name} ") for line in lines)] == list(COMMANDS)
    assert lines[-1] == ""


def test_an_unknown_command_is_misuse(shell: Shell) -> None:
    assert "No such command 'modles'" in shell.fails(2, ["modles"])


def test_version_is_the_package_s(shell: Shell) -> None:
    assert shell.good("--version").startswith("weighbridge 0.")


@pytest.mark.parametrize("arguments", [["keys", "list"], ["usage"], ["receipt", "wbr-0"], ["keys", "revoke", "key-0"]])
def test_a_command_that_looks_does_not_make_a_data_directory(shell: Shell, arguments: list[str]) -> None:
    said = shell.fails(1, arguments)
    assert said == f"Error: there is no ledger at {shell.home / 'ledger.db'}\nNext: weighbridge up\n"
    assert not shell.home.exists()


def test_a_wrong_setting_is_misuse_and_named(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "weighbridge.toml").write_text("[server]\nprot = 1\n", "utf-8")
    assert "server.prot is not a setting; did you mean server.port?" in shell.fails(2, ["usage"])


def test_a_file_that_is_no_database_is_told_without_a_traceback(shell: Shell) -> None:
    shell.home.mkdir()
    (shell.home / "ledger.db").write_text("not a database, though long enough to look at" * 100, "utf-8")
    said = shell.fails(1, ["usage"])
    assert "file is not a database" in said
    assert "Next: weighbridge doctor" in said


def test_a_data_directory_that_cannot_be_made_is_told(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file", "utf-8")
    shell.environ["WEIGHBRIDGE_HOME"] = str(tmp_path / "home" / "inside")
    said = shell.fails(1, ["keys", "create", "a"])
    assert "cannot be made" in said
    assert "WEIGHBRIDGE_HOME" in said


def test_every_command_can_be_walked_to() -> None:
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in main.list_commands(context)}
    assert {name: command and command.name for name, command in found.items()} == {name: name for name in COMMANDS}
