"""Rules in plain words: each condition that there is has its own, in every language."""

import pytest

from tests.app.test_auditing import CATALOG
from weighbridge.accounts.tree import Place
from weighbridge.routing.policy.conditions import CONDITIONS
from weighbridge.routing.policy.facts import Facts, facts_of
from weighbridge.routing.policy.law import Policies
from weighbridge.routing.policy.reading import read_policy
from weighbridge.routing.policy.rules import Policy, Rule
from weighbridge.web.pages.policies.reasons import reason
from weighbridge.web.pages.policies.words import LABELS, concerns, condition, said
from weighbridge.web.tongue import tongues

ENGLISH = tongues()["en"]
WORDS = {
    "yes or no": "true",
    "number": "30",
    "words": '["x"]',
    "countries": '["FR", "EU"]',
    "places": '["EU", "local"]',
}


def written(rules: str) -> Policy:
    return read_policy(rules, "policy.toml")


def only(rules: str) -> Rule:
    (rule,) = written(rules).rules
    return rule


def value(key: str) -> str:
    found = CONDITIONS[key]
    return f'["{found.words[0]}"]' if found.words else WORDS[found.kind]


@pytest.mark.parametrize("code", tongues())
@pytest.mark.parametrize("key", CONDITIONS)
def test_every_condition_has_its_words(key: str, code: str) -> None:
    rule = only(f'[[deny]]\nname = "x"\nwhen.{key} = {value(key)}\n')
    assert rule.when is not None
    told = condition(tongues()[code], rule.when[0][0])
    assert told
    assert "%(" not in told
    assert key in LABELS


def test_a_rule_is_told_whole() -> None:
    policy = written(
        '[[deny]]\nname = "the bank\'s"\norganisation = ["bank", "trust"]\ncontains = "personal-data"\n'
        'except.key = "old"\nwhen.licence.class = ["restricted", "non-commercial"]\n'
        'unless = [{ local = true }, { data.retention_days = 0, jurisdiction.region = ["EU", "CH"] }]\n'
    )
    told = said(ENGLISH, policy, policy.rules[0])
    assert (told.policy, told.name, told.effect) == ("policy.toml", "the bank's", "deny")
    assert [str(each) for each in told.who] == [
        'keys of the organisation <bdi dir="ltr">bank</bdi> or <bdi dir="ltr">trust</bdi>',
        'requests with the tag <bdi dir="ltr">personal-data</bdi>',
    ]
    assert [str(each) for each in told.exempt] == ['the key <bdi dir="ltr">old</bdi>']
    assert told.when == [["the licence is restricted or non-commercial"]]
    assert told.unless == [
        ["it runs on a machine of your own"],
        [
            "prompts and answers are kept for 0 days at most",
            "the data centre is in the European Union or Switzerland",
        ],
    ]


def test_names_in_rules_are_text() -> None:
    rule = only('[[deny]]\nname = "x"\norganisation = "<b>"\nwhen.model = "</bdi><script>"\n')
    assert rule.when is not None
    assert condition(ENGLISH, rule.when[0][0]) == 'the model is <bdi dir="ltr">&lt;/bdi&gt;&lt;script&gt;</bdi>'


def test_others_rules_are_not_shown_to_a_scoped_admin() -> None:
    for who, place, shown in (
        ("", Place("acme", "search"), True),
        ('organisation = "Acme"', Place("acme"), True),
        ('organisation = "bank"', Place("acme"), False),
        ('organisation = "bank"', Place(), True),
        ('project = "ads"', Place("acme", "search"), False),
        ('project = "ads"', Place("acme"), True),
    ):
        assert concerns(only(f'[[deny]]\nname = "x"\n{who}\nwhen.local = false\n'), place) is shown, (who, place)


def facts(host: str) -> Facts:
    (model,) = CATALOG.models.values()
    endpoint = next(each for each in model.endpoints if each.provider == host)
    return facts_of(model, endpoint, CATALOG.host(host))


def test_a_reason_names_the_rule_and_what_is_known() -> None:
    policies = Policies([written('[[deny]]\nname = "EU"\nunless = { jurisdiction.region = "EU", local = false }\n')])
    found = reason(ENGLISH, policies, "policy.toml: EU", facts("america"))
    assert found.rule is not None
    assert (found.rule.name, found.facts) == ("EU", [("Place of the data centre", "United States")])


def test_where_nothing_allows_each_rule_says_what_it_misses() -> None:
    policies = Policies(
        [
            written(
                'default = "deny"\n[[allow]]\nname = "here"\nwhen.local = true\n'
                '[[allow]]\nname = "kept"\nwhen.data.retention_days = 0\n'
            )
        ]
    )
    found = reason(ENGLISH, policies, "policy.toml: default", facts("america"))
    assert found.rule is None
    assert found.facts == [("Runs on a machine of your own", "no"), ("Days that prompts are kept", "not known")]
    assert reason(ENGLISH, policies, "gone: x", facts("america")).facts == []


def test_caps_of_licences_are_told_as_what_they_are() -> None:
    policies = Policies([written('[[deny]]\nname = "x"\nunless = { licence.users = 5, licence.capped = true }\n')])
    known = Facts(model="m", provider="p", upstream_model="m", user_cap="none", revenue_cap="none")
    assert reason(ENGLISH, policies, "policy.toml: x", known).facts == [("The licence ends above some size", "no")]
    capped = Facts(model="m", provider="p", upstream_model="m", user_cap=4, revenue_cap=None)
    assert reason(ENGLISH, policies, "policy.toml: x", capped).facts == [("Most users a month", "4")]
