"""From replays to a certificate: what the verdict is given, what its document says, and that none is issued twice."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests import engines
from tests.ledger.made_up import charge, entry
from weighbridge.catalog.model import Catalog, Endpoint, Model, Price, Rate
from weighbridge.db import Connection
from weighbridge.ledger import store as ledger
from weighbridge.routing.quality.encoders import Encoder, encoder
from weighbridge.routing.quality.predictor import load
from weighbridge.routing.quality.rule import Arm
from weighbridge.switch import store
from weighbridge.switch.books import Books, Rows
from weighbridge.switch.case import Grade
from weighbridge.switch.certifying import Court, Document
from weighbridge.switch.graders.rubric import Rubric
from weighbridge.switch.knob import is_learnt_from
from weighbridge.switch.outcome import Sight
from weighbridge.switch.planned import NOTHING, About, FromFile, Plan, PlannedArm, PlannedRoute
from weighbridge.switch.promise import promise_of
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.report.proof import proofs_of
from weighbridge.switch.routes import draw
from weighbridge.switch.sources import Found, Lines
from weighbridge.switch.store import REFERENCE

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ARMS = ("near/small", "near/other")
Graded = Callable[[int], Grade | None]


def model(name: str, price: int) -> Model:
    rate = Rate(Decimal(price))
    return Model(name, endpoints=(Endpoint("near", name, name, (Price(name, "", rate, rate),)),))


CATALOG = Catalog({each.id: each for each in (model("near/big", 10), model("near/small", 1), model("near/other", 2))})


@dataclass
class World:
    """A plan over lines of a file, and what came of its replays."""

    connection: Connection
    file: Path
    arms: tuple[str, ...] = ARMS[:1]
    judge: str | None = None
    truth: dict[str, float] = field(default_factory=dict)
    checks: dict[str, Rubric] = field(default_factory=dict)
    epsilon: float = 0.05
    encoder: Encoder | None = None

    def write(self, count: int) -> None:
        """So many cases, every other a hard one."""
        lines = [
            {"messages": [{"role": "user", "content": f"{'Prove theorem' if n % 2 else 'Greet customer'} {n}."}]}
            for n in range(count)
        ]
        self.file.write_text("".join(f"{json.dumps(each)}\n" for each in lines))

    @property
    def source(self) -> Lines:
        return Lines(self.file, reference="near/big", model=lambda name: name)

    @property
    def plan(self) -> Plan:
        found = [each for each in self.source.each() if isinstance(each, Found)]
        found.sort(key=lambda each: draw("plan-1", each.ref.case))
        route = PlannedRoute(
            route=found[0].case.route, about=About(), key="", requests=len(found), since=None, until=None, a_day=None,
            reference_each=None, recorded=False, cases=tuple(each.ref for each in found), answered=0, judged=0,
            arms=tuple(PlannedArm(Arm(each), None, each, NOTHING) for each in self.arms),
        )  # fmt: skip
        return Plan(
            id="plan-1", at=NOW, reference="near/big", source=FromFile(str(self.file)), epsilon=self.epsilon,
            delta=0.05, judge=self.judge, routes=(route,),
        )  # fmt: skip

    def rows(
        self, plan: Plan, *graded: Graded, blind: float | None = None, live: bool | None = None, kept: bool = False
    ) -> Rows:
        rows: Rows = {}
        for ref in plan.routes[0].cases:
            number = ref.line - 1
            grades = [each(number) for each in graded]
            if all(grade is None for grade in grades):
                continue
            cost = None if kept else "0.01"
            rows[ref.case, REFERENCE] = answered(cost=cost, kept=kept, receipt=f"wbr-{number}")
            for arm, grade in zip(self.arms, grades, strict=True):
                rows[ref.case, arm] = answered(cost="0.001", grade=grade, blind=blind, live=live)
        return rows

    def judged(self, plan: Plan, rows: Rows, now: datetime = NOW) -> Document | None:
        court = Court(
            plan=plan,
            source=self.source,
            books=Books(self.connection, plan, lambda: now),
            catalog=CATALOG,
            forbids=lambda key, tags: lambda model, endpoint: None,
            policy="abc",
            truth=self.truth,
            checks=self.checks,
            holds=timedelta(days=30),
            encoder=self.encoder,
        )
        return asyncio.run(court.judge(plan.routes[0], rows, now))


def answered(**other: object) -> Replayed:
    usual: dict[str, object] = {"state": "done", "prompt_tokens": 20, "completion_tokens": 10}
    return Replayed(**(usual | other))  # type: ignore[arg-type] # whatever a row has


def exactly(loss: float) -> Grade:
    return Grade("exact/1", loss, 1.0, 1 - loss)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with engines.in_memory() as connection:
        yield World(connection, tmp_path / "requests.jsonl")


def test_an_arm_that_never_loses_is_proven_and_its_document_is_what_others_read(world: World) -> None:
    world.write(120)
    plan = world.plan
    said = world.judged(plan, world.rows(plan, lambda number: exactly(0)))
    assert said is not None
    assert (said.why, said.prices, said.policy, said.judge) == ("proven", "2026-11-22", "abc", None)
    (row,) = store.certificates(world.connection, plan="plan-1")
    found = store.find_certificate(world.connection, row.id)
    assert found is not None
    promise = promise_of(found.document)
    assert promise.arms == (Arm("near/small"),)
    assert promise.knob > 1
    assert 0 < promise.cut < 1e6
    assert load(found.predictor).arms == ("near/small",)
    assert found.expires - found.issued == timedelta(days=30)
    proof = proofs_of(world.connection, "plan-1")[row.route]
    assert (proof.why, proof.certificate, proof.replays) == ("proven", row.id, 120)
    assert proof.routed is not None
    assert proof.routed.saving is not None
    assert proof.routed.saving.value == pytest.approx(0.9, abs=0.02)


def test_where_nothing_is_proven_the_certificate_says_why_and_nothing_answers(world: World) -> None:
    world.write(120)
    plan = world.plan
    said = world.judged(plan, world.rows(plan, lambda number: exactly(number % 2)))
    assert said is not None
    assert (said.why, said.tau, said.arms, said.watch) == ("too_lossy", None, (), None)
    (row,) = store.certificates(world.connection)
    found = store.find_certificate(world.connection, row.id)
    assert found is not None
    assert found.predictor == b""
    assert promise_of(found.document).knob == float("-inf")


def test_the_knob_moves_what_the_small_one_can_do_and_leaves_the_rest(world: World) -> None:
    world.write(600)
    world.arms = ARMS
    plan = world.plan
    rows = world.rows(plan, lambda number: exactly(number % 2), lambda number: exactly(number % 2))
    said = world.judged(plan, rows)
    assert said is not None
    assert said.why == "proven"
    assert said.fitted > 200
    assert said.replays > 200
    assert said.routed is not None
    assert said.routed.moved is not None
    assert said.routed.moved == pytest.approx(0.5, abs=0.1)
    assert said.routed.loss is not None
    assert said.routed.loss.value is not None
    assert said.routed.loss.value < world.epsilon
    assert {each.id for each in said.arms} == set(ARMS)
    assert said.watch is not None
    assert said.watch >= world.epsilon / said.routed.moved - 1e-9


def test_none_is_issued_again_for_the_same_replays_and_one_is_for_more(world: World) -> None:
    world.write(120)
    plan = world.plan
    few = world.rows(plan, lambda number: exactly(0) if number < 80 else None)
    assert world.judged(plan, few) is not None
    assert world.judged(plan, few) is None
    assert world.judged(plan, world.rows(plan, lambda number: exactly(0)), NOW + timedelta(days=1)) is not None
    assert len(store.certificates(world.connection)) == 2


def test_watched_calls_are_held_to_what_they_lose_as_they_are_graded(world: World) -> None:
    world.write(120)
    plan = world.plan
    plain = world.judged(plan, world.rows(plan, lambda number: exactly(0)))
    world.connection.execute("DELETE FROM switch_certificate")
    blind = world.judged(plan, world.rows(plan, lambda number: exactly(0), blind=0.25))
    assert plain is not None
    assert blind is not None
    assert plain.watch is not None
    assert blind.watch is not None
    assert plain.watch == pytest.approx(0.05, abs=0.002)
    assert 0.25 < blind.watch < 0.5


def test_it_says_who_graded_and_how_much_of_that_a_gateway_can_do_while_it_runs(world: World) -> None:
    world.write(120)
    plan = world.plan
    passes = Grade("tests/1", 0.0, 1.0, 1.0)

    def issued(rows: Rows) -> Document:
        world.connection.execute("DELETE FROM switch_certificate")
        said = world.judged(plan, rows)
        assert said is not None
        assert said.why == "proven"
        return said

    exact = issued(world.rows(plan, lambda number: exactly(0)))
    assert (exact.graders, exact.sight) == ({"exact/1": 120}, Sight(share=1.0))
    code = issued(world.rows(plan, lambda number: passes, live=False))
    assert (code.graders, code.sight) == ({"tests/1": 120}, Sight(share=0.0, blind_to=("tests/1",)))
    promise = promise_of(msgspec.json.encode(code))
    assert promise.is_blind
    assert promise.blindness == "the alarm sees none of what is moved: tests/1 does not grade while the gateway runs"
    both = issued(world.rows(plan, lambda number: passes if number % 2 else exactly(0)))
    assert both.sight is not None
    assert (both.graders, both.sight.blind_to) == ({"exact/1": 60, "tests/1": 60}, ("tests/1",))
    assert both.sight.share == pytest.approx(0.5, abs=0.05)
    unknown = issued(world.rows(plan, lambda number: exactly(0), live=False))
    assert unknown.sight == Sight(share=0.0, blind_to=("exact/1",)), "it knew what was expected, and nobody will"


def test_a_judge_can_be_asked_of_anything_and_what_it_checks_goes_along(world: World) -> None:
    world.write(120)
    world.judge = "near/other"
    plan = world.plan
    world.checks = {plan.routes[0].route: Rubric(("It greets.",))}
    told = Grade("rubric/1-x", 0.0, 1.0, 1.0, exact=False)
    said = world.judged(plan, world.rows(plan, lambda number: told, live=False))
    assert said is not None
    assert (said.sight, said.checks, said.judge) == (Sight(share=1.0), ("It greets.",), "near/other")
    assert promise_of(msgspec.json.encode(said)).checks == ("It greets.",)


def test_a_judge_that_errs_by_what_people_say_proves_less(world: World) -> None:
    world.write(120)
    world.judge = "near/other"
    plan = world.plan
    rows = world.rows(plan, lambda number: Grade("pairwise/1-x", 0.0, exact=False))
    said = world.judged(plan, rows)
    assert said is not None
    assert (said.why, said.judge) == ("proven", "near/other")
    assert said.judged is not None
    assert (said.judged.error, said.judged.pairs) == (None, 0)
    world.connection.execute("DELETE FROM switch_certificate")
    world.truth = {ref.case: float(ref.line % 2) for ref in plan.routes[0].cases[:60]}
    measured = world.judged(plan, rows)
    assert measured is not None
    assert measured.why != "proven"
    assert measured.judged is not None
    assert measured.judged.pairs == 60
    assert measured.judged.error is not None
    assert measured.judged.error.value == pytest.approx(0.5)


def test_a_judge_is_measured_by_what_is_known_to_be_right_too(world: World) -> None:
    world.write(120)
    world.judge = "near/other"
    plan = world.plan
    rows = world.rows(plan, lambda number: Grade("pairwise/1-x", 0.0, exact=False) if number % 2 else exactly(0))
    known = {
        place: msgspec.structs.replace(row, judged=0.0)
        for place, row in rows.items()
        if row.grade is not None and row.grade.exact
    }
    said = world.judged(plan, rows | known)
    assert said is not None
    assert said.judged is not None
    assert said.judged.pairs == 60
    assert said.judged.error is not None
    assert said.judged.error.value == 0
    assert said.judged.error.high > 0
    assert said.why != "proven", "how far it may err is taken off what may be lost"


def test_what_a_kept_answer_of_the_reference_cost_is_asked_of_the_ledger(world: World) -> None:
    world.write(120)
    plan = world.plan
    ledger.add(world.connection, [entry(id=f"wbr-{number}", charge=charge("0.002")) for number in range(120)])
    said = world.judged(plan, world.rows(plan, lambda number: exactly(0), kept=True))
    assert said is not None
    assert said.routed is not None
    assert said.routed.saving is not None
    assert said.routed.saving.value == pytest.approx(0.5, abs=0.02)


def test_a_case_whose_text_is_gone_is_left_out(world: World) -> None:
    world.write(120)
    plan = world.plan
    rows = world.rows(plan, lambda number: exactly(0))
    lines = world.file.read_bytes().splitlines(keepends=True)
    world.file.write_bytes(
        b"".join(b" " * (len(line) - 1) + b"\n" if at < 20 else line for at, line in enumerate(lines))
    )
    said = world.judged(plan, rows)
    assert said is not None
    assert said.replays == 100


def looked(world: World, plan: Plan, losses: dict[str, float]) -> dict[str, str]:
    court = Court(
        plan=plan, source=world.source, books=Books(world.connection, plan, lambda: NOW), catalog=CATALOG,
        forbids=lambda key, tags: lambda model, endpoint: None, policy=None, truth={},
    )  # fmt: skip
    grades = {"near/small": {case: exactly(loss) for case, loss in losses.items()}}
    return dict(asyncio.run(court.look(plan.routes[0], grades)))


def test_it_is_looked_at_after_each_and_ends_where_it_is_enough(world: World) -> None:
    world.write(120)
    plan = world.plan

    def after(*losses: float) -> dict[str, str]:
        return looked(world, plan, {str(at): loss for at, loss in enumerate(losses)})

    assert after(*[0.0] * 20) == {}
    assert after(*[0.0] * 100) == {"near/small": "it is proven that it always does well enough"}
    assert after(*[0.0, 0.0, 0.0, 1.0] * 10) == {}
    assert after(*[1.0] * 60) == {"near/small": "it loses far more than is allowed"}


def test_what_tests_the_knob_does_not_decide_which_arms_are_in_it(world: World) -> None:
    world.write(300)
    plan = world.plan
    cases = [ref.case for ref in plan.routes[0].cases]
    learnt = [case for case in cases if is_learnt_from(plan.id, case)]
    tests = [case for case in cases if case not in learnt]
    assert looked(world, plan, dict.fromkeys(tests, 1.0)) == {}
    assert looked(world, plan, dict.fromkeys(learnt, 1.0)) == {"near/small": "it loses far more than is allowed"}


def test_an_encoder_that_reads_along_is_in_the_predictor_and_named(world: World) -> None:
    world.write(120)
    world.encoder = encoder("use")
    plan = world.plan
    said = world.judged(plan, world.rows(plan, lambda number: exactly(0)))
    assert said is not None
    assert said.encoder == "use"
    (row,) = store.certificates(world.connection)
    found = store.find_certificate(world.connection, row.id)
    assert found is not None
    assert load(found.predictor).reader.encoder is world.encoder


def test_documents_are_read_by_whoever_reads_certificates_though_they_say_more(world: World) -> None:
    world.write(120)
    plan = world.plan
    said = world.judged(plan, world.rows(plan, lambda number: exactly(0)))
    assert said is not None
    assert msgspec.json.decode(msgspec.json.encode(said), type=Document) == said
