"""Was each request served within the policy in force when it came?"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import msgspec

from weighbridge.errors import PolicyError
from weighbridge.ledger.audit import Tally
from weighbridge.ledger.policies import InForce
from weighbridge.ledger.sent import Sent
from weighbridge.routing.policy.facts import Facts
from weighbridge.routing.policy.law import Policies, facts_in, kept
from weighbridge.routing.policy.rules import Who, decide

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


@dataclass(frozen=True, slots=True)
class _Around:
    """What a worker obeyed in a time, and in the times before and after it, where there are any; None: no policy."""

    before: tuple[str | None, ...]
    in_force: str | None
    after: tuple[str | None, ...]

    def acceptable(self, tally: Tally) -> set[str | None]:
        """What may have decided its entries."""
        before = self.before if tally.just_begun else ()
        return {self.in_force, *before, *(self.after if tally.about_to_end else ())}


_NEVER_ANY: Final = _Around((), None, ())


class Auditor:
    """Judges tallies by the policies that were in force and the facts that were recorded."""

    def __init__(self, rows: Sequence[InForce], texts: Mapping[str, str], key_names: Mapping[str, str]) -> None:
        """`rows` in order of worker and time, `texts` of policies by their hash, `key_names` by id."""
        self._texts = texts
        self._key_names = key_names
        self._read: dict[str, Policies | None] = {}
        self._at: dict[tuple[str, datetime | None], _Around] = {}
        by_worker: defaultdict[str, list[InForce]] = defaultdict(list)
        for row in rows:
            by_worker[row.worker].append(row)
        self._obeyed = {worker: {row.policy for row in mine} for worker, mine in by_worker.items()}
        """By the worker. It writes down what it obeys before its first request, so one that names a policy and is
        dated before that has a date of a clock that went back."""
        for worker, mine in by_worker.items():
            hashes = [row.policy for row in mine]
            self._at[worker, None] = _Around((), None, tuple(hashes[:1]))
            for at, row in enumerate(mine):
                before, after = tuple(hashes[max(at - 1, 0) : at]), tuple(hashes[at + 1 : at + 2])
                self._at[worker, row.since] = _Around(before, row.policy, after)

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
            around = self._at.get((tally.worker, tally.since), _NEVER_ANY)
            if tally.policy is None and None in around.acceptable(tally):
                report.without_policy += tally.entries
                continue
            found = self._violation(tally, around)
            if found is None:
                report.within += tally.entries
            else:
                report.violations.append(found)
        return report

    def _violation(self, tally: Tally, around: _Around) -> Violation | None:
        if tally.policy is None or tally.facts is None:
            return Violation("no decision", f"policy {_short(around.in_force)} was in force", tally)
        acceptable = around.acceptable(tally) if tally.since is not None else self._obeyed.get(tally.worker, set())
        if tally.policy not in acceptable:
            was = "none was" if around.in_force is None else f"{_short(around.in_force)} was"
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


def who_of(tally: Tally | Sent, key_names: Mapping[str, str]) -> Who:
    """Who asked, as the entries have it."""
    return Who(tally.key, key_names.get(tally.key, ""), tally.organisation, tally.project, tally.tags, tally.key_tags)


def _short(hash_: str | None) -> str:
    return "none" if hash_ is None else hash_[:12]
