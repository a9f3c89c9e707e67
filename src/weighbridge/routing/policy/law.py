"""The policies in force as a request meets them: made once, asked for every endpoint, remembered by requester."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.errors import PolicyError, PolicyRefused
from weighbridge.routing.policy.facts import Facts, facts_of
from weighbridge.routing.policy.reading import policy_of
from weighbridge.routing.policy.rules import Decision, Policy, Who, decider

_MOST_REMEMBERED: Final = 20_000
"""Decisions for one kind of requester, and requesters: names of strangers are the clients' to choose."""
_SHOWN: Final = 3
"""Endpoints, and models, that a refusal names."""
_LONGEST: Final = 500
"""Characters of what would pass, and of what is wrong with one endpoint, in a refusal."""
_json: Final = msgspec.json.Encoder(order="deterministic")


class Policies:
    """All that are in force together: each must let a request pass. `hash` is the SHA-256 of `text`."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.policies = tuple(policies)
        self.text = _json.encode([{"name": each.name, "policy": each.raw} for each in self.policies]).decode()
        """Canonical: what the ledger keeps, and `kept` reads."""
        self.hash = hashlib.sha256(self.text.encode()).hexdigest()


class _Kept(msgspec.Struct):
    name: str
    policy: dict[str, object]


def kept(text: str) -> Policies:
    """The policies of a `Policies.text`. Raises PolicyError."""
    try:
        read = msgspec.json.decode(text, type=list[_Kept])
    except msgspec.MsgspecError as error:
        raise PolicyError(f"a kept policy is no policy: {error}") from error
    return Policies([policy_of(each.name, each.policy) for each in read])


class Law:
    """What the policies say to one kind of requester, about the endpoints of one catalogue."""

    def __init__(self, policies: Policies, catalog: Catalog, who: Who) -> None:
        self.policy = policies.hash
        self.identity = f"{policies.hash}:{_applicable(policies, who)}"
        """Equal, in all workers, for requests to which the same law says the same."""
        self._catalog = catalog
        self._decide = decider(policies.policies, who)
        self._known: dict[tuple[str, str], tuple[Decision, str]] = {}
        self._passing: list[tuple[Model, Endpoint]] | None = None
        self._refusals: dict[tuple[str, tuple[str, ...]], tuple[str, str]] = {}

    def decision(self, model: Model, endpoint: Endpoint) -> tuple[Decision, str]:
        """Whether the endpoint may serve the request, and the facts that it rests on, as a JSON list of one."""
        key = model.id, endpoint.id
        known = self._known.get(key)
        if known is None:
            facts = facts_of(model, endpoint, self._catalog.host(endpoint.provider))
            known = self._decide(facts), _json.encode([facts]).decode()
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = known
        return known

    def forbids(self, model: Model, endpoint: Endpoint) -> str | None:
        """Which rule keeps the endpoint from answering, and what it would need; None: it may."""
        decision = self.decision(model, endpoint)[0]
        if decision.allowed:
            return None
        needs = f"; what passes: {_cut(decision.needs)}" if decision.needs else ""
        return f"rule {decision.rule!r} keeps {endpoint.id} out: {decision.why}{needs}"

    def refusal(self, model: Model) -> PolicyRefused:
        """What to tell whoever asked for a model of which no endpoint may answer."""
        key = model.id, tuple(endpoint.id for endpoint in model.endpoints)  # a name may mean some of them alone
        known = self._refusals.get(key)
        if known is None:
            if len(self._refusals) >= _MOST_REMEMBERED:
                self._refusals.clear()
            known = self._refusals[key] = self._refused(model)
        rule, message = known
        return PolicyRefused(message, param="model", rule=rule, policy=self.policy)

    def _refused(self, model: Model) -> tuple[str, str]:
        """The rule that keeps the endpoints of a model out, the first one's, and the sentence that says so."""
        decisions = [(endpoint, self.decision(model, endpoint)[0]) for endpoint in model.endpoints]
        refused = [(endpoint, decision) for endpoint, decision in decisions if not decision.allowed]
        rule, needs = refused[0][1].rule, refused[0][1].needs
        why = "; ".join(f"{endpoint.id}: {_cut(decision.why)}" for endpoint, decision in refused[:_SHOWN])
        more = f" (and {len(refused) - _SHOWN} more)" if len(refused) > _SHOWN else ""
        passes = f" What passes: {_cut(needs)}." if needs else ""
        said = f"the policy lets no endpoint of {model.id} serve this request: rule {rule!r}: {why}{more}."
        return rule, f"{said}{passes} {self._nearest(model)}"

    def _nearest(self, model: Model) -> str:
        lab, _, slug = model.id.partition("/")

        def unlike(other: Model) -> tuple[bool, int, bool, str]:
            other_lab, _, other_slug = other.id.partition("/")
            another_task = other.output_modalities != model.output_modalities
            return another_task, -_shared(slug, other_slug), other_lab != lab, other.id

        passing = {each.id: (each, endpoint) for each, endpoint in self._allowed()}
        nearest = sorted((each for each, _ in passing.values()), key=unlike)[:_SHOWN]
        if not nearest:
            return "Nothing that is set up here would pass."
        return (
            "These would pass: " + ", ".join(f"{each.id} at {passing[each.id][1].provider}" for each in nearest) + "."
        )

    def _allowed(self) -> Iterable[tuple[Model, Endpoint]]:
        if self._passing is None:
            self._passing = [
                (model, endpoint)
                for model in self._catalog.models.values()
                for endpoint in model.endpoints
                if self._decide(facts_of(model, endpoint, self._catalog.host(endpoint.provider))).allowed
            ]
        return self._passing


def _applicable(policies: Policies, who: Who) -> str:
    """Which rules say something to the requester: their places, with `/` between the policies."""
    return "/".join(
        ",".join(str(place) for place, rule in enumerate(policy.rules) if rule.applies(who))
        for policy in policies.policies
    )


def _shared(one: str, other: str) -> int:
    """Letters that two names begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _cut(text: str) -> str:
    """No longer than people read in an error."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


class Laws:
    """Makes laws of the policies in force, and remembers them until these or the catalogue change."""

    def __init__(self, policies: Policies) -> None:
        self.policies = policies
        self._catalog: Catalog | None = None
        self._by_who: dict[Who, Law] = {}
        self._by_rules: dict[str, Law] = {}

    def law(self, who: Who, catalog: Catalog) -> Law:
        """The law for a requester. Those to whom the same rules apply share one."""
        if catalog is not self._catalog:
            self._catalog, self._by_who, self._by_rules = catalog, {}, {}
        found = self._by_who.get(who)
        if found is None:
            rules = _applicable(self.policies, who)
            found = self._by_rules.get(rules)
            if found is None:
                found = self._by_rules[rules] = Law(self.policies, catalog, who)
            if len(self._by_who) >= _MOST_REMEMBERED:
                self._by_who.clear()
            self._by_who[who] = found
        return found


def facts_in(text: str) -> list[Facts]:
    """The facts of an entry, as a Law wrote them. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(text, type=list[Facts])
