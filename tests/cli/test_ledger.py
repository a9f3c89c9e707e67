"""`weighbridge usage` and `weighbridge receipt` over a ledger of known entries."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.cli.conftest import Shell
from weighbridge import db
from weighbridge.ledger import store
from weighbridge.ledger.entry import Attempt, Charge, Entry
from weighbridge.wire.usage import Usage

NOW = datetime.now(UTC).replace(microsecond=0)
ENTRY = Entry(
    id="wbr-1",
    at=NOW,
    key="key-1",
    asked_model="tiny",
    model="lab/tiny",
    provider="loopback",
    upstream_model="tiny",
    upstream_request="up-1",
    ending="complete",
    status=200,
    error=None,
    streamed=True,
    charge=Charge(
        usage=Usage(prompt=1000, completion=20, cached=300, reasoning=5),
        counted_by="provider",
        cost=Decimal("0.000012345678"),
        price_id="list:tiny",
        price_source="a list 1.0",
        price_since="2026-01-01",
    ),
    first_byte=0.25,
    duration=1.5,
    attempts=(Attempt("busy", "tiny", "upstream_busy", 0.1), Attempt("loopback", "tiny", None, 1.4)),
)
REFUSED = replace(
    ENTRY, id="wbr-2", at=NOW - timedelta(days=10), model=None, provider=None, ending="refused", status=404,
    error="model_not_found", charge=None, first_byte=None, attempts=(),
)  # fmt: skip


PART = Charge(Usage(prompt=700, completion=8), "estimate", Decimal("0.000002"), "list:tiny", "a list 1.0", "2026-01-01")
BOTH = replace(
    ENTRY,
    id="wbr-3",
    at=NOW - timedelta(days=20),
    attempts=(
        Attempt("loopback", "tiny", "upstream_error", 0.4, PART),
        Attempt("loopback", "tiny", None, 0.1, ENTRY.charge),
    ),
)


@pytest.fixture
def ledger(shell: Shell) -> Shell:
    shell.good("keys", "create", "alice")
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        store.add(connection, [ENTRY, REFUSED])
    return shell


def test_usage_sums_by_model_and_ends_with_the_total(ledger: Shell) -> None:
    head, first, second, total = (line.split("\t") for line in ledger.good("usage").splitlines())
    assert head[:3] == ["model", "requests", "complete"]
    assert first == ["lab/tiny", "1", "1", "1000", "300", "20", "5", "0", "0", "$0.000012345678"]
    assert second == ["tiny", "1", "0", "0", "0", "0", "0", "0", "0", "$0"]
    assert total == ["total", "2", "1", "1000", "300", "20", "5", "0", "0", "$0.000012345678"]


@pytest.mark.parametrize(("by", "groups"), [("key", ["key-1"]), ("day", [f"{REFUSED.at:%F}", f"{NOW:%F}"])])
def test_usage_sums_by_what_was_asked_for(ledger: Shell, by: str, groups: list[str]) -> None:
    assert [row[by] for row in json.loads(ledger.good("usage", "--by", by, "--json"))] == groups


@pytest.mark.parametrize("since", ["9d", f"{NOW - timedelta(days=9):%F}"])
def test_usage_counts_from_a_moment_on(ledger: Shell, since: str) -> None:
    assert [row["model"] for row in json.loads(ledger.good("usage", "--since", since, "--json"))] == ["lab/tiny"]


def test_usage_as_json_has_money_as_digits_nothing_included(ledger: Shell) -> None:
    rows = json.loads(ledger.good("usage", "--json"))
    assert [row["cost"] for row in rows] == ["0.000012345678", "0"]


def test_usage_of_nothing_says_how_to_begin(shell: Shell) -> None:
    shell.good("keys", "create", "alice")
    result = shell.run("usage")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "weighbridge chat" in result.stderr


def test_a_receipt_shows_who_answered_what_it_took_and_what_it_cost(ledger: Shell) -> None:
    lines = dict(line.split("  ", 1) for line in ledger.good("receipt", "wbr-1").splitlines() if line[0] != " ")
    found = {name: value.strip() for name, value in lines.items()}
    assert found["cost"] == "$0.000012345678"
    assert found["answered by"] == "loopback as tiny"
    assert found["ending"] == "complete, status 200"
    assert found["tokens in"] == "1000"
    assert found["price"] == "list:tiny"


def test_a_receipt_of_a_refusal_says_that_nothing_was_used(ledger: Shell) -> None:
    said = ledger.good("receipt", "wbr-2")
    assert "refused, status 404, model_not_found" in said
    assert "nothing was used" in said


def test_a_receipt_as_json_has_money_as_digits(ledger: Shell) -> None:
    found = json.loads(ledger.good("receipt", "wbr-1", "--json"))
    assert (found["cost"], found["price_since"]) == ("0.000012345678", "2026-01-01")


def test_a_receipt_of_two_halves_says_what_each_took(ledger: Shell) -> None:
    with closing(db.connect(ledger.home / "ledger.db")) as connection:
        store.add(connection, [BOTH])
    parts = [line.split("part  ")[1] for line in ledger.good("receipt", "wbr-3").splitlines() if "its part" in line]
    assert [part.strip() for part in parts] == [
        "700 tokens in, 8 out, counted by estimate: $0.000002",
        "1000 tokens in, 20 out, counted by provider: $0.000012345678",
    ]
    first, second = json.loads(ledger.good("receipt", "wbr-3", "--json"))["attempts"]
    assert (first["charge"]["cost"], first["charge"]["counted_by"]) == ("0.000002", "estimate")
    assert (second["charge"]["cost"], second["charge"]["price"]) == ("0.000012345678", "list:tiny")


def test_an_unknown_receipt_is_a_failure(ledger: Shell) -> None:
    assert "the ledger has no entry 'wbr-9'" in ledger.fails(1, ["receipt", "wbr-9"])
