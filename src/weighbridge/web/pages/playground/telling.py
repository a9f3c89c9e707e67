"""What stands under an answer: its receipt, its route with whom it could not take, and what others would have cost."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Final

import msgspec

from weighbridge.accounts import keys
from weighbridge.accounts.tree import Place
from weighbridge.app.policies import policies_of
from weighbridge.app.trying import facts_today
from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.catalog.tokenizers import Tokenizers
from weighbridge.config import Secret, Settings
from weighbridge.db import Connection, microseconds, moment
from weighbridge.errors import GatewayAway, LedgerUnavailable, PolicyError
from weighbridge.gateway.receipts import Receipt
from weighbridge.ledger import store
from weighbridge.ledger.bill.elsewhere import Elsewhere, Needs, elsewhere
from weighbridge.ledger.bill.kept import tally_of
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Asker, Budget, subjects, window
from weighbridge.ledger.budgets.uses import use_of
from weighbridge.ledger.entry import Claim, Entry
from weighbridge.routing.explain import Explanation
from weighbridge.routing.policy.law import Law, Laws, Policies
from weighbridge.routing.policy.rules import Who, decider
from weighbridge.web.asking import Said
from weighbridge.web.pages.playground.faults import Fault
from weighbridge.web.pages.policies.reasons import Reason, reason
from weighbridge.web.tongue import Tongue
from weighbridge.web.visit import Visit
from weighbridge.wire.parameters import parameters_in

_TRIES: Final = 40
_BETWEEN: Final = 0.05
"""Seconds between two looks for a receipt: one of an answer that was left is written a moment later."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget that binds whoever asked, and how it stands. Amounts are in the budget's own unit."""

    budget: Budget
    name: str
    """Whose it is, as people call it."""
    left: int
    renews: datetime | None
    """None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """All that is told of one request. What is None or empty is not known, or there is none."""

    fault: Fault | None = None
    receipt: Receipt | None = None
    route: Explanation | None = None
    reasons: Mapping[tuple[str, str], Reason] = field(default_factory=dict)
    """Why the policy leaves an endpoint out, by its model and its id; none of a policy that has changed since."""
    others: tuple[Elsewhere, ...] = ()
    budgets: tuple[Standing, ...] = ()


async def route_of(visit: Visit, key: Secret, body: bytes) -> Explanation | None:
    """The plan that the request has now: nobody is asked. None where it has none. Raises GatewayAway."""
    said = await visit.parts.gateway.post("/v1/route/explain", body, key)
    if said.status != 200:
        return None
    try:
        return msgspec.json.decode(said.body, type=Explanation)
    except msgspec.MsgspecError:
        return None  # of another version than the window


async def told(
    visit: Visit,
    key: Secret,
    body: bytes,
    *,
    receipt: str | None,
    route: Explanation | None = None,
    fault: Fault | None = None,
) -> Told:
    """What is known of a request once it has ended; `receipt` is what its key's receipts are asked for."""
    found = None if receipt is None else await _receipt(visit, key, receipt)
    said = Told(fault=fault, receipt=found, route=route)
    if found is None:
        return said
    catalog, settings, now = visit.parts.catalog(), visit.parts.settings, visit.now
    wants_budgets = fault is not None and fault.code in ("budget_spent", "limit_reached")

    def look(connection: Connection) -> Told:
        entry = store.find(connection, found.id)
        if entry is None:
            return said
        budgets = _standings(connection, visit, entry, now) if wants_budgets else ()
        try:
            obeyed = _obeyed(entry, catalog, settings)
        except PolicyError:
            return replace(said, budgets=budgets)  # nobody knows whom it would let answer
        reasons = {} if route is None or obeyed is None else _reasons(visit.tongue, route, obeyed, catalog)
        law = None if obeyed is None else obeyed.law
        return replace(said, reasons=reasons, others=_others(entry, body, catalog, law), budgets=budgets)

    try:
        return await visit.read(look)
    except LedgerUnavailable:
        return said  # the receipt came from the gateway, and stands


async def _receipt(visit: Visit, key: Secret, id_: str) -> Receipt | None:
    """Another key's receipt is none: the gateway says so."""
    for _ in range(_TRIES):
        try:
            said = await visit.parts.gateway.get(f"/v1/receipts/{id_}", key)
        except GatewayAway:
            return None
        if said.status != 404:
            return _read(said)
        await asyncio.sleep(_BETWEEN)
    return None


def _read(said: Said) -> Receipt | None:
    try:
        return msgspec.json.decode(said.body, type=Receipt) if said.status == 200 else None
    except msgspec.MsgspecError:
        return None  # of another version than the window


@dataclass(frozen=True, slots=True)
class _Obeyed:
    """What the policies say to whoever asked."""

    policies: Policies
    who: Who
    law: Law


def _obeyed(entry: Entry, catalog: Catalog, settings: Settings) -> _Obeyed | None:
    policies = policies_of(settings)
    if policies is None:
        return None
    who = Who(entry.key, "", entry.organisation, entry.project, entry.tags, entry.key_tags)
    return _Obeyed(policies, who, Laws(policies).law(who, catalog))


def _reasons(tongue: Tongue, route: Explanation, obeyed: _Obeyed, catalog: Catalog) -> dict[tuple[str, str], Reason]:
    if route.policy != obeyed.law.identity:
        return {}
    decide = decider(obeyed.policies.policies, obeyed.who)
    found = {}
    for out in route.excluded:
        provider, _, upstream_model = out.endpoint.partition("/")
        facts = facts_today(out.model, provider, upstream_model, catalog)
        decision = decide(facts)
        if out.rule == "policy" and not decision.allowed:
            found[out.model, out.endpoint] = reason(tongue, obeyed.policies, decision.rule, facts)
    return found


def _others(entry: Entry, body: bytes, catalog: Catalog, law: Law | None) -> tuple[Elsewhere, ...]:
    tally = tally_of(entry)
    if tally is None:
        return ()
    sent = parameters_in(body)
    needs = Needs(tools="tools" in sent, reasoning="reasoning_effort" in sent, parameters=sent)

    def allowed(model: Model, endpoint: Endpoint) -> bool:
        return law is None or law.forbids(model, endpoint) is None

    return tuple(elsewhere(tally, needs, catalog, _tokenizers(), when=entry.at, allowed=allowed))


@cache
def _tokenizers() -> Tokenizers:
    return Tokenizers()


def _standings(connection: Connection, visit: Visit, entry: Entry, now: datetime) -> tuple[Standing, ...]:
    """Those that the admin may see, the one with the least left first."""
    if not visit.admin.reaches("budget.read", Place(entry.organisation, entry.project), is_key=True):
        return ()
    asker = Asker(entry.key, entry.organisation, entry.project, entry.user, entry.tags)
    binding = [
        (budget, subject)
        for budget in table.listing(connection)
        for subject in subjects(budget, asker)
        if budget.hard and budget.period != "at once"
    ]
    found = []
    for budget, subject in binding:
        used = use_of(connection, Claim(budget.id, subject, window(budget.period, microseconds(now)).begins)).used
        ends = None if budget.period == "total" else moment(window(budget.period, microseconds(now)).ends)
        found.append(Standing(budget, _called(connection, budget), max(0, budget.amount - used), ends))
    return tuple(sorted(found, key=lambda each: each.left / each.budget.amount))


def _called(connection: Connection, budget: Budget) -> str:
    key = keys.find(connection, budget.name) if budget.scope == "key" else None
    return budget.name if key is None else key.name
