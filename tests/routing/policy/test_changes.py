"""What is else between two sets of policies."""

from weighbridge.routing.policy.changes import changes
from weighbridge.routing.policy.law import Policies
from weighbridge.routing.policy.reading import read_policy

OPEN = '[[deny]]\nname = "only open weights"\nunless.origin.open_weights = true\n'
LOCAL = '[[deny]]\nname = "only here"\nunless.local = true\n'


def policies(text: str, name: str = "policy.toml") -> Policies:
    return Policies([read_policy(text, name)])


def told(before: Policies | None, after: Policies | None) -> list[tuple[str, str, str | None]]:
    return [(each.what, each.policy, each.rule.name if each.rule else each.default) for each in changes(before, after)]


def test_rules_are_told_apart_by_their_names() -> None:
    assert told(None, None) == told(policies(OPEN), policies(OPEN)) == []
    assert told(None, policies(OPEN)) == [("added", "policy.toml", "only open weights")]
    assert told(policies(OPEN + LOCAL), policies(LOCAL)) == [("removed", "policy.toml", "only open weights")]
    other = OPEN.replace("true", "false")
    assert told(policies(OPEN), policies(other + LOCAL)) == [
        ("changed", "policy.toml", "only open weights"),
        ("added", "policy.toml", "only here"),
    ]
    assert told(policies(OPEN), None) == [("removed", "policy.toml", "only open weights")]
    assert told(policies(OPEN, "a"), policies(OPEN, "b")) == [
        ("added", "b", "only open weights"),
        ("removed", "a", "only open weights"),
    ]


def test_who_a_rule_is_for_is_part_of_it_and_so_is_the_default() -> None:
    bound = OPEN.replace("unless", 'organisation = "acme"\nunless')
    assert told(policies(OPEN), policies(bound)) == [("changed", "policy.toml", "only open weights")]
    deny = 'default = "deny"\n' + OPEN
    assert told(policies(OPEN), policies(deny)) == [("changed", "policy.toml", "deny")]
    assert told(policies(deny), None)[-1] == ("changed", "policy.toml", "allow")


def test_a_test_keeps_the_words_that_the_file_has() -> None:
    unless = '[{ jurisdiction.region = ["EU", "local"] }, { local = true }, { licence.users = 5 }]'
    (policy,) = policies(f'[[deny]]\nname = "x"\nunless = {unless}\n').policies
    (rule,) = policy.rules
    assert rule.unless is not None
    assert [test.words for tests in rule.unless for test in tests] == [("EU", "local"), ("true",), ("5",)]
