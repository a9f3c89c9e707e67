"""An upstream dies in the middle of its answer, and another one goes on with it: one answer, one entry, two charges."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.house import ASKED, Gateway, house
from tests.gateway.upstream import DONE, Call, Script, Upstream, chunk, event
from weighbridge.ledger.entry import Entry
from weighbridge.wire import sse

MODEL = "lab/tiny"
RESUME = "x-weighbridge-resume: 1\r\n"
STREAMED = {**ASKED, "model": MODEL, "stream": True, "stream_options": {"include_usage": True}}
WORDS = ("One", ", two", ", three", ", four", ".")
WHOLE = "".join(WORDS)
Json = dict[str, Any]


def usage(prompt: int, completion: int) -> bytes:
    return event({"id": "u", "choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})


ROLE = chunk({"role": "assistant", "content": ""})
FULL = (ROLE, *(chunk({"content": word}) for word in WORDS), chunk({}, "stop"), usage(10, 5), DONE)


def dying(sent: Sequence[bytes] = FULL[:3], how: str = "reset") -> Script:
    """Sends this much and dies."""

    async def script(call: Call) -> None:
        await call.start()
        await call.events(sent)
        if how == "reset":
            await asyncio.sleep(0.01)
            call.die()
        elif how == "end":
            await call.end()
        elif how == "half an event":
            await call.events([b'data: {"choices": [{"in'])
            call.writer.close()
        elif how == "half a chunk":
            await call.send(b"ff\r\ndata: {")
            call.writer.close()
        elif how == "error":
            await call.events([event({"error": {"message": "overloaded", "code": 503}})])
            await call.left()
        elif how == "silence":
            await call.left()

    return script


HOWS = ("reset", "end", "half an event", "half a chunk", "error", "silence")


def said_before(call: Call) -> str:
    """What the request begins the answer with."""
    last = json.loads(call.body)["messages"][-1]
    return str(last["content"]) if last["role"] == "assistant" else ""


async def goes_on(call: Call) -> None:
    """Goes on with the answer from wherever it is begun."""
    rest = WHOLE.removeprefix(said_before(call))
    pieces = [rest[at : at + 4] for at in range(0, len(rest), 4)]
    await call.stream([ROLE, *(chunk({"content": each}) for each in pieces), chunk({}, "stop"), usage(20, 3), DONE])


def serves(name: str, port: int, dollars: str, habits: str = "llama-server") -> str:
    return f"""
[providers.{name}]
base_url = "http://127.0.0.1:{port}/v1"
habits = "{habits}"
[[providers.{name}.models]]
id = "tiny-at-{name}"
model = "{MODEL}"
input = "{dollars}"
output = "{dollars}"
"""


@asynccontextmanager
async def three(
    home: Path, *scripts: Script, habits: Sequence[str] = ("llama-server",) * 3, routing: str = ""
) -> AsyncIterator[tuple[Gateway, list[Upstream]]]:
    """A gateway in front of as many providers as there are scripts: the first is asked first."""
    upstreams = [Upstream(script, models=()) for script in scripts]
    for each in upstreams:
        await each.listen()
    toml = "[server]\ndrain_seconds = 0.2\n[upstream]\nidle_timeout_seconds = 0.3\n[routing]\nsort = 'price'\n"
    toml += f"retries = 0\n{routing}"
    for name, upstream, dollars, own in zip("abc", upstreams, "123", habits, strict=False):
        toml += serves(name, upstream.port, dollars, own)
    try:
        async with house(home, toml) as gateway:
            yield gateway, upstreams
    finally:
        for each in upstreams:
            await each.close()


def documents(body: bytes) -> list[Json]:
    return [json.loads(each) for each in sse.documents(body) if each != b"[DONE]"]


def text_of(body: bytes) -> str:
    choices = [choice for each in documents(body) for choice in each.get("choices") or ()]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def parts(entry: Entry) -> list[tuple[str, str | None, int | None, str | None]]:
    """Each attempt: who, what went wrong, the tokens of the answer it is charged for, and who counted."""
    return [
        (one.provider, one.error, None, None)
        if one.charge is None
        else (one.provider, one.error, one.charge.usage.completion, one.charge.counted_by)
        for one in entry.attempts
    ]


def check_sum(entry: Entry) -> None:
    """The entry is charged what its attempts are, to the last digit."""
    charges = [one.charge for one in entry.attempts if one.charge is not None]
    assert entry.charge is not None
    assert entry.charge.cost == sum(each.cost or 0 for each in charges)
    assert entry.charge.usage.prompt == sum(each.usage.prompt for each in charges)
    assert entry.charge.usage.completion == sum(each.usage.completion for each in charges)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("sent", range(1, len(FULL)))
async def test_another_goes_on_whenever_and_however_one_dies(tmp_path: Path, sent: int, how: str) -> None:
    async with three(tmp_path / "home", dying(FULL[:sent], how), goes_on) as (gateway, (first, second)):
        answer = await gateway.ask(STREAMED, headers=RESUME)
        entry = await gateway.entry()
    finished = sent > len(WORDS) + 1
    assert not answer.broken
    assert text_of(answer.body) == WHOLE
    assert answer.body.endswith(DONE)
    assert (entry.ending, entry.status, entry.error) == ("complete", 200, None)
    assert (len(first.calls), len(second.calls)) == (1, 0 if finished else 1)
    if finished:
        return
    assert said_before(second.calls[0]) == "".join(WORDS[: sent - 1])
    estimate = -(-len("".join(WORDS[: sent - 1])) // 4)
    assert parts(entry) == [("a", entry.attempts[0].error, estimate, "estimate"), ("b", None, 3, "provider")]
    assert entry.attempts[0].error in ("upstream_error", "upstream_timeout")
    assert entry.charge is not None
    assert (entry.provider, entry.charge.counted_by, entry.charge.price_id) == ("b", "estimate", None)
    check_sum(entry)


async def test_the_client_sees_one_answer_and_where_it_was_joined(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(), goes_on) as (gateway, _):
        answer = await gateway.ask(STREAMED, headers=RESUME)
        entry = await gateway.entry()
    chunks = documents(answer.body)
    assert b"\n\n: weighbridge: a broke off (upstream_error), b goes on\n\n" in answer.body
    marked = [at for at, each in enumerate(chunks) if "weighbridge" in each]
    assert [chunks[at]["weighbridge"] for at in marked] == [{"resumed_by": "b", "after": "upstream_error"}]
    assert marked == [3]
    assert sum("role" in choice["delta"] for each in chunks for choice in each["choices"]) == 1
    assert [choice["finish_reason"] for each in chunks for choice in each["choices"]].count("stop") == 1
    told = chunks[-1]["usage"]
    assert entry.charge is not None
    assert (told["prompt_tokens"], told["completion_tokens"]) == (
        entry.charge.usage.prompt,
        entry.charge.usage.completion,
    )
    assert Decimal(str(told["cost"])) == entry.charge.cost
    assert answer.receipt == entry.id


async def test_without_a_wish_it_ends_with_an_error_as_before(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(), goes_on) as (gateway, (_, second)):
        answer = await gateway.ask(STREAMED)
        entry = await gateway.entry()
    assert second.calls == []
    assert b'"code":"upstream_error"' in answer.body
    assert (entry.ending, [one.charge for one in entry.attempts]) == ("upstream_broke", [None])


async def test_the_settings_make_it_the_rule_and_a_request_the_exception(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(), goes_on, routing="resume = true\n") as (gateway, _):
        assert text_of((await gateway.ask(STREAMED)).body) == WHOLE
        refused = await gateway.ask(STREAMED, headers="x-weighbridge-resume: 0\r\n")
        wrong = await gateway.ask(STREAMED, headers="x-weighbridge-resume: perhaps\r\n")
    assert b'"code":"upstream_error"' in refused.body
    assert (wrong.status, wrong.error["param"]) == (400, "x-weighbridge-resume")


async def test_the_limit_and_the_stops_hold_for_both_halves(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(FULL[:4]), goes_on) as (gateway, (_, second)):
        answer = await gateway.ask({**STREAMED, "max_tokens": 9, "stop": ["e, four"]}, headers=RESUME)
    sent = json.loads(second.calls[0].body)
    assert (sent["max_tokens"], sent["stop"]) == (5, ["e, four"])
    assert text_of(answer.body) == "One, two, three"  # the stop lies across the seam: the upstream could not see it
    assert answer.body.endswith(DONE)
    assert documents(answer.body)[-1]["choices"][0]["finish_reason"] == "stop"


async def test_an_answer_that_is_stopped_at_the_seam_is_charged_by_an_estimate(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(FULL[:4]), goes_on) as (gateway, _):
        await gateway.ask({**STREAMED, "stop": "e, four"}, headers=RESUME)
        entry = await gateway.entry()
    assert (entry.ending, [part[3] for part in parts(entry)]) == ("complete", ["estimate", "estimate"])
    check_sum(entry)


async def test_when_the_second_dies_a_third_goes_on(tmp_path: Path) -> None:
    async def some_more(call: Call) -> None:
        await dying([ROLE, chunk({"content": ", three"})])(call)

    async with three(tmp_path / "home", dying(), some_more, goes_on) as (gateway, (_, _, third)):
        answer = await gateway.ask(STREAMED, headers=RESUME)
        entry = await gateway.entry()
    assert text_of(answer.body) == WHOLE
    assert said_before(third.calls[0]) == "One, two, three"
    assert [part[:2] for part in parts(entry)] == [("a", "upstream_error"), ("b", "upstream_error"), ("c", None)]
    check_sum(entry)


async def test_it_is_gone_on_with_as_often_as_the_settings_say(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(), dying(), goes_on, routing="resumptions = 1\n") as (gateway, seen):
        answer = await gateway.ask(STREAMED, headers=RESUME)
        entry = await gateway.entry()
    assert b'"code":"upstream_error"' in answer.body
    assert [len(each.calls) for each in seen] == [1, 1, 0]
    assert (entry.ending, [part[:2] for part in parts(entry)]) == (
        "upstream_broke",
        [("a", "upstream_error"), ("b", "upstream_error")],
    )
    check_sum(entry)


async def test_the_only_endpoint_is_asked_once_more(tmp_path: Path) -> None:
    tries: list[Call] = []

    async def script(call: Call) -> None:
        tries.append(call)
        await (dying() if len(tries) == 1 else goes_on)(call)

    async with three(tmp_path / "home", script) as (gateway, _):
        answer = await gateway.ask(STREAMED, headers=RESUME)
        entry = await gateway.entry()
    assert text_of(answer.body) == WHOLE
    assert [part[:2] for part in parts(entry)] == [("a", "upstream_error"), ("a", None)]
    assert entry.charge is not None
    assert entry.charge.price_id == "settings:a/tiny-at-a"
    check_sum(entry)


async def test_one_that_refuses_to_go_on_leaves_it_to_the_next(tmp_path: Path) -> None:
    async def refuses(call: Call) -> None:
        await call.answer({"error": {"message": "the last message must be the user's"}}, 400)

    async with three(tmp_path / "home", dying(), refuses, goes_on) as (gateway, _):
        answer = await gateway.ask(STREAMED, headers=RESUME)
        entry = await gateway.entry()
    assert text_of(answer.body) == WHOLE
    assert parts(entry) == [
        ("a", "upstream_error", 2, "estimate"),
        ("b", "invalid_request", None, None),
        ("c", None, 3, "provider"),
    ]


async def test_where_nobody_goes_on_the_client_is_told_and_the_first_is_charged_once(tmp_path: Path) -> None:
    async def fails(call: Call) -> None:
        await call.answer({"error": {"message": "failed"}}, 500)

    async with three(tmp_path / "home", dying(), fails) as (gateway, _):
        answer = await gateway.ask(STREAMED, headers=RESUME)
        entry = await gateway.entry()
    assert text_of(answer.body) == "One, two"
    assert b'"code":"upstream_error"' in answer.body.split(b"\n\n")[-2]
    assert DONE not in answer.body
    assert parts(entry) == [("a", "upstream_error", 2, "estimate"), ("b", "upstream_error", None, None)]
    assert entry.ending == "upstream_broke"
    check_sum(entry)


@pytest.mark.parametrize(
    ("habits", "asked"),
    [
        (("none", "none"), STREAMED),
        (("llama-server", "ollama"), STREAMED),
        (("llama-server", "vllm"), {**STREAMED, "response_format": {"type": "json_object"}}),
        (("llama-server", "llama-server"), {**STREAMED, "n": 2}),
        (("llama-server", "llama-server"), {**STREAMED, "logprobs": True}),
        (("llama-server", "llama-server"), {**STREAMED, "tool_choice": "required", "tools": []}),
    ],
)
async def test_who_cannot_go_on_is_not_asked(tmp_path: Path, habits: tuple[str, str], asked: Json) -> None:
    async with three(tmp_path / "home", dying(), goes_on, habits=habits) as (gateway, (first, second)):
        answer = await gateway.ask(asked, headers=RESUME)
        entry = await gateway.entry()
    assert b'"code":"upstream_error"' in answer.body
    assert second.calls == []
    assert len(first.calls) <= 2  # where only the first one's way is known, it is asked once more
    assert (entry.ending, entry.provider) == ("upstream_broke", "a")


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "Hm."},
        {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}]},
    ],
)
async def test_thoughts_and_calls_are_not_gone_on_with(tmp_path: Path, delta: Json) -> None:
    async with three(tmp_path / "home", dying([ROLE, chunk(delta)]), goes_on) as (gateway, (_, second)):
        answer = await gateway.ask(STREAMED, headers=RESUME)
    assert b'"code":"upstream_error"' in answer.body
    assert second.calls == []


async def test_one_that_begins_to_think_anew_has_not_gone_on(tmp_path: Path) -> None:
    async def thinks(call: Call) -> None:
        await call.stream([ROLE, chunk({"reasoning_content": "Let me see"}), *FULL[1:]])

    async with three(tmp_path / "home", dying(), thinks, goes_on) as (gateway, _):
        answer = await gateway.ask(STREAMED, headers=RESUME)
        entry = await gateway.entry()
    assert text_of(answer.body) == WHOLE
    assert b"Let me see" not in answer.body
    assert [part[:2] for part in parts(entry)] == [("a", "upstream_error"), ("b", "upstream_error"), ("c", None)]
    check_sum(entry)


async def test_an_answer_that_begins_with_what_was_said_says_it_once(tmp_path: Path) -> None:
    async def repeats(call: Call) -> None:
        assert json.loads(call.body)["messages"][-1]["prefix"] is True
        await call.stream(FULL)

    async with three(tmp_path / "home", dying(), repeats, habits=("vllm", "mistral")) as (gateway, _):
        answer = await gateway.ask(STREAMED, headers=RESUME)
    assert text_of(answer.body) == WHOLE


async def test_who_is_asked_elsewhere_is_asked_there(tmp_path: Path) -> None:
    async with three(tmp_path / "home", dying(), goes_on, habits=("vllm", "deepseek")) as (gateway, (_, second)):
        answer = await gateway.ask(STREAMED, headers=RESUME)
    assert text_of(answer.body) == WHOLE
    assert second.calls[0].target == "/beta/chat/completions"


async def test_a_client_that_leaves_in_the_second_half_is_charged_for_both(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def goes_on_for_ever(call: Call) -> None:
        await call.start()
        await call.events([ROLE, chunk({"content": ", three"})])
        await call.left()
        gone.set()

    async with three(tmp_path / "home", dying(), goes_on_for_ever) as (gateway, _):
        client = await gateway.send(STREAMED, headers=RESUME)
        await client.head()
        received = b""
        while b", three" not in received:
            received += await client.piece()
        client.leave()
        async with asyncio.timeout(5):
            await gone.wait()
        entry = await gateway.entry()
    assert (entry.ending, entry.status) == ("client_left", 499)
    assert parts(entry) == [("a", "upstream_error", 2, "estimate"), ("b", "client_left", 2, "estimate")]
    check_sum(entry)


async def test_a_client_that_leaves_while_the_second_is_asked_is_charged_for_both(tmp_path: Path) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def silent(call: Call) -> None:
        asked.set()
        await call.left()
        gone.set()

    async with three(tmp_path / "home", dying(), silent) as (gateway, _):
        client = await gateway.send(STREAMED, headers=RESUME)
        async with asyncio.timeout(5):
            await asked.wait()
            client.leave()
            await gone.wait()
        entry = await gateway.entry()
    assert entry.ending == "client_left"
    assert parts(entry) == [("a", "upstream_error", 2, "estimate"), ("b", "client_left", 0, "estimate")]
    check_sum(entry)


async def test_a_stop_in_the_second_half_leaves_one_entry_with_both(tmp_path: Path) -> None:
    async def goes_on_for_ever(call: Call) -> None:
        await call.start()
        await call.events([ROLE, chunk({"content": ", three"})])
        await call.left()

    async with three(tmp_path / "home", dying(), goes_on_for_ever) as (gateway, _):
        client = await gateway.send(STREAMED, headers=RESUME)
        await client.head()
        received = b""
        while b", three" not in received:
            received += await client.piece()
        await gateway.worker.stop()
        client.leave()
        entry = await gateway.entry()
    assert (entry.ending, entry.status) == ("stopped", 503)
    assert [part[0] for part in parts(entry)] == ["a", "b"]
    check_sum(entry)


async def test_no_end_leaves_without_its_receipt(tmp_path: Path) -> None:
    def put_up(gateway: Gateway) -> None:
        gateway.sql("CREATE TRIGGER no_room BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'no room'); END")

    async with three(tmp_path / "home", dying(), goes_on) as (gateway, (_, second)):
        plain = second.script

        async def meanwhile(call: Call) -> None:
            put_up(gateway)
            await plain(call)

        second.script = meanwhile
        answer = await gateway.ask(STREAMED, headers=RESUME)
        assert DONE not in answer.body
        assert b'"code":"ledger_unavailable"' in answer.body
        gateway.sql("DROP TRIGGER no_room")
        entry = await gateway.entry()
    assert [part[0] for part in parts(entry)] == ["a", "b"]
    check_sum(entry)
