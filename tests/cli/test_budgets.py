"""`weighbridge budgets`: what is set, for whom, and how it is listed."""

import json

import pytest

from tests.cli.conftest import Shell

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
