"""A run: cases are sent to every arm through our own gateway, graded at once, and nothing of what was said is kept.

It can be killed and run again: what was under way is redone, and all else is there. A case is read, its arms are asked,
the reference where its answer was not kept, and the grades are written in one transaction. What counts as a loss:

- an answer that is worse, and one that was refused or filtered: by its grade
- a request that is invalid or too long for the candidate: by the grade of an empty answer
- a candidate that did not answer TRIES times, whoever serves it: a whole loss, and marked as such

What does not: a gateway out of reach, a busy one, a spent budget, a refused key (they end or hold up the run), what the
policy forbids (it ends the arm), a case whose text is gone or that the reference itself could not answer.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.catalog.model import Model
from weighbridge.ledger.cost import plain
from weighbridge.switch.asking import NOT_SENT, Failed
from weighbridge.switch.case import Answer, Case, Grade
from weighbridge.switch.cases import Unusable, with_model
from weighbridge.switch.desk import Desk, Ended, Means
from weighbridge.switch.graders.judge import Judge
from weighbridge.switch.graders.ladder import LIVE, grade, judged
from weighbridge.switch.plan import allowed
from weighbridge.switch.planned import MEASURED, PlannedArm, PlannedRoute
from weighbridge.switch.purse import most
from weighbridge.switch.replayed import Replayed, answered
from weighbridge.switch.sources import Ref
from weighbridge.switch.store import REFERENCE

TRIES: Final = 3
"""How often a candidate is asked that does not answer."""
LOOK_EVERY: Final = 25
"""Graded cases after which the evidence is looked at."""


class Run:
    """One run of a plan."""

    def __init__(self, means: Means) -> None:
        self._desk = Desk(means)

    async def run(self) -> Ended:
        """Replay what is needed. Raises db.Error."""
        desk = self._desk
        await desk.open()
        for route in desk.means.plan.routes:
            if route.arms and desk.ended.stopped is None:
                await _Routed(desk, route).run()
                if desk.may_conclude:
                    await desk.means.conclude(route, desk.rows, desk.means.now())
        return desk.ended


class _Routed:
    """One route of a run."""

    def __init__(self, desk: Desk, route: PlannedRoute) -> None:
        means = desk.means
        self._desk = desk
        self._route = route
        self._open: dict[str, PlannedArm] = {each.arm.id: each for each in route.arms}
        self._forbids = means.forbids(route.key, route.tags)
        self._providers: dict[str, tuple[str, ...]] = {}
        self._done = 0
        self._looked = 0
        self._measuring = 0
        self._graded: dict[str, dict[str, Grade]] = {each: {} for each in self._open}
        own = {ref.case for ref in route.cases}
        for (case, arm), row in desk.rows.items():
            if arm in self._graded and row.grade is not None and case in own:
                self._graded[arm][case] = row.grade
                self._measuring += row.judged is not None

    async def run(self) -> None:
        """Replay its cases, and again those that nobody answered."""
        for arm in self._route.arms:
            if not self._allowed(arm.arm.model):
                self._close(arm.arm.id, "the policy in force lets nobody who serves it answer these requests")
        await self._look()
        for _ in range(TRIES):
            left = [ref for ref in self._route.cases if self._pending(ref)]
            if not left or not self._open or self._desk.ended.stopped is not None:
                break
            self._done = len(self._route.cases) - len(left)
            waiting = iter(left)
            async with asyncio.TaskGroup() as group:
                for _ in range(self._desk.means.at_once):
                    group.create_task(self._work(waiting))
        await self._look()
        self._desk.ended.left += sum(len(self._pending(ref)) for ref in self._route.cases)

    async def _work(self, waiting: Iterator[Ref]) -> None:
        means = self._desk.means
        for ref in waiting:
            if self._desk.ended.stopped is not None or not self._open:
                return
            await self._case(ref)
            self._done += 1
            means.told(self._route.route, self._done, len(self._route.cases))
            if self._done - self._looked >= LOOK_EVERY:
                await self._look()

    async def _look(self) -> None:
        self._looked = self._done
        for arm, why in (await self._desk.means.look(self._route, self._graded)).items():
            self._close(arm, why)

    def _close(self, arm: str, why: str) -> None:
        if self._open.pop(arm, None) is not None:
            self._desk.ended.arms[self._route.route, arm] = why

    def _pending(self, ref: Ref) -> list[PlannedArm]:
        found = []
        for arm in self._open.values():
            row = self._desk.rows.get((ref.case, arm.arm.id))
            if row is None or row.state in ("sent", "again"):
                found.append(arm)
        return found

    def _allowed(self, name: str) -> tuple[str, ...]:
        known = self._providers.get(name)
        if known is None:
            model = self._desk.means.catalog.find(name)
            known = () if model is None else allowed(model, self._forbids, self._desk.means.now())
            self._providers[name] = known
        return known

    # one case

    async def _case(self, ref: Ref) -> None:
        arms = self._pending(ref)
        if not arms:
            return
        try:
            case = await self._desk.means.books.do(self._desk.means.source.again, ref)
        except Unusable as error:
            gone = Replayed(state="gone", why=str(error))
            await self._desk.put(ref.case, {arm.arm.id: gone for arm in arms})
            return
        sent = await self._sent(case, arms)
        if sent is None:
            return
        own = sent.pop(REFERENCE, None)
        came = await self._asked(sent)
        await self._weigh(case, came, own)

    async def _sent(self, case: Case, arms: Sequence[PlannedArm]) -> "dict[str, _Sent] | None":
        """The requests to the arms, and to the reference if its answer is not kept, held and written down.

        None: there is nothing to send.
        """
        bodies: dict[str, _Sent] = {}
        gone: dict[str, Replayed] = {}
        for arm in arms:
            try:
                bodies[arm.arm.id] = self._request(case, arm)
            except Unusable as error:
                gone[arm.arm.id] = Replayed(state="gone", why=str(error))
        if bodies and case.reference is None:
            try:
                bodies[REFERENCE] = self._to(case.body, self._desk.means.plan.reference)
            except Unusable as error:
                gone |= dict.fromkeys((*bodies, REFERENCE), Replayed(state="gone", why=f"the reference: {error}"))
                bodies = {}
        if gone:
            await self._desk.put(case.id, gone)
        if not bodies or not await self._desk.hold(sum((each.most for each in bodies.values()), Decimal(0))):
            return None
        before = self._desk.rows
        rows = {
            id_: Replayed(state="sent", most=plain(each.most), tries=_tries(before.get((case.id, id_))))
            for id_, each in bodies.items()
        }
        await self._desk.put(case.id, rows)
        return bodies

    def _request(self, case: Case, arm: PlannedArm) -> "_Sent":
        """Raises Unusable where the case may not go there."""
        return self._to(case.body, arm.arm.model, effort=arm.arm.effort, most_tokens=arm.arm.most_tokens)

    def _to(self, body: bytes, name: str, *, effort: str | None = None, most_tokens: int | None = None) -> "_Sent":
        means = self._desk.means
        providers = self._allowed(name)
        only = providers if means.policed else None
        told = with_model(body, name, effort=effort, most_tokens=most_tokens, only=only)
        model: Model | None = means.catalog.find(name)
        if model is None or means.purse.budget is None:
            return _Sent(told, Decimal(0))
        try:
            amount, limit = most(told, model, providers, means.now())
        except ValueError as error:
            raise Unusable(str(error)) from error
        return _Sent(told if limit is None else with_model(told, name, most_tokens=limit), amount)

    async def _asked(self, sent: "Mapping[str, _Sent]") -> "dict[str, _Came]":
        """What came of the arms."""
        found = await asyncio.gather(*(self._desk.ask(each.body, each.most) for each in sent.values()))
        return {id_: _Came(*each) for id_, each in zip(sent, found, strict=True)}

    async def _weigh(self, case: Case, came: "Mapping[str, _Came]", own: "_Sent | None") -> None:
        """Write down what came, with its grade where the reference has an answer too; `own` is what it is sent."""
        rows: dict[str, Replayed] = {}
        weighed: dict[str, Answer] = {}
        for id_, each in came.items():
            row, answer = self._read(case, id_, each)
            if row is not None:
                rows[id_] = row
            if answer is not None:
                weighed[id_] = answer
        if weighed:
            rows |= await self._graded_rows(case, weighed, came, own)
        elif own is not None:  # there is nothing to hold against it
            await self._desk.settle(own.most, NOT_SENT)
            rows[REFERENCE] = Replayed(state="again", tries=_tries(self._desk.rows.get((case.id, REFERENCE))))
        await self._desk.put(case.id, rows)
        for id_, row in rows.items():
            if row.grade is not None and id_ in self._graded:
                self._graded[id_][case.id] = row.grade

    def _read(self, case: Case, arm: str, came: "_Came") -> tuple[Replayed | None, Answer | None]:
        """What to write of an arm without a grade, or its answer, which is to be graded."""
        found = came.found
        if isinstance(found, Answer):
            return None, found
        before = self._desk.rows.get((case.id, arm))
        tries = _tries(before)
        if found.trouble == "fails":
            return None, Answer(error=found.code, receipt=found.receipt)
        if found.trouble == "again" and tries + 1 >= TRIES:
            return None, Answer(error=found.code, receipt=found.receipt)
        if found.trouble == "closed":
            self._close(arm, f"{found.why} ({found.code})")
        gone = found.trouble in ("closed", "passes")
        row = Replayed(
            state="gone" if found.trouble == "passes" else "again",
            tries=tries + (found.trouble == "again"),
            error=found.code,
            why=found.why if gone else "",
            receipt=found.receipt,
            cost=None if came.cost is None else plain(came.cost),
        )
        return row, None

    async def _graded_rows(
        self, case: Case, weighed: Mapping[str, Answer], came: "Mapping[str, _Came]", own: "_Sent | None"
    ) -> dict[str, Replayed]:
        reference = await self._reference(case, own)
        if isinstance(reference, Replayed):  # it has none, so that nothing can be said
            again = Replayed(state="again", tries=0) if reference.state == "again" else reference
            return {REFERENCE: reference} | dict.fromkeys(weighed, again)
        rows: dict[str, Replayed] = {}
        theirs, rows[REFERENCE] = reference
        for id_, answer in weighed.items():
            told = await self._grade(case, theirs, answer)
            row = answered(case, answer, came[id_].cost)
            live = None if told is None or answer.error is not None else await self._live(case, theirs, answer)
            if told is None and self._desk.ended.stopped is not None:  # it may be the judge who could not be asked
                row = msgspec.structs.replace(row, state="again")
            rows[id_] = msgspec.structs.replace(
                row,
                grade=told,
                judged=None if told is None else await self._measured(case, told, theirs, answer),
                blind=None if live is None or _is_alike(case, told, live) else live.loss,
                live=None if told is None or answer.error is not None else live is not None,
                tries=_tries(self._desk.rows.get((case.id, id_))),
            )
        return rows

    async def _reference(self, case: Case, own: "_Sent | None") -> tuple[Answer, Replayed] | Replayed:
        """The reference's answer, and what to write of it; or why there is none."""
        if case.reference is not None:
            return case.reference, answered(case, case.reference, None, kept=True)
        if own is None:
            return Replayed(state="again")
        before = self._desk.rows.get((case.id, REFERENCE))
        found, cost = await self._desk.ask(own.body, own.most)
        if isinstance(found, Answer):
            return found, answered(case, found, cost)
        tries = _tries(before) + (found.trouble == "again")
        last = found.trouble in ("fails", "closed", "passes") or tries >= TRIES
        return Replayed(
            state="gone" if last else "again",
            tries=tries,
            error=found.code,
            why=f"the reference gave no answer: {found.why}",
            receipt=found.receipt,
        )

    async def _grade(self, case: Case, reference: Answer, candidate: Answer) -> Grade | None:
        told = await asyncio.to_thread(grade, case, reference, candidate, graders=self._desk.means.graders)
        if told is not None:
            return told
        if candidate.error is not None:
            return Grade("unanswered/1", 1.0, candidate=0.0, why=candidate.error)
        judge = self._desk.means.plan.judge
        if judge is None:
            return None
        checks = self._desk.means.checks.get(self._route.route)
        return await judged(case, reference, candidate, judge=Judge(judge, self._judged), checks=checks)

    async def _measured(self, case: Case, told: Grade, reference: Answer, candidate: Answer) -> float | None:
        """What the judge says where it is known what is right, of as many cases as measure it; else None."""
        judge = self._desk.means.plan.judge
        known = case.expected is not None and told.exact and candidate.error is None
        if judge is None or not known or not self._route.judged or self._measuring >= MEASURED:
            return None
        self._measuring += 1
        checks = self._desk.means.checks.get(self._route.route)
        said = await judged(case, reference, candidate, judge=Judge(judge, self._judged), checks=checks)
        return None if said is None or said.exact else said.loss

    async def _live(self, case: Case, reference: Answer, candidate: Answer) -> Grade | None:
        """As a gateway would grade it."""
        unknown = msgspec.structs.replace(case, expected=None, grader=None)
        return await asyncio.to_thread(grade, unknown, reference, candidate, graders=LIVE)

    async def _judged(self, body: bytes) -> Answer:
        judge = self._desk.means.plan.judge or ""
        try:
            sent = self._to(body, judge)
        except Unusable as error:
            return Answer(error=str(error))
        if not await self._desk.hold(sent.most):
            return Answer(error="budget")
        found, _ = await self._desk.ask(sent.body, sent.most)
        return Answer(error=found.code) if isinstance(found, Failed) else found


def _is_alike(case: Case, told: Grade | None, live: Grade) -> bool:
    """Whether what was graded is what a gateway would say of it."""
    return case.expected is None and told is not None and told.grader == live.grader


def _tries(row: Replayed | None) -> int:
    return 0 if row is None else row.tries


@dataclass(frozen=True, slots=True)
class _Sent:
    body: bytes
    most: Decimal


@dataclass(frozen=True, slots=True)
class _Came:
    found: Answer | Failed
    cost: Decimal | None
