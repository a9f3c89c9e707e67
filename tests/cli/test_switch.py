"""`weighbridge switch plan` and `status`: what is proposed, what it costs, who may not be asked, and what is stored."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.ledger.made_up import charge, entry
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.db import microseconds
from weighbridge.ledger import store as ledger
from weighbridge.switch import store
from weighbridge.switch.plan import needed
from weighbridge.switch.planned import decode
from weighbridge.switch.store import CertificateRow, RuleRow, ShadowRow
from weighbridge.texts.sealing import Seals
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Text

NOW = datetime.now(UTC)
SETTINGS = """
[local]
enabled = false
[providers.near]
base_url = "http://127.0.0.1:9/v1"
models = [
    {id = "big", model = "near/big", input = 10, output = 30},
    {id = "small", model = "near/small", input = 1, output = 3},
    {id = "smaller", model = "near/smaller", input = 0.1, output = 0.3},
]
"""
KNOWN = SETTINGS.replace('"near/smaller"', '"qwen/qwen3-14b"').replace('"near/small"', '"qwen/qwen3-32b"')
"""With models of the catalogue: of a stranger a policy does not know which it is."""
JUDGED = KNOWN.replace('"near/big"', '"openai/gpt-4o"').replace('"qwen/qwen3-14b"', '"deepseek/deepseek-chat"')
ASKED = {"messages": [{"role": "user", "content": "What is 1 plus 1?"}]}


@pytest.fixture
def home(shell: Shell) -> Shell:
    shell.home.mkdir()
    (shell.home.parent / "weighbridge.toml").write_text(SETTINGS)
    return shell


def requests(shell: Shell, *lines: object) -> str:
    file = shell.home.parent / "requests.jsonl"
    file.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    return str(file)


def many(count: int = 40) -> list[object]:
    return [{"request": {**ASKED, "seed": number}, "expected": 2} for number in range(count)]


def planned(shell: Shell, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(shell.good("switch", "plan", "--from", "near/big", *arguments, "--json"))


def test_a_plan_says_what_a_replay_costs_and_stores_no_text(home: Shell) -> None:
    file = requests(home, *many())
    made = planned(home, "--to", "near/small", "--requests", file, "--yes")
    (route,) = made["routes"]
    assert (route["requests"], route["replays"], route["answered"], route["judged"]) == (40, 40, 0, 0)
    (candidate,) = route["candidates"]
    assert Decimal(candidate["each"]["expected"]) * 10 == Decimal(route["reference_each"])
    whole = 40 * (Decimal(route["reference_each"]) + Decimal(candidate["each"]["expected"]))
    assert Decimal(made["cost"]["expected"]) == whole
    with closing(db.connect(home.home / "ledger.db")) as connection:
        row = store.find_plan(connection, made["plan"])
    assert row is not None
    assert b"plus" not in row.document
    plan = decode(row.document)
    assert [ref.line for ref in plan.routes[0].cases] != list(range(1, 41)), "the order is random"
    assert len({ref.case for ref in plan.routes[0].cases}) == 40


def test_a_plan_is_stored_only_when_that_was_wished(home: Shell) -> None:
    file = requests(home, *many())
    planned(home, "--to", "near/small", "--requests", file)
    said = home.run("switch", "plan", "--from", "near/big", "--requests", file, stdin="n\n")
    assert "Store this plan?" in said.stdout
    assert "Nothing is planned" in home.good("switch", "status")
    said = home.run("switch", "plan", "--from", "near/big", "--requests", file, stdin="y\n")
    assert "Next: weighbridge switch run plan-" in said.stdout
    assert "plan-" in home.good("switch", "status")


def test_what_is_proposed_is_cheaper_and_what_the_policy_forbids_is_told_with_its_rule(home: Shell) -> None:
    file = requests(home, *many())
    (home.home.parent / "policy.toml").write_text('[[deny]]\nname = "not-small"\nwhen.model = "qwen/qwen3-32b"\n')
    (home.home.parent / "weighbridge.toml").write_text(f'{KNOWN}\n[policy]\nfile = "policy.toml"\n')
    (route,) = planned(home, "--requests", file)["routes"]
    assert [each["arm"] for each in route["candidates"]] == ["qwen/qwen3-14b"]
    assert [each["model"] for each in route["refused"]] == ["qwen/qwen3-32b"]
    assert "rule 'policy.toml: not-small' keeps near/small out" in route["refused"][0]["why"]
    said = home.run("switch", "plan", "--from", "near/big", "--to", "qwen/qwen3-32b", "--requests", file)
    assert said.exit_code == 1
    assert "there is no candidate for any route: qwen/qwen3-32b: policy: rule 'policy.toml: not-small'" in said.stderr


def test_a_policy_binds_replays_as_it_bound_their_requests(home: Shell) -> None:
    (home.home.parent / "policy.toml").write_text(
        '[[deny]]\nname = "secret"\ncontains = "secret"\nwhen.model = "qwen/qwen3-32b"\n'
    )
    (home.home.parent / "weighbridge.toml").write_text(f'{KNOWN}\n[policy]\nfile = "policy.toml"\n')
    keep(home, 3)
    (route,) = planned(home, "--to", "qwen/qwen3-32b")["routes"]
    assert [each["arm"] for each in route["candidates"]] == ["qwen/qwen3-32b"]
    keep(home, 3, first=10, tags=("secret",))
    said = home.run("switch", "plan", "--from", "near/big", "--to", "qwen/qwen3-32b", "--json")
    assert "rule 'policy.toml: secret' keeps near/small out" in said.stderr


def keep(shell: Shell, count: int, *, first: int = 0, tags: tuple[str, ...] = ()) -> None:
    """Texts and entries of a key's requests."""
    with (
        closing(db.connect(shell.home / "ledger.db")) as connection,
        closing(TextStore(shell.home / "texts.db")) as texts,
    ):
        db.migrate(connection)
        known = keys.listing(connection) or [keys.create(connection, name="ci", now=NOW)[0]]
        for number in range(first, first + count):
            body = json.dumps({"model": "near/big", **ASKED, "seed": number}).encode()
            answer = b'{"choices": [{"message": {"content": "2"}, "finish_reason": "stop"}]}'
            at = NOW - timedelta(hours=number)
            text = Text(f"wbr-{number}", at, known[0].id, "chat", "near/big", body, answer)
            texts.keep([Seals().closed(text, microseconds(NOW + timedelta(days=9)))])
            made = entry(
                id=text.receipt, at=at, key=text.key, model="near/big", asked_model="near/big", tags=tags,
                charge=charge("0.5"),
            )  # fmt: skip
            ledger.add(connection, [made])


def test_kept_texts_are_planned_with_what_the_ledger_has_of_them(home: Shell) -> None:
    keep(home, 5)
    made = planned(home, "--to", "near/small")
    (route,) = made["routes"]
    assert (route["title"], route["requests"], route["answered"]) == ("key ci", 5, 5)
    assert (route["reference_each"], route["recorded"]) == ("0.5", True)
    (young,) = planned(home, "--to", "near/small", "--since", "90m")["routes"]
    assert young["requests"] == 2
    assert "is not kept" not in home.run("switch", "plan", "--from", "near/big", stdin="n\n").stdout


def test_what_only_a_judge_can_grade_is_told_and_costs_more_with_one(home: Shell) -> None:
    (home.home.parent / "weighbridge.toml").write_text(JUDGED)
    file = requests(home, *({**ASKED, "seed": number} for number in range(9)))
    common = ("switch", "plan", "--from", "openai/gpt-4o", "--to", "qwen/qwen3-32b", "--requests", file)
    without = json.loads(home.good(*common, "--json"))
    judged = json.loads(home.good(*common, "--json", "--judge", "deepseek/deepseek-chat"))
    assert without["routes"][0]["judged"] == judged["routes"][0]["judged"] == 9
    assert Decimal(judged["cost"]["expected"]) > Decimal(without["cost"]["expected"])
    said = home.run(*common, stdin="n\n")
    assert "9 of 9 can be graded by a judge only, and will not be: --judge MODEL" in said.stdout
    akin = home.run(*common, "--judge", "qwen/qwen3-32b")
    assert "is of the family 'qwen'" in akin.stderr


def test_a_route_with_too_few_requests_is_left_out_where_another_has_enough(home: Shell) -> None:
    rare = [
        {"request": {"messages": [{"role": "system", "content": "Rare."}, *ASKED["messages"]], "seed": n}}
        for n in (1, 2)
    ]
    file = requests(home, *many(80), *rare)
    common = ("--to", "near/small", "--requests", file, "--epsilon", "0.05")
    made = planned(home, *common)
    assert [route["requests"] for route in made["routes"]] == [80]
    (few,) = made["left_out"]
    assert few["requests"] == 2
    said = home.run("switch", "plan", "--from", "near/big", *common, stdin="n\n")
    fewest = needed(0.05, 0.05, 0)
    assert 59 <= fewest <= 80
    assert f"1 routes with fewer than {fewest} requests (2 in all)" in said.stdout
    (route,) = planned(home, *common, "--route", few["route"])["routes"]
    assert route["requests"] == 2
    said = home.run("switch", "plan", "--from", "near/big", *common, "--route", few["route"], stdin="n\n")
    assert f"too few to promise that, whatever comes; at least {fewest}" in said.stdout


BAD = [
    (("--from", "near/bigg"), "there is no model 'near/bigg'"),
    (("--from", "near/big"), "no text is kept"),
    (("--from", "near/big", "--requests", "FILE", "--to", "who/knows"), "there is no such model"),
    (("--from", "near/small", "--requests", "FILE"), "no request was asked of near/small"),
    (("--from", "near/big", "--requests", "FILE", "--route", "rt-1"), "there is no route 'rt-1'"),
    (("--from", "near/big", "--requests", "FILE", "--judge", "openai/gpt-4o"), "nobody serves openai/gpt-4o here"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD)
def test_what_cannot_be_planned_says_why_and_what_next(arguments: tuple[str, ...], said: str, home: Shell) -> None:
    file = requests(home, *({"model": "near/big", **ASKED, "seed": number} for number in range(3)))
    result = home.run("switch", "plan", *(file if each == "FILE" else each for each in arguments))
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Next: " in result.stderr


@pytest.mark.parametrize("arguments", [("--to", "@low"), ("--epsilon", "0"), ("--since", "30d", "--requests", "FILE")])
def test_what_makes_no_sense_is_misuse(arguments: tuple[str, ...], home: Shell) -> None:
    file = requests(home, *many(1))
    home.fails(2, ["switch", "plan", "--from", "near/big", *(file if each == "FILE" else each for each in arguments)])


def test_bad_lines_are_named_on_standard_error(home: Shell) -> None:
    file = requests(home, *many(2), {"prompt": "x"})
    said = home.run("switch", "plan", "--from", "near/big", "--requests", file, stdin="n\n")
    assert "line 3: there is no request in it; it takes" in said.stderr


def test_status_shows_certificates_rules_and_what_their_shadows_say(home: Shell) -> None:
    with closing(db.connect(home.home / "ledger.db")) as connection:
        db.migrate(connection)
        later = NOW + timedelta(days=30)
        store.add_certificate(connection, CertificateRow("cert-1", "plan-1", "rt-1", NOW, later, b"{}", b""))
        store.add_rule(connection, RuleRow("rt-1", 1, "cert-1", NOW, 0.25, "proven", "applied"))
        store.add_rule(connection, RuleRow("rt-1", 2, "cert-1", NOW, float("-inf"), "stepped_back", "the alarm"))
        store.add_shadows(
            connection,
            [
                ShadowRow(
                    certificate="cert-1",
                    receipt=f"wbr-{number}",
                    at=NOW,
                    shadow_receipt=None,
                    propensity=0.1,
                    tau=0.25,
                    arm="a/b",
                    predicted=0.0,
                    loss=loss,
                    harm=loss == 1,
                )
                for number, loss in enumerate((0.0, 1.0, None))
            ],
        )
    found = json.loads(home.good("switch", "status", "--json"))
    (rule,) = found["rules"]
    assert (rule["state"], rule["tau"], rule["alarms"]) == ("stepped_back", "always the reference", 1)
    assert (rule["shadows"], rule["graded"], rule["mean_loss"], rule["harm"]) == (3, 2, 0.5, 1)
    assert [each["certificate"] for each in found["certificates"]] == ["cert-1"]
    assert "stepped_back" in home.good("switch", "status")


def test_the_file_of_a_plan_is_named_as_it_is_found_from_anywhere(home: Shell, tmp_path: Path) -> None:
    requests(home, *many(3))
    made = planned(home, "--to", "near/small", "--requests", "requests.jsonl", "--yes")
    with closing(db.connect(home.home / "ledger.db")) as connection:
        row = store.find_plan(connection, made["plan"])
    assert row is not None
    assert str(tmp_path / "requests.jsonl").encode() in row.document
