"""Commands over a ledger on PostgreSQL, and moving one there."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from tests.cli.conftest import Shell
from tests.engines import Cluster
from tests.ledger.made_up import entry
from weighbridge import db
from weighbridge.db import Server
from weighbridge.ledger import store
from weighbridge.ledger.budgets import leases


@pytest.fixture
def server(cluster: Cluster) -> Iterator[Server]:
    place = cluster.bare()
    yield place
    cluster.drop(place)


@pytest.fixture
def there(shell: Shell, server: Server) -> Shell:
    """A shell whose settings name the server."""
    shell.environ["WEIGHBRIDGE_DATABASE_URL"] = server.url
    return shell


def findings(shell: Shell, code: int) -> dict[str, dict[str, str]]:
    result = shell.run("doctor", "--json")
    assert result.exit_code == code, result.output
    return {each["about"]: each for each in json.loads(result.stdout)}


def test_commands_speak_to_the_server(there: Shell, server: Server) -> None:
    there.good("keys", "create", "alice", "--project", "search")
    made = entry(at=datetime.now(UTC))
    with closing(db.connect(server)) as connection:
        store.add(connection, [made])
    (key,) = json.loads(there.good("keys", "list", "--json"))
    assert (key["name"], key["project"]) == ("alice", "search")
    assert made.id in there.good("receipt", made.id)
    for arguments in (
        ("usage",),
        ("usage", "--by", "day"),
        ("usage", "--by", "key", "--json"),
        ("audit",),
        ("audit-log",),
        ("audit-log", "verify"),
        ("policy", "show"),
        ("budgets", "set", "--usd", "5", "--per", "day", "--key", key["id"]),
        ("budgets", "list"),
        ("admins", "create", "root", "--role", "owner"),
        ("admins", "list"),
        ("keys", "revoke", key["id"]),
    ):
        there.good(*arguments)
    assert not (there.home / "ledger.db").exists()


def test_doctor_looks_at_the_server(there: Shell) -> None:
    assert "nothing is in it yet" in findings(there, 1)["ledger"]["said"]
    there.good("keys", "create", "alice")
    found = findings(there, 0)
    assert (found["ledger"]["condition"], found["sums"]["condition"], found["keys"]["condition"]) == ("ok",) * 3


def test_a_server_that_is_not_there_is_told_without_its_password(shell: Shell) -> None:
    shell.environ["WEIGHBRIDGE_DATABASE_URL"] = "postgresql://me:secret@127.0.0.1:1/name"
    found = findings(shell, 1)["ledger"]
    assert (found["condition"], "postgresql://me@127.0.0.1:1/name" in found["said"]) == ("failed", True)
    said = shell.fails(1, ["keys", "list"])
    assert "cannot be used" in said
    assert "secret" not in str(found) + said


def test_a_move_says_what_was_moved_and_what_to_do_next(shell: Shell, server: Server) -> None:
    shell.good("keys", "create", "alice")
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        store.add(connection, [entry(), entry()])
    said = shell.good("ledger", "move", "--to", server.url)
    assert re.search(r"2 entries, 24 tokens in, 10 out, \$0.00002: the same on both sides", said)
    assert "Next: set WEIGHBRIDGE_DATABASE_URL" in said
    assert "alice" in shell.good("keys", "list")
    shell.environ["WEIGHBRIDGE_DATABASE_URL"] = server.url
    assert "alice" in shell.good("keys", "list")
    assert findings(shell, 0)["sums"]["condition"] == "ok"
    assert "on a server already" in shell.fails(1, ["ledger", "move", "--to", server.url])


def test_without_waiting_a_move_leaves_while_a_gateway_writes_on(shell: Shell, server: Server) -> None:
    shell.good("keys", "create", "alice")
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        leases.begin(connection, "worker", "host", "journal", datetime.now(UTC))
    assert "call this again" in shell.good("ledger", "move", "--to", server.url, "--no-wait")


def test_a_move_to_somebody_elses_ledger_is_refused(shell: Shell, server: Server) -> None:
    shell.good("keys", "create", "alice")
    with closing(db.connect(server)) as connection:
        db.migrate(connection)
        store.add(connection, [entry()])
    assert "createdb" in shell.fails(1, ["ledger", "move", "--to", server.url])


def test_a_move_needs_a_ledger_and_a_url(shell: Shell) -> None:
    assert "there is no ledger" in shell.fails(1, ["ledger", "move", "--to", "postgresql://127.0.0.1:1/name"])
    assert "--to: expected postgresql://" in shell.fails(2, ["ledger", "move", "--to", "mysql://host/name"])
