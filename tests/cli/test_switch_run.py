"""`weighbridge switch run` against a whole worker on loopback: what it prints, spends, keeps, and goes on with."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result

from tests.cli.conftest import Shell
from tests.gateway.house import Gateway, house
from tests.gateway.upstream import Call, Upstream
from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.routing.quality.predictor import load
from weighbridge.switch import planned, store
from weighbridge.switch.promise import promise_of
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Which

SETTINGS = """
[local]
enabled = false
[server]
drain_seconds = 0.2
[providers.near]
base_url = "http://127.0.0.1:{port}/v1"
models = [
    {{id = "big", model = "near/big", input = 10, output = 10}},
    {{id = "small", model = "near/small", input = 1, output = 1}},
]
"""


@dataclass
class Place:
    """A shell on the data directory of a gateway that runs."""

    shell: Shell
    gateway: Gateway
    upstream: Upstream
    file: Path

    async def run(self, *arguments: str) -> Result:
        return await asyncio.to_thread(self.shell.run, "switch", *arguments)

    async def good(self, *arguments: str) -> str:
        done = await self.run(*arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    async def plan(self, *arguments: str) -> str:
        said = await self.good(
            "plan", "--from", "near/big", "--to", "near/small", "--requests", str(self.file), "--yes", "--json",
            *arguments,
        )  # fmt: skip
        found: str = json.loads(said)["plan"]
        return found

    async def replayed(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads(await self.good("run", *arguments, "--json"))


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    for name in list(os.environ):
        if name.startswith(("WEIGHBRIDGE_", "XDG_")) or name.endswith(("_KEY", "_TOKEN")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    async def script(call: Call) -> None:
        body = json.loads(call.body)
        found = re.search(r"What is (\d+)", body["messages"][-1]["content"])
        assert found is not None
        right = int(found[1]) + 1
        errs = right % 5 == 0 or "hard" in body["messages"][0]["content"]
        said = "nothing" if body["model"] == "small" and errs and right < 1000 else str(right)
        message = {"role": "assistant", "content": said}
        used = {"prompt_tokens": 20, "completion_tokens": 4}
        await call.answer({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": used})

    upstream = Upstream(script, models=("big", "small"))
    await upstream.listen()
    home = tmp_path / "home"
    async with house(home, SETTINGS.format(port=upstream.port)) as gateway:
        file = tmp_path / "requests.jsonl"
        asked = [
            {"request": {"messages": [{"role": "user", "content": f"What is {n} plus 1?"}]}, "expected": n + 1}
            for n in range(1, 21)
        ]
        file.write_text("".join(f"{json.dumps(each)}\n" for each in asked))
        environ = {
            "HOME": str(tmp_path),
            "WEIGHBRIDGE_HOME": str(home),
            "WEIGHBRIDGE_CONFIG": str(home / "weighbridge.toml"),
            "WEIGHBRIDGE_BASE_URL": gateway.url,
            "WEIGHBRIDGE_API_KEY": gateway.key,
        }
        yield Place(Shell(home, environ), gateway, upstream, file)
    await upstream.close()


async def test_a_plan_is_replayed_and_told_with_what_it_cost(place: Place) -> None:
    plan = await place.plan()
    done = await place.replayed(plan)
    (arm,) = done["arms"]
    assert (arm["arm"], arm["planned"], arm["done"], arm["graded"], arm["gone"]) == ("near/small", 20, 20, 20, 0)
    assert (arm["loss"], arm["harm"]) == (0.2, 4)
    assert Decimal(done["spent"]) == 20 * Decimal("0.000264")
    usage = await asyncio.to_thread(place.shell.good, "usage", "--by", "tag", "--json")
    assert f"switch:{plan}" in usage
    (row,) = json.loads(await place.good("status", "--json"))["plans"]
    assert (row["plan"], row["replays"], row["done"], row["graded"], row["spent"]) == (plan, 20, 20, 20, done["spent"])
    again = await place.replayed()
    assert (again["plan"], again["spent"]) == (plan, done["spent"]), "the newest is meant, and all of it is done"
    assert len(place.upstream.calls) == 40


async def test_what_it_says_to_people_has_the_next_step(place: Place) -> None:
    plan = await place.plan()
    said = await place.good("run", plan)
    assert "near/small\t20 of 20\t20\t+20.0%\t4\t0\t0" in said
    assert f"Next: weighbridge switch report {plan}" in said
    assert f"weighbridge usage --by model --where tag=switch:{plan}" in said


async def test_a_budget_of_the_run_takes_the_place_of_the_plans(place: Place) -> None:
    plan = await place.plan("--budget", "0.1")
    short = await place.run("run", plan)
    assert short.exit_code == 1
    assert "the budget of $0.1 has $0.1 left" in short.stderr
    assert place.upstream.calls == []
    assert (await place.replayed(plan, "--budget", "3"))["stopped"] is None


async def test_answers_are_kept_under_a_key_of_the_plans_own_where_that_is_wished(place: Place) -> None:
    plan = await place.plan()
    await place.replayed(plan, "--keep-answers", "3")
    with closing(db.connect(place.gateway.database)) as connection:
        (own,) = [key for key in keys.listing(connection) if plan in key.name]
    assert own.disabled is not None
    await place.gateway.worker.stop()
    with closing(TextStore(place.gateway.ledger.parent / "texts.db")) as texts:
        assert len(list(texts.each(Which(key=own.id)))) == 40
    said = await place.run("plan", "--from", "near/big", "--to", "near/small")
    assert "no request was asked of near/big" in said.stderr, "replays are no traffic"


async def test_another_candidate_pays_for_its_own_answers_only_where_the_references_are_kept(place: Place) -> None:
    await place.replayed(await place.plan(), "--keep-answers", "3")
    with closing(TextStore(place.gateway.ledger.parent / "texts.db")) as texts:
        async with asyncio.timeout(10):
            while len(list(texts.each(Which()))) < 40:  # noqa: ASYNC110 - they are written by the gateway
                await asyncio.sleep(0.02)
    assert len(place.upstream.calls) == 40
    plan = await place.plan("--to", "near/small#9")
    done = await place.replayed(plan)
    assert [(arm["arm"], arm["done"], arm["loss"]) for arm in done["arms"]] == [
        ("near/small", 20, 0.2),
        ("near/small#9", 20, 0.2),
    ]
    assert len(place.upstream.calls) == 80, "twenty for each candidate, and none for the reference"
    (route,) = json.loads(await place.good("report", "--json"))["routes"]
    assert route["reference"]["cost"] == pytest.approx(0.24), "a thousand answers, by the ledger, as they were paid for"


async def test_a_new_model_is_tried_on_what_was_replayed_before_beside_those_that_answer_by_now(place: Place) -> None:
    lines = [
        {"request": {"messages": [{"role": "user", "content": f"What is {n} plus 1?"}]}, "expected": n + 1}
        for n in range(1000, 1100)
    ]
    place.file.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    promised = ("--epsilon", "0.1", "--delta", "0.1")
    first = await place.plan(*promised, "--max-replays", "60")
    await place.replayed(first, "--keep-answers", "3")
    await place.good("apply", first, "--yes")
    with closing(TextStore(place.gateway.ledger.parent / "texts.db")) as texts:
        async with asyncio.timeout(10):
            while len(list(texts.each(Which()))) < len(place.upstream.calls):  # noqa: ASYNC110 - the gateway writes them
                await asyncio.sleep(0.02)
    before = len(place.upstream.calls)
    assert before <= 120
    told = json.loads(
        await place.good(
            "plan",
            "--from",
            "near/big",
            "--to",
            "near/small#9",
            "--requests",
            str(place.file),
            "--anchors",
            "--yes",
            "--json",
            *promised,
        )
    )
    (route,) = told["routes"]
    assert (route["requests"], route["replays"], route["answered"]) == (100, before // 2, before // 2)
    there = [(each["arm"], each["known"]) for each in route["candidates"]]
    assert there == [("near/small#9", 0), ("near/small", before // 2)]
    done = await place.replayed(told["plan"])
    arms = {arm["arm"]: (arm["done"], arm["graded"], arm["loss"]) for arm in done["arms"]}
    assert arms["near/small"] == (before // 2, before // 2, 0)
    assert arms["near/small#9"][2] == 0
    asked = [json.loads(call.body) for call in place.upstream.calls[before:]]
    assert len(asked) == arms["near/small#9"][0]
    assert {(each["model"], each["max_tokens"]) for each in asked} == {("small", 9)}, "nobody else was asked again"
    with closing(db.connect(place.gateway.database)) as connection:
        row = store.find_plan(connection, told["plan"])
        assert row is not None
        assert [each.issued for each in planned.decode(row.document).routes] == [1]
        (certified,) = store.certificates(connection, plan=told["plan"])
    assert msgspec.json.decode(certified.document)["why"] == "proven"


async def test_without_an_answer_of_the_reference_that_is_kept_there_are_no_anchors(place: Place) -> None:
    await place.replayed(await place.plan())
    done = await place.run(
        "plan", "--from", "near/big", "--to", "near/small#9", "--requests", str(place.file), "--anchors", "5", "--yes"
    )
    assert done.exit_code == 1
    assert "none of these requests was replayed before" in done.stderr
    assert "--keep-answers" in done.stderr


async def test_a_file_that_is_gone_or_another_now_is_said(place: Place) -> None:
    plan = await place.plan()
    kept = place.file.read_text()
    place.file.unlink()
    gone = await place.run("run", plan)
    assert gone.exit_code == 1
    assert "whose lines were planned\nNext: put it back, or plan anew" in gone.stderr
    place.file.write_text(kept.replace("plus", "and"))
    (arm,) = (await place.replayed(plan))["arms"]
    assert (arm["done"], arm["gone"]) == (0, 20)
    assert place.upstream.calls == []


async def test_a_full_database_is_said_and_not_shown_as_a_traceback(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await place.plan()

    def full(connection: object, rows: object) -> None:
        raise db.OperationalError("database or disk is full")

    monkeypatch.setattr(store, "put_replays", full)
    failed = await place.run("run", plan)
    assert failed.exit_code == 1
    assert "database or disk is full" in failed.stderr


async def test_a_grader_of_ones_own_goes_first(place: Place, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from weighbridge.switch.case import Grade\n\n\n"
        "def kind(case, reference, candidate):\n    return Grade('kind/1', 0.0, 1.0, 1.0)\n"
    )
    await place.plan()
    (arm,) = (await place.replayed("--grader", "mine.py:kind"))["arms"]
    assert arm["loss"] == 0


async def test_a_grader_that_fails_stops_the_run_and_says_on_which_case(place: Place, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def kind(case, reference, candidate):\n    return case.nothing\n")
    await place.plan()
    done = await place.run("run", "--grader", "mine.py:kind")
    assert done.exit_code == 1
    assert "grader 'mine.py:kind' failed on case line-" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[rt-1]\nchecks = []\n", "rubric of 'rt-1': write `checks"),
        ('[rt-1]\nchecks = ["It is short."]\n', "'rt-1' is no route of plan-"),
        ("", None),
    ],
)
async def test_rubrics_are_of_the_plans_routes_and_need_a_judge(
    text: str, said: str | None, place: Place, tmp_path: Path
) -> None:
    (tmp_path / "checks.toml").write_text(text)
    plan = await place.plan() if said is None else await _judged(place)
    done = await place.run("run", plan, "--rubrics", "checks.toml")
    assert done.exit_code == 1
    assert (said or "nobody is there to check") in done.stderr


async def _judged(place: Place) -> str:
    """A plan that has a judge: of no family, so not one that `plan` would take."""
    plan = await place.plan()
    with closing(db.connect(place.gateway.database)) as connection:
        row = store.find_plan(connection, plan)
        assert row is not None
        other = msgspec.structs.replace(planned.decode(row.document), id="plan-judged", judge="near/big")
        store.add_plan(connection, store.PlanRow(other.id, row.at, planned.encode(other)))
    return other.id


BAD = [
    (("run",), "nothing is planned"),
    (("run", "plan-1"), "there is no plan 'plan-1'"),
    (("run", "--base-url", "http://127.0.0.1:1/v1"), "no gateway answers"),
    (("run", "--grader", "mine.py"), "write a file and the function in it"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD)
async def test_what_cannot_be_run_says_why(arguments: tuple[str, ...], said: str, place: Place) -> None:
    done = await place.run(*arguments)
    assert done.exit_code == 1
    assert said in done.stderr


async def test_the_bundled_requests_are_a_file_that_is_planned_and_replayed(place: Place, tmp_path: Path) -> None:
    said = await place.good("sample", "-o", "sample.jsonl")
    assert "Next: weighbridge switch plan" in said
    common = ("plan", "--from", "near/big", "--to", "near/small", "--requests", "sample.jsonl")
    found = json.loads(await place.good(*common, "--epsilon", "0.05", "--json"))
    assert found["skipped"] == []
    assert len(found["routes"]) == 4, "arithmetic, code, extraction in English and in Arabic"
    assert all(route["judged"] == 0 for route in found["routes"])


async def test_a_route_is_certified_where_the_small_one_suffices_and_another_is_not(place: Place) -> None:
    asked = [
        {"messages": [{"role": "system", "content": kind}, {"role": "user", "content": f"What is {n} plus 1?"}]}
        for kind, first in (("easy", 1000), ("hard", 0))
        for n in range(first, first + 60)
    ]
    lines = [
        {"request": each, "expected": int(re.findall(r"\d+", each["messages"][1]["content"])[0]) + 1} for each in asked
    ]
    place.file.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    plan = await place.plan("--epsilon", "0.1", "--delta", "0.1")
    done = await place.replayed(plan)
    routes = {arm["loss"]: arm["route"] for arm in done["arms"]}
    with closing(db.connect(place.gateway.database)) as connection:
        rows = {row.route: row for row in store.certificates(connection, plan=plan)}
        (easy, hard) = (store.find_certificate(connection, rows[routes[loss]].id) for loss in (0, 1))
    assert easy is not None
    assert hard is not None
    promise = promise_of(easy.document)
    assert (promise.reference, [arm.model for arm in promise.arms]) == ("near/big", ["near/small"])
    assert promise.knob > 0
    assert promise.watch is not None
    assert load(easy.predictor).arms == ("near/small",)
    said = msgspec.json.decode(easy.document)
    assert (said["why"], said["routed"]["moved"], said["routed"]["loss"]["value"]) == ("proven", 1.0, 0.0)
    assert said["routed"]["saving"]["value"] == pytest.approx(0.9)
    refused = msgspec.json.decode(hard.document)
    assert (refused["why"], refused["tau"], refused["arms"], hard.predictor) == ("too_lossy", None, [], b"")
    assert {arm["ended"] for arm in done["arms"]} == {
        "it is proven that it always does well enough",
        "it loses far more than is allowed",
    }
    assert len(place.upstream.calls) < 2 * len(asked), "it stops where it knows enough"
    await place.good("run", plan)
    with closing(db.connect(place.gateway.database)) as connection:
        assert len(store.certificates(connection)) == 2, "nothing has come since"
    report = await place.good("report", plan)
    assert "certified" in report
    applied = json.loads(await place.good("apply", plan, "--yes", "--json"))
    assert {each["route"]: each["refused"] is None for each in applied} == {easy.route: True, hard.route: False}
