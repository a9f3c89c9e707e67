"""A run against a real worker on loopback: what is sent, what is a loss, what is redone, and what it costs."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.gateway.house import Gateway, house
from tests.gateway.upstream import Call, Upstream
from weighbridge import db
from weighbridge.catalog.model import Catalog, Endpoint, Model, Price, Rate
from weighbridge.db import Connection
from weighbridge.ledger import store as ledger
from weighbridge.ledger.tagged import spent_on
from weighbridge.routing.quality.rule import Arm
from weighbridge.switch import replayed, store
from weighbridge.switch.asking import Door, trouble_of
from weighbridge.switch.books import Books
from weighbridge.switch.desk import Ended, Look, Means, never
from weighbridge.switch.graders.ladder import graders
from weighbridge.switch.graders.rubric import Rubric
from weighbridge.switch.planned import NOTHING, About, FromFile, Plan, PlannedArm, PlannedRoute
from weighbridge.switch.purse import Purse
from weighbridge.switch.replay import TRIES, Run
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.sources import Found, Lines
from weighbridge.switch.store import REFERENCE
from weighbridge.transport.client import Origin, Patience, Pool
from weighbridge.transport.deadlines import Deadlines

NOW = datetime.now(UTC)
USED = {"prompt_tokens": 20, "completion_tokens": 4}
PRICES = {"big": 10, "small": 1, "other": 1}
SETTINGS = """
[server]
drain_seconds = 0.2
[providers.near]
base_url = "http://127.0.0.1:{port}/v1"
models = [
    {{id = "big", model = "near/big", input = 10, output = 10}},
    {{id = "small", model = "near/small", input = 1, output = 1}},
    {{id = "other", model = "near/other", input = 1, output = 1}},
]
"""
COSTS = {name: Decimal(24 * price).scaleb(-6) for name, price in PRICES.items()}
"""Of one answer, in US dollars."""
PROSE = "It begins where all the others do, and whoever has counted sheep at night knows {}\nhow it goes on from there."


def model(name: str) -> Model:
    rate = Rate(Decimal(PRICES[name]))
    return Model(f"near/{name}", endpoints=(Endpoint("near", name, f"near/{name}", (Price(name, "", rate, rate),)),))


CATALOG = Catalog({each.id: each for each in map(model, PRICES)})


def right(asked: str) -> str:
    found = re.search(r"What is (\d+)", asked)
    assert found is not None
    return str(int(found[1]) + 1)


Says = Callable[[str, str], str | None]
"""What a model says to a question; None: nothing, it breaks."""


def bad_at_fours(name: str, asked: str) -> str | None:
    """The small one is wrong about every fourth."""
    return "7000" if name != "big" and int(right(asked)) % 4 == 0 else right(asked)


@dataclass
class World:
    """A gateway, its upstream, a ledger, and a file of requests."""

    gateway: Gateway
    upstream: Upstream
    connection: Connection
    file: Path
    says: Says = bad_at_fours
    waits: list[float] = field(default_factory=list)

    @property
    def source(self) -> Lines:
        return Lines(self.file, reference="near/big", model=lambda name: name)

    def plan(self, *arms: str, budget: str | None = None, judge: str | None = None) -> Plan:
        refs = tuple(each.ref for each in self.source.each() if isinstance(each, Found))
        route = PlannedRoute(
            route="rt-1", about=About(), key="", requests=len(refs), since=None, until=None, a_day=None,
            reference_each=None, recorded=False, cases=refs, answered=0, judged=0,
            arms=tuple(PlannedArm(Arm(f"near/{each}"), None, f"near/{each}", NOTHING) for each in arms or ("small",)),
        )  # fmt: skip
        return Plan(
            id="plan-1", at=NOW, reference="near/big", source=FromFile(str(self.file)), epsilon=0.1, delta=0.1,
            budget=None if budget is None else Decimal(budget), judge=judge, routes=(route,),
        )  # fmt: skip

    async def run(
        self,
        plan: Plan,
        *,
        look: Look = never,
        key: str | None = None,
        forbidden: str = "!",
        pool: Pool | None = None,
        at_once: int = 4,
        checks: Mapping[str, Rubric] | None = None,
    ) -> Ended:
        books = Books(self.connection, plan, lambda: datetime.now(UTC))
        own = pool or pool_to(self.gateway.port)
        try:
            return await Run(
                Means(
                    plan=plan,
                    source=self.source,
                    door=Door(own, self.gateway.url, key or self.gateway.key, plan.tag),
                    books=books,
                    purse=Purse(plan.budget, await books.spent()),
                    catalog=CATALOG,
                    forbids=lambda key, tags: lambda model, endpoint: "no" if model.id == forbidden else None,
                    policed=True,
                    graders=graders(),
                    checks=checks or {},
                    look=look,
                    at_once=at_once,
                    now=lambda: datetime.now(UTC),
                    wait=self._wait,
                )
            ).run()
        finally:
            own.close()

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    def rows(self) -> dict[tuple[str, str], Replayed]:
        return {(row.case, row.arm): replayed.decode(row.document) for row in store.replays(self.connection, "plan-1")}

    def of(self, arm: str) -> list[Replayed]:
        return [row for (_, of), row in self.rows().items() if of == arm]

    def asked(self, name: str) -> int:
        """How often a model was asked."""
        return sum(json.loads(call.body)["model"] == name for call in self.upstream.calls)


def pool_to(port: int) -> Pool:
    return Pool(
        Origin("the gateway", "127.0.0.1", port), patience=Patience(),
        deadlines=Deadlines(asyncio.get_running_loop()), limit=16,
    )  # fmt: skip


def lines(file: Path, count: int, **other: object) -> None:
    asked = [
        {
            "request": {"messages": [{"role": "user", "content": f"What is {number} plus 1?"}], "max_tokens": 10},
            "expected": number + 1,
            **other,
        }
        for number in range(1, count + 1)
    ]
    file.write_text("".join(f"{json.dumps(each)}\n" for each in asked))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as made:
        yield made


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[World]:
    upstream = Upstream(models=tuple(PRICES))
    await upstream.listen()
    async with house(tmp_path / "home", SETTINGS.format(port=upstream.port)) as gateway:
        with closing(db.connect(gateway.database)) as connection:
            made = World(gateway, upstream, connection, tmp_path / "requests.jsonl")
            lines(made.file, 12)

            async def script(call: Call) -> None:
                body = json.loads(call.body)
                said = made.says(body["model"], body["messages"][-1]["content"])
                if said is None:
                    await call.answer({"error": {"message": "broken"}}, status=500)
                    return
                message = {"role": "assistant", "content": said}
                await call.answer(
                    {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USED}
                )

            upstream.script = script
            yield made
    await upstream.close()


async def test_every_case_is_sent_to_every_arm_and_graded(world: World) -> None:
    ended = await world.run(world.plan("small", "other"))
    assert ended == Ended()
    for arm in ("near/small", "near/other"):
        losses = [row.grade.loss for row in world.of(arm) if row.grade is not None]
        assert sorted(losses) == [0.0] * 9 + [1.0] * 3
    reference = world.of(REFERENCE)
    assert len(reference) == 12
    assert all(row.state == "done" and not row.kept and row.grade is None for row in reference)
    one = world.of("near/small")[0]
    assert (one.prompt_tokens, one.completion_tokens, one.finish, one.refused) == (20, 4, "stop", False)
    assert one.receipt is not None
    assert one.seconds is not None
    assert not re.search(rb"What is|plus", b"".join(row.document for row in store.replays(world.connection, "plan-1")))


async def test_what_it_cost_is_in_the_ledger_under_its_tag_to_the_last_digit(world: World) -> None:
    await world.run(world.plan())
    told = sum((Decimal(row.cost) for row in world.rows().values() if row.cost is not None), Decimal(0))
    assert told == spent_on(world.connection, "switch:plan-1", NOW) == 12 * (COSTS["big"] + COSTS["small"])
    assert spent_on(world.connection, "switch:plan-2", NOW) == 0
    entries = ledger.entries(world.connection)
    assert {entry.tags for entry in entries} == {("switch:plan-1",)}
    assert {row.receipt for row in world.rows().values()} == {entry.id for entry in entries}


async def test_a_kept_answer_of_the_reference_is_not_asked_for_again(world: World) -> None:
    lines(world.file, 5, answer="2")
    await world.run(world.plan())
    assert world.asked("big") == 0
    assert [row.kept for row in world.of(REFERENCE)] == [True] * 5
    losses = [row.grade.loss for row in world.of("near/small") if row.grade is not None]
    assert sorted(losses) == [-1, -1, -1, 0, 0], "the reference was right once, and the small one wrong once"
    assert {row.live for row in world.of("near/small")} == {True}
    blind = [row.blind for row in world.of("near/small")]
    assert sorted(each for each in blind if each is not None) == [0, 1, 1, 1, 1], "without knowing what is right"


async def test_what_was_done_is_not_done_again(world: World) -> None:
    plan = world.plan()
    await world.run(plan)
    before = world.rows(), len(world.upstream.calls)
    assert await world.run(plan) == Ended()
    assert (world.rows(), len(world.upstream.calls)) == before


async def test_a_run_that_is_killed_goes_on_and_redoes_what_was_under_way_alone(world: World) -> None:
    plan = world.plan()
    asked: list[str] = []
    says = world.says
    reached = asyncio.Event()

    def stuck(name: str, question: str) -> str | None:
        asked.append(question)
        if len(asked) == 9:
            reached.set()
        return says(name, question)

    world.says = stuck
    running = asyncio.create_task(world.run(plan, at_once=2))
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    done = {place for place, row in world.rows().items() if row.state == "done"}
    under_way = {case for (case, _), row in world.rows().items() if row.state == "sent"}
    assert done
    assert len(under_way) <= 2
    before = world.rows()
    assert await world.run(plan) == Ended()
    after = world.rows()
    assert {place: after[place] for place in done} == {place: before[place] for place in done}
    assert len(after) == 24, "a row for each case on the arm and on the reference"
    assert {row.state for row in after.values()} == {"done"}


async def test_the_budget_is_never_overrun_and_the_run_goes_on_with_a_higher_one(world: World) -> None:
    plan = world.plan(budget="0.0145")
    ended = await world.run(plan)
    assert ended.stopped is not None
    assert "run it again with a higher --budget" in ended.stopped
    spent = spent_on(world.connection, plan.tag, NOW)
    assert 0 < spent <= Decimal("0.0145")
    done = len([row for row in world.of("near/small") if row.state == "done"])
    assert 0 < done < 12
    again = await world.run(msgspec.structs.replace(plan, budget=Decimal(1)))
    assert again == Ended()
    assert len(world.of("near/small")) == 12


async def test_with_a_budget_an_answer_without_a_limit_gets_one(world: World) -> None:
    request = {"messages": [{"role": "user", "content": "What is 1 plus 1?"}]}
    world.file.write_text(json.dumps({"request": request, "expected": 2}) + "\n")
    await world.run(world.plan(budget="5"))
    assert [json.loads(call.body).get("max_tokens") for call in world.upstream.calls] == [16384, 16384]


async def test_a_candidate_that_breaks_is_tried_again_and_then_a_loss_that_is_marked(world: World) -> None:
    world.says = lambda name, asked: None if name == "small" and right(asked) == "5" else right(asked)
    await world.run(world.plan())
    (lost,) = [row for row in world.of("near/small") if row.error is not None]
    assert lost.state == "done"
    assert lost.grade is not None
    assert (lost.grade.loss, lost.tries) == (1.0, TRIES - 1)
    assert sum(right(json.loads(call.body)["messages"][0]["content"]) == "5" for call in world.upstream.calls) >= TRIES


async def test_a_candidate_that_answers_the_second_time_has_lost_nothing(world: World) -> None:
    fails = iter([None])
    world.says = lambda name, asked: next(fails, right(asked)) if name == "small" else right(asked)
    await world.run(world.plan(), at_once=1)
    assert [row.grade.loss for row in world.of("near/small") if row.grade is not None] == [0.0] * 12


async def test_a_request_that_the_candidate_cannot_take_is_a_loss_at_once(world: World) -> None:
    lines(world.file, 2)
    script = world.upstream.script

    async def too_long(call: Call) -> None:
        if json.loads(call.body)["model"] == "small":
            await call.answer({"error": {"message": "maximum context length", "code": "x"}}, status=400)
        else:
            await script(call)

    world.upstream.script = too_long
    await world.run(world.plan())
    rows = world.of("near/small")
    assert [(row.error, row.grade.loss if row.grade else None) for row in rows] == [("context_length_exceeded", 1)] * 2
    assert world.asked("small") == 2


async def test_a_reference_without_an_answer_makes_a_case_no_evidence(world: World) -> None:
    world.says = lambda name, asked: None if name == "big" and right(asked) == "5" else right(asked)
    await world.run(world.plan())
    (gone,) = [row for row in world.of("near/small") if row.state == "gone"]
    assert gone.grade is None
    assert "the reference gave no answer" in gone.why


async def test_a_text_that_is_gone_makes_a_case_no_evidence(world: World) -> None:
    plan = world.plan()
    lines(world.file, 3, at="2026-11-22T00:00:00Z")
    await world.run(plan)
    assert {row.state for row in world.rows().values()} == {"gone"}
    assert world.upstream.calls == []


async def test_what_the_policy_forbids_is_not_sent_and_ends_the_arm(world: World) -> None:
    ended = await world.run(world.plan("small", "other"), forbidden="near/small")
    assert list(ended.arms) == [("rt-1", "near/small")]
    assert "policy in force" in ended.arms["rt-1", "near/small"]
    assert world.asked("small") == 0
    assert len(world.of("near/other")) == 12


async def test_a_key_that_may_not_ask_the_candidate_ends_the_arm_with_the_reason(world: World) -> None:
    key = world.gateway.new_key("bound", models=("near/big", "near/other"))
    await world.gateway.until("/v1/models", key, 200)
    ended = await world.run(world.plan("small", "other"), key=key)
    assert "may not use 'near/small'" in ended.arms["rt-1", "near/small"]
    assert world.asked("small") == 0
    assert len([row for row in world.of("near/other") if row.grade is not None]) == 12


async def test_replays_go_to_none_but_the_providers_that_the_policy_allows(world: World) -> None:
    await world.run(world.plan())
    assert all("provider" not in json.loads(call.body) for call in world.upstream.calls), "it is for the gateway"
    lines(world.file, 1)
    text = json.loads(world.file.read_text())
    text["request"]["provider"] = {"only": ["far"]}
    world.file.write_text(json.dumps(text) + "\n")
    before = len(world.upstream.calls)
    await world.run(world.plan())
    assert len(world.upstream.calls) == before
    assert [row.why for row in world.of("near/small") if row.state == "gone"] == [
        "none of the providers that it allows may be asked for this model"
    ]


async def test_a_wrong_key_stops_the_run_and_counts_nothing(world: World) -> None:
    ended = await world.run(world.plan(), key="wb-wrong")
    assert ended.stopped is not None
    assert "invalid_api_key" in ended.stopped
    assert all(row.state == "again" and row.grade is None for row in world.of("near/small"))
    assert await world.run(world.plan()) == Ended()
    assert len([row for row in world.of("near/small") if row.grade is not None]) == 12


async def test_a_gateway_out_of_reach_stops_the_run_and_counts_nothing(world: World) -> None:
    ended = await world.run(world.plan(), pool=pool_to(1))
    assert sorted(set(world.waits)) == [1.0, 2.0, 4.0, 8.0], "it may be about to begin anew"
    assert ended.stopped is not None
    assert "run it again" in ended.stopped
    assert all(row.state in {"sent", "again"} and row.tries == 0 for row in world.rows().values())


async def test_a_busy_provider_is_waited_for_as_long_as_it_says_and_then_left_for_another_time(world: World) -> None:
    lines(world.file, 1)

    async def busy(call: Call) -> None:
        await call.answer({"error": {"message": "slow down"}}, status=429, headers="retry-after: 7\r\n")

    world.upstream.script = busy
    ended = await world.run(world.plan())
    assert ended == Ended(left=1)
    assert world.waits
    assert all(0 < each <= 7 for each in world.waits)
    assert [(row.state, row.tries, row.grade) for row in world.of("near/small")] == [("again", 0, None)]


async def test_an_arm_of_which_enough_is_known_is_replayed_no_more(world: World) -> None:
    lines(world.file, 80)
    seen: list[int] = []

    async def look(route: PlannedRoute, grades: object) -> dict[str, str]:
        assert isinstance(grades, dict)
        seen.append(len(grades["near/small"]))
        return {"near/small": "proven"} if len(grades["near/small"]) >= 25 else {}

    ended = await world.run(world.plan("small", "other"), look=look)
    assert ended.arms == {("rt-1", "near/small"): "proven"}
    assert 25 <= len(world.of("near/small")) <= 30
    assert len(world.of("near/other")) == 80
    assert seen[0] == 0


async def test_what_nothing_else_grades_is_judged_in_both_orders_within_the_budget(world: World) -> None:
    asked = [{"messages": [{"role": "user", "content": f"What is {each} to you?"}], "max_tokens": 9} for each in (1, 2)]
    world.file.write_text("".join(f"{json.dumps(each)}\n" for each in asked))

    def says(name: str, question: str) -> str | None:
        if name == "other":
            material = json.loads(question)
            return '{"better": "first"}' if "well" in material["first"] else '{"better": "second"}'
        return PROSE.format("well") if name == "big" else PROSE.format("badly")

    world.says = says
    await world.run(world.plan("small", judge="near/other", budget="1"))
    grades = [row.grade for row in world.of("near/small")]
    assert [(grade.loss, grade.exact) for grade in grades if grade is not None] == [(1.0, False)] * 2
    assert world.asked("other") == 4
    assert spent_on(world.connection, "switch:plan-1", NOW) == 2 * (COSTS["big"] + COSTS["small"]) + 4 * COSTS["other"]


async def test_where_a_route_has_checks_the_judge_answers_those_of_each_answer(world: World) -> None:
    world.file.write_text(json.dumps({"messages": [{"role": "user", "content": "What is 1 to you?"}]}) + "\n")

    def says(name: str, question: str) -> str | None:
        if name == "other":
            return '{"1": "yes", "2": "%s"}' % ("yes" if "well" in json.loads(question)["answer"] else "no")
        return PROSE.format("well") if name == "big" else PROSE.format("badly")

    world.says = says
    checks = {"rt-1": Rubric(("It is an answer.", "It is well."))}
    await world.run(world.plan("small", judge="near/other"), checks=checks)
    (row,) = world.of("near/small")
    assert row.grade is not None
    assert (row.grade.grader, row.grade.loss, row.grade.candidate) == (checks["rt-1"].name, 0.5, 0.5)


async def test_a_judge_is_measured_where_it_is_known_what_is_right(world: World) -> None:
    known = {"messages": [{"role": "user", "content": "What is 3 plus 1?"}], "max_tokens": 9}
    unknown = {"messages": [{"role": "user", "content": "What is 5 to you?"}], "max_tokens": 9}
    lines_ = [{"request": known, "expected": 4}, unknown]
    world.file.write_text("".join(f"{json.dumps(each)}\n" for each in lines_))

    def says(name: str, question: str) -> str | None:
        if name == "other":
            return '{"better": "tie"}'
        if "3 plus" in question:
            return "4" if name == "big" else "5"
        return PROSE.format(name)

    world.says = says
    plan = world.plan("small", judge="near/other")
    (route,) = plan.routes
    plan = msgspec.structs.replace(plan, routes=(msgspec.structs.replace(route, judged=1),))
    await world.run(plan)
    told = {row.grade.exact: (row.grade.loss, row.judged) for row in world.of("near/small") if row.grade is not None}
    assert told == {True: (1.0, 0.0), False: (0.0, None)}, "the judge calls a tie what is a loss"


async def test_without_a_judge_what_nothing_grades_is_no_evidence(world: World) -> None:
    world.file.write_text(json.dumps({"messages": [{"role": "user", "content": "What is 1 to you?"}]}) + "\n")
    world.says = lambda name, asked: PROSE.format(name)
    await world.run(world.plan())
    assert [(row.state, row.grade) for row in world.of("near/small")] == [("done", None)]


@pytest.mark.parametrize(
    ("status", "code", "trouble"),
    [
        (400, "invalid_request", "fails"),
        (400, "context_length_exceeded", "fails"),
        (401, "invalid_api_key", "stops"),
        (402, "budget_spent", "stops"),
        (403, "policy_refused", "closed"),
        (404, "no_endpoint", "passes"),
        (404, "model_not_found", "closed"),
        (429, "upstream_busy", "waits"),
        (429, "of another release", "waits"),
        (502, "upstream_error", "again"),
        (504, "upstream_timeout", "again"),
        (503, "ledger_unavailable", "waits"),
        (500, "internal_error", "again"),
    ],
)
def test_what_an_error_means_is_told_by_its_code(status: int, code: str, trouble: str) -> None:
    assert trouble_of(status, code) == trouble
