"""From certificates to rules, and back: what would change, what may not, and who did it.

A rule is never changed: the next row of its route holds. Each is in the audit log, with what held before.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec

from weighbridge import audit_log
from weighbridge.audit_log import Actor, Change, Facts
from weighbridge.db import Connection
from weighbridge.switch import store
from weighbridge.switch.promise import Promise, knob_told, promise_of
from weighbridge.switch.store import CertificateRow, RuleRow

Unasked = Callable[[str, str], str | None]
"""Why nobody may be asked now for a model on a route, both by their ids; None: somebody may."""
APPLIED: Final = "applied"


@dataclass(frozen=True, slots=True)
class Step:
    """What would become of one route."""

    certificate: CertificateRow
    promise: Promise | None
    before: RuleRow | None
    """What holds now; None: nothing."""
    refused: str | None = None
    """Why the certificate cannot be applied; None: it can."""
    passed_over: tuple[str, ...] = ()
    """Arms that are not asked at present, each with the reason."""

    @property
    def changes(self) -> bool:
        """Whether another rule would hold than now."""
        before = self.before
        if self.refused is not None or self.promise is None:
            return False
        same = before is not None and before.certificate == self.certificate.id and before.state == "proven"
        return not same or before is None or before.tau != self.promise.knob


def steps(
    connection: Connection,
    plan: str,
    *,
    only: Sequence[str],
    epsilon: float | None,
    unasked: Unasked,
    now: datetime,
) -> list[Step]:
    """What applying a plan's certificates would change, the newest of each route; all of them, or of these routes.

    With `epsilon` only what was shown to lose no more. Raises db.Error.
    """
    held = {row.route: row for row in store.rules(connection)}
    newest: dict[str, CertificateRow] = {}
    for row in store.certificates(connection, plan=plan):
        if not only or row.route in only:
            newest.setdefault(row.route, row)
    return [_alarmed(connection, _step(row, held.get(row.route), epsilon, unasked, now)) for row in newest.values()]


def _alarmed(connection: Connection, step: Step) -> Step:
    """The same, refused where an alarm has taken the certificate back: only another test may give it more again."""
    for row in [] if step.refused is not None else store.history(connection, step.certificate.route):
        if row.certificate == step.certificate.id and row.state == "stepped_back":
            return replace(step, refused=f"an alarm has stepped it back on {row.at:%Y-%m-%d %H:%M} UTC: {row.why}")
    return step


def _step(row: CertificateRow, before: RuleRow | None, epsilon: float | None, unasked: Unasked, now: datetime) -> Step:
    try:
        promise = promise_of(row.document)
    except msgspec.MsgspecError as exc:
        return Step(row, None, before, f"it is of another release: {exc}")
    whys = [(arm.id, unasked(row.route, arm.model)) for arm in promise.arms]
    passed_over = tuple(f"{arm}: {why}" for arm, why in whys if why is not None)
    refused = None
    if row.expires <= now:
        refused = f"it has run out on {row.expires:%Y-%m-%d %H:%M} UTC"
    elif math.isinf(promise.knob) and promise.knob < 0:
        refused = "nothing was proven: no knob was found at which a cheaper model loses little enough"
    elif epsilon is not None and promise.epsilon > epsilon:
        refused = f"it was shown to lose at most {promise.epsilon:g}, which is more than {epsilon:g}"
    elif len(passed_over) == len(whys):
        refused = f"none of its models may be asked: {'; '.join(passed_over)}"
    return Step(row, promise, before, refused, passed_over)


def applied(connection: Connection, wanted: Iterable[Step], *, by: Actor, now: datetime) -> list[RuleRow]:
    """Have the certificates in force, in a transaction of the caller's: all or none. Raises db.Error, Raced."""
    return [
        _put(connection, each.before, _rule(each, each.promise, now), by=by)
        for each in wanted
        if each.changes and each.promise is not None
    ]


def rolled_back(connection: Connection, rules: Iterable[RuleRow], *, by: Actor, now: datetime) -> list[RuleRow]:
    """Have these rules hold no more: their references answer; in a transaction likewise. Raises db.Error, and Raced."""
    return [
        _put(
            connection,
            before,
            RuleRow(before.route, before.number + 1, before.certificate, now, -math.inf, "rolled_back", "by its owner"),
            by=by,
        )
        for before in rules
        if before.state != "rolled_back"
    ]


class Raced(Exception):
    """Another has changed the rule of a route at the same time: look again. The message names the route."""


def _rule(step: Step, promise: Promise, now: datetime) -> RuleRow:
    row, before = step.certificate, step.before
    number = 1 if before is None else before.number + 1
    return RuleRow(row.route, number, row.id, now, promise.knob, "proven", APPLIED)


def _put(connection: Connection, before: RuleRow | None, after: RuleRow, *, by: Actor) -> RuleRow:
    if not store.add_rule(connection, after):
        raise Raced(after.route)
    action = "switch.rollback" if after.state == "rolled_back" else "switch.apply"
    change = Change(
        action=action,
        target=after.route,
        before=None if before is None else _facts(before),
        after=_facts(after),
    )
    audit_log.write(connection, by, change, now=after.at)
    return after


def _facts(row: RuleRow) -> Facts:
    return {"certificate": row.certificate, "tau": knob_told(row.tau), "state": row.state}
