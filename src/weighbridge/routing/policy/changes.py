"""What is else in one set of policies than in another, rule by rule."""

from dataclasses import dataclass
from typing import Literal

from weighbridge.routing.policy.law import Policies
from weighbridge.routing.policy.rules import Effect, Rule

What = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Changed:
    """A rule, or, where `rule` is None, what a policy does with what no rule decides."""

    policy: str
    what: What
    rule: Rule | None
    """As it is after the change, or as it was where it is gone."""
    default: Effect | None = None
    """What becomes of it, where `rule` is None."""


def changes(before: Policies | None, after: Policies | None) -> list[Changed]:
    """All that is else, in the order of the rules after it, then what is gone. Rules are told by their names."""
    was, is_ = _rules(before), _rules(after)
    found = [
        Changed(policy, "added" if (policy, name) not in was else "changed", rule)
        for (policy, name), rule in is_.items()
        if was.get((policy, name)) != rule
    ]
    found += [Changed(place[0], "removed", rule) for place, rule in was.items() if place not in is_]
    before_, after_ = _defaults(before), _defaults(after)
    for policy in dict.fromkeys((*before_, *after_)):
        default = after_.get(policy, "allow")
        if default != before_.get(policy, "allow"):
            found.append(Changed(policy, "changed", None, default))
    return found


def _rules(policies: Policies | None) -> dict[tuple[str, str], Rule]:
    if policies is None:
        return {}
    return {(policy.name, rule.name): rule for policy in policies.policies for rule in policy.rules}


def _defaults(policies: Policies | None) -> dict[str, Effect]:
    return {} if policies is None else {policy.name: policy.default for policy in policies.policies}
