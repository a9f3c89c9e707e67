"""`weighbridge import-usage`: others' logs into a ledger, from the front door."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.ledger.imports.logs import SECRET, claude, codex, counted
from tests.ledger.made_up import charge, entry
from weighbridge import db
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry
from weighbridge.wire.usage import Usage


def entries(shell: Shell) -> list[Entry]:
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        return store.entries(connection)


def logs(folder: Path, *lines: str) -> Path:
    """Where Claude Code keeps them."""
    made = folder / ".claude" / "projects" / "-home-ann-work"
    made.mkdir(parents=True, exist_ok=True)
    (made / "session.jsonl").write_text("\n".join(lines) + "\n")
    return made


def test_logs_are_found_where_they_usually_are_and_entered_once(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    logs(tmp_path, claude(output=1), claude(), claude("msg_2"))
    said = shell.good("import-usage", "--from", "claude-code")
    assert said.startswith("2 requests entered for import:claude-code: 12,260 tokens, $0.01596 by the list\n")
    assert "1 more lines of the same requests" in said
    again = json.loads(shell.good("import-usage", "--from", "claude-code", "--json"))
    assert (again["new"], again["already_there"], again["changed"], again["tokens"]) == (0, 2, [], 0)
    assert {one.imported for one in entries(shell)} == {"claude-code"}


def test_nothing_of_what_was_said_is_in_the_database(shell: Shell, tmp_path: Path) -> None:
    shell.good("import-usage", "--from", "claude-code", str(logs(tmp_path, claude())))
    kept = b"".join(path.read_bytes() for path in shell.home.rglob("ledger.db*"))
    assert b"msg_1" not in kept
    assert b"req_1" in kept
    assert SECRET.encode() not in kept


def test_it_is_entered_for_a_key_with_its_labels(shell: Shell, tmp_path: Path) -> None:
    shell.good("keys", "create", "ann", "--project", "web", "--tag", "team-a")
    shell.good(
        "import-usage", "--from", "claude-code", "--key", "ann", "--name", "laptop", str(logs(tmp_path, claude()))
    )
    (one,) = entries(shell)
    assert (one.project, one.key_tags, one.imported) == ("web", ("team-a",), "laptop")
    assert one.key.startswith("key-")
    assert "no key of the name or id 'bob'" in shell.fails(
        1, ["import-usage", "--from", "claude-code", "--key", "bob", str(tmp_path)]
    )


def test_bad_lines_are_named_and_end_with_one_and_the_others_are_in(shell: Shell, tmp_path: Path) -> None:
    folder = logs(tmp_path, claude(), "{", claude("msg_2")[:-5], claude("msg_3", model=None))
    result = shell.run("import-usage", "--from", "claude-code", str(folder))
    assert result.exit_code == 1
    assert [line.rpartition("session.jsonl:")[2][0] for line in result.stderr.splitlines()] == ["2", "3", "4"]
    assert len(entries(shell)) == 1
    found = json.loads(shell.run("import-usage", "--from", "claude-code", str(folder), "--json").stdout)
    assert len(found["not_read"]) == 3


def test_a_dry_run_enters_nothing_and_times_narrow_it(shell: Shell, tmp_path: Path) -> None:
    folder = logs(tmp_path, claude(), claude("msg_2", at="2026-10-31T10:00:00Z"))
    command = ["import-usage", "--from", "claude-code", str(folder)]
    assert shell.good(*command, "--dry-run").startswith("2 requests would be entered")
    assert shell.good(*command, "--since", "2026-11-01").startswith("1 requests entered")
    assert shell.good(*command, "--until", "2026-11-01").startswith("1 requests entered")
    assert len(entries(shell)) == 2


def test_usage_without_a_price_is_said_and_is_in_no_cost(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    line = {
        "at": "2026-11-02T10:00:00Z",
        "provider": "nowhere",
        "model": "x-1",
        "prompt_tokens": 5,
        "completion_tokens": 1,
    }
    file.write_text(json.dumps({"id": "1", **line}) + "\n")
    said = shell.good("import-usage", "--from", "generic", str(file))
    assert "1 of the new ones have no known price" in said
    (one,) = entries(shell)
    assert one.charge is not None
    assert one.charge.cost is None
    assert one.model == "nowhere/x-1"


def test_codex_and_its_repeated_counts(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "rollout.jsonl"
    turn = codex("turn_context", {"model": "gpt-5-codex"})
    count = codex("event_msg", counted((1000, 400, 90, 30), (1000, 400, 90, 30)))
    file.write_text(f"{turn}\n{count}\n{count}")
    said = shell.good("import-usage", "--from", "codex", str(file))
    assert said.startswith("1 requests entered for import:codex: 1,090 tokens")
    assert "1 lines passed over: the session's totals again" in said


def test_a_source_without_files_says_where_it_looked(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "in ~/.codex/sessions or ~/.codex/archived_sessions" in shell.fails(1, ["import-usage", "--from", "codex"])
    assert "there is no file to read" in shell.fails(1, ["import-usage", "--from", "litellm", str(tmp_path)])


@pytest.mark.parametrize(("naming", "starts"), [("plain", "ann"), ("hashed", "h:"), ("off", None)])
def test_users_are_named_as_the_ledger_names_them(
    naming: str, starts: str | None, shell: Shell, tmp_path: Path
) -> None:
    shell.environ |= {"WEIGHBRIDGE_LEDGER_USERS": naming, "WEIGHBRIDGE_LEDGER_USERS_KEY": "0123456789abcdef"}
    file = tmp_path / "usage.csv"
    heads = "id,at,provider,model,prompt_tokens,completion_tokens,user"
    file.write_text(f"{heads}\n1,2026-11-02T10:00:00Z,openai,gpt-4.1,10,2,ann\n")
    shell.good("import-usage", "--from", "generic", str(file))
    (one,) = entries(shell)
    assert (one.user or "")[:3].startswith(starts or "")
    assert (one.user is None) is (starts is None)


@pytest.mark.parametrize(
    ("request_id", "later", "prompt", "passes"),
    [("req_1", 999, 1, True), (None, 3, 6010, True), (None, 30, 6010, False), (None, 3, 6011, False)],
    ids=["by its id", "by its tokens and time", "at another time", "of other tokens"],
)
def test_what_was_asked_through_the_gateway_is_not_entered_again(
    *, request_id: str | None, later: int, prompt: int, passes: bool, shell: Shell, tmp_path: Path
) -> None:
    shell.good("keys", "create", "ann")
    at = datetime(2026, 11, 2, 10, 0, 1, tzinfo=UTC) - timedelta(seconds=later)
    own = entry(
        id=f"wbr-{int(at.timestamp() * 1000):012x}{1:020x}",
        at=at,
        upstream_request=request_id,
        duration=4.0,
        charge=charge(usage=Usage(prompt, 120, cached=5000)),
    )
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        store.add(connection, [own])
    said = shell.good("import-usage", "--from", "claude-code", str(logs(tmp_path, claude())))
    assert said.startswith("0 requests" if passes else "1 requests")
    assert ("asked through this gateway" in said) is passes
