"""What becomes of shadows in a worker: they are graded, written down, and where they lose too much, a rule steps back.

The alarm is raised over the shadows of all workers, which are in the database. Whoever sees it first writes the
stricter rule; all workers go by that as soon as they look again.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from weighbridge import db
from weighbridge.alerts.event import Event, Tell
from weighbridge.app.alerts import Alerts
from weighbridge.app.switching import SwitchWatch
from weighbridge.config import Settings
from weighbridge.db import Connection
from weighbridge.errors import LedgerUnavailable
from weighbridge.gateway.shadowing import Ask, Shadow, Shadowing
from weighbridge.gateway.switching import InForce
from weighbridge.switch import store
from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.graders import ladder
from weighbridge.switch.graders.judge import Judge
from weighbridge.switch.graders.rubric import Rubric
from weighbridge.switch.promise import knob_told
from weighbridge.switch.store import RuleRow, ShadowRow
from weighbridge.wire import splice

log = logging.getLogger(__name__)


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
            stricter = await self._watch.in_turn(written, shadow, self._now())
        except db.Error as exc:
            raise LedgerUnavailable(f"the shadows of the switch cannot be written: {exc}", retry_after=1.0) from exc
        if stricter is None:
            return
        log.warning("the switch of the route %s steps back: %s", stricter.route, stricter.why)
        if self._tell is not None:
            self._tell(event_of(stricter, shadow))


def written(connection: Connection, shadow: Shadow, now: datetime) -> RuleRow | None:
    """Write a shadow down. The stricter rule, if there is an alarm and nobody was first; it is written too.

    Raises db.Error.
    """
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
    every = store.shadows(connection, rule.certificate, since=now_held.at)
    graded = [each for each in every if each.tau == rule.tau and each.loss is not None]
    if not alarming(graded, shadow.held):
        return None
    losses = [each.loss or 0.0 for each in graded]
    tau = max((each for each in rule.allowed if each < rule.tau), default=-math.inf)
    mean = sum(losses) / len(losses)
    why = f"{len(losses)} shadows lost {mean:.3f} in the mean, and it was to be {shadow.held.watch:.3f} at most"
    stricter = RuleRow(rule.route, now_held.number + 1, rule.certificate, now, tau, "stepped_back", why)
    return stricter if store.add_rule(connection, stricter) else None


def alarming(shadows: Sequence[ShadowRow], held: InForce) -> bool:
    """Whether these, in the order in which they came, lose more than the certificate's promise leaves to chance."""
    from weighbridge.switch.evidence.alarm import Alarm  # noqa: PLC0415 - numpy is an extra, and is here with a rule

    alarm = Alarm(held.watch, held.delta, min(each.propensity for each in shadows))
    return any(alarm.add(each.loss, each.propensity) for each in shadows if each.loss is not None)


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
