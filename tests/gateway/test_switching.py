"""Which requests a cheaper model answers, and how its client and the ledger are told, through a whole worker."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.switched import HELLO, Learnt, busy, rule, scene
from tests.gateway.test_budgets import budget, put, used
from tests.gateway.upstream import Call, Script
from weighbridge.routing.quality.fingerprint import ANY_KEY, fingerprint
from weighbridge.routing.quality.look import Look, look, opening
from weighbridge.routing.quality.rule import Arm

SWITCH = "x-weighbridge-switch"
MOVED = "crt-1; arm=lab/tiny; why=proven"


class Broken(Learnt):
    """What cannot predict."""

    def losses(self, look: Look, route: str | None = None) -> Sequence[float]:
        raise ValueError("these arrays do not fit")


async def test_where_nothing_is_proven_a_request_goes_where_it_says(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        answer = await here.ask()
        assert (answer.status, here.asked, SWITCH in answer.headers) == (200, "large:1", False)
        assert here.gateway.worker.switching.switch.current is None


async def test_the_cheapest_that_is_proven_answers_and_everybody_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.hold(rule())
        answer = await here.ask(user="u-1")
        assert (answer.status, here.asked, answer.headers[SWITCH]) == (200, "tiny:1", MOVED)
        assert here.sent("tiny") == {**HELLO, "model": "tiny-upstream", "user": "u-1"}
        entry = await here.gateway.entry()
        assert (entry.asked_model, entry.model, entry.tags) == ("lab/large", "lab/tiny", ("switch:crt-1",))
        assert [attempt.provider for attempt in entry.attempts] == ["at-tiny"]


@pytest.mark.parametrize(
    ("held", "learnt", "body", "asked", "why"),
    [
        ({}, Learnt((0.05, 0.5)), {}, "small:1", "crt-1; arm=lab/small; why=proven"),
        ({}, Learnt((0.5, 0.5)), {}, "large:1", "crt-1; why=reference"),
        ({}, Learnt(stranger="hello"), {}, "large:1", "crt-1; why=novel"),
        ({}, None, {}, "large:1", "crt-1; why=unknown"),
        ({"expires": datetime(2026, 1, 1, tzinfo=UTC)}, Learnt(), {}, "large:1", "crt-1; why=expired"),
        ({"tau": float("-inf"), "state": "stepped_back"}, Learnt(), {}, "large:1", "crt-1; why=stepped_back"),
        ({"state": "rolled_back"}, Learnt(), {"model": "auto"}, "large:1", "crt-1; why=rolled_back"),
        ({"state": "rolled_back"}, Learnt(), {}, "large:1", None),
        ({}, Learnt(), {"model": "auto"}, "tiny:1", MOVED),
        ({}, Learnt((0.5, 0.5)), {"model": "Auto"}, "large:1", "crt-1; why=reference"),
        ({}, Learnt(), {"model": "LAB/Large"}, "tiny:1", MOVED),
        ({}, Learnt(), {"model": "lab/small"}, "small:1", None),
        ({}, Learnt(), {"model": "at-large/large-upstream"}, "large:1", None),
        ({}, Learnt(), {"model": "lab/large:floor"}, "large:1", None),
        ({}, Learnt(), {"response_format": {"type": "json_object"}}, "large:1", None),
        ({"route": "rt-000000000000"}, Learnt(), {}, "large:1", None),
        ({"arms": (Arm("lab/gone"), Arm("lab/tiny"))}, Learnt(), {}, "tiny:1", MOVED),
        ({"arms": (Arm("lab/gone"),)}, Learnt((0.0,)), {}, "large:1", "crt-1; why=policy"),
    ],
)
async def test_who_answers_is_decided_by_the_rule(  # noqa: PLR0917 - a table
    tmp_path: Path, held: dict[str, Any], learnt: Learnt | None, body: dict[str, Any], asked: str, why: str | None
) -> None:
    async with scene(tmp_path) as here:
        here.hold(rule(**held), learnt)
        answer = await here.ask(**body)
        assert (answer.status, here.asked, answer.headers.get(SWITCH)) == (200, asked, why)


async def test_a_request_may_insist_on_what_it_names(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.hold(rule())
        answer = await here.ask(headers="x-weighbridge-switch: off\r\n")
        assert (here.asked, answer.headers[SWITCH]) == ("large:1", "crt-1; why=pinned")
        answer = await here.ask(model="auto", headers="x-weighbridge-switch: off\r\n")
        assert (here.asked, answer.headers[SWITCH]) == ("large:2", "crt-1; why=pinned")


async def test_the_reference_answers_where_the_arm_does_not(tmp_path: Path) -> None:
    async with scene(tmp_path, scripts={"tiny": busy}) as here:
        here.hold(rule())
        answer = await here.ask(model="auto", models=["lab/small"])
        assert (answer.status, here.asked) == (200, "large:1 tiny:1")
        entry = await here.gateway.entry()
        assert (entry.model, len(entry.attempts)) == ("lab/large", 2)


@pytest.mark.parametrize("slow", [False, True])
async def test_a_conversation_stays_with_the_model_that_its_first_turn_went_to(tmp_path: Path, slow: bool) -> None:
    learnt = Learnt()
    async with scene(tmp_path) as here:
        here.hold(rule(), learnt, slow=slow)
        said = [*HELLO["messages"]]  # type: ignore[misc]  # a list, as it stands there
        for turn in ("Something strange.", "More?", "Thanks"):
            assert (await here.ask(messages=said)).headers[SWITCH] == MOVED
            said += [{"role": "assistant", "content": "Hello."}, {"role": "user", "content": turn}]
        assert (here.asked, learnt.asked) == ("tiny:3", 1)
        await here.ask(messages=[{"role": "user", "content": "Say goodbye."}])
        assert learnt.asked == 2


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/v1/chat/completions", HELLO),
        ("/api/v1/chat/completions", HELLO),
        ("/v1/messages", {**HELLO, "max_tokens": 50}),
        ("/v1/responses", {"model": "lab/large", "input": "Say hello."}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_is_moved_whatever_dialect_it_is_made_in(
    tmp_path: Path, target: str, body: dict[str, object], stream: bool, slow: bool
) -> None:
    async with scene(tmp_path) as here:
        here.hold(rule(), slow=slow)
        answer = await here.ask(body, target=target, stream=stream)
        assert (answer.status, here.asked, answer.headers[SWITCH]) == (200, "tiny:1", MOVED)
        assert b"lo" in answer.body
        assert (await here.gateway.entry()).ending == "complete"


@pytest.mark.parametrize(
    ("arm", "sent", "limits"),
    [
        (Arm("lab/tiny", "low"), {"reasoning_effort": "low", "max_tokens": 500}, {"max_tokens": 500}),
        (Arm("lab/tiny", None, 40), {"max_tokens": 40}, {"max_tokens": 500}),
        (Arm("lab/tiny", "high", 400), {"reasoning_effort": "high", "max_completion_tokens": 30}, None),
    ],
)
async def test_an_arm_s_effort_and_bound_are_its_own(
    tmp_path: Path, arm: Arm, sent: dict[str, object], limits: dict[str, object] | None
) -> None:
    limits = limits or {"max_completion_tokens": 30}
    async with scene(tmp_path, scripts={"tiny": busy}) as here:
        here.hold(rule(arms=(arm,)), Learnt((0.0,)))
        assert (await here.ask({**HELLO, **limits})).headers[SWITCH] == f"crt-1; arm={arm.id}; why=proven"
        assert here.sent("tiny") == {**HELLO, "model": "tiny-upstream", **sent}
        assert here.sent("large") == {**HELLO, "model": "large-upstream", **limits}


async def test_a_prediction_that_fails_leaves_the_request_with_the_reference(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.hold(rule(), Broken())
        answer = await here.ask()
        assert (answer.status, here.asked, answer.headers[SWITCH]) == (200, "large:1", "crt-1; why=unknown")


async def test_a_key_is_not_moved_to_what_it_may_not_ask_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.hold(rule())
        key = here.gateway.new_key("bound", models=("lab/large", "lab/small"))
        await here.gateway.until("/v1/models", key, 200)
        answer = await here.gateway.ask(HELLO, key=key)
        assert (here.asked, answer.headers[SWITCH]) == ("small:1", "crt-1; arm=lab/small; why=proven")


PRIORS = """
[switch]
auto_quality = 0.7
[[switch.auto]]
model = "lab/small"
quality = 0.75
tools = 0.5
source = "a public benchmark, 2026-11-22"
[[switch.auto]]
model = "lab/tiny"
quality = 0.6
json = 0.8
source = "the same"
[[switch.auto]]
model = "lab/gone"
quality = 1
source = "the same"
"""
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({}, "small:1"),
        ({"response_format": {"type": "json_object"}}, "tiny:1"),
        ({"tools": TOOLS}, "tiny:1"),
    ],
)
async def test_auto_without_a_proof_is_a_guess_and_says_so(tmp_path: Path, body: dict[str, object], asked: str) -> None:
    async with scene(tmp_path, PRIORS) as here:
        answer = await here.ask({**HELLO, "model": "auto", **body})
        model = f"lab/{asked.partition(':')[0]}"
        assert (answer.status, here.asked) == (200, asked)
        assert answer.headers[SWITCH] == f"none; arm={model}; why=uncertified"
        entry = await here.gateway.entry()
        assert (entry.asked_model, entry.model, entry.tags) == ("auto", model, ())
        assert SWITCH not in (await here.ask()).headers


async def test_auto_is_listed_where_the_settings_give_it_a_meaning(tmp_path: Path) -> None:
    async with scene(tmp_path, PRIORS) as here:
        shown = (await here.gateway.get("/v1/models/auto")).document
        assert (shown["id"], shown["stands_for"]) == ("auto", ["lab/small", "lab/tiny"])


async def test_auto_falls_back_on_the_others_that_it_may_mean(tmp_path: Path) -> None:
    async with scene(tmp_path, PRIORS, scripts={"small": busy}) as here:
        assert (await here.ask(model="auto")).status == 200
        assert here.asked == "small:1 tiny:1"


async def test_auto_is_no_model_where_nothing_gives_it_a_meaning(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        answer = await here.ask(model="auto")
        assert answer.status == 404
        assert "[[switch.auto]]" in str(answer.error["message"])
        here.hold(rule(route="rt-000000000000"))
        assert (await here.ask(model="auto")).status == 404


@pytest.mark.parametrize("own", ['[aliases]\nauto = "lab/small"\n', '[presets.auto]\nmodels = "lab/small"\n'])
async def test_a_name_of_one_s_own_keeps_its_meaning(tmp_path: Path, own: str) -> None:
    async with scene(tmp_path, own + PRIORS) as here:
        here.hold(rule())
        answer = await here.ask(model="auto")
        assert (here.asked, SWITCH in answer.headers) == ("small:1", False)


async def test_an_alias_of_the_reference_is_moved_as_it_is(tmp_path: Path) -> None:
    async with scene(tmp_path, '[aliases]\nbest = ["lab/large", "lab/small"]\n', scripts={"tiny": busy}) as here:
        here.hold(rule())
        assert (await here.ask(model="best")).headers[SWITCH] == MOVED
        assert here.asked == "large:1 tiny:1"


FACTS = {"large": 'country = "FR"', "small": 'country = "DE"', "tiny": 'country = "US"'}


async def test_a_policy_keeps_requests_from_an_arm_that_it_forbids(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[deny]]\nname = "nothing tiny"\ncontains = "secret"\nwhen.jurisdiction.country = ["US"]\n')
    settings = f'[policy]\nfile = "{policy}"\n'
    async with scene(tmp_path / "home", settings, facts=FACTS) as here:
        here.hold(rule())
        assert (await here.ask()).headers[SWITCH] == MOVED
        answer = await here.ask(headers="x-weighbridge-tags: secret\r\n")
        assert (here.asked, answer.headers[SWITCH]) == ("small:1 tiny:1", "crt-1; arm=lab/small; why=proven")
        here.hold(rule(arms=(Arm("lab/tiny"),)), Learnt((0.0,)))
        answer = await here.ask(headers="x-weighbridge-tags: secret\r\n")
        assert (here.asked, answer.headers[SWITCH]) == ("large:1 small:1 tiny:1", "crt-1; why=policy")


async def test_what_a_request_asks_of_providers_holds_for_the_arm_too(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.hold(rule())
        answer = await here.ask(provider={"ignore": ["at-tiny"]})
        assert (here.asked, answer.headers[SWITCH]) == ("small:1", "crt-1; arm=lab/small; why=proven")
        assert (await here.ask(provider={"only": ["at-large"]})).headers[SWITCH] == "crt-1; why=policy"


async def test_an_arm_that_is_left_alone_just_now_is_passed_over(tmp_path: Path) -> None:
    async with scene(tmp_path, scripts={"tiny": busy}) as here:
        here.hold(rule())
        while (await here.ask()).headers[SWITCH] == MOVED:  # until its breaker opens
            assert len(here.upstreams["tiny"].calls) < 50
        assert (await here.ask()).headers[SWITCH] == "crt-1; arm=lab/small; why=proven"


async def test_an_explanation_tells_what_is_predicted(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.hold(rule(), Learnt((0.05, 0.5)))
        said = (await here.ask(target="/v1/route/explain")).document
        assert said["models"] == ["lab/small", "lab/large"]
        assert said["switch"] == {
            "route": rule().route,
            "why": "proven",
            "certificate": "crt-1",
            "arm": "lab/small",
            "reference": "lab/large",
            "tau": 0.1,
            "loss": 0.05,
            "novelty": 1.0,
            "most_novel": 2.0,
        }
        assert here.asked == ""
        assert "switch" not in (await here.ask(target="/v1/route/explain", model="lab/small")).document


async def test_an_answer_that_a_budget_shortens_is_still_asked_of_the_arm_in_its_way(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.hold(rule(arms=(Arm("lab/tiny", "low", 5000),)), Learnt((0.0,)))
        (made,) = await put(here.gateway, budget("usd", "total", 20_000_000_000, shorten_to=50))
        answer = await here.ask(max_tokens=10_000)  # at the reference's price it would be a tenth of a dollar
        assert (answer.status, answer.headers[SWITCH]) == (200, "crt-1; arm=lab/tiny@low#5000; why=proven")
        shortened = int(answer.headers["x-weighbridge-max-tokens"])
        assert 50 <= shortened < 5000
        assert (here.sent("tiny")["max_tokens"], here.sent("tiny")["reasoning_effort"]) == (shortened, "low")
        assert used(here.gateway, made) == {"": 17_000_000}  # 12 and 5 tokens, at the arm's price


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/v1/messages/count_tokens", HELLO),
        ("/v1/responses/input_tokens", {"input": "Say hello."}),
    ],
)
async def test_tokens_of_a_request_for_auto_are_counted_where_it_means_something(
    tmp_path: Path, target: str, body: dict[str, object]
) -> None:
    async with scene(tmp_path) as here:
        assert (await here.ask(body, target=target, model="auto")).status == 404
        here.hold(rule())
        counted = (await here.ask(body, target=target, model="auto")).document
        assert counted == (await here.ask(body, target=target, model="lab/large")).document
        assert here.asked == ""
        assert (await here.ask(body, target=target, model="lab/gone")).status == 404


SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "n",
        "schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
    },
}
TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object", "required": ["q"]}}}]


def saying(message: Mapping[str, object]) -> Script:
    async def script(call: Call) -> None:
        used = {"prompt_tokens": 10, "completion_tokens": 4}
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
        await call.answer({"choices": [choice], "usage": used})

    return script


def calling(name: str, arguments: str) -> Mapping[str, object]:
    return {
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}],
    }


@pytest.mark.parametrize(
    ("said", "more", "asked"),
    [
        ({"content": '{"n": 1}'}, {"response_format": SCHEMA}, "tiny:1"),
        ({"content": '{"n": "1"}'}, {"response_format": SCHEMA}, "large:1 tiny:1"),
        ({"content": "one"}, {"response_format": {"type": "json_object"}}, "large:1 tiny:1"),
        (calling("find", '{"q": 1}'), {"tools": TOOLS}, "tiny:1"),
        (calling("find", "{}"), {"tools": TOOLS}, "large:1 tiny:1"),
        (calling("look", '{"q": 1}'), {"tools": TOOLS}, "large:1 tiny:1"),
        ({"content": "one"}, {}, "tiny:1"),
    ],
)
async def test_an_answer_of_another_form_is_not_given_and_the_reference_is_asked(
    tmp_path: Path, said: Mapping[str, object], more: Mapping[str, Any], asked: str
) -> None:
    async with scene(tmp_path, scripts={"tiny": saying(said), "large": saying({"content": '{"n": 2}'})}) as here:
        body = {**HELLO, **more}
        seen = opening(look(json.dumps(body).encode()))
        here.hold(rule(route=fingerprint(ANY_KEY, seen.system, seen.tools, seen.format)))
        answer = await here.ask(body)
        assert (answer.status, here.asked) == (200, asked)
        entry = await here.gateway.entry()
        if asked == "tiny:1":
            assert [attempt.error for attempt in entry.attempts] == [None]
            return
        assert [attempt.error for attempt in entry.attempts] == ["answer_unfit", None]
        assert (entry.model, entry.ending) == ("lab/large", "complete")
        assert Decimal(answer.headers["x-weighbridge-cost"]) == Decimal("0.000154"), (
            "both have worked for it: 14 tokens at 1 and at 10 dollars"
        )


async def test_who_is_asked_instead_may_not_answer_and_then_the_client_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path, scripts={"tiny": saying({"content": "one"}), "large": busy}) as here:
        body = {**HELLO, "response_format": {"type": "json_object"}}
        seen = opening(look(json.dumps(body).encode()))
        here.hold(rule(route=fingerprint(ANY_KEY, seen.system, seen.tools, seen.format)))
        answer = await here.ask(body)
        assert answer.status in {502, 503}
        entry = await here.gateway.entry()
        assert (entry.ending, entry.charge and entry.charge.cost) == ("upstream_broke", Decimal("0.000014"))


async def test_streams_are_given_as_they_come(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        body = {**HELLO, "response_format": {"type": "json_object"}, "stream": True}
        seen = opening(look(json.dumps(body).encode()))
        here.hold(rule(route=fingerprint(ANY_KEY, seen.system, seen.tools, seen.format)))
        answer = await here.ask(body)
        assert (answer.status, here.asked) == (200, "tiny:1")
