"""`weighbridge texts` over a file of known texts, and `weighbridge forget` over all places that keep any."""

import json
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.cache.made_up import kept, place
from tests.cli.conftest import Shell
from tests.ledger.test_saved import PAID
from tests.texts.made_up import made
from weighbridge import db
from weighbridge.accounts.chats import Chat, Chats
from weighbridge.accounts.responses import Response, Responses
from weighbridge.cache import store as cache
from weighbridge.db import microseconds
from weighbridge.ledger import store as ledger
from weighbridge.ledger.budgets import leases, table
from weighbridge.ledger.budgets.budget import Budget
from weighbridge.ledger.budgets.uses import uses as uses_of
from weighbridge.ledger.entry import Claim, Draw
from weighbridge.ledger.users import Users
from weighbridge.texts.sealing import Seals, new_key, seals
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Text

NOW = datetime.now(UTC).replace(microsecond=0)
Json = dict[str, Any]


def keep(shell: Shell, *texts: Text, both: Seals | None = None, days: int = 30) -> None:
    shell.home.mkdir(exist_ok=True)
    with closing(TextStore(shell.home / "texts.db")) as store:
        store.keep([(both or Seals()).closed(each, microseconds(each.at + timedelta(days=days))) for each in texts])


@pytest.fixture
def full(shell: Shell) -> Shell:
    """Texts of two keys; of the first the ledger has an entry."""
    shell.home.mkdir()
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        db.migrate(connection)
        ledger.add(connection, [replace(PAID, user="alice")])
    keep(
        shell,
        made("wbr-1", at=NOW - timedelta(days=2), request=b'{"a":\n 1}', answer=b'{"b": 2.50}'),
        made("wbr-2", at=NOW - timedelta(hours=1), key="key-2", request=b"{ no JSON", user=None, model=None),
        made("wbr-3", at=NOW, dialect="embeddings", answer=None, lacks="not_asked_for", user="bob"),
    )
    return shell


def listed(shell: Shell, *arguments: str) -> list[str]:
    return [row["receipt"] for row in json.loads(shell.good("texts", "list", "--json", *arguments))]


def test_they_are_listed_newest_first_without_what_they_say(full: Shell) -> None:
    assert listed(full) == ["wbr-3", "wbr-2", "wbr-1"]
    assert listed(full, "--limit", "1") == ["wbr-3"]
    assert listed(full, "--since", "1d") == ["wbr-3", "wbr-2"]
    assert listed(full, "--key", "key-2") == ["wbr-2"]
    assert listed(full, "--user", "alice") == ["wbr-1"]
    heads, *rows = full.good("texts", "list").splitlines()
    assert heads.split("\t") == ["receipt", "at", "key", "dialect", "model", "bytes", "until", "encrypted with"]
    assert rows[2].split("\t")[:1] + rows[2].split("\t")[2:6] == ["wbr-1", "key-1", "chat", "near/tiny", "20"]


def test_one_is_shown_with_what_it_cost(full: Shell) -> None:
    shown = json.loads(full.good("texts", "show", "wbr-1"))
    assert (shown["request"], shown["answer"], shown["user"]) == ({"a": 1}, {"b": 2.5}, "alice")
    assert (shown["cost"], shown["ending"]) == ("1234567.000000000001", "complete")
    assert (shown["usage"]["prompt_tokens"], shown["usage"]["completion_tokens"]) == (12, 5)
    assert "no text is kept of 'wbr-9'" in full.fails(1, ["texts", "show", "wbr-9"])


def test_an_export_has_a_line_for_each_oldest_first(full: Shell, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    assert full.good("texts", "export", "-o", str(file)) == ""
    lines: list[Json] = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert [line["receipt"] for line in lines] == ["wbr-1", "wbr-2", "wbr-3"]
    assert set(lines[0]) == {
        *("receipt", "at", "key", "dialect", "model", "user", "headers", "request", "answer", "lacks"),
        *("ending", "usage", "cost"),
    }
    assert (lines[1]["request"], lines[1]["cost"]) == ("{ no JSON", None)
    assert (lines[2]["answer"], lines[2]["lacks"]) == (None, "not_asked_for")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".part"] == []
    assert full.good("texts", "export", "--since", "1d", "--key", "key-2").count("\n") == 1


def test_an_export_that_fails_leaves_no_half_of_a_file(full: Shell, tmp_path: Path) -> None:
    keep(full, made("wbr-0", at=NOW - timedelta(days=1)), both=seals(new_key()))
    said = full.fails(1, ["texts", "export", "-o", str(tmp_path / "out.jsonl")])
    assert "the text of wbr-0 is encrypted with the key" in said
    assert not list(tmp_path.glob("out.jsonl*"))


def test_some_are_deleted(full: Shell) -> None:
    assert "say which" in full.fails(2, ["texts", "forget"])
    assert full.good("texts", "forget", "wbr-1", "wbr-9") == "Deleted 1 texts.\n"
    assert full.good("texts", "forget", "--key", "key-1", "--before", "1d") == "Deleted 0 texts.\n"
    assert full.good("texts", "forget", "--key", "key-2") == "Deleted 1 texts.\n"
    assert listed(full) == ["wbr-3"]


def test_a_sweep_deletes_what_has_had_its_time_by_its_key_or_by_the_settings(full: Shell) -> None:
    keep(full, made("wbr-0", at=NOW - timedelta(days=31)))
    assert full.good("texts", "sweep") == "Deleted 1 texts.\n"
    full.environ["WEIGHBRIDGE_TEXTS_RETENTION_DAYS"] = "1"
    assert full.good("texts", "sweep") == "Deleted 1 texts.\n"
    assert listed(full) == ["wbr-3", "wbr-2"]


def test_texts_are_encrypted_anew(full: Shell) -> None:
    first, second = (full.good("texts", "new-key").strip() for _ in range(2))
    assert "no key is set" in full.fails(1, ["texts", "rekey"])
    full.environ["WEIGHBRIDGE_TEXTS_KEY"] = first
    assert full.good("texts", "rekey").startswith("Encrypted 3 texts")
    assert full.good("texts", "rekey").startswith("Encrypted 0 texts")
    full.environ["WEIGHBRIDGE_TEXTS_KEY"] = second
    assert "is encrypted with the key" in full.fails(1, ["texts", "rekey"])
    full.environ["WEIGHBRIDGE_TEXTS_OLD_KEYS"] = first
    assert listed(full, "--user", "alice") == ["wbr-1"]
    assert full.good("texts", "rekey").startswith("Encrypted 3 texts")
    del full.environ["WEIGHBRIDGE_TEXTS_OLD_KEYS"]
    assert json.loads(full.good("texts", "show", "wbr-1"))["request"] == {"a": 1}
    assert listed(full, "--user", "alice") == ["wbr-1"]
    full.environ["WEIGHBRIDGE_TEXTS_KEY"] = "no key"
    assert "texts.key, texts.old_keys: expected 32 bytes in base64" in full.fails(2, ["texts", "show", "wbr-1"])


@pytest.mark.parametrize("command", ["list", "export", "sweep"])
def test_where_nothing_is_kept_the_way_to_keep_something_is_told(shell: Shell, command: str) -> None:
    shell.good("keys", "create", "one")
    assert "keys create NAME --keep-text" in shell.fails(1, ["texts", command])


@pytest.mark.parametrize(
    ("options", "keeps"),
    [
        ([], None),
        (["--keep-text"], {"days": 30, "inputs": False}),
        (["--keep-text", "--keep-days", "7", "--keep-inputs"], {"days": 7, "inputs": True}),
    ],
)
def test_a_key_is_made_that_keeps_texts_or_not(shell: Shell, options: list[str], keeps: Json | None) -> None:
    assert json.loads(shell.good("keys", "create", "one", "--json", *options))["keeps_text"] == keeps
    (found,) = json.loads(shell.good("keys", "list", "--json"))
    assert found["keeps_text"] == keeps


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--keep-days", "7"], "--keep-days: it goes with --keep-text"),
        (["--keep-inputs"], "--keep-inputs: it goes with --keep-text"),
        (["--keep-text", "--keep-days", "400"], "texts.retention_days is 365"),
        (["--keep-text", "--keep-days", "0"], "0 is not in the range"),
    ],
)
def test_a_key_that_would_keep_nothing_or_too_long_is_refused(shell: Shell, options: list[str], said: str) -> None:
    assert said in shell.fails(2, ["keys", "create", "one", *options])


def test_a_key_keeps_texts_from_now_on_and_no_more(shell: Shell) -> None:
    key = json.loads(shell.good("keys", "create", "one", "--json"))["id"]

    def kept() -> Json | None:
        (found,) = json.loads(shell.good("keys", "list", "--json"))
        keeps: Json | None = found["keeps_text"]
        return keeps

    assert shell.good("keys", "keep-text", key) == f"Texts are kept for 30 days of {key}.\n"
    assert kept() == {"days": 30, "inputs": False}
    shell.good("keys", "keep-text", key, "--days", "7", "--inputs")
    assert kept() == {"days": 7, "inputs": True}
    assert shell.good("keys", "keep-text", key, "--off") == f"Nothing more is kept of {key}.\n"
    assert kept() is None
    assert "it stands alone" in shell.fails(2, ["keys", "keep-text", key, "--off", "--days", "7"])
    assert "texts.retention_days is 365" in shell.fails(2, ["keys", "keep-text", key, "--days", "400"])
    shell.good("keys", "revoke", key)
    assert "no active key" in shell.fails(1, ["keys", "keep-text", key])


USERS_KEY = "a secret of some length"
PLAIN = {"WEIGHBRIDGE_LEDGER_USERS": "plain"}
HASHED = {"WEIGHBRIDGE_LEDGER_USERS": "hashed", "WEIGHBRIDGE_LEDGER_USERS_KEY": USERS_KEY}
OFF = {"WEIGHBRIDGE_LEDGER_USERS": "off"}
SAID = b"heliotrope of alice"


def everywhere(shell: Shell, users: Users, both: Seals) -> None:
    """Something of alice's, bob's and nobody's in each place that keeps text."""
    shell.home.mkdir()
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        db.migrate(connection)
        responses, chats = Responses(connection), Chats(connection)
        for name, user in (("wbr-1", "alice"), ("wbr-2", "bob"), ("wbr-3", None)):
            named = None if user is None else users.of_entry(user)
            ledger.add(connection, [replace(PAID, id=name, user=named)])
            stored = None if user is None else users.of_text(user)
            text = SAID if user == "alice" else b"{}"
            responses.keep(Response(name, "key-1", None, NOW, text, text, stored))
            chats.keep(Chat(name, "key-1", NOW, "tiny", None, text, {}, text, stored))
            keep(shell, made(name, at=NOW, user=user, request=text), both=both)
        each = table.put(connection, Budget("", "user", "*", "requests", "total", 9, NOW))
        own = table.put(connection, Budget("", "user", users.of_budget("alice"), "requests", "total", 9, NOW))
        for budget, user in ((each, "alice"), (own, "alice"), (each, "bob")):
            leases.draw(connection, [("w1", Draw(Claim(budget.id, users.of_budget(user), 0), 2))])
    with closing(cache.connect(shell.home / "cache.db")) as connection:
        answers = [(place(name), replace(kept(b"words"), receipt=name)) for name in ("wbr-1", "wbr-2", "wbr-3")]
        cache.keep(connection, answers, most_bytes=10_000_000)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize(
    ("environ", "users", "cached"),
    [(PLAIN, Users("plain"), 1), (HASHED, Users("hashed", USERS_KEY), 1), (OFF, Users("off"), 3)],
    ids=["plain", "hashed", "off"],
)
def test_all_of_one_users_is_forgotten(
    shell: Shell, environ: dict[str, str], users: Users, cached: int, *, sealed: bool
) -> None:
    key = new_key()
    shell.environ |= environ | ({"WEIGHBRIDGE_TEXTS_KEY": key} if sealed else {})
    everywhere(shell, users, seals(key if sealed else None))
    told = json.loads(shell.good("forget", "--user", "alice", "--json"))
    assert (told["texts"], told["responses"], told["chats"], told["cached"]) == (1, 1, 1, cached)
    assert (told["every_cached"], told["unnamed"]) == (cached == 3, 2)
    assert told["entries"] == (0 if users.naming == "off" else 1)
    assert (told["budgets"], told["uses"]) == (1, 2)
    assert sorted(listed(shell)) == ["wbr-2", "wbr-3"]
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        assert [each.id for each in ledger.entries(connection)] == ["wbr-1", "wbr-2", "wbr-3"]
        (left,) = table.listing(connection)
        (use,) = uses_of(connection, {left.id: 0})
        assert (left.name, use.claim.subject, use.used) == ("*", users.of_budget("bob"), 2)
        for kind in ("response", "chat"):
            found = connection.execute(f"SELECT id FROM {kind} ORDER BY id").fetchall()
            assert found == [("wbr-2",), ("wbr-3",)]
        log = connection.execute("SELECT action, before FROM audit_log").fetchall()
    assert [action for action, _ in log] == ["budget.create", "budget.create", "user.forget"]
    assert "alice" not in log[-1][1]
    assert SAID not in b"".join(file.read_bytes() for file in shell.home.iterdir())
    again = json.loads(shell.good("forget", "--user", "alice", "--json"))
    assert (again["texts"], again["responses"], again["chats"], again["cached"]) == (0, 0, 0, 0)
    said = shell.good("forget", "--user", "bob")
    assert said.startswith("Deleted 1 texts, 1 responses and 1 chat completions.\n")


def test_a_user_is_forgotten_whose_name_was_cut_or_hashed_on_the_way(shell: Shell) -> None:
    name = "u" * 300
    shell.home.mkdir()
    keep(shell, *(made(f"wbr-{at}", at=NOW, user=each) for at, each in enumerate(Users.known_as(name))))
    shell.good("keys", "create", "one")
    assert json.loads(shell.good("forget", "--user", name, "--json"))["texts"] == 2


def test_nobody_is_half_forgotten_where_a_key_lacks(shell: Shell) -> None:
    everywhere(shell, Users("plain"), seals(new_key()))
    said = shell.fails(1, ["forget", "--user", "alice"])
    assert "nothing was deleted" in said
    assert "WEIGHBRIDGE_TEXTS_OLD_KEYS" in said
    assert len(listed(shell)) == 3


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"WEIGHBRIDGE_TEXTS_KEY": "bad"}, "texts.key, texts.old_keys: expected 32 bytes in base64"),
        ({"WEIGHBRIDGE_LEDGER_USERS": "hashed"}, "ledger.users: users are to be hashed"),
    ],
)
def test_a_key_that_is_none_is_told_before_anything_runs(shell: Shell, environ: dict[str, str], said: str) -> None:
    shell.environ |= environ
    assert said in shell.fails(2, ["up", "--port", "0"])
    assert not shell.home.exists()


def test_users_are_not_hashed_without_a_key(shell: Shell) -> None:
    shell.environ |= {"WEIGHBRIDGE_LEDGER_USERS": "hashed", "WEIGHBRIDGE_LEDGER_USERS_KEY": "short"}
    shell.good("keys", "create", "one")
    assert "ledger.users: users are to be hashed" in shell.fails(2, ["forget", "--user", "alice"])
