"""What a new model is tried on first: requests of a route that were replayed before, whose other answers are there.

They are its anchors. The reference has answered them, and so have the models that were tried before: their grades are
taken over, so that a new model pays for its own answers, and is weighed in one pool with those that the route has.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from weighbridge.db import Connection
from weighbridge.routing.quality.rule import Arm
from weighbridge.switch import planned, replayed, store
from weighbridge.switch.promise import promise_of
from weighbridge.switch.store import REFERENCE, ReplayRow

MOST: Final = 200
"""Of a route, where nobody says."""


class Before(msgspec.Struct, frozen=True):
    """A case that was replayed: by which plan, and what came of it."""

    plan: str
    rows: Mapping[str, bytes]
    """Documents by arm, of those that were graded, and of the reference."""


class Anchors:
    """Of one reference. Each case is of the newest plan that has graded it: one answer of the reference for all."""

    def __init__(self, connection: Connection, reference: str) -> None:
        """`reference` is the model's id. Raises db.Error."""
        self._before: dict[str, Before] = {}
        self._issued: dict[tuple[str, str], int] = {}
        for row in store.plans(connection):
            try:
                plan = planned.decode(row.document)
                if plan.reference == reference:
                    self._add(plan.id, store.replays(connection, plan.id))
            except msgspec.MsgspecError:  # of another release
                continue
            if plan.reference == reference:
                self._issued.update({(plan.id, each.route): each.issued for each in plan.routes})
        for certificate in store.certificates(connection):
            place = (certificate.plan, certificate.route)
            if place in self._issued:
                self._issued[place] += 1
        self._held = _in_force(connection, reference)

    def __contains__(self, case: object) -> bool:
        return case in self._before

    def graded(self, arm: str, cases: Iterable[str]) -> int:
        """How many of these cases an arm, by its id, need not be asked any more."""
        return sum(arm in self._before[case].rows for case in cases if case in self._before)

    def pool(self, route: str) -> tuple[Arm, ...]:
        """The models that answer a route by the rule in force; none: there is no rule, or it was rolled back."""
        return self._held.get(route, ())

    def issued(self, route: str, cases: Iterable[str]) -> int:
        """How often a verdict was spoken already about a route by what was replayed of these cases."""
        plans = {self._before[case].plan for case in cases if case in self._before}
        return sum(self._issued.get((plan, route), 0) for plan in plans)

    def taken_over(self, plan: planned.Plan) -> list[ReplayRow]:
        """The rows with which a plan begins: what is there of its cases, of its arms and of the reference."""
        found = []
        for route in plan.routes:
            arms = {REFERENCE, *(each.arm.id for each in route.arms)}
            for ref in route.cases:
                before = self._before.get(ref.case)
                rows = {} if before is None else before.rows
                found += [ReplayRow(plan.id, ref.case, arm, plan.at, rows[arm]) for arm in sorted(arms & rows.keys())]
        return found

    def _add(self, plan: str, rows: Collection[ReplayRow]) -> None:
        of: dict[str, dict[str, bytes]] = {}
        graded = set()
        for row in rows:
            read = replayed.decode(row.document)
            if row.arm == REFERENCE and read.state == "done":
                of.setdefault(row.case, {})[row.arm] = row.document
            elif read.grade is not None:
                of.setdefault(row.case, {})[row.arm] = row.document
                graded.add(row.case)
        for case in graded:
            if REFERENCE in of[case]:
                self._before.setdefault(case, Before(plan, of[case]))


def _in_force(connection: Connection, reference: str) -> dict[str, tuple[Arm, ...]]:
    found = {}
    for rule in store.rules(connection):
        row = None if rule.state == "rolled_back" else store.find_certificate(connection, rule.certificate)
        try:
            promise = None if row is None else promise_of(row.document)
        except msgspec.MsgspecError:
            continue
        if promise is not None and promise.reference == reference:
            found[rule.route] = promise.arms
    return found
