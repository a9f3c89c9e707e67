"""What becomes of shadows in a worker: they are graded, written down, and where they lose too much, a rule steps back.

The alarm is raised over the shadows of all workers, which are in the database. Whoever sees it first writes the
stricter rule; all workers go by that as soon as they look again.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from weighbridge import db
from weighbridge.alerts.event import Event, Tell
from weighbridge.app.alerts import Alerts
from weighbridge.app.switching import SwitchWatch
from weighbridge.config import Settings
from weighbridge.db import Connection, microseconds, moment
from weighbridge.errors import LedgerUnavailable
from weighbridge.gateway.shadowing import Ask, Shadow, Shadowing
from weighbridge.gateway.switching import InForce
from weighbridge.switch import store
from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.evidence.alarm import Alarm
from weighbridge.switch.graders import ladder
from weighbridge.switch.graders.judge import Judge
from weighbridge.switch.graders.rubric import Rubric
from weighbridge.switch.promise import knob_told
from weighbridge.switch.store import RuleRow, ShadowRow
from weighbridge.wire import splice

log = logging.getLogger(__name__)

_LATE: Final = timedelta(hours=1)
"""So long after its request nobody writes a shadow down any more: the reference has been asked, and a judge."""


def shadowing_of(
    settings: Settings, watch: SwitchWatch, alerts: Alerts | None, now: Callable[[], datetime]
) -> Shadowing:
    """Who asks for a worker's shadows."""
    shadows = Shadows(watch, None if alerts is None else alerts.tell, now)
    return Shadowing(shadows.grade, shadows.record, now, most_waiting=settings.switch.shadow_queue)


class Shadows:
    """For one worker."""

    def __init__(self, watch: SwitchWatch, tell: Tell | None, now: Callable[[], datetime]) -> None:
        self._watch = watch
        self._tell = tell
        self._now = now
        self._ears: dict[str, Ear] = {}

    async def grade(self, held: InForce, case: Case, reference: Answer, arm: Answer, ask: Ask) -> Grade | None:
        """What the two answers are worth; None where nobody can say. See shadowing.Graded."""
        found = await asyncio.to_thread(ladder.grade, case, reference, arm, graders=ladder.LIVE)
        if found is not None or held.judge is None:
            return found
        model = msgspec.json.encode(held.judge)
        judge = Judge(held.judge, lambda body: ask(splice.inserted(body, "model", model)))
        checks = Rubric(held.checks) if held.checks else None
        return await ladder.judged(case, reference, arm, judge=judge, checks=checks)

    async def record(self, shadow: Shadow) -> None:
        """Write it down; step the rule back if there is an alarm. Raises LedgerUnavailable."""
        try:
            stricter = await self._watch.in_turn(written, shadow, self._now(), self._ears)
        except db.Error as exc:
            raise LedgerUnavailable(f"the shadows of the switch cannot be written: {exc}", retry_after=1.0) from exc
        if stricter is None:
            return
        log.warning("the switch of the route %s steps back: %s", stricter.route, stricter.why)
        if self._tell is not None:
            self._tell(event_of(stricter, shadow))


class Ear:
    """The alarm over one rule's shadows, as far as they were read: each of them is heard once.

    Other workers write theirs down a while after their time, so what is younger than that is read again.
    """

    def __init__(self, held: InForce, since: datetime) -> None:
        self.rule = held.rule.certificate, held.rule.tau, since
        self._held = held
        self._begin(held.rule.shadow_rate)

    def _begin(self, least: float) -> None:
        self.alarm = Alarm(self._held.watch, self._held.delta, least)
        self.lost = 0.0
        self._read = self.rule[-1]
        self._young: dict[str, int] = {}
        """When each was that may be read again, by its receipt."""

    def hears(self, connection: Connection) -> bool:
        """Whether the alarm has rung, once all that are written down were heard. Raises db.Error."""
        rows = self._unheard(connection)
        least = min((propensity for *_, propensity in rows), default=1.0)
        if least < self.alarm.least:  # of a time when fewer were watched: what is more likely to be counts for less
            self._begin(least)
            rows = self._unheard(connection)
        for _, _, loss, propensity in rows:
            self.lost += loss
            self.alarm.add(loss, propensity)
        if rows:
            self._read = max(self._read, moment(max(at for _, at, _, _ in rows)))
            until = microseconds(self._read - _LATE)
            heard = {receipt: at for receipt, at, _, _ in rows}
            self._young = {receipt: at for receipt, at in (self._young | heard).items() if at >= until}
        return self.alarm.rang

    def _unheard(self, connection: Connection) -> list[tuple[str, int, float, float]]:
        certificate, tau, since = self.rule
        found = store.losses(connection, certificate, tau, max(since, self._read - _LATE))
        return [row for row in found if row[0] not in self._young]


def written(
    connection: Connection, shadow: Shadow, now: datetime, ears: dict[str, Ear] | None = None
) -> RuleRow | None:
    """Write a shadow down. The stricter rule, if there is an alarm and nobody was first; it is written too.

    `ears` are what was heard before, by route. Raises db.Error.
    """
    ears = {} if ears is None else ears
    rule, grade = shadow.held.rule, shadow.grade
    row = ShadowRow(
        certificate=rule.certificate,
        receipt=shadow.receipt,
        at=shadow.at,
        shadow_receipt=shadow.shadow_receipt,
        propensity=rule.shadow_rate,
        tau=rule.tau,
        arm=shadow.arm,
        predicted=shadow.predicted,
        loss=None if grade is None else grade.loss,
        harm=None if grade is None else grade.harm,
    )
    store.add_shadows(connection, [row])
    if grade is None or grade.loss <= shadow.held.watch:  # no such loss brings an alarm nearer: all are read for others
        return None
    now_held = next(iter(store.history(connection, rule.route)), None)
    if (
        now_held is None
        or (now_held.certificate, now_held.tau) != (rule.certificate, rule.tau)
        or now_held.state == "rolled_back"
    ):
        return None
    ear = ears.get(rule.route)
    if ear is None or ear.rule != (rule.certificate, rule.tau, now_held.at):
        ear = ears[rule.route] = Ear(shadow.held, now_held.at)
    if not ear.hears(connection):
        return None
    cases = ear.alarm.cases
    tau = max((each for each in rule.allowed if each < rule.tau), default=-math.inf)
    why = f"{cases} shadows lost {ear.lost / cases:.3f} in the mean, and it was to be {shadow.held.watch:.3f} at most"
    stricter = RuleRow(rule.route, now_held.number + 1, rule.certificate, now, tau, "stepped_back", why)
    return stricter if store.add_rule(connection, stricter) else None


def event_of(stricter: RuleRow, shadow: Shadow) -> Event:
    """As the webhook is told."""
    rule = shadow.held.rule
    return Event(
        type="switch.stepped_back",
        at=stricter.at,
        subject={"route": stricter.route, "certificate": stricter.certificate},
        figures={
            "reference": rule.reference,
            "tau_before": knob_told(rule.tau),
            "tau": knob_told(stricter.tau),
            "why": stricter.why,
        },
        mark=f"switch.stepped_back {stricter.route} {stricter.number}",
    )
