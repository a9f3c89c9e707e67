"""Admin keys, the audit log and alerts from the command line."""

import asyncio
import json
import os
import pwd

import pytest

from tests.alerts.receiver import SECRET, receiver, says
from tests.cli.conftest import Shell
from weighbridge import db

ME = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


def test_an_admin_key_is_shown_once_and_alone_on_standard_output(shell: Shell) -> None:
    result = shell.run("admins", "create", "alice", "--role", "owner")
    key = result.stdout.strip()
    assert key.startswith("wba-")
    assert key not in result.stderr
    assert key not in shell.good("admins", "list")
    assert key not in shell.good("audit-log", "--json")
    assert key.encode() not in b"".join(path.read_bytes() for path in shell.home.iterdir() if path.is_file())


def test_an_admin_key_has_the_role_and_the_scope_it_was_given(shell: Shell) -> None:
    scope = ("--organisation", "acme", "--project", "search")
    made = json.loads(
        shell.good(
            "admins", "create", "carol", "--role", "member", *scope, "--makes-keys", "--expires", "30d", "--json"
        )
    )
    (listed,) = json.loads(shell.good("admins", "list", "--json"))
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert (listed["role"], listed["organisation"], listed["project"]) == ("member", "acme", "search")
    assert listed["makes_keys"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--role", "king"], "'king' is not one of"),
        ([], "Missing option '--role'"),
        (["--role", "owner", "--project", "p"], "owner of everything"),
        (["--role", "admin", "--makes-keys"], "is for members"),
        (["--role", "member", "--makes-keys"], "within a project"),
        (["--role", "owner", "--expires", "2001-01-01"], "has passed"),
    ],
)
def test_an_admin_key_that_makes_no_sense_is_misuse(shell: Shell, arguments: list[str], said: str) -> None:
    assert said in shell.fails(2, ["admins", "create", "a", *arguments])


def test_a_revoked_admin_key_is_listed_as_such_and_cannot_be_revoked_again(shell: Shell) -> None:
    made = json.loads(shell.good("admins", "create", "a", "--role", "owner", "--json"))
    assert shell.good("admins", "revoke", made["id"]) == f"Revoked {made['id']}.\n"
    assert shell.good("admins", "list").splitlines()[1].endswith("\trevoked")
    assert "weighbridge admins list" in shell.fails(1, ["admins", "revoke", made["id"]])


def test_every_change_of_the_command_line_is_in_the_audit_log_with_who_made_it(shell: Shell) -> None:
    key = json.loads(shell.good("keys", "create", "ci", "--project", "search", "--json"))
    shell.good("keys", "revoke", key["id"])
    admin = json.loads(shell.good("admins", "create", "a", "--role", "auditor", "--json"))
    shell.good("admins", "revoke", admin["id"])
    budget = json.loads(shell.good("budgets", "set", "--project", "search", "--usd", "5", "--per", "day", "--json"))
    shell.good("budgets", "remove", budget["id"])
    rows = json.loads(shell.good("audit-log", "--json"))
    assert [(row["action"], row["target"]) for row in rows] == [
        ("key.create", key["id"]),
        ("key.revoke", key["id"]),
        ("admin.create", admin["id"]),
        ("admin.revoke", admin["id"]),
        ("budget.create", budget["id"]),
        ("budget.remove", budget["id"]),
    ]
    assert {(row["actor"], row["address"]) for row in rows} == {(ME, None)}
    only = json.loads(
        shell.good("audit-log", "--target", key["id"], "--action", "key.revoke", "--since", "1h", "--json")
    )
    assert [row["id"] for row in only] == [2]
    table = shell.good("audit-log", "--actor", ME).splitlines()
    assert table[0].startswith("row\tat\twho")
    assert "name=ci" in table[1]
    assert shell.good("audit-log", "--since", "2099-01-01").splitlines() == [table[0]]


def test_a_rotated_key_has_another_secret_and_all_else_of_it(shell: Shell) -> None:
    made = json.loads(shell.good("keys", "create", "ci", "--models", "a/*", "--json"))
    rotated = json.loads(shell.good("keys", "rotate", made["id"], "--overlap", "1d", "--json"))
    same = {name: value for name, value in made.items() if name not in ("key", "ends_in")}
    assert {name: rotated[name] for name in same} == same
    assert rotated["key"] != made["key"]
    assert shell.good("keys", "rotate", made["id"]).startswith("wb-")
    assert "weighbridge keys list" in shell.fails(1, ["keys", "rotate", "key-0"])
    shell.good("keys", "revoke", made["id"])
    assert "no active key" in shell.fails(1, ["keys", "rotate", made["id"]])
    assert [row["action"] for row in json.loads(shell.good("audit-log", "--json"))].count("key.rotate") == 2


def test_models_are_set_for_organisations_and_projects(shell: Shell) -> None:
    shell.good("keys", "create", "ci", "--organisation", "acme", "--project", "search")
    assert shell.good("projects", "set", "--organisation", "acme", "--models", "a/*, b/c") == "a/*, b/c.\n"
    shell.good("projects", "set", "--organisation", "acme", "--project", "search", "--any-model")
    listed = json.loads(shell.good("projects", "list", "--json"))
    assert [(each["organisation"], each["project"], each["models"]) for each in listed] == [
        ("acme", None, ["a/*", "b/c"]),
        ("acme", "search", None),
    ]
    assert shell.good("projects", "list").splitlines()[1] == "acme\t-\ta/*, b/c"
    for arguments in (["--models", "a"], ["--project", "p"], ["--project", "p", "--models", "a", "--any-model"]):
        assert "say " in shell.fails(2, ["projects", "set", *arguments])
    rows = json.loads(shell.good("audit-log", "--json"))
    assert [row["action"] for row in rows] == ["key.create", "organisation.set", "project.set"]


def test_a_log_that_is_whole_says_its_head_and_a_tampered_one_fails(shell: Shell) -> None:
    for name in ("a", "b", "c"):
        shell.good("keys", "create", name)
    whole = json.loads(shell.good("audit-log", "verify", "--json"))
    assert (whole["whole"], whole["rows"]) == (True, 3)
    assert shell.good("audit-log", "verify", "--noted", whole["head"]) == f"3 rows, whole. Head: {whole['head']}\n"
    assert "no row has the hash" in shell.fails(1, ["audit-log", "verify", "--noted", "0" * 64])
    connection = db.connect(shell.home / "ledger.db")
    connection.execute("DROP TRIGGER audit_log_stays")
    connection.execute("DELETE FROM audit_log WHERE id = 2")
    connection.close()
    assert "row 2 is missing" in shell.fails(1, ["audit-log", "verify"])


def test_a_secret_for_alerts_is_another_each_time(shell: Shell) -> None:
    first, second = shell.good("alerts", "secret"), shell.good("alerts", "secret")
    assert first.startswith("whsec_")
    assert first != second


def test_alerts_need_an_address_and_a_secret(shell: Shell) -> None:
    assert "WEIGHBRIDGE_ALERTS_URL" in shell.fails(1, ["alerts", "test"])
    shell.environ["WEIGHBRIDGE_ALERTS_URL"] = "http://127.0.0.1:1/"
    assert "WEIGHBRIDGE_ALERTS_SECRET" in shell.fails(2, ["alerts", "test"])
    shell.environ["WEIGHBRIDGE_ALERTS_SECRET"] = SECRET
    assert "could not be reached" in shell.fails(1, ["alerts", "test"])
    shell.environ["WEIGHBRIDGE_ALERTS_URL"] = "ftp://127.0.0.1/"
    assert "http:// or https://" in shell.fails(2, ["alerts", "test"])


async def test_a_test_of_alerts_is_signed_and_says_what_the_webhook_answered(shell: Shell) -> None:
    async with receiver(says(204), says(403, body="who are you?")) as hook:
        shell.environ |= {
            "WEIGHBRIDGE_ALERTS_URL": f"http://127.0.0.1:{hook.port}/x",
            "WEIGHBRIDGE_ALERTS_SECRET": SECRET,
        }
        said = await asyncio.to_thread(shell.good, "alerts", "test")
        (message,) = hook.messages
        message.verify()
        assert said == f"{message.headers['webhook-id']} was taken by the webhook.\n"
        failed = await asyncio.to_thread(shell.fails, 1, ["alerts", "test"])
        assert "answered 403: who are you?" in failed


def test_what_was_told_is_listed_and_tried_again_when_wanted(shell: Shell) -> None:
    shell.good("keys", "create", "a")
    assert shell.good("alerts", "list").splitlines() == ["id\ttype\tat\ttries\tstate\ttrouble"]
    connection = db.connect(shell.home / "ledger.db")
    connection.execute(
        "INSERT INTO alert (id, mark, type, at, payload, tries, next_at, given_up_at, trouble)"
        " VALUES ('evt-1', 'm', 'budget.spent', 0, '{}', 10, 0, 5, 'the webhook answered 500')"
    )
    connection.close()
    (alert,) = json.loads(shell.good("alerts", "list", "--waiting", "--json"))
    assert (alert["id"], alert["given_up"], alert["trouble"]) == (
        "evt-1",
        "1970-01-01T00:00:00.000005Z",
        "the webhook answered 500",
    )
    assert "given up 1970" in shell.good("alerts", "list")
    assert shell.good("alerts", "retry") == "1 to be tried again.\n"
    assert "next try" in shell.good("alerts", "list")
