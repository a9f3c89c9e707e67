"""A report out of what a switch has written down: plan, replays, certificates, rules and shadows.

It needs numpy (the extra `switch`), as intervals do.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.db import Connection
from weighbridge.switch import replayed, store
from weighbridge.switch.graders.judged import length_effect
from weighbridge.switch.outcome import Judge, LengthEffect
from weighbridge.switch.planned import Plan, PlannedRoute
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.report.alone import alone
from weighbridge.switch.report.document import Candidate, Report, Rests, Route, Step, Watched, Worst
from weighbridge.switch.report.proof import Proof, proofs_of, unproven
from weighbridge.switch.report.sides import side
from weighbridge.switch.report.worst import Rows, worst
from weighbridge.switch.store import REFERENCE, RuleRow

_MONTH: Final = 30


def report(connection: Connection, plan: Plan, *, spent: Decimal, rate: float | None, now: datetime) -> Report:
    """Of a plan, as it stands; `rate` is the share of moved calls that is watched. Raises db.Error.

    It has no texts: see with_worst.
    """
    rows = {(row.case, row.arm): replayed.decode(row.document) for row in store.replays(connection, plan.id)}
    proofs = proofs_of(connection, plan.id)
    rules = {row.route: row for row in store.rules(connection)}
    routes = []
    for each in plan.routes:
        own = _of(each, rows)
        proof = proofs.get(each.route) or unproven(own, whole=_whole(each, own))
        rule = rules.get(each.route)
        since = None if rule is None or rule.certificate != proof.certificate else _watched(connection, rule, rate)
        routes.append(_route(plan, each, own, proof, since))
    return Report(
        plan=plan.id,
        planned=plan.at,
        made=now,
        reference=plan.reference,
        routes=tuple(routes),
        replays=sum(row.state == "done" and not row.kept for row in rows.values()),
        spent=float(spent),
    )


def with_worst(made: Report, texts: Callable[[Sequence[Worst]], tuple[Worst, ...]]) -> Report:
    """The same, with the texts of its examples."""
    routes = tuple(msgspec.structs.replace(each, worst=texts(each.worst)) for each in made.routes)
    return msgspec.structs.replace(made, routes=routes)


def _of(route: PlannedRoute, rows: Rows) -> Rows:
    """The route's own."""
    arms = (REFERENCE, *(each.arm.id for each in route.arms))
    places = ((ref.case, arm) for ref in route.cases for arm in arms)
    return {place: rows[place] for place in places if place in rows}


def _candidates(rows: Rows) -> list[Replayed]:
    return [row for (_, arm), row in rows.items() if arm != REFERENCE]


def _whole(route: PlannedRoute, rows: Rows) -> bool:
    """Whether nothing is left to replay."""
    ended = sum(row.state in ("done", "gone") for row in _candidates(rows))
    return ended == len(route.cases) * len(route.arms)


def _route(plan: Plan, route: PlannedRoute, rows: Rows, proof: Proof, since: Watched | None) -> Route:
    each, a_day = route.reference_each, route.a_day
    arms = [planned.arm.id for planned in route.arms]
    return Route(
        id=route.route,
        about=route.about,
        why=proof.why,
        epsilon=plan.epsilon if proof.epsilon is None else proof.epsilon,
        confidence=1 - (plan.delta if proof.delta is None else proof.delta),
        more=proof.more,
        routed=proof.routed,
        month=None if each is None or a_day is None else float(each) * a_day * _MONTH,
        reference=side(plan.reference, _arm(rows, REFERENCE), each),
        candidates=tuple(_candidate(plan, route, arm, rows, proof) for arm in arms),
        curve=proof.curve,
        worst=worst(rows, arms),
        rests=_rests(plan, route, rows, proof),
        watched=since,
    )


def _arm(rows: Rows, arm: str) -> list[Replayed]:
    return [row for (_, asked), row in rows.items() if asked == arm]


def _candidate(plan: Plan, route: PlannedRoute, arm: str, rows: Rows, proof: Proof) -> Candidate:
    found = proof.arms_alone.get(arm) or alone(
        rows, arm, epsilon=plan.epsilon, delta=plan.delta, usual=route.reference_each
    )
    return Candidate(side(arm, _arm(rows, arm)), found.outcome, found.why, found.more)


def _rests(plan: Plan, route: PlannedRoute, rows: Rows, proof: Proof) -> Rests:
    grades = [row.grade for row in _candidates(rows) if row.grade is not None]
    judge = proof.judged
    if judge is None and plan.judge is not None and any(not grade.exact for grade in grades):
        judge = Judge(name=plan.judge)
    return Rests(
        replays=proof.replays,
        fitted=proof.fitted,
        first=None if route.since is None else route.since.date(),
        last=None if route.until is None else route.until.date(),
        prices=proof.prices,
        policy=proof.policy,
        graders=tuple(sorted(proof.graders or {grade.grader for grade in grades})),
        judge=judge,
        length=None if judge is None else _length(rows),
        sight=proof.sight,
        encoder=proof.encoder,
        certificate=proof.certificate,
        issued=proof.issued,
        expires=proof.expires,
    )


def _length(rows: Rows) -> LengthEffect | None:
    """Over all pairs of the route that a judge compared."""
    losses, lengths = [], []
    for (case, arm), row in rows.items():
        theirs = rows.get((case, REFERENCE))
        if arm == REFERENCE or row.grade is None or row.grade.exact or theirs is None:
            continue
        if row.length is not None and theirs.length is not None and row.error is None:
            losses.append(row.grade.loss)
            lengths.append((theirs.length, row.length))
    return length_effect(losses, lengths)


def _watched(connection: Connection, rule: RuleRow, rate: float | None) -> Watched:
    """Since its certificate was applied."""
    seen = store.watched(connection, rule.certificate)
    steps = [row for row in store.history(connection, rule.route) if row.certificate == rule.certificate]
    return Watched(
        state=rule.state,
        rate=rate,
        shadows=seen.shadows,
        graded=seen.graded,
        loss=seen.loss,
        harmed=seen.harmed,
        alarms=sum(row.state == "stepped_back" for row in steps),
        steps=tuple(_step(row) for row in steps),
    )


def _step(row: RuleRow) -> Step:
    return Step(at=row.at, state=row.state, tau=None if math.isinf(row.tau) else row.tau, why=row.why)
