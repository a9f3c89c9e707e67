"""`weighbridge ledger export` and `archive`, and `weighbridge usage --from-parquet` over what they write."""

import json
import sys
from contextlib import closing
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.cli.conftest import Shell
from tests.cli.test_ledger import ENTRY, NOW, REFUSED
from weighbridge import db
from weighbridge.ledger import store
from weighbridge.ledger.directory import KEPT

OLD = replace(ENTRY, id="wbr-o", at=NOW - timedelta(days=100), user="ann")
BEFORE = f"{NOW - timedelta(days=50):%F}"


@pytest.fixture
def ledger(shell: Shell) -> Shell:
    shell.good("keys", "create", "alice")
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        store.add(connection, [ENTRY, REFUSED, OLD])
    return shell


def test_an_export_is_asked_as_the_ledger_is(ledger: Shell) -> None:
    out = str(ledger.home / "files")
    said = ledger.good("ledger", "export", "-o", out).splitlines()
    assert sum(int(line.split(": ")[1].split(" entries")[0]) for line in said) == 3
    for options in (["--by", "model,user,day"], ["--by", "ending", "--since", "20d"], ["--where", "user=ann"]):
        told = json.loads(ledger.good("usage", "--json", *options))
        assert json.loads(ledger.good("usage", "--json", "--from-parquet", out, *options)) == told
        assert ledger.good("usage", "--from-parquet", out, *options) == ledger.good("usage", *options)


def test_sums_are_kept_beside_what_is_written_and_made_where_they_are_missing(ledger: Shell) -> None:
    out = ledger.home / "files"
    ledger.good("ledger", "export", "-o", str(out))
    sums = sorted(each.name for each in (out / "sums").iterdir())
    assert len(sums) == len(list(out.glob("*.parquet"))) * len(KEPT)
    assert ledger.good("ledger", "sum-up", str(out)) == ""
    (out / "sums" / sums[0]).unlink()
    assert ledger.good("ledger", "sum-up", str(out)).split() == [str(out / "sums" / sums[0])]
    assert "holds no entries" in ledger.fails(1, ["ledger", "sum-up", str(ledger.home)])


def test_only_what_is_asked_for_is_exported(ledger: Shell) -> None:
    out = str(ledger.home / "files")
    said = ledger.good("ledger", "export", "-o", out, "--until", BEFORE)
    assert f"entries-{OLD.at:%Y-%m}.parquet: 1 entries, 1,000 tokens in, 20 out, $0.000012345678" in said
    assert "is there already" in ledger.fails(1, ["ledger", "export", "-o", out, "--until", BEFORE])
    nothing = ledger.run("ledger", "export", "-o", out, "--until", "300d")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "There is no entry of that time." in nothing.stderr


def test_what_is_old_goes_to_the_archive_and_the_sums_stay(ledger: Shell) -> None:
    before = ledger.good("usage", "--json")
    said = ledger.good("ledger", "archive", "--before", BEFORE)
    assert f"archive/entries-{OLD.at:%Y-%m}.parquet: 1 entries" in said
    assert ledger.good("usage", "--json") == before
    users = {row["user"]: row["requests"] for row in json.loads(ledger.good("usage", "--by", "user", "--json"))}
    assert users == {None: 2, "(archived)": 1}
    assert "no entry 'wbr-o'" in ledger.fails(1, ["receipt", "wbr-o"])
    assert "There is no entry from before" in ledger.run("ledger", "archive", "--before", BEFORE).stderr
    (row,) = json.loads(ledger.good("usage", "--by", "user", "--json", "--from-parquet", str(ledger.home / "archive")))
    assert (row["user"], row["requests"]) == ("ann", 1)


def test_what_is_new_is_not_archived(ledger: Shell) -> None:
    assert "less than a day ago" in ledger.fails(2, ["ledger", "archive", "--before", "2h"])


def test_without_the_packages_it_says_how_to_get_them(ledger: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "duckdb"):
        monkeypatch.setitem(sys.modules, name, None)
    out = str(ledger.home / "files")
    for asked in (["ledger", "export", "-o", out], ["usage", "--from-parquet", str(ledger.home)]):
        assert "pip install 'weighbridge[analysis]'" in ledger.fails(1, asked)


def test_what_was_archived_is_restored(ledger: Shell) -> None:
    before = ledger.good("usage", "--json", "--by", "user")
    ledger.good("ledger", "archive", "--before", BEFORE)
    assert "say what" in ledger.fails(2, ["ledger", "restore"])
    month = f"{OLD.at:%Y-%m}"
    assert "name the directory" in ledger.fails(1, ["ledger", "restore", month, "--from", str(ledger.home)])
    (file,) = json.loads(ledger.good("ledger", "restore", month, "--json"))
    assert (file["file"], file["entries"], file["cost"]) == (f"entries-{month}.parquet", 1, "0.000012345678")
    assert ledger.good("usage", "--json", "--by", "user") == before
    assert "wbr-o" in ledger.good("receipt", "wbr-o")
    again = ledger.run("ledger", "restore", "--all")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "Nothing of that is archived" in again.stderr
