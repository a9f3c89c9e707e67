"""What has changed lately, or will: prices of what was asked, policies, certificates and rules, alarms."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import msgspec
from markupsafe import Markup

from weighbridge.accounts import admins
from weighbridge.alerts import outbox
from weighbridge.alerts.outbox import Alert
from weighbridge.app.policy_history import Version, versions
from weighbridge.audit_log import GATEWAY
from weighbridge.catalog.history import Change, changes
from weighbridge.catalog.model import Catalog, Price
from weighbridge.db import Connection
from weighbridge.routing.quality.rule import State
from weighbridge.switch import store
from weighbridge.switch.store import CertificateRow, RuleRow
from weighbridge.web.tongue import N_, Tongue
from weighbridge.web.visit import Visit

BACK: Final = timedelta(days=30)
AHEAD: Final = timedelta(days=30)
MOST: Final = 12
_OF_EACH: Final = 6

_STATES: Final[Mapping[State, tuple[str, str]]] = {
    "proven": ("good", N_("A cheaper model answers the route %(route)s, as was proven")),
    "stepped_back": ("warn", N_("Fewer requests of the route %(route)s go to the cheaper model")),
    "rolled_back": ("plain", N_("The route %(route)s was rolled back to its reference")),
    "expired": ("warn", N_("The certificate of the route %(route)s has run out")),
    "uncertified": ("warn", N_("The route %(route)s has no certificate any more")),
}
_ALARMS: Final[Mapping[str, tuple[str, str]]] = {
    "budget.warned": ("warn", N_("The budget of %(name)s is near its end")),
    "budget.spent": ("bad", N_("The budget of %(name)s is used up")),
    "breaker.opened": ("warn", N_("The endpoint %(endpoint)s is left alone for now")),
    "breaker.closed": ("good", N_("The endpoint %(endpoint)s is asked again")),
    "price.changed": ("plain", N_("The price of %(endpoint)s is another than before")),
    "drift.found": ("warn", N_("%(endpoint)s answered in another model's name")),
}
"""What a rule tells is not told twice."""


@dataclass(frozen=True, slots=True)
class News:
    """One change."""

    at: datetime
    day: bool
    """Whether no more than the day is known."""
    kind: str
    """As of a badge."""
    title: Markup
    text: Markup | None = None
    english: str | None = None
    """What the program itself has written down, which is in English."""
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the database has of it."""

    policies: Sequence[Version]
    rules: Sequence[RuleRow]
    certificates: Sequence[CertificateRow]
    alarms: Sequence[Alert]
    names: Mapping[str, str]
    """Of admins, by id."""


def found(connection: Connection, now: datetime) -> Found:
    """Of the whole gateway. Raises db.Error."""
    since = now - BACK
    return Found(
        policies=[each for each in versions(connection, limit=_OF_EACH) if each.at >= since],
        rules=[each for each in store.rules(connection) if each.at >= since],
        certificates=[each for each in store.certificates(connection) if each.issued >= since],
        alarms=outbox.recent(connection, since=since, limit=4 * _OF_EACH),
        names={each.id: each.name for each in admins.listing(connection)},
    )


def news(visit: Visit, of: Found | None, answered: Iterable[tuple[str, str, str]]) -> list[News]:
    """The newest first; of the gateway where it is `of` somebody who sees all of it, and prices of who has answered."""
    tongue = visit.tongue
    told = list(_prices(tongue, visit.parts.ever(), answered, visit.now.astimezone(UTC).date()))
    if of is not None:
        told += [_policy(tongue, each, of.names) for each in of.policies]
        told += [_rule(tongue, each) for each in of.rules]
        told += [_certificate(tongue, each) for each in of.certificates[:_OF_EACH]]
        told += [each for alarm in of.alarms if (each := _alarm(tongue, alarm)) is not None]
    return sorted(told, key=lambda each: each.at, reverse=True)[:MOST]


def _policy(tongue: Tongue, version: Version, names: Mapping[str, str]) -> News:
    title = N_("Another policy is in force") if version.policy else N_("No policy is in force any more")
    by = N_("Found in the settings") if version.actor == GATEWAY.id else N_("By %(name)s")
    text = _filled(tongue, by, name=names.get(version.actor, version.actor))
    return News(version.at, False, "plain", _filled(tongue, title), text, href="/policies/history")


def _rule(tongue: Tongue, rule: RuleRow) -> News:
    kind, title = _STATES[rule.state]
    why = rule.why if rule.state != "proven" else ""  # the certificate has it
    return News(rule.at, False, kind, _filled(tongue, title, route=rule.route), english=why or None, href="/switch")


def _certificate(tongue: Tongue, row: CertificateRow) -> News:
    title = _filled(tongue, N_("A certificate was issued for the route %(route)s"), route=row.route)
    text = _filled(tongue, N_("It runs out on %(day)s."), day=row.expires.date())
    return News(row.issued, False, "good", title, text, href=f"/switch/certificates/{row.id}")


def _alarm(tongue: Tongue, alarm: Alert) -> News | None:
    known = _ALARMS.get(alarm.type)
    if known is None:
        return None
    said = msgspec.json.decode(alarm.body, type=outbox.Payload).data
    subject: Mapping[str, Any] = said.subject  # Any: whatever was told
    name = subject.get("name") or subject.get("scope") or ""
    endpoint = subject.get("endpoint") or ""
    href = "/budgets" if alarm.type.startswith("budget.") else None
    return News(alarm.at, False, known[0], _filled(tongue, known[1], name=name, endpoint=endpoint), href=href)


def _prices(tongue: Tongue, catalog: Catalog, answered: Iterable[tuple[str, str, str]], today: date) -> Iterator[News]:
    for name, provider, upstream in answered:
        model = catalog.find(name)
        for change in changes(model) if model is not None else ():
            same = (change.endpoint.provider, change.endpoint.upstream_model) == (provider, upstream)
            if same and change.on is not None and today - BACK <= change.on <= today + AHEAD:
                yield _price(tongue, name, change, change.on, today)


def _price(tongue: Tongue, model: str, change: Change, on: date, today: date) -> News:
    at, href = datetime.combine(on, time(), UTC), f"/models/{model}"
    endpoint, coming = change.endpoint.id, on > today
    if change.after is None:
        title = N_("%(endpoint)s will be served no more") if coming else N_("%(endpoint)s is served no more")
        return News(at, True, "warn", _filled(tongue, title, endpoint=endpoint), href=href)
    if change.before is None:
        return News(
            at, True, "plain", _filled(tongue, N_("%(endpoint)s has a price now"), endpoint=endpoint), href=href
        )
    dearer = change.after.output.base > change.before.output.base
    title = N_("The price of %(endpoint)s will change") if coming else N_("The price of %(endpoint)s has changed")
    text = N_("A million tokens in and out: %(before)s before, %(after)s from then on.")
    return News(
        at,
        True,
        "warn" if dearer else "good",
        _filled(tongue, title, endpoint=endpoint),
        _filled(tongue, text, before=_rates(tongue, change.before), after=_rates(tongue, change.after)),
        href=href,
    )


def _rates(tongue: Tongue, price: Price) -> Markup:
    return Markup("{} / {}").format(tongue.money(price.input.base), tongue.money(price.output.base))


def _filled(tongue: Tongue, message: str, **holes: object) -> Markup:
    return Markup.escape(tongue.gettext(message)) % {name: _hole(tongue, hole) for name, hole in holes.items()}


def _hole(tongue: Tongue, hole: object) -> object:
    if isinstance(hole, Markup):
        return hole
    return tongue.day(hole) if isinstance(hole, date) else tongue.name(f"{hole}")
