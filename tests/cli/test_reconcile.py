"""`weighbridge reconcile`: a provider's file against a ledger, from the front door."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import Shell
from tests.ledger.reconcile.lists import Asked, days, openai_api, openrouter_csv
from weighbridge import db
from weighbridge.ledger import store
from weighbridge.ledger.entry import Attempt, Charge, Entry

PRICED = "genai-prices:openai/gpt-4.1"


def entry(one: Asked, number: int, provider: str) -> Entry:
    """What the ledger has of it."""
    return Entry(
        id=f"wbr-{int(one.at.timestamp() * 1000):012x}0123456789{number:010x}",
        at=one.at,
        key="key-1",
        asked_model=one.model,
        model=f"openai/{one.model}",
        provider=provider,
        upstream_model=one.model,
        upstream_request=one.id,
        ending="complete",
        status=200,
        error=None,
        streamed=False,
        charge=Charge(one.usage, "provider", one.cost, PRICED, "a list", None),
        first_byte=0.1,
        duration=2.0,
        attempts=(Attempt(provider, one.model, None, 2.0),),
    )


def fill(shell: Shell, asked: list[Asked], provider: str) -> list[Entry]:
    """A ledger of these requests, and of one that another provider was asked."""
    entries = [entry(one, number, provider) for number, one in enumerate(asked)]
    other = msgspec.structs.replace(entries[0], id=entries[0].id[:-1] + "f", provider="near")
    shell.home.mkdir(exist_ok=True)
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        db.migrate(connection)
        store.add(connection, [*entries, other])
    return entries


def files(folder: Path, asked: list[Asked], provider: str) -> list[str]:
    """What the provider wrote of them."""
    paths = []
    for source in openai_api(asked) if provider == "openai" else openrouter_csv(asked):
        path = folder / source.name
        path.write_bytes(source.data)
        paths.append(str(path))
    return paths


def test_lists_that_agree_say_so(shell: Shell, tmp_path: Path) -> None:
    fill(shell, days(), "openai")
    said = shell.good("reconcile", "--provider", "openai", *files(tmp_path, days(), "openai"))
    ours, theirs = (line.split("\t") for line in said.splitlines()[1:])
    assert (ours[0], theirs[0], ours[2:]) == ("ours", "theirs", theirs[2:])
    assert ours[2] == "18"


def test_a_difference_is_named_and_ends_with_one(shell: Shell, tmp_path: Path) -> None:
    asked = days()
    fill(shell, asked[1:], "openai")
    result = shell.run("reconcile", "--provider", "openai", *files(tmp_path, asked, "openai"))
    assert result.exit_code == 1
    assert "past_gateway\t1\t1\t1000\t50\t" in result.stdout
    assert "1 requests more than we sent" in result.stdout


def test_json_has_all_of_it_and_closes(shell: Shell, tmp_path: Path) -> None:
    asked = days()
    fill(shell, asked[1:], "openrouter")
    result = shell.run("reconcile", "--provider", "openrouter", *files(tmp_path, asked, "openrouter"), "--json")
    found = json.loads(result.stdout)
    (one,) = found["differences"]
    assert (one["cause"], one["request"], one["receipt"], one["certain"]) == ("past_gateway", asked[0].id, None, False)
    assert Decimal(found["ours"]["cost"]) + Decimal(one["cost"]) == Decimal(found["theirs"]["cost"])
    assert found["matched"] == 17


def test_apply_shows_then_writes_and_adds_nothing_the_next_time(shell: Shell, tmp_path: Path) -> None:
    asked = days()
    entries = fill(shell, asked, "openrouter")
    theirs = [replace(asked[0], cost=asked[0].cost + Decimal("0.25")), *asked[1:]]
    arguments = ["reconcile", "--provider", "openrouter", *files(tmp_path, theirs, "openrouter"), "--apply"]
    shown = shell.run(*arguments)
    assert "1 adjusting entries to be written; --apply --yes writes them" in shown.stdout
    assert f"{entries[0].id}\t0\t0\t$0.25\t" in shown.stdout
    assert written(shell) == 19
    assert "1 adjusting entries written" in shell.run(*arguments, "--yes").stdout
    assert written(shell) == 20
    again = shell.good(*arguments, "--yes")
    assert "Nothing is to be put right" in again
    assert written(shell) == 20
    receipt = json.loads(shell.good("usage", "--json"))
    assert sum(Decimal(row["cost"]) for row in receipt) == sum(one.cost for one in theirs) + asked[0].cost


def written(shell: Shell) -> int:
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        return len(store.entries(connection))


def test_only_the_gateways_own_key_and_time_are_compared(shell: Shell, tmp_path: Path) -> None:
    asked = days()
    fill(shell, asked, "openrouter")
    arguments = ["reconcile", "--provider", "openrouter", *files(tmp_path, asked, "openrouter")]
    first = asked[0].at.date()
    said = shell.good(*arguments, "--their-key", "gateway", "--until", str(first + timedelta(days=1)))
    assert said.splitlines()[1].startswith("ours\t-\t6\t")
    assert "no line of usage" in shell.fails(1, [*arguments, "--their-key", "another"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--provider", "openai", "a.csv"], "a.csv:1: it is no export of OpenAI's usage"),
        (["--provider", "deepseek", "a.csv", "--rate", "CNY"], "not a rate such as CNY=0.1405"),
        (["--provider", "deepseek", "a.csv", "--tolerance", "-1"], "not an amount such as 0.01"),
        (["--provider", "openai", "a.csv", "--yes"], "--yes goes with --apply"),
        (["--provider", "openai", "a.csv", "a.csv"], "two of the files are the same"),
        (["--provider", "nobody", "a.csv"], "nobody"),
    ],
)
def test_what_makes_no_sense_is_told(arguments: list[str], said: str, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    result = shell.run("reconcile", *arguments)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
