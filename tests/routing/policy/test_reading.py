"""Policy files: what is refused, and that the complaint names the place and the nearest word."""

import pytest

from weighbridge.errors import PolicyError
from weighbridge.routing.policy.law import Policies, kept
from weighbridge.routing.policy.reading import Vocabulary, read_policy
from weighbridge.routing.policy.readymade import ready_made, ready_text

WORDS = Vocabulary(
    frozenset({"MIT", "Apache-2.0"}), frozenset({"deepseek", "local"}), frozenset({"qwen/qwen3-32b", "qwen/"})
)
RULE = '[[deny]]\nname = "rule"\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('defalt = "deny"', "line 1, defalt: 'defalt' is nothing that a rule knows here; did you mean 'default'?"),
        ('default = "no"', 'line 1, default: expected "allow" or "deny", got \'no\''),
        ("x = ", "Invalid value"),
        ("deny = 1", "expected rules, each under [[deny]]"),
        ('[[deny]]\nnam = "x"', "line 2, deny[0].nam: 'nam' is nothing that a rule knows here; did you mean 'name'?"),
        ("[[deny]]\nname = ''", "line 2, deny[0].name: expected the rule's name"),
        (RULE + RULE, "line 2, deny[0].name: 'rule' is the name of two rules"),
        ('[[allow]]\nname = "x"', "line 1, allow: allow rules change nothing where default is"),
        (RULE + "unless.licence.clas = 'permissive'", "line 3, deny[0].unless.licence.clas: 'licence.clas' is nothing"),
        (RULE + "unless.licence.class = 'permisive'", "there is no 'permisive'; did you mean 'permissive'?"),
        (RULE + "unless.licence.id = 'apache-2.0'", "there is no 'apache-2.0'; did you mean 'Apache-2.0'?"),
        (RULE + "unless.provider = 'deepsek'", "there is no 'deepsek'; did you mean 'deepseek'?"),
        (RULE + "when.model = 'qwne/qwen3-32b'", "there is no 'qwne/qwen3-32b'; did you mean 'qwen/qwen3-32b'?"),
        (RULE + "when.model = 'qwen3-32b'", "there is no 'qwen3-32b'; did you mean 'qwen/qwen3-32b'?"),
        (RULE + "when.model = ['qwen/*', 'qwne/*']", "line 3, deny[0].when.model: there is no 'qwne/*'"),
        (
            RULE + "\nunless.jurisdiction.region = 'UK'",
            "line 4, deny[0].unless.jurisdiction.region: there is no place 'UK'",
        ),
        (RULE + "unless.jurisdiction.region = 'eu'", "there is no place 'eu'; did you mean 'EU'?"),
        (RULE + "unless.jurisdiction.country = 'Local'", "there is no place 'Local'; did you mean 'local'?"),
        (RULE + "unless.origin.country = 'local'", "there is no place 'local'"),
        (RULE + "unless.local = 'yes'", "line 3, deny[0].unless.local: expected true or false, got 'yes'"),
        (RULE + "unless.licence.users = -1", "expected a whole number, at least 0, got -1"),
        (RULE + "unless.licence.users = true", "expected a whole number, at least 0, got True"),
        (RULE + "unless.licence.class = []", "expected a string or a list of strings, got []"),
        (RULE + "unless = []", "deny[0].unless: expected conditions"),
        (RULE + "unless = {}", "deny[0].unless: expected conditions"),
        (RULE + "unless = 'EU'", "expected a table, got 'EU'"),
        (RULE + "except = {}", "deny[0].except: expected one of organisation, project, key, contains"),
        (RULE + "except.tag = 'x'", "'tag' is nothing that a rule knows here"),
        (RULE + "contains = 1", "expected a string or a list of strings, got 1"),
        ("[groups]\nEU = ['FR']", "groups.EU: 'EU' has its meaning already"),
        ("[groups]\nFR = ['FR']", "groups.FR: 'FR' has its meaning already"),
        ("[groups]\nnordics = ['Norway']", "there is no country 'Norway'"),
        ('[[deny]]\nname = "a"\n[[deny]]\nname = "b"\nunless.locl = true', "line 5, deny[1].unless.locl: 'locl'"),
    ],
)
def test_a_complaint_names_the_place_and_the_nearest_word(text: str, complaint: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read_policy(text, "policy.toml", WORDS)
    assert refused.value.message.startswith("policy.toml")
    assert complaint in refused.value.message


def test_own_groups_of_countries_may_be_named_and_built_on() -> None:
    text = '[groups]\nnordics = ["DK", "NO"]\nnear = ["nordics", "EU"]\n' + RULE + 'when.origin.country = "near"'
    rule = read_policy(text, "policy.toml").rules[0]
    assert rule.when is not None
    wanted = rule.when[0][0].wanted
    assert getattr(wanted, "inside", frozenset()) >= {"NO", "FR", "EU", "nordics"}


def test_what_is_kept_decides_the_same_and_has_the_same_hash() -> None:
    texts = {**ready_made(), "own": '[groups]\nhome = ["FR"]\n' + RULE + 'unless.jurisdiction.region = "home"'}
    policies = Policies([read_policy(text, name) for name, text in texts.items()])
    again = kept(policies.text)
    assert again.hash == policies.hash
    assert [policy.rules for policy in again.policies] == [policy.rules for policy in policies.policies]


def test_the_order_of_keys_and_comments_do_not_change_the_hash() -> None:
    one = read_policy('default = "allow"\n' + RULE + "project = 'a'", "p")
    other = read_policy("# why\n[[deny]]\nproject = 'a'\nname = \"rule\"", "p")
    assert Policies([one]).hash != Policies([other]).hash  # the default is written in one and not in the other
    assert Policies([other]).hash == Policies([read_policy(RULE + "project = 'a'", "p")]).hash


def test_the_ready_made_ones_are_there_and_read() -> None:
    assert set(ready_made()) == {
        "eu-processing-only",
        "local-only",
        "no-caps",
        "open-weights-only",
        "permissive-only",
    }
    with pytest.raises(PolicyError, match="did you mean 'local-only'"):
        ready_text("local")


@pytest.mark.parametrize("named", ["Qwen/Qwen3-32B", "QWEN/*", "qwen/qwen3*", "*", "deepseek/what-it-will-have"])
def test_a_rule_may_name_models_that_there_are_and_whatever_a_provider_has(named: str) -> None:
    assert read_policy(f"{RULE}when.model = '{named}'", "p", WORDS).rules
