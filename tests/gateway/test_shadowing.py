"""Rules that are read from the database, moved calls that the reference is asked as well, and the alarm over them."""

import asyncio
import json
import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.alerts.receiver import SECRET, receiver
from tests.gateway.house import PATIENCE, Gateway, House
from tests.gateway.switched import HELLO, Learnt, Scene, history, put, rule, scene, shadows
from tests.gateway.test_budgets import budget
from tests.gateway.test_budgets import put as put_budget
from tests.gateway.upstream import ANSWER, Call, plainly
from weighbridge.app.worker import Worker
from weighbridge.gateway.shadowing import drawn
from weighbridge.ledger.entry import Entry
from weighbridge.switch.store import ShadowRow

SWITCH = "x-weighbridge-switch"
ALWAYS = "[switch]\nshadow_rate = 1\n"


def says(text: str) -> Any:  # noqa: ANN401 - a script
    """A provider that answers this, as it is asked to."""

    async def script(call: Call) -> None:
        if json.loads(call.body).get("stream"):
            await plainly(call)
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        await call.answer({**ANSWER, "choices": [choice]})

    return script


async def until_moved(here: Scene, why: str = "proven") -> None:
    """Ask until a rule counts that was written: within the second in which they are looked at, and some."""
    async with asyncio.timeout(PATIENCE):
        while why not in (await here.ask()).headers.get(SWITCH, ""):  # noqa: ASYNC110 - rules are read by the clock
            await asyncio.sleep(0.02)


async def shadowed(house: House, count: int) -> list[ShadowRow]:
    """The shadows, once there are so many."""
    async with asyncio.timeout(PATIENCE):
        while len(found := shadows(house)) < count:  # noqa: ASYNC110 - a database sends no word
            await asyncio.sleep(0.01)
    return found


def of(entries: list[Entry], tag: str) -> list[Entry]:
    return [entry for entry in entries if tag in entry.tags]


async def test_a_rule_that_is_written_counts_within_a_second_and_one_that_is_taken_back_too(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        assert SWITCH not in (await here.ask()).headers
        put(here.gateway)
        await until_moved(here)
        assert (await here.ask()).headers[SWITCH] == "crt-1; arm=lab/tiny; why=proven"
        put(here.gateway, number=2, tau=-math.inf)
        await until_moved(here, "why=reference")


async def test_an_arm_that_was_proven_to_answer_always_does(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        put(here.gateway, tau=math.inf, arms=[{"model": "lab/small"}])
        await until_moved(here, "crt-1; arm=lab/small; why=proven")
        said: Any = (await here.ask(target="/v1/route/explain")).document["switch"]
        assert (said["tau"], said["arm"]) == ("always", "lab/small")


async def test_a_rule_counts_from_the_first_request_after_a_start(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        put(here.gateway)
    async with scene(tmp_path) as here:
        assert (await here.ask()).headers[SWITCH] == "crt-1; arm=lab/tiny; why=proven"


@pytest.mark.parametrize("promise", [{"predictor": "no predictor"}, {"arms": [{"model": "lab/other"}]}])
async def test_what_cannot_be_read_leaves_requests_with_the_reference_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, promise: dict[str, Any]
) -> None:
    async with scene(tmp_path) as here:
        put(here.gateway, **promise)
        await until_moved(here, "crt-1; why=unknown")
        await here.ask()
        said = [each for each in caplog.messages if "nothing is routed by the certificate crt-1" in each]
        assert len(said) == 1
        assert here.gateway.worker.switching.rules is not None
        assert "crt-1" in here.gateway.worker.switching.rules.faults


async def test_a_certificate_may_have_some_of_the_arms_that_are_predicted(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        put(here.gateway, arms=[{"model": "lab/small"}])
        await until_moved(here, "crt-1; arm=lab/small; why=proven")


async def test_a_certificate_that_has_run_out_is_written_down_as_such(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        put(here.gateway)
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        here.gateway.sql(f"UPDATE switch_certificate SET expires = {int(long_ago.timestamp() * 1e6)}")
        await until_moved(here, "crt-1; why=expired")
        async with asyncio.timeout(PATIENCE):
            while history(here.gateway)[0].state != "expired":  # noqa: ASYNC110 - rules are read by the clock
                await asyncio.sleep(0.02)
        assert len(history(here.gateway)) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/v1/chat/completions", HELLO),
        ("/api/v1/chat/completions", HELLO),
        ("/v1/messages", {**HELLO, "max_tokens": 50}),
        ("/v1/responses", {"model": "lab/large", "input": "Say hello."}),
    ],
)
async def test_a_moved_call_is_asked_of_the_reference_too_and_graded(
    tmp_path: Path, target: str, body: dict[str, object], stream: bool
) -> None:
    async with scene(tmp_path, ALWAYS, scripts={"large": says("Goodbye")}) as here:
        put(here.gateway)
        await until_moved(here)
        before = len(here.gateway.entries())
        headers = "x-weighbridge-tags: mine\r\n"
        answer = await here.ask(body, target=target, headers=headers, stream=stream, provider={"ignore": ["at-small"]})
        assert answer.status == 200
        row = (await shadowed(here.gateway, 2))[-1]
        assert (row.receipt, row.arm, row.propensity, row.tau) == (answer.receipt, "lab/tiny", 1.0, 0.1)
        assert (row.loss, row.harm) == (1.0, True)
        entries = here.gateway.entries()[before:]
        moved, shadow = of(entries, "mine")
        assert (moved.id, moved.model, moved.tags) == (answer.receipt, "lab/tiny", ("mine", "switch:crt-1"))
        assert (shadow.id, shadow.model, shadow.tags) == (
            row.shadow_receipt,
            "lab/large",
            ("mine", "shadow", "switch:crt-1"),
        )
        assert (shadow.key, shadow.asked_model, shadow.streamed) == (moved.key, "lab/large", False)
        assert shadow.charge is not None
        assert here.sent("large")["messages"] == HELLO["messages"]


async def test_answers_that_only_a_model_can_compare_are_judged_by_the_certificate_s_judge(tmp_path: Path) -> None:
    prose = "It is a long story, and nobody knows how it ends. Some say well."
    asked: list[dict[str, Any]] = []

    async def judging(call: Call) -> None:
        asked.append(json.loads(call.body))
        material = json.loads(asked[-1]["messages"][-1]["content"])
        better = "first" if material["first"] == prose else "second"
        await says(json.dumps({"better": better}))(call)

    scripts = {"large": says(prose), "tiny": says("No. " * 20), "small": judging}
    async with scene(tmp_path, ALWAYS, scripts=scripts) as here:
        put(here.gateway, judge="lab/small")
        await until_moved(here)
        (row,) = await shadowed(here.gateway, 1)
        assert (row.loss, row.harm) == (1.0, True)
        judged = [entry for entry in of(here.gateway.entries(), "shadow") if entry.model == "lab/small"]
        assert [entry.tags for entry in judged] == [("shadow", "switch:crt-1")] * 2
        assert asked[0]["temperature"] == 0


async def test_a_route_that_was_graded_by_checks_has_its_shadows_graded_by_the_same(tmp_path: Path) -> None:
    checks = ("It says how it ends.", "It is long.")

    async def judging(call: Call) -> None:
        material = json.loads(json.loads(call.body)["messages"][-1]["content"])
        assert list(material["checks"].values()) == list(checks)
        await says(json.dumps({"1": "yes" if "ends" in str(material["answer"]) else "no", "2": "yes"}))(call)

    scripts = {"large": says("It ends well.\nSo it is said."), "tiny": says("No. " * 20), "small": judging}
    async with scene(tmp_path, ALWAYS, scripts=scripts) as here:
        put(here.gateway, judge="lab/small", checks=checks)
        await until_moved(here)
        (row,) = await shadowed(here.gateway, 1)
        assert (row.loss, row.harm) == (0.5, True)


async def test_a_shadow_that_nobody_can_grade_or_that_failed_is_kept_without_a_loss(tmp_path: Path) -> None:
    async def refuse(call: Call) -> None:
        await call.answer({"error": {"message": "no"}}, status=400)

    async with scene(tmp_path, ALWAYS, scripts={"large": refuse}) as here:
        put(here.gateway)
        await until_moved(here)
        (row,) = await shadowed(here.gateway, 1)
        assert (row.loss, row.harm) == (None, None)
        assert row.shadow_receipt is not None


async def test_what_the_reference_answered_or_a_client_left_is_not_watched(tmp_path: Path) -> None:
    async with scene(tmp_path, ALWAYS, scripts={"tiny": says("Hello.")}) as here:
        here.hold(rule(shadow_rate=1.0, arms=(rule().arms[1],)), Learnt((0.0,)))
        await here.ask(headers="x-weighbridge-switch: off\r\n")
        await here.ask(model="lab/small")
        here.hold(rule(shadow_rate=0.0))
        await here.ask()
        assert here.gateway.worker.shadowing._waiting.empty()
        assert here.asked == "large:1 small:1 tiny:1"


@asynccontextmanager
async def second(first: Scene) -> AsyncIterator[Gateway]:
    """Another worker of the same gateway."""
    listening = socket.create_server(("127.0.0.1", 0))
    worker = Worker(first.gateway.worker._settings, ())
    await worker.start(listening)
    try:
        here = first.gateway
        yield Gateway(listening.getsockname()[1], here.key, here.ledger, here.database, worker)
    finally:
        await worker.stop()


async def test_a_shadow_that_no_budget_covers_is_refused_like_any_request(tmp_path: Path) -> None:
    async with scene(tmp_path, ALWAYS) as here:
        await put_budget(here.gateway, budget("requests", "total", 0, "tag", "shadow"))
        put(here.gateway)
        await until_moved(here)
        (row,) = await shadowed(here.gateway, 1)
        assert row.loss is None
        (refused,) = of(here.gateway.entries(), "shadow")
        assert (refused.id, refused.error, refused.attempts) == (row.shadow_receipt, "budget_spent", ())


async def test_what_waits_when_the_gateway_stops_is_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun = asyncio.Event()

    async def never(call: Call) -> None:
        begun.set()
        await call.left()

    async with scene(tmp_path, f"{ALWAYS}shadow_queue = 1\n", scripts={"large": never}) as here:
        here.hold(rule(shadow_rate=1.0))
        for _ in range(5):
            assert (await here.ask()).status == 200
        await begun.wait()
        shadowing = here.gateway.worker.shadowing
        assert shadowing.dropped == 5 - 2 - 1  # two are under way, and one waits
    assert shadowing.dropped == 5
    assert "5 calls that were to be watched were not" in caplog.messages
    (stopped,) = {(entry.ending, entry.model) for entry in of(here.gateway.entries(), "shadow")}
    assert stopped == ("stopped", "lab/large")


async def test_the_webhook_is_told_of_an_alarm_once(tmp_path: Path) -> None:
    wrong = {"large": says("4"), "tiny": says("5")}
    async with receiver() as hook:
        told = (
            f'[alerts]\nurl = "http://127.0.0.1:{hook.port}/"\nsecret = "{SECRET}"\nevents = ["switch.stepped_back"]\n'
        )
        async with scene(tmp_path, told + ALWAYS, scripts=wrong) as here:
            put(here.gateway)
            async with asyncio.timeout(3 * PATIENCE):
                while len(history(here.gateway)) < 2:
                    await here.ask()
            (message,) = await hook.until(1)
            message.verify()
            data: Any = message.document["data"]
            assert data["subject"] == {"route": rule().route, "certificate": "crt-1"}
            assert (data["figures"]["tau_before"], data["figures"]["tau"]) == (0.1, None)


async def test_an_alarm_steps_back_for_all_workers_to_the_next_knob_that_was_proven(tmp_path: Path) -> None:
    wrong = {"large": says("4"), "tiny": says("5")}
    async with scene(tmp_path, ALWAYS, scripts=wrong) as one:
        put(one.gateway, allowed=[-0.5, 0.05])
        await until_moved(one)
        async with second(one) as other, asyncio.timeout(3 * PATIENCE):
            while len(found := history(one.gateway)) < 3:
                await asyncio.gather(one.ask(), other.ask(HELLO))
            assert [(each.tau, each.state) for each in found] == [
                (-0.5, "stepped_back"),
                (0.05, "stepped_back"),
                (0.1, "proven"),
            ]
            assert "shadows lost 1.000 in the mean" in found[0].why
            for worker in (one.gateway, other):
                while "why=reference" not in (await worker.ask(HELLO)).headers[SWITCH]:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.02)


@given(st.floats(0, 1))
def test_whether_a_call_is_watched_is_told_by_its_receipt(rate: float) -> None:
    ids = [f"wbr-{number:032x}" for number in range(400)]
    share = sum(drawn(id_, rate) for id_ in ids) / len(ids)
    assert abs(share - rate) < 0.12
    assert all(drawn(id_, 1.0) for id_ in ids)
    assert not any(drawn(id_, 0.0) for id_ in ids)
