"""What a policy would do before it is applied: to the endpoints of the catalogue, and to the requests of the past."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from weighbridge.app.auditing import who_of
from weighbridge.app.live import Live
from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.ledger.sent import Sent
from weighbridge.routing.policy.facts import Facts, facts_of
from weighbridge.routing.policy.law import Policies
from weighbridge.routing.policy.rules import Decision, Who, decider


@dataclass(slots=True)
class Refused:
    """Past requests that a policy would have refused, by the rule, model and endpoint. Cost is US dollars."""

    rule: str
    model: str
    endpoint: str
    why: str
    needs: str
    unknown: bool
    facts: Facts
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
    policies: Policies | None, requests: Iterable[Sent], catalog: Catalog, key_names: Mapping[str, str]
) -> Rehearsal:
    """The same requests, at the endpoints that they were sent, by what is known of these today."""
    rehearsal = Rehearsal()
    found: dict[tuple[str, str, str], Refused] = {}
    if policies is None:
        return Rehearsal(sum(each.entries for each in requests))
    known: dict[tuple[str, str, str], Facts] = {}
    by_who: dict[Who, Callable[[Facts], Decision]] = {}
    for tally in requests:
        rehearsal.entries += tally.entries
        place, who = (tally.model, tally.provider, tally.upstream_model), who_of(tally, key_names)
        if place not in known:
            known[place] = facts_today(*place, catalog)
        if who not in by_who:
            by_who[who] = decider(policies.policies, who)
        facts = known[place]
        decision = by_who[who](facts)
        if decision.allowed:
            continue
        key = decision.rule, tally.model, facts.endpoint
        refused = found.setdefault(key, Refused(*key, decision.why, decision.needs, decision.unknown, facts))
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


def verdicts(policies: Policies | None, catalog: Catalog, who: Who) -> list[Verdict]:
    """All endpoints of the catalogue, by what the policy says to a requester."""
    decide = decider(() if policies is None else policies.policies, who)
    found = []
    for model in catalog.models.values():
        for endpoint in model.endpoints:
            facts = facts_of(model, endpoint, catalog.host(endpoint.provider))
            found.append(Verdict(facts, decide(facts)))
    return found


def is_here(verdict: Verdict, here: Live) -> bool:
    """Whether its endpoint can be called."""
    facts = verdict.facts
    return here.serves(Endpoint(facts.provider, facts.upstream_model, facts.model))


@dataclass(frozen=True, slots=True)
class Counts:
    """How many endpoints there are, and what becomes of them."""

    every: int
    passing: int
    kept_out: int
    """For what is known of them."""
    unknown: int
    """Kept out for what is not known."""


def counted(found: Sequence[Verdict]) -> Counts:
    """The sums of verdicts."""
    kept_out = [each.decision for each in found if not each.decision.allowed]
    unknown = sum(1 for each in kept_out if each.unknown)
    return Counts(len(found), len(found) - len(kept_out), len(kept_out) - unknown, unknown)


def reasons(found: Iterable[Verdict]) -> Counter[tuple[str, str]]:
    """By which rule, and why, how many endpoints are kept out."""
    return Counter((each.decision.rule, each.decision.why) for each in found if not each.decision.allowed)


@dataclass(frozen=True, slots=True)
class Moved:
    """A model that can be asked for under one policy and not under another."""

    model: str
    endpoints: int
    why: Verdict
    """Of its first endpoint: what keeps it out, where it is."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is otherwise for models under the second of two policies; all by id."""

    still: tuple[str, ...]
    """Those of which an endpoint passes under either."""
    lost: tuple[Moved, ...]
    won: tuple[Moved, ...]
    fewer: tuple[Moved, ...]
    """Those that stay, without some of their endpoints: how many, and what keeps the first of these out."""


def difference(before: Sequence[Verdict], after: Sequence[Verdict], here: Live) -> Difference:
    """Of the same endpoints under two policies, those that can be called."""
    by_model: dict[str, list[tuple[Verdict, Verdict]]] = {}
    for was, is_ in zip(before, after, strict=True):
        if is_here(was, here):
            by_model.setdefault(was.facts.model, []).append((was, is_))
    still, lost, won, fewer = [], [], [], []
    for model, pairs in sorted(by_model.items()):
        passed, passes = (any(pair[which].decision.allowed for pair in pairs) for which in (0, 1))
        out = [is_ for was, is_ in pairs if was.decision.allowed and not is_.decision.allowed]
        if passed and passes:
            still.append(model)
            if out:
                fewer.append(Moved(model, len(out), out[0]))
        elif passed:
            lost.append(Moved(model, len(out), out[0]))
        elif passes:
            won.append(Moved(model, sum(is_.decision.allowed for _, is_ in pairs), pairs[0][0]))
    return Difference(tuple(still), tuple(lost), tuple(won), tuple(fewer))
