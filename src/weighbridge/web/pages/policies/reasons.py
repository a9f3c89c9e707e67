"""Why a policy keeps an endpoint out, for people: which rule, what it asks, and what is known of the endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from weighbridge.routing.policy.facts import Facts
from weighbridge.routing.policy.law import Policies
from weighbridge.routing.policy.rules import Policy, Rule
from weighbridge.web.pages.policies.words import Said, missed, said
from weighbridge.web.tongue import Tongue


@dataclass(frozen=True, slots=True)
class Reason:
    """Of one endpoint."""

    rule: Said | None
    """None: no rule lets it pass, or it is not known any more which one it was."""
    name: str
    """As refusals have it: `policy: rule`."""
    facts: list[tuple[str, Markup]]
    """What the rule goes by, and what is known of it."""


def reason(tongue: Tongue, policies: Policies | None, name: str, facts: Facts) -> Reason:
    """The reason that this rule gives."""
    policy, rules = _rules(policies, name)
    told = None if policy is None or len(rules) != 1 else said(tongue, policy, rules[0])
    known = [each for rule in rules for each in missed(tongue, rule, facts)]
    return Reason(told, name, list(dict.fromkeys(known)))


def _rules(policies: Policies | None, name: str) -> tuple[Policy | None, Sequence[Rule]]:
    """The rule of this name; where nothing allowed it, all rules that would have."""
    for policy in () if policies is None else policies.policies:
        by_name = [rule for rule in policy.rules if f"{policy.name}: {rule.name}" == name]
        if by_name:
            return policy, by_name
        if name == f"{policy.name}: default":
            return policy, [rule for rule in policy.rules if rule.effect == "allow"]
    return None, ()
