"""From what was replayed to a certificate: the figures that the verdict goes by, its document, and how it is stored.

Every route gets one, also where nothing is proven: then it says why. It is issued once for the same replays: each issue
takes its share of delta. Needs numpy (the extra `switch`).
"""

import asyncio
import math
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from weighbridge.catalog.model import Catalog, Price
from weighbridge.ledger.cost import cost
from weighbridge.routing.quality.encoders import Encoder
from weighbridge.routing.quality.look import Look, look, opening
from weighbridge.routing.quality.rule import Arm, Rates
from weighbridge.switch.books import Books, Rows
from weighbridge.switch.candidates import Forbids
from weighbridge.switch.case import Grade
from weighbridge.switch.cases import Unusable
from weighbridge.switch.desk import Grades
from weighbridge.switch.evidence import betting
from weighbridge.switch.graders import ladder
from weighbridge.switch.graders.judged import JudgeError, Pairs, judge_error, pairs
from weighbridge.switch.graders.rubric import Rubric
from weighbridge.switch.knob import is_learnt_from
from weighbridge.switch.outcome import Found, Interval, Judge, Outcome, Point, Sight, Why
from weighbridge.switch.plan import allowed
from weighbridge.switch.planned import Plan, PlannedRoute
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.seen import Seen, Terms
from weighbridge.switch.sources import Source
from weighbridge.switch.store import REFERENCE, CertificateRow
from weighbridge.switch.verdict import Verdict, settled, verdict
from weighbridge.wire.usage import Usage, estimated_tokens

HOLDS: Final = timedelta(days=90)
"""How long a certificate does, where nobody says."""
_VERSION: Final = 1


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a certificate says. The gateway reads of it what switch.promise names, the report what report.proof does."""

    version: int = _VERSION
    plan: str
    route: str
    reference: str
    arms: tuple[Arm, ...]
    tau: float | None
    """None: always the reference."""
    novelty: float | None
    allowed: tuple[float, ...]
    epsilon: float
    delta: float
    graders: dict[str, int]
    """What graded the replays that it was spoken about, and how many of them each did."""
    judge: str | None
    """The model that grades shadows where no grader can."""
    watch: float | None
    why: Why
    more: int | None
    routed: Outcome | None
    arms_alone: dict[str, Found]
    curve: tuple[Point, ...]
    replays: int
    fitted: int
    graded: int
    """Grades that it was spoken about."""
    prices: str
    """The day of the prices, in UTC."""
    rates: tuple[Rates, ...]
    """Of that day, of the reference and of each arm; none where one is not known."""
    policy: str | None
    judged: Judge | None
    sight: Sight | None
    """What an alarm can see of the calls that are moved; None: none are."""
    checks: tuple[str, ...] = ()
    """What the judge answers of each answer, instead of comparing the two."""
    encoder: str | None = None
    usual: float | None = None
    """See Rule.usual; none where the rates are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Court:
    """What verdicts are spoken with."""

    plan: Plan
    source: Source
    books: Books
    catalog: Catalog
    forbids: Callable[[str, Sequence[str]], Forbids]
    policy: str | None
    """The hash of the policy in force."""
    truth: Mapping[str, float]
    """What people said of cases: losses by their ids."""
    checks: Mapping[str, Rubric] = field(default_factory=dict)
    """By route: what the judge checks there, instead of comparing."""
    holds: timedelta = HOLDS
    encoder: Encoder | None = None
    """What reads requests besides their words and characters."""

    async def look(self, route: PlannedRoute, grades: Grades) -> Mapping[str, str]:
        """See desk.Look: after how many it is enough, of each arm alone.

        An arm that is replayed no more is not in the knob's family. So where a knob is tested that is decided by the
        cases learnt from alone, and nothing of those that test it.
        """
        terms = self._terms(route)
        found = {}
        for arm, of in grades.items():
            told = [grade.loss for case, grade in of.items() if not terms.learns or is_learnt_from(self.plan.id, case)]
            why = settled(terms, np.array(told))
            if why is not None:
                found[arm] = _SETTLED[why]
        return found

    async def judge(self, route: PlannedRoute, rows: Rows, now: datetime) -> Document | None:
        """Speak about a route and store it; None where nothing has come since the last time. Raises db.Error."""
        arms = [each.arm.id for each in route.arms]
        own = {place: row for place, row in rows.items() if row.grade is not None and place[1] in arms}
        cases = {ref.case for ref in route.cases}
        grades = {place: row.grade for place, row in own.items() if row.grade is not None and place[0] in cases}
        before = await self.books.certificates(route.route)
        if any(_decoded(each.document).graded == len(grades) for each in before):
            return None
        error = judge_error(_measured(own, grades, self.truth), self.plan.delta)
        terms = self._terms(route, issue=route.issued + len(before) + 1, error=error)
        seen = await self._seen(route, rows)
        rates = self._rates(route, now)
        found = await asyncio.to_thread(verdict, terms, seen, _expense(route, rates))
        document = self._document(route, own, found, grades, error, now)
        kept = _kept_rates(route, document, rates)
        document = msgspec.structs.replace(document, rates=kept, usual=found.usual if kept else None)
        blob = b"" if found.predictor is None else await asyncio.to_thread(found.predictor.save)
        await self.books.certify(
            CertificateRow(
                f"cert-{secrets.token_hex(6)}",
                self.plan.id,
                route.route,
                now,
                now + self.holds,
                msgspec.json.encode(document),
                blob,
            )
        )
        return document

    def _terms(self, route: PlannedRoute, *, issue: int = 1, error: JudgeError | None = None) -> Terms:
        return Terms(
            arms=tuple(each.arm.id for each in route.arms),
            planned=len(route.cases),
            epsilon=self.plan.epsilon,
            delta=self.plan.delta,
            route=route.route,
            seed=self.plan.id,
            issue=issue,
            encoder=self.encoder,
            judge_error=0.0 if error is None else max(0.0, error.error.high),
        )

    async def _seen(self, route: PlannedRoute, rows: Rows) -> Seen:
        """The figures; a case whose text is gone meanwhile is left out, as nothing can be predicted of it."""
        arms = [each.arm.id for each in route.arms]
        who = [REFERENCE, *arms]
        cases: list[str] = []
        looks: list[Look] = []
        prompts: list[int] = []
        table: list[list[Replayed | None]] = []
        for ref in route.cases:
            own = [rows.get((ref.case, each)) for each in who]
            if all(row is None or row.grade is None for row in own[1:]):
                continue
            try:
                case = await self.books.do(self.source.again, ref)
            except Unusable:
                continue
            seen = opening(look(case.body))
            cases.append(ref.case)
            looks.append(seen)
            prompts.append(estimated_tokens(seen.context_bytes))  # as the gateway will: it has nothing else to go by
            table.append(own)
        paid = await self._kept_costs(table)
        shape = (len(cases), len(arms))
        return Seen(
            cases=tuple(cases),
            looks=tuple(looks),
            prompts=tuple(prompts),
            losses=_table([[_loss(row) for row in own[1:]] for own in table], shape),
            harms=_table([[_harm(row) for row in own[1:]] for own in table], shape),
            tokens=_table(
                [[_number(row and row.completion_tokens) for row in own] for own in table], (shape[0], len(who))
            ),
            costs=_table(
                [[_number(paid.get(_receipt(row), row and row.cost)) for row in own] for own in table],
                (shape[0], len(who)),
            ),
        )

    async def _kept_costs(self, table: Sequence[Sequence[Replayed | None]]) -> dict[str | None, object]:
        """What the kept answers of the reference have cost, by their receipts."""
        kept = [own[0].receipt for own in table if own[0] is not None and own[0].kept and own[0].receipt is not None]
        found: dict[str | None, object] = {}
        found.update(await self.books.costs(kept))
        return found

    def _rates(self, route: PlannedRoute, now: datetime) -> list[Rates | None]:
        """Of the reference and of each arm, where it is cheapest; None: nobody may be asked, or at no known price."""
        forbids = self.forbids(route.key, route.tags)
        names = (self.plan.reference, *(each.arm.model for each in route.arms))
        return [rates_of(self._prices(name, forbids, now)) for name in names]

    def _prices(self, name: str, forbids: Forbids, now: datetime) -> list[Price]:
        model = self.catalog.find(name)
        if model is None:
            return []
        providers = allowed(model, forbids, now)
        return [
            price
            for each in model.endpoints
            if each.provider in providers and (price := each.price_at(now)) is not None
        ]

    def _document(  # noqa: PLR0917 - all that it says
        self,
        route: PlannedRoute,
        rows: Rows,
        found: Verdict,
        grades: Mapping[tuple[str, str], Grade],
        error: JudgeError | None,
        now: datetime,
    ) -> Document:
        plan = self.plan
        arms = {each.arm.id: each.arm for each in route.arms}
        judged = any(not grade.exact for grade in grades.values())
        checks = self.checks.get(route.route) if judged else None
        return Document(
            plan=plan.id,
            route=route.route,
            reference=plan.reference,
            arms=tuple(arms[each] for each in found.arms),
            tau=None if found.tau == -math.inf else found.tau,
            novelty=found.novelty if math.isfinite(found.novelty) else None,
            allowed=found.allowed,
            epsilon=plan.epsilon,
            delta=plan.delta,
            graders=dict(sorted(Counter(grade.grader for grade in grades.values()).items())),
            judge=plan.judge if judged else None,
            watch=_watch(plan, found, rows),
            why=found.why,
            more=found.more,
            routed=found.routed,
            arms_alone=found.alone,
            curve=found.curve,
            replays=found.replays,
            fitted=found.fitted,
            graded=len(grades),
            prices=f"{now:%Y-%m-%d}",
            rates=(),
            policy=self.policy,
            judged=_judge(plan, error) if judged else None,
            sight=_sight(found, rows, judged=judged),
            checks=() if checks is None else checks.checks,
            encoder=None if self.encoder is None or found.predictor is None else self.encoder.name,
        )


def rates_of(prices: Sequence[Price]) -> Rates | None:
    """The cheapest of some, for a usual answer. Tiers of long prompts are left out: a certificate keeps two numbers."""
    if not prices:
        return None
    price = min(prices, key=lambda each: cost(_USUAL, each))
    once, prompt, answer = (float(cost(usage, price)) for usage in (Usage(0, 0), Usage(1000, 0), Usage(0, 1000)))
    return Rates((prompt - once) / 1000, (answer - once) / 1000, once)


def _expense(route: PlannedRoute, rates: Sequence[Rates | None]) -> Callable[[int, int, float], float]:
    """See seen.Expense: as the gateway will reckon it, by the rates of today."""
    limits = [None, *(each.arm.most_tokens for each in route.arms)]

    def expense(who: int, prompt: int, tokens: float) -> float:
        rate, limit = rates[who], limits[who]
        most = tokens if limit is None else min(tokens, limit)
        return math.nan if rate is None else rate.cost(prompt, most)

    return expense


def _kept_rates(route: PlannedRoute, document: Document, rates: Sequence[Rates | None]) -> tuple[Rates, ...]:
    """Of the reference and of the arms that the document names."""
    of_arms = {each.arm: rate for each, rate in zip(route.arms, rates[1:], strict=True)}
    found = [rate for rate in (rates[0], *(of_arms[arm] for arm in document.arms)) if rate is not None]
    return tuple(found) if document.arms and len(found) == 1 + len(document.arms) else ()


_USUAL: Final = Usage(1000, 300)
_SETTLED: Final[Mapping[str, str]] = {
    "proven": "it is proven that it always does well enough",
    "too_lossy": "it loses far more than is allowed",
}
_decoder: Final = msgspec.json.Decoder(Document)


def _decoded(document: bytes) -> Document:
    return _decoder.decode(document)


def _measured(
    rows: Mapping[tuple[str, str], Replayed], grades: Mapping[tuple[str, str], Grade], truth: Mapping[str, float]
) -> Pairs:
    """What the judge is measured by: what people said, and cases of which it is known what is right."""
    told = pairs(_by_case(grades), truth)
    known = [(row.judged, row.grade.loss) for row in rows.values() if row.judged is not None and row.grade is not None]
    judged, true = ([each[at] for each in known] for at in (0, 1))
    return Pairs((*told.judged, *judged), (*told.true, *true))


def _by_case(grades: Mapping[tuple[str, str], Grade]) -> dict[str, Grade]:
    """Of each case the grade of one arm: people label one pair of a case."""
    return {case: grade for (case, _), grade in sorted(grades.items())}


def _judge(plan: Plan, error: JudgeError | None) -> Judge:
    told = None if error is None else Interval(error.error.low, error.error.high, error.error.mean)
    return Judge(name=plan.judge or "", error=told, pairs=0 if error is None else error.error.pairs)


def _watch(plan: Plan, found: Verdict, rows: Rows) -> float | None:
    """The mean loss up to which watched calls are no alarm: those are moved ones, and nothing is expected of them.

    The promise is about all requests: those that are moved may lose as much more as they are fewer.
    """
    share = None if found.routed is None else found.routed.moved
    if not share:
        return None
    blind = [
        max((seen for arm in found.arms if (seen := _as_seen(rows.get((case, arm)))) is not None), default=None)
        for case in found.moved
    ]
    told = np.array([each for each in blind if each is not None])
    seen = betting.upper(told, plan.delta) if len(told) else 0.0
    return min(1.0, max(plan.epsilon / max(share, plan.epsilon), seen))


def _as_seen(row: Replayed | None) -> float | None:
    """The loss that a shadow of it would have, where that is another than its grade's."""
    return None if row is None else row.judged if row.blind is None and row.live is False else row.blind


def _sight(found: Verdict, rows: Rows, *, judged: bool) -> Sight | None:
    """What an alarm can see of what is moved. A judge can be asked of any two answers."""
    moved = [row for case in found.moved for arm in found.arms if (row := rows.get((case, arm))) is not None]
    seen = {id(row): judged or _is_seen(row) for row in moved if row.error is None}
    if not seen:
        return None
    blind = {row.grade.grader for row in moved if row.grade is not None and seen.get(id(row)) is False}
    return Sight(share=sum(seen.values()) / len(seen), blind_to=tuple(sorted(blind)))


def _is_seen(row: Replayed) -> bool:
    """Whether a gateway could have graded it; where that was not looked at, by who did."""
    return row.live if row.live is not None else row.grade is not None and ladder.is_live(row.grade.grader)


def _loss(row: Replayed | None) -> float:
    return math.nan if row is None or row.grade is None else row.grade.loss


def _harm(row: Replayed | None) -> float:
    return math.nan if row is None or row.grade is None else float(row.grade.harm)


def _number(value: object) -> float:
    return math.nan if value is None else float(str(value))


def _receipt(row: Replayed | None) -> str | None:
    return None if row is None else row.receipt


def _table(rows: Sequence[Sequence[float]], shape: tuple[int, int]) -> betting.Values:
    return np.array(rows, np.float64).reshape(shape)
