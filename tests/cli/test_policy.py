"""`weighbridge policy` and `weighbridge audit`: what they say of a catalogue and a ledger, and how they exit."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import Shell
from tests.ledger.made_up import charge, entry
from weighbridge import config, db
from weighbridge.app.policies import policies_of
from weighbridge.ledger import store
from weighbridge.ledger.entry import Attempt, Ids
from weighbridge.ledger.policies import adopt

RULES = """
[[deny]]
name = "personal data stays in the EU"
contains = "personal-data"
unless.jurisdiction.country = ["EU", "local"]
unless.jurisdiction.region = ["EU", "local"]
"""


@pytest.fixture
def policy(shell: Shell) -> Path:
    file = shell.home.parent / "policy.toml"
    file.write_text(RULES)
    return file


def past(shell: Shell, count: int, **more: object) -> None:
    """Answers of DeepSeek's own R1 in the last hour."""
    shell.home.mkdir(exist_ok=True)
    ids = Ids()
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        db.migrate(connection)
        made = entry(
            at=datetime.now(UTC) - timedelta(hours=1),
            model="deepseek/deepseek-r1",
            provider="deepseek",
            upstream_model="deepseek-reasoner",
            attempts=(Attempt("deepseek", "deepseek-reasoner", None, 0.1),),
            charge=charge("0.25"),
        )
        many = [msgspec.structs.replace(made, id=ids.next(), **more) for _ in range(count)]
        store.add(connection, many)


def test_the_ready_made_policies_are_listed_and_printed(shell: Shell) -> None:
    assert shell.good("policy", "ready").startswith("eu-processing-only    Only companies of the European Union")
    printed = shell.good("policy", "ready", "local-only")
    (shell.home.parent / "own.toml").write_text(printed)
    assert "own.toml: 1 rule" in shell.good("policy", "check", "own.toml")
    assert "did you mean 'local-only'" in shell.fails(1, ["policy", "ready", "local"])


def test_a_policy_is_held_against_the_catalogue(shell: Shell, policy: Path) -> None:
    free = json.loads(shell.good("policy", "check", str(policy), "--json"))
    assert all(each["passes"] for each in free["endpoints"])
    bound = json.loads(shell.good("policy", "check", str(policy), "--tag", "personal-data", "--json"))
    assert len(bound["endpoints"]) == len(free["endpoints"]) > 500
    by_provider = {each["facts"]["provider"]: each for each in bound["endpoints"]}
    assert by_provider["local"]["passes"]
    assert not by_provider["openai"]["passes"]
    assert by_provider["openai"]["why"] == "jurisdiction.country is US, jurisdiction.region is not known"
    assert by_provider["openrouter"]["for_unknown_facts"]


def test_people_see_counts_reasons_and_what_is_left(shell: Shell, policy: Path) -> None:
    said = shell.good("policy", "check", str(policy), "--tag", "personal-data")
    assert "policy.toml: personal data stays in the EU" in said
    assert "jurisdiction.country is US, jurisdiction.region is not known" in said
    assert "No model can be asked for here" in said
    one = shell.good("policy", "check", str(policy), "--tag", "personal-data", "--model", "deepseek/deepseek-r1")
    assert "together/deepseek-ai/DeepSeek-R1" in one
    assert "openai/" not in one
    unknown = ["policy", "check", str(policy), "--model", "deepseek/deepseek-r1-"]
    assert "the nearest: deepseek/deepseek-r1" in shell.fails(1, unknown)


def test_what_a_policy_would_have_refused_is_counted(shell: Shell, policy: Path) -> None:
    past(shell, 3)
    past(shell, 2, tags=("personal-data",))
    past(shell, 4, tags=("personal-data",), at=datetime.now(UTC) - timedelta(days=40))
    found = json.loads(shell.good("policy", "check", str(policy), "--since", "30d", "--json"))["past"]
    assert found["requests"] == 5
    (refused,) = found["refused"]
    assert (refused["requests"], refused["tokens"], refused["cost"]) == (2, 34, "0.5")
    assert refused["rule"] == "policy.toml: personal data stays in the EU"
    said = shell.good("policy", "check", str(policy), "--since", "30d")
    assert "Of 5 past requests 2 (40.0%) would have been refused" in said


def test_a_broken_policy_is_told_with_its_line(shell: Shell, policy: Path) -> None:
    policy.write_text(RULES.replace("country", "contry", 1))
    said = shell.fails(1, ["policy", "check", str(policy)])
    assert "policy.toml, line 5, deny[0].unless.jurisdiction.contry" in said
    assert "did you mean 'jurisdiction.country'?" in said
    assert "No such file" in shell.fails(1, ["policy", "check", "nowhere.toml"])
    assert "no policy is named" in shell.fails(1, ["policy", "check"])


def test_the_policy_of_the_settings_is_shown_and_looked_at_by_doctor(shell: Shell, policy: Path) -> None:
    assert "No policy is set" in shell.good("policy", "show")
    settings = shell.home.parent / "weighbridge.toml"
    settings.write_text(f'[policy]\nfile = "{policy}"\nready = ["open-weights-only"]\n')
    said = shell.good("policy", "show")
    assert "for contains personal-data" in said
    assert "passes: origin.open_weights = true" in said
    assert json.loads(shell.good("policy", "show", "--json"))["policies"][0]["name"] == "open-weights-only"
    assert "open-weights-only, policy.toml: 2 rules" in shell.run("doctor").stdout
    policy.write_text("[[deny]")
    doctor = shell.run("doctor")
    assert (doctor.exit_code, "FAILED   policy" in doctor.stdout) == (1, True)
    assert "policy.toml" in shell.fails(1, ["up", "--port", "0"])


def test_an_audit_passes_and_fails_by_its_exit_code(shell: Shell, policy: Path) -> None:
    assert "there is no ledger" in shell.fails(1, ["audit"])
    past(shell, 3)
    assert "3  were served while no policy was in force" in shell.good("audit")
    (shell.home.parent / "weighbridge.toml").write_text(f'[policy]\nfile = "{policy}"\n')
    policies = policies_of(config.read({}, shell.environ, here=shell.home.parent))
    assert policies is not None
    ids = Ids()
    with closing(db.connect(shell.home / "ledger.db")) as connection:
        start = datetime.now(UTC) - timedelta(hours=2)
        adopt(connection, ids.worker, lambda: start, (policies.hash, policies.text))
        store.add(connection, [entry(id=ids.next(), at=datetime.now(UTC))])
    result = shell.run("audit")
    assert result.exit_code == 1
    assert "1  VIOLATE the policy in force" in result.stdout
    assert "no decision" in result.stdout
    document = json.loads(shell.run("audit", "--json").stdout)
    assert (document["violating"], document["without_policy"]) == (1, 3)
    assert document["violations"][0]["breach"] == "no decision"
    assert shell.run("audit", "--until", "30m").exit_code == 0
    assert "not after --since" in shell.fails(2, ["audit", "--since", "1d", "--until", "2d"])


def test_keys_carry_labels(shell: Shell) -> None:
    made = json.loads(
        shell.good(
            "keys",
            "create",
            "clinic",
            "--organisation",
            "Hospital",
            "--project",
            "ward 3",
            "--tag",
            "Personal-Data,health",
            "--json",
        )
    )
    assert (made["organisation"], made["project"], made["tags"]) == ("Hospital", "ward 3", ["health", "personal-data"])
    assert "health, personal-data" in shell.good("keys", "list")
    assert "1 to 64 printable ASCII characters" in shell.fails(2, ["keys", "create", "x", "--tag", "Ä"])
