"""Was each request served within the policy in force when it came? And what would another policy have refused?"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.errors import PolicyError
from weighbridge.ledger.audit import Tally
from weighbridge.ledger.policies import InForce
from weighbridge.routing.policy.facts import Facts, facts_of
from weighbridge.routing.policy.law import Policies, facts_in, kept
from weighbridge.routing.policy.rules import Decision, Who, decide

Breach = Literal["outside the policy", "another policy", "no decision", "no such policy", "wrong facts"]
"""What was found.

outside the policy   the policy in force does not let the endpoint serve the request, by the facts of the entry
another policy       the entry names a policy that was not in force at its worker when it came
no decision          a policy was in force, and the entry has none or no facts
no such policy       the policy's text is not kept, or is not what its hash says
wrong facts          the facts are of other endpoints than those that were sent the request
"""


@dataclass(frozen=True, slots=True)
class Violation:
    """Entries that were served, or sent to an endpoint, outside the policy in force; `tally` says which."""

    breach: Breach
    why: str
    tally: Tally


@dataclass(slots=True)
class Report:
    """What an audit found, in entries."""

    entries: int = 0
    within: int = 0
    """Sent to endpoints that the policy in force let serve them."""
    kept_out: int = 0
    """Refused by a policy."""
    not_sent: int = 0
    """Sent to nobody, for another reason."""
    without_policy: int = 0
    """Sent while no policy was in force."""
    violations: list[Violation] = field(default_factory=list)

    @property
    def violating(self) -> int:
        """Entries in violation."""
        return sum(each.tally.entries for each in self.violations)


class Auditor:
    """Judges tallies by the policies that were in force and the facts that were recorded."""

    def __init__(self, rows: Sequence[InForce], texts: Mapping[str, str], key_names: Mapping[str, str]) -> None:
        """`rows` in order of worker and time, `texts` of policies by their hash, `key_names` by id."""
        self._texts = texts
        self._key_names = key_names
        self._read: dict[str, Policies | None] = {}
        self._at: dict[tuple[str, datetime | None], tuple[str | None, str | None, str | None]] = {}
        by_worker: defaultdict[str, list[InForce]] = defaultdict(list)
        for row in rows:
            by_worker[row.worker].append(row)
        self._obeyed = {worker: {row.policy for row in mine} for worker, mine in by_worker.items()}
        """By the worker. It writes down what it obeys before its first request, so one that names a policy and is
        dated before that has a date of a clock that went back."""
        for worker, mine in by_worker.items():
            hashes = [None, *(row.policy for row in mine), None]
            self._at[worker, None] = (None, None, hashes[1])
            for at, row in enumerate(mine, start=1):
                self._at[worker, row.since] = (hashes[at - 1], hashes[at], hashes[at + 1])

    def report(self, tallies: Iterable[Tally]) -> Report:
        """Everything that was found."""
        report = Report()
        for tally in tallies:
            report.entries += tally.entries
            if not tally.was_sent and tally.facts is None:
                if tally.error == "policy_refused":
                    report.kept_out += tally.entries
                else:
                    report.not_sent += tally.entries
                continue
            before, in_force, after = self._at.get((tally.worker, tally.since), (None, None, None))
            if in_force is None and tally.policy is None:
                report.without_policy += tally.entries
                continue
            found = self._violation(tally, before, in_force, after)
            if found is None:
                report.within += tally.entries
            else:
                report.violations.append(found)
        return report

    def _violation(self, tally: Tally, before: str | None, in_force: str | None, after: str | None) -> Violation | None:
        if tally.policy is None or tally.facts is None:
            return Violation("no decision", f"policy {_short(in_force)} was in force", tally)
        acceptable = {in_force} if tally.since is not None else {None, *self._obeyed.get(tally.worker, ())}
        if tally.just_begun:
            acceptable.add(before)
        if tally.about_to_end:
            acceptable.add(after)
        if tally.policy not in acceptable:
            was = "none was" if in_force is None else f"{_short(in_force)} was"
            return Violation("another policy", f"it names {_short(tally.policy)}, {was} in force", tally)
        policies = self._policies(tally.policy)
        if policies is None:
            return Violation("no such policy", f"{_short(tally.policy)} is not kept whole", tally)
        try:
            facts = facts_in(tally.facts)
        except msgspec.MsgspecError as error:
            return Violation("wrong facts", f"they cannot be read: {error}", tally)
        return _facts_violation(tally, facts) or _decided_violation(
            tally, facts, policies, who_of(tally, self._key_names)
        )

    def _policies(self, hash_: str) -> Policies | None:
        if hash_ not in self._read:
            self._read[hash_] = self._whole(hash_)
        return self._read[hash_]

    def _whole(self, hash_: str) -> Policies | None:
        text = self._texts.get(hash_)
        if text is None or hashlib.sha256(text.encode()).hexdigest() != hash_:
            return None
        try:
            return kept(text)
        except PolicyError:
            return None


def _facts_violation(tally: Tally, facts: Sequence[Facts]) -> Violation | None:
    known = {each.endpoint for each in facts}
    answered = f"{tally.provider}/{tally.upstream_model}"
    missing = {answered, *tally.tried} - known if tally.provider is not None else set(tally.tried) - known
    if missing:
        return Violation("wrong facts", f"there are none of {', '.join(sorted(missing))}", tally)
    if tally.provider is not None and all(each.model != tally.model for each in facts if each.endpoint == answered):
        return Violation("wrong facts", f"they are of another model than {tally.model}", tally)
    return None


def _decided_violation(tally: Tally, facts: Sequence[Facts], policies: Policies, who: Who) -> Violation | None:
    for each in facts:
        decision = decide(policies.policies, each, who)
        if not decision.allowed:
            return Violation("outside the policy", f"{each.endpoint}: rule {decision.rule!r}: {decision.why}", tally)
    return None


def who_of(tally: Tally, key_names: Mapping[str, str]) -> Who:
    """Who asked, as the entries have it."""
    return Who(tally.key, key_names.get(tally.key, ""), tally.organisation, tally.project, tally.tags, tally.key_tags)


def _short(hash_: str | None) -> str:
    return "none" if hash_ is None else hash_[:12]


@dataclass(slots=True)
class Refused:
    """Past requests that a policy would have refused, by the rule, model and endpoint. Cost is US dollars."""

    rule: str
    model: str
    endpoint: str
    why: str
    needs: str
    unknown: bool
    entries: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)


@dataclass(slots=True)
class Rehearsal:
    """What a policy would have done to past traffic."""

    entries: int = 0
    """Requests that an endpoint was sent."""
    refused: list[Refused] = field(default_factory=list)


def rehearsed(
    policies: Policies, tallies: Iterable[Tally], catalog: Catalog, key_names: Mapping[str, str]
) -> Rehearsal:
    """The same requests, at the endpoints that answered them, by what is known of these today."""
    rehearsal = Rehearsal()
    found: dict[tuple[str, str, str], Refused] = {}
    for tally in tallies:
        if not tally.was_sent or tally.provider is None or tally.upstream_model is None or tally.model is None:
            continue
        rehearsal.entries += tally.entries
        facts = facts_today(tally.model, tally.provider, tally.upstream_model, catalog)
        decision = decide(policies.policies, facts, who_of(tally, key_names))
        if decision.allowed:
            continue
        key = decision.rule, tally.model, facts.endpoint
        refused = found.setdefault(key, Refused(*key, why=decision.why, needs=decision.needs, unknown=decision.unknown))
        refused.entries += tally.entries
        refused.tokens += tally.tokens
        refused.cost += tally.cost
    rehearsal.refused = sorted(found.values(), key=lambda each: (-each.entries, each.rule, each.model))
    return rehearsal


def facts_today(model: str, provider: str, upstream_model: str, catalog: Catalog) -> Facts:
    """What the catalogue knows of an endpoint that an entry names, whether it is still on offer or not."""
    known = catalog.find(model) or Model(model)
    endpoints = (each for each in known.endpoints if (each.provider, each.upstream_model) == (provider, upstream_model))
    endpoint = next(endpoints, None) or Endpoint(provider, upstream_model, model)
    return facts_of(known, endpoint, catalog.host(provider))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says to one endpoint of the catalogue."""

    facts: Facts
    decision: Decision


def verdicts(policies: Policies, catalog: Catalog, who: Who) -> list[Verdict]:
    """All endpoints of the catalogue, by what the policy says to a requester."""
    found = []
    for model in catalog.models.values():
        for endpoint in model.endpoints:
            facts = facts_of(model, endpoint, catalog.host(endpoint.provider))
            found.append(Verdict(facts, decide(policies.policies, facts, who)))
    return found
