"""Keys from the command line."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Shell


def test_a_key_is_shown_once_and_alone_on_standard_output(shell: Shell) -> None:
    result = shell.run("keys", "create", "alice")
    key = result.stdout.strip()
    assert key.startswith("wb-")
    assert key not in result.stderr
    assert key not in shell.good("keys", "list")
    assert key not in shell.good("keys", "list", "--json")
    assert key.encode() not in b"".join(path.read_bytes() for path in shell.home.iterdir() if path.is_file())


def test_the_data_directory_is_for_its_owner_only(shell: Shell) -> None:
    shell.good("keys", "create", "alice")
    assert shell.home.stat().st_mode & 0o777 == 0o700


def test_a_key_has_the_models_and_the_end_it_was_given(shell: Shell) -> None:
    made = json.loads(
        shell.good("keys", "create", "ci", "--models", "qwen/*, a/b", "--models", "c/d", "--expires", "30d", "--json")
    )
    (listed,) = json.loads(shell.good("keys", "list", "--json"))
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert listed["models"] == ["qwen/*", "a/b", "c/d"]
    ahead = datetime.fromisoformat(listed["expires"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < ahead <= timedelta(days=30)


@pytest.mark.parametrize(
    ("expires", "stored"),
    [("2099-01-02", "2099-01-02T00:00:00Z"), ("2099-01-02T03:04+02:00", "2099-01-02T01:04:00Z")],
)
def test_a_date_is_utc_unless_it_says_otherwise(shell: Shell, expires: str, stored: str) -> None:
    assert json.loads(shell.good("keys", "create", "a", "--expires", expires, "--json"))["expires"] == stored


@pytest.mark.parametrize(
    ("expires", "said"),
    [("2001-01-01", "has passed"), ("soon", "neither a span"), ("0d", "has passed"), ("9x", "neither")],
)
def test_an_end_that_makes_no_sense_is_misuse(shell: Shell, expires: str, said: str) -> None:
    assert said in shell.fails(2, ["keys", "create", "a", "--expires", expires])
    assert not shell.home.exists()


def test_a_revoked_key_is_listed_as_such_and_cannot_be_revoked_again(shell: Shell) -> None:
    made = json.loads(shell.good("keys", "create", "a", "--json"))
    assert shell.good("keys", "revoke", made["id"]) == f"Revoked {made['id']}.\n"
    assert shell.good("keys", "list").splitlines()[1].endswith("\trevoked")
    assert "weighbridge keys list" in shell.fails(1, ["keys", "revoke", made["id"]])


def test_a_key_has_the_defaults_it_was_given(shell: Shell) -> None:
    asked = ("--preset", "cheap-coder", "--priority", "low", "--most-priority", "normal", "--cache", "600")
    providers = ("--provider-order", "groq, together", "--provider-sort", "price")
    made = json.loads(shell.good("keys", "create", "ci", *asked, *providers, "--json"))
    assert made["defaults"] == {
        "preset": "cheap-coder",
        "priority": "low",
        "most_priority": "normal",
        "cache": 600,
        "provider": {"order": ["groq", "together"], "sort": "price"},
    }
    shell.good("keys", "create", "plain")
    first, second = shell.good("keys", "list").splitlines()[1:]
    assert 'preset=cheap-coder priority=low most_priority=normal cache=600 provider={"order":' in first
    assert "preset" not in second


@pytest.mark.parametrize(
    ("option", "value"), [("--priority", "urgent"), ("--cache", "0"), ("--cache", "soon"), ("--provider-sort", "luck")]
)
def test_a_default_that_makes_no_sense_is_misuse(shell: Shell, option: str, value: str) -> None:
    assert option in shell.fails(2, ["keys", "create", "a", option, value])
    assert not shell.home.exists()
