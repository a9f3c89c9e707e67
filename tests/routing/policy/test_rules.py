"""What policies decide: the truth table, who a rule applies to, several policies at once."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.policy.facts_made_up import ALICE, decided, facts, policy
from weighbridge.routing.policy.rules import Who, decide

TRUTHS = (True, False, None)
ALLOW = ('default = "deny"', "[[allow]]", 'name = "rule"')
DENY = ("[[deny]]", 'name = "rule"')


@pytest.mark.parametrize(
    ("fact", "allow_when", "allow_unless", "deny_when", "deny_unless"),
    [
        # the table of docs/policy.md: whether a request passes
        (True, True, False, False, True),
        (False, False, True, True, False),
        (None, False, False, False, False),
    ],
)
def test_the_truth_table(
    fact: bool | None, allow_when: bool, allow_unless: bool, deny_when: bool, deny_unless: bool
) -> None:
    found = facts(trains=fact)
    assert decided(found, *ALLOW, "when.data.trains = true").allowed is allow_when
    assert decided(found, *ALLOW, "unless.data.trains = true").allowed is allow_unless
    assert decided(found, *DENY, "when.data.trains = true").allowed is deny_when
    assert decided(found, *DENY, "unless.data.trains = true").allowed is deny_unless


KNOWN = {"trains": (True, False), "open_weights": (True, False), "lab_country": ("FR", "CN", "US")}
CONDITIONS = (
    "data.trains = true",
    "data.trains = false",
    "origin.open_weights = true",
    'origin.country = "EU"',
    'origin.country = ["CN", "US"]',
)


@st.composite
def rules(draw: st.DrawFn) -> tuple[str, ...]:
    """A policy of some rules, each of any shape."""
    effect = draw(st.sampled_from(["allow", "deny"]))
    default = "deny" if effect == "allow" else draw(st.sampled_from(["allow", "deny"]))
    lines = [f'default = "{default}"']
    for number in range(draw(st.integers(1, 3))):
        lines += [f"[[{effect}]]", f'name = "{number}"']
        for part in draw(st.sets(st.sampled_from(["when", "unless"]))):
            tables = [
                ", ".join(draw(st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=3, unique_by=_key)))
                for _ in range(draw(st.integers(1, 2)))
            ]
            lines.append(f"{part} = [{', '.join('{' + table + '}' for table in tables)}]")
    return tuple(lines)


def _key(condition: str) -> str:
    return condition.partition(" =")[0]


@given(rules(), st.fixed_dictionaries({name: st.sampled_from([None, *values]) for name, values in KNOWN.items()}))
def test_what_passes_with_an_unknown_fact_passes_whatever_it_is(
    lines: tuple[str, ...], known: dict[str, object]
) -> None:
    """An unknown fact neither satisfies an allow rule nor escapes a deny rule: finding it out never turns yes to no."""
    if not decided(facts(**known), *lines).allowed:
        return
    unknown = [name for name, value in known.items() if value is None]
    for values in itertools.product(*(KNOWN[name] for name in unknown)):
        assert decided(facts(**{**known, **dict(zip(unknown, values, strict=True))}), *lines).allowed


@given(rules(), st.fixed_dictionaries({name: st.sampled_from(values) for name, values in KNOWN.items()}))
def test_nothing_unknown_is_blamed_where_all_is_known(lines: tuple[str, ...], known: dict[str, object]) -> None:
    assert not decided(facts(**known), *lines).unknown


EU_FOR_PERSONAL_DATA = (*DENY, 'contains = "personal-data"', 'unless.jurisdiction.region = ["EU", "local"]')


@pytest.mark.parametrize(
    ("scope", "who", "applies"),
    [
        ('contains = "personal-data"', Who("k", tags=("personal-data",)), True),
        ('contains = "personal-data"', Who("k", tags=("Personal-Data", "other")), True),
        ('contains = "personal-data"', Who("k", tags=("public",)), False),
        ('contains = ["a", "b"]', Who("k", tags=("b",)), True),
        ('project = "research"', Who("k", project="Research"), True),
        ('project = "research"', Who("k"), False),
        ('organisation = ["acme", "ajax"]', Who("k", organisation="ajax"), True),
        ('key = "alice"', Who("key-1", "Alice"), True),
        ('key = "key-1"', Who("key-1", "bob"), True),
        ('key = "alice"', Who("key-1", "bob"), False),
        ('organisation = "acme"\nproject = "research"', Who("k", organisation="acme", project="sales"), False),
        ('except.project = "research"', Who("k", project="research"), False),
        ('except.project = "research"', Who("k", project="sales"), True),
        ('except = { organisation = "acme", project = "research" }', Who("k", project="research"), True),
    ],
)
def test_a_rule_applies_to_those_it_names(scope: str, who: Who, applies: bool) -> None:
    assert decided(facts(), *DENY, scope, "when.local = false", who=who).allowed is not applies


def test_a_tag_that_comes_with_the_request_binds_and_never_frees() -> None:
    sent, owned = Who("k", tags=("public",)), Who("k", tags=("public",), key_tags=("public",))
    exempt = (*DENY, 'except.contains = "public"', "when.local = false")
    allowed = (*ALLOW, 'contains = "public"')
    assert not decided(facts(), *exempt, who=sent).allowed
    assert decided(facts(), *exempt, who=owned).allowed
    assert not decided(facts(), *allowed, who=sent).allowed
    assert decided(facts(), *allowed, who=owned).allowed
    assert not decided(facts(), *DENY, 'contains = "public"', who=sent).allowed


def test_deny_goes_before_allow() -> None:
    lines = ('default = "deny"', "[[allow]]", 'name = "all"', "[[deny]]", 'name = "none"', "when.local = false")
    decision = decided(facts(), *lines)
    assert (decision.allowed, decision.rule) == (False, "policy.toml: none")


def test_what_no_rule_allows_is_refused_by_default() -> None:
    decision = decided(facts(trains=True), *ALLOW, "when.data.trains = false")
    assert decision.rule == "policy.toml: default"
    assert decision.why == "'rule': data.trains is yes"
    assert decision.needs == "data.trains = false"


def test_each_of_several_policies_must_let_it_pass() -> None:
    open_only = policy(*DENY, "unless.origin.open_weights = true")
    local_only = policy("[[deny]]", 'name = "home"', "unless.local = true")
    found = facts(open_weights=True)
    assert decide([open_only], found, ALICE).allowed
    assert decide([open_only, local_only], found, ALICE).rule == "policy.toml: home"
    assert decide([open_only, local_only], facts(open_weights=True, local=True), ALICE).allowed


def test_a_refusal_says_what_is_not_known_and_what_would_pass() -> None:
    decision = decided(facts(), *EU_FOR_PERSONAL_DATA, who=Who("k", tags=("personal-data",)))
    assert (decision.allowed, decision.unknown) == (False, True)
    assert decision.why == "jurisdiction.region is not known"
    assert decision.needs == "jurisdiction.region in EU, local"


def test_an_empty_list_of_rules_and_a_default_of_deny_refuse_everything() -> None:
    decision = decided(facts(local=True), 'default = "deny"')
    assert (decision.allowed, decision.why) == (False, "no rule allows it for this key")
