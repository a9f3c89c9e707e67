"""`weighbridge budgets`: what is set, for whom, and how it is listed."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Shell
from weighbridge import db
from weighbridge.ledger.budgets import leases
from weighbridge.ledger.entry import Claim

AMOUNT = ("--requests", "5", "--per", "day")


def test_a_project_is_one_of_its_organisation(shell: Shell) -> None:
    said = shell.good("budgets", "set", "--organisation", "acme", "--project", "web", *AMOUNT)
    assert said.endswith(": 5 requests a day for project 'web' of 'acme'\n")
    shell.good("budgets", "set", "--project", "web", *AMOUNT)
    shell.good("budgets", "set", "--organisation", "acme", "--project", "*", *AMOUNT)
    listed = json.loads(shell.good("budgets", "list", "--json"))
    assert [(each["scope"], each["organisation"], each["name"]) for each in listed] == [
        ("project", "acme", "web"),
        ("project", None, "web"),
        ("project", "acme", "*"),
    ]
    lines = shell.good("budgets", "list").splitlines()
    assert [line.split("\t")[1] for line in lines] == ["for", "project web of acme", "project web", "project * of acme"]


@pytest.mark.parametrize(
    "whose",
    [
        (),
        ("--organisation", "acme", "--key", "*"),
        ("--organisation", "acme", "--project", "web", "--user", "ann"),
        ("--all", "--project", "web"),
        ("--organisation", "*", "--project", "*"),
    ],
)
def test_it_is_for_somebody_and_only_a_project_is_of_an_organisation(shell: Shell, whose: tuple[str, ...]) -> None:
    said = shell.fails(2, ["budgets", "set", *whose, *AMOUNT])
    assert "say for whom, once" in said or "leave --organisation out" in said


def test_what_a_lost_machine_had_is_listed_and_written_off(shell: Shell) -> None:
    budget = json.loads(shell.good("budgets", "set", "--all", "--requests", "50", "--per", "total", "--json"))
    assert json.loads(shell.good("budgets", "leases", "--json")) == []
    seen = datetime.now(UTC) - timedelta(minutes=30)
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        leases.begin(connection, "0123456789", "host-3", "/srv/journal", seen)
        leases.take(connection, "0123456789", Claim(budget["id"], "", 0), 50, least=20, parts=2)
    (line,) = shell.good("budgets", "leases").splitlines()[1:]
    assert line.split("\t")[:2] == ["0123456789", "host-3"]
    assert line.endswith("50 requests in total for the whole gateway\t0 requests\t25 requests")
    assert "no worker" in shell.fails(1, ["budgets", "write-off", "host-4"])
    said = shell.good("budgets", "write-off", "host-3")
    assert said == f"0123456789: 25 requests of {budget['id']} counts as used.\n"
    (listed,) = json.loads(shell.good("budgets", "list", "--json"))
    assert listed["uses"] == [{"subject": "", "used": 25, "in_advance": 0, "left": 25}]


def test_of_a_budget_for_each_the_most_used_are_listed_and_anybody_can_be_looked_for(shell: Shell) -> None:
    budget = json.loads(shell.good("budgets", "set", "--user", "*", "--requests", "50", "--per", "total", "--json"))
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        rows = [(budget["id"], f"u{number:02}", number) for number in range(25)]
        for row in rows:
            connection.execute("INSERT INTO budget_use (budget, subject, begins, used) VALUES (?, ?, 0, ?)", row)
    lines = [line.split("\t") for line in shell.good("budgets", "list").splitlines()[1:]]
    assert [line[1] for line in lines] == [*(f"user u{number:02}" for number in range(24, 4, -1)), "and 5 more"]
    (one,) = shell.good("budgets", "list", "--subject", "u03").splitlines()[1:]
    assert one.split("\t")[1:6] == ["user u03", "50 requests in total", "3 requests", "0 requests", "47 requests"]
    (listed,) = json.loads(shell.good("budgets", "list", "--json"))
    assert len(listed["uses"]) == 25
    (nobody,) = json.loads(shell.good("budgets", "list", "--subject", "u99", "--json"))
    assert nobody["uses"] == []


def test_answers_may_be_made_shorter(shell: Shell) -> None:
    made = shell.good("budgets", "set", "--all", "--usd", "5", "--per", "day", "--shorten-to", "256", "--json")
    assert json.loads(made)["shorten_to"] == 256
    said = shell.fails(2, ["budgets", "set", "--all", *AMOUNT, "--shorten-to", "256"])
    assert "for budgets of dollars or tokens that refuse" in said
