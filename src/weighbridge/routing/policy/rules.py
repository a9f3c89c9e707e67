"""A policy, its rules, and what they decide: facts and who asks in, a decision out.

A deny rule keeps out whatever it may hold for: an unknown fact does not escape it. An allow rule lets pass only what it
surely holds for: an unknown fact does not satisfy it. Deny goes before allow, and where several policies are in force
each must let a request pass.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from weighbridge.routing.policy.conditions import CONDITIONS, Wanted
from weighbridge.routing.policy.facts import Facts
from weighbridge.routing.policy.truth import Truth, all_of, any_of, negated

Effect = Literal["allow", "deny"]
DEFAULT: Final = "default"
"""The rule that decides where no other does."""


class Who(msgspec.Struct, frozen=True):
    """Who asks, and what the request is marked with. Names and tags are compared without regard to case."""

    key: str
    """The key's id."""
    key_name: str = ""
    organisation: str | None = None
    project: str | None = None
    tags: tuple[str, ...] = ()
    key_tags: tuple[str, ...] = ()
    """Those of them that the key put there. Whoever sends a request may add others: they can bind, and never free."""


@dataclass(frozen=True, slots=True)
class Scope:
    """To whom a rule applies: each list that is not empty must have the requester in it."""

    organisation: frozenset[str] = frozenset()
    project: frozenset[str] = frozenset()
    key: frozenset[str] = frozenset()
    """Ids or names."""
    contains: frozenset[str] = frozenset()
    """Tags, of which the request has one."""

    def has(self, who: Who, *, frees: bool) -> bool:
        """Whether the requester is in it; where that frees of a rule or allows something, the key's own tags count."""
        tags = who.key_tags if frees else who.tags
        return (
            (not self.organisation or (who.organisation or "").casefold() in self.organisation)
            and (not self.project or (who.project or "").casefold() in self.project)
            and (not self.key or who.key in self.key or who.key_name.casefold() in self.key)
            and (not self.contains or any(tag.casefold() in self.contains for tag in tags))
        )


EVERYBODY: Final = Scope()


@dataclass(frozen=True, slots=True)
class Test:
    """One condition with what a rule wants of it."""

    key: str
    wanted: Wanted
    written: str
    """As the file has it, for people."""
    words: tuple[str, ...] = ()
    """What is wanted, as the file names it: words and places, `true` or `false`, digits."""

    def holds(self, facts: Facts) -> Truth:
        """Whether the facts meet it."""
        return CONDITIONS[self.key].holds(self.wanted, facts)

    def said(self, facts: Facts) -> str:
        """The fact it looks at, in words."""
        found = CONDITIONS[self.key].said(facts)
        return f"{self.key} is not known" if found is None else f"{self.key} is {found}"


Expression = tuple[tuple[Test, ...], ...]
"""Any of these, of each of which all must hold."""


def truth(expression: Expression, facts: Facts) -> Truth:
    """Whether it holds."""
    return any_of(all_of(test.holds(facts) for test in tests) for tests in expression)


@dataclass(frozen=True, slots=True)
class Rule:
    """It holds for an endpoint when `when` does, if there is one, and `unless` does not."""

    name: str
    effect: Effect
    scope: Scope = EVERYBODY
    exempt: Scope | None = None
    when: Expression | None = None
    unless: Expression | None = None

    def applies(self, who: Who) -> bool:
        """Whether it says anything to this requester."""
        if not self.scope.has(who, frees=self.effect == "allow"):
            return False
        return self.exempt is None or not self.exempt.has(who, frees=self.effect == "deny")

    def holds(self, facts: Facts) -> Truth:
        """Whether it holds for an endpoint."""
        parts = [] if self.when is None else [truth(self.when, facts)]
        if self.unless is not None:
            parts.append(negated(truth(self.unless, facts)))
        return all_of(parts)

    def because(self, facts: Facts, wanted: Truth) -> str:
        """The facts that make it so: those of conditions that do not turn out as `wanted`."""
        said = dict.fromkeys(test.said(facts) for test in self.missed(facts, wanted))
        return ", ".join(said) or "it holds for everything"

    def missed(self, facts: Facts, wanted: Truth) -> list[Test]:
        """The conditions that do not turn out as `wanted`."""
        tests = [(test, wanted) for test in _tests(self.when)]
        tests += [(test, negated(wanted)) for test in _tests(self.unless)]
        return [test for test, hoped in tests if test.holds(facts) is not hoped]

    @property
    def asks(self) -> str:
        """What passes it, in the words of the file."""
        met, unmet = (self.unless, self.when) if self.effect == "deny" else (self.when, self.unless)
        parts = [_written(met)] if met is not None else []
        if unmet is not None:
            parts.append(f"not ({_written(unmet)})")
        return (" or " if self.effect == "deny" else " and ").join(parts)


def _tests(expression: Expression | None) -> Iterable[Test]:
    return () if expression is None else (test for tests in expression for test in tests)


def _written(expression: Expression) -> str:
    return " or ".join(" and ".join(test.written for test in tests) for tests in expression)


@dataclass(frozen=True, slots=True)
class Policy:
    """One file, or one of the ready-made ones. `raw` is what it was made from, with the groups of countries it used."""

    name: str
    default: Effect
    rules: tuple[Rule, ...]
    raw: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an endpoint may serve a request, by which rule (`policy: rule`), and why not where it may not."""

    allowed: bool
    rule: str
    why: str = ""
    needs: str = ""
    """What would pass, in the words of the file."""
    unknown: bool = False
    """It is refused for what is not known, not for what is."""


def decide(policies: Sequence[Policy], facts: Facts, who: Who) -> Decision:
    """What the policies say together: the first that refuses, or that all let pass."""
    return decider(policies, who)(facts)


def decider(policies: Sequence[Policy], who: Who) -> Callable[[Facts], Decision]:
    """The same for many endpoints: what does not apply to the requester is left out once."""
    chosen = [(policy, applicable(policy, who)) for policy in policies]

    def decided(facts: Facts) -> Decision:
        by: dict[str, None] = {}
        for policy, rules in chosen:
            decision = _of_one(policy, rules, facts)
            if not decision.allowed:
                return decision
            by[decision.rule] = None
        return Decision(allowed=True, rule="; ".join(by))

    return decided


def applicable(policy: Policy, who: Who) -> tuple[Rule, ...]:
    """The rules that say something to this requester."""
    return tuple(rule for rule in policy.rules if rule.applies(who))


def _of_one(policy: Policy, rules: Sequence[Rule], facts: Facts) -> Decision:
    for rule in rules:
        if rule.effect == "deny" and (holds := rule.holds(facts)) is not False:
            name = f"{policy.name}: {rule.name}"
            return Decision(False, name, rule.because(facts, False), rule.asks, unknown=holds is None)
    if policy.default == "allow":
        return Decision(True, f"{policy.name}: {DEFAULT}")
    allow = [rule for rule in rules if rule.effect == "allow"]
    truths = [rule.holds(facts) for rule in allow]
    if True in truths:
        return Decision(True, f"{policy.name}: {allow[truths.index(True)].name}")
    why = "; ".join(f"{rule.name!r}: {rule.because(facts, True)}" for rule in allow)
    needs = " or ".join(asks for rule in allow if (asks := rule.asks))
    return Decision(
        False, f"{policy.name}: {DEFAULT}", why or "no rule allows it for this key", needs, unknown=None in truths
    )
