"""OpenRouter's API from end to end: who is asked, what is answered, how it ends, and what can be looked up after."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.house import ASKED, Answer, House, house
from tests.gateway.upstream import ANSWER, DONE, EVENTS, USAGE, WORDS, Call, Script, Upstream, chunk, plainly

CHAT = "/api/v1/chat/completions"
STREAMED = {**ASKED, "stream": True, "max_tokens": 3}
KNOWN = "qwen/qwen2.5-coder-0.5b-instruct"
Json = dict[str, Any]  # Any: JSON


def chunks(answer: Answer) -> list[Json]:
    """The chunks of a stream."""
    lines = answer.body.decode().split("\n\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def data(answer: Answer) -> Json:
    """What is under `data` of a good answer."""
    assert answer.status == 200, answer.body
    found = answer.document["data"]
    assert isinstance(found, dict)
    return found


async def test_an_answer_names_its_receipt_model_provider_and_cost(gateway: House) -> None:
    answer = await gateway.ask({**ASKED, "usage": {"include": True}}, target=CHAT)
    said = answer.document
    entry = await gateway.entry()
    assert answer.receipt == entry.id
    assert (said["id"], said["model"], said["provider"]) == ("gen-" + entry.id[4:], "near/tiny", "near")
    assert said["created"] == int(entry.at.timestamp())
    usage = said["usage"]
    assert isinstance(usage, dict)
    assert entry.charge is not None
    assert Decimal(str(usage["cost"])) == entry.charge.cost == Decimal(answer.headers["x-weighbridge-cost"])


async def test_a_stream_ends_with_its_usage_whether_or_not_it_was_asked_for(gateway: House) -> None:
    answer = await gateway.ask(STREAMED, target=CHAT)
    told = chunks(answer)
    words = [chunk["choices"][0]["delta"].get("content", "") for chunk in told if chunk["choices"]]
    assert "".join(words) == "".join(WORDS)
    assert {chunk["id"] for chunk in told} == {"gen-" + answer.receipt[4:]}
    assert told[-1]["usage"]["cost"] == pytest.approx(0.00000794)
    assert answer.body.endswith(DONE)
    assert (await gateway.entry()).ending == "complete"


@pytest.mark.parametrize("seen", range(len(EVENTS)))
async def test_a_client_that_leaves_a_stream_leaves_one_entry(gateway: House, upstream: Upstream, seen: int) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:seen])
        begun.set()
        await call.left()
        gone.set()

    upstream.script = script
    client = await gateway.send(STREAMED, target=CHAT)
    await begun.wait()
    if seen:  # the head leaves with the first event
        await client.head()
    received = b""
    while received.count(b"\n\n") < seen - EVENTS[:seen].count(DONE):
        received += await client.piece()
    client.leave()
    async with asyncio.timeout(5):
        await gone.wait()
    entry = await gateway.entry()
    assert (entry.ending, entry.status) == ("client_left", 499)
    assert entry.charge is not None
    assert entry.charge.counted_by == ("provider" if USAGE in EVENTS[:seen] else "estimate")


FAULT = b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'
BREAKS: dict[str, bytes] = {
    "it ends": b"",
    "it says so": FAULT,
    "it says so in CRLF": FAULT.replace(b"\n", b"\r\n"),
    "a chunk is no chunk": b'data: {"choices": "none"}\n\n',
    "a chunk is cut": b'data: {"choices": [',
}


@pytest.mark.parametrize("how", BREAKS)
async def test_a_stream_that_breaks_off_before_it_said_anything_is_an_error(
    gateway: House, upstream: Upstream, how: str
) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events([*filter(None, [BREAKS[how]])])
        await call.end()

    upstream.script = script
    answer = await gateway.ask(STREAMED, target=CHAT)
    entry = await gateway.entry()
    assert (entry.ending, entry.status, entry.error) == ("upstream_broke", 502, "upstream_error")
    assert (answer.status, answer.error["code"]) == (502, 502)
    assert (entry.charge is None) == ("says so" in how or "no chunk" in how)  # nothing of an answer is not paid for


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("sent", range(1, len(WORDS) + 1))
async def test_a_stream_that_breaks_off_says_so_in_a_last_chunk(
    gateway: House, upstream: Upstream, sent: int, how: str
) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events([*EVENTS[:sent], *filter(None, [BREAKS[how]])])
        await call.end()

    upstream.script = script
    answer = await gateway.ask(STREAMED, target=CHAT)
    *_, last = chunks(answer)
    entry = await gateway.entry()
    assert (entry.ending, entry.status, entry.error) == ("upstream_broke", 200, "upstream_error")
    assert last["error"]["code"] == 502
    assert last["error"]["metadata"] == {"error_type": "provider_unavailable", "code": "upstream_error"}
    assert last["choices"] == [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}]
    assert (last["id"], last["provider"], last["model"]) == ("gen-" + entry.id[4:], "near", "near/tiny")
    assert not answer.broken
    assert DONE not in answer.body


@pytest.mark.parametrize("missing", [(USAGE,), (DONE,), (USAGE, DONE)])
async def test_a_stream_without_its_usage_or_end_is_whole_all_the_same(
    gateway: House, upstream: Upstream, missing: tuple[bytes, ...]
) -> None:
    async def script(call: Call) -> None:
        await call.stream([b": keep-alive\n\n", *(each for each in EVENTS if each not in missing)])

    upstream.script = script
    answer = await gateway.ask(STREAMED, target=CHAT)
    entry = await gateway.entry()
    assert entry.ending == "complete"
    assert entry.charge is not None
    assert entry.charge.counted_by == ("estimate" if USAGE in missing else "provider")
    assert answer.body.startswith(b": keep-alive\n\n")
    assert ("usage" in chunks(answer)[-1]) == (USAGE not in missing)
    assert answer.body.endswith(DONE)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_request"),
        ({"messages": []}, 400, "invalid_request"),
        ({**ASKED, "plugins": [{"id": "web"}]}, 400, "invalid_request"),
        ({**ASKED, "model": "nope"}, 404, "model_not_found"),
        ({**ASKED, "provider": {"only": ["openai"]}}, 404, "no_endpoint"),
        ({**ASKED, "provider": {"only": ["far"]}}, 400, "invalid_request"),
    ],
)
async def test_what_cannot_be_asked_is_refused_in_openrouters_shape(
    gateway: House, body: object, status: int, code: str
) -> None:
    answer = await gateway.ask(body, target=CHAT)
    assert (answer.status, answer.error["code"]) == (status, status)
    assert isinstance(answer.error["metadata"], dict)
    assert answer.error["metadata"]["code"] == code
    entry = await gateway.entry()
    assert (entry.ending, entry.error, entry.charge) == ("refused", code, None)


async def test_a_wrong_key_or_method_is_told_in_openrouters_shape(gateway: House) -> None:
    unknown = await gateway.ask(ASKED, target=CHAT, key="wb-nope")
    assert (unknown.status, unknown.error["code"]) == (401, 401)
    other = await gateway.get(CHAT)
    assert (other.status, other.error["code"]) == (405, 405)


async def _busy(call: Call) -> None:
    await call.answer({"error": {"message": "busy"}}, 429)


async def _too_long(call: Call) -> None:
    await call.answer({"error": {"message": "over the maximum context length"}}, 400)


async def _hangs_up(call: Call) -> None:
    call.die()


def serves(name: str, port: int, model: str, dollars: str) -> str:
    """Settings for a provider of one model with a price."""
    return f"""
[providers.{name}]
base_url = "http://127.0.0.1:{port}/v1"
[[providers.{name}.models]]
id = "at-{name}"
model = "{model}"
input = "{dollars}"
output = "{dollars}"
"""


@asynccontextmanager
async def two(home: Path, first: Script, second: Script = plainly) -> AsyncIterator[tuple[House, Upstream, Upstream]]:
    """A gateway in front of two providers, each of a model of its own."""
    a, b = Upstream(first, models=()), Upstream(second, models=())
    await a.listen()
    await b.listen()
    toml = "[server]\ndrain_seconds = 0.2\n" + serves("a", a.port, "lab/one", "1") + serves("b", b.port, "lab/two", "2")
    async with house(home, toml) as gateway:
        yield gateway, a, b
    await a.close()
    await b.close()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "code"),
    [(_busy, "upstream_busy"), (_too_long, "context_length_exceeded"), (_hangs_up, "upstream_error")],
)
async def test_the_next_model_answers_and_the_entry_has_both_attempts(
    tmp_path: Path, fault: Script, code: str, stream: bool
) -> None:
    async with two(tmp_path, fault) as (gateway, first, second):
        asked = {**ASKED, "model": "lab/one", "models": ["lab/none", "lab/two"], "stream": stream}
        answer = await gateway.ask(asked, target=CHAT)
        entry = await gateway.entry()
    assert answer.status == 200
    assert (chunks(answer)[0] if stream else answer.document)["model"] == "lab/two"
    assert (entry.asked_model, entry.model, entry.provider, entry.upstream_model) == ("lab/one", "lab/two", "b", "at-b")
    assert [(each.provider, each.error) for each in entry.attempts] == [("a", code), ("b", None)]
    assert entry.charge is not None
    assert (entry.charge.price_id, entry.charge.cost) == ("settings:b/at-b", Decimal("0.000034"))
    assert [json.loads(call.body)["model"] for call in (*first.calls, *second.calls)] == ["at-a", "at-b"]


@pytest.mark.parametrize(
    ("models", "status", "model", "attempts"),
    [
        (["lab/one", "lab/two"], 429, "lab/two", ["upstream_busy", "upstream_busy"]),
        (["lab/one", "lab/none"], 429, "lab/one", ["upstream_busy"]),
        (["lab/none", "lab/one"], 429, "lab/one", ["upstream_busy"]),
        (["lab/none", "lab/neither"], 404, None, []),
    ],
)
async def test_where_no_model_answers_an_upstreams_error_is_told_before_ours(
    tmp_path: Path, models: list[str], status: int, model: str | None, attempts: list[str]
) -> None:
    async with two(tmp_path, _busy, _busy) as (gateway, _, _):
        answer = await gateway.ask({"messages": ASKED["messages"], "models": models}, target=CHAT)
        entry = await gateway.entry()
    assert (answer.status, entry.status) == (status, status)
    assert (entry.model, [each.error for each in entry.attempts]) == (model, attempts)
    assert entry.ending == ("upstream_broke" if attempts else "refused")
    assert entry.charge is None


async def test_a_key_falls_back_on_none_but_its_own_models(tmp_path: Path) -> None:
    async with two(tmp_path, _busy) as (gateway, _, second):
        key = gateway.new_key("narrow", models=("lab/one",))
        await gateway.until("/v1/models", key, 200)
        answer = await gateway.ask({**ASKED, "models": ["lab/one", "lab/two"]}, target=CHAT, key=key)
    assert (answer.status, second.calls) == (429, [])


async def test_a_client_that_leaves_at_the_second_model_pays_for_that_one(tmp_path: Path) -> None:
    async def silent(call: Call) -> None:
        arrived.set()
        await call.left()

    arrived = asyncio.Event()
    async with two(tmp_path, _busy, silent) as (gateway, _, _):
        client = await gateway.send({**ASKED, "models": ["lab/one", "lab/two"]}, target=CHAT)
        async with asyncio.timeout(5):
            await arrived.wait()
        client.leave()
        entry = await gateway.entry()
    assert (entry.ending, entry.model, entry.provider) == ("client_left", "lab/two", "b")
    assert entry.charge is not None
    assert entry.charge.price_id == "settings:b/at-b"


async def test_preferences_choose_the_provider(tmp_path: Path) -> None:
    cheap, dear = Upstream(models=()), Upstream(models=())
    await cheap.listen()
    await dear.listen()
    toml = serves("cheap", cheap.port, "lab/tiny", "1") + serves("dear", dear.port, "lab/tiny", "2")
    async with house(tmp_path, "[server]\ndrain_seconds = 0.2\n" + toml) as gateway:
        for wanted in ({}, {"order": ["dear"]}, {"ignore": ["cheap"]}, {"max_price": {"prompt": 1.5}}):
            await gateway.ask({**ASKED, "model": "lab/tiny", "provider": wanted}, target=CHAT)
        asked = [entry.provider for entry in gateway.entries()]
    assert asked == ["cheap", "dear", "dear", "cheap"]
    await cheap.close()
    await dear.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_familys_habits_are_put_right_both_ways(tmp_path: Path, upstream: Upstream, stream: bool) -> None:
    async def leaks(call: Call) -> None:
        if stream:
            await call.stream([chunk({"content": text}) for text in ("<thi", "nk>Well</th", "ink>Hi")] + [*EVENTS[-3:]])
        else:
            message = {"role": "assistant", "content": "<think>Well</think>Hi"}
            await call.answer({**ANSWER, "choices": [{"message": message, "finish_reason": "stop"}]})

    upstream.script = leaks
    toml = f"""[providers.vllm]\nbase_url = "http://127.0.0.1:{upstream.port}/v1"\n"""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    before = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": None, "reasoning": "Hm", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]
    asked = {"model": "vllm/deepseek-v4-pro", "messages": before, "reasoning": {"enabled": True}, "stream": stream}
    async with house(tmp_path / "home", toml) as gateway:
        answer = await gateway.ask(asked, target=CHAT)
    sent = json.loads(upstream.calls[0].body)
    assert (sent["messages"][1]["reasoning"], sent["chat_template_kwargs"]) == ("Hm", {"thinking": True})
    if stream:
        said = [each["choices"][0]["delta"] for each in chunks(answer) if each["choices"]]
        told = {name: "".join(each.get(name) or "" for each in said) for name in ("content", "reasoning")}
    else:
        told = json.loads(answer.body)["choices"][0]["message"]
    assert (told["content"], told["reasoning"]) == ("Hi", "Well")


async def test_a_generation_can_be_looked_up_by_the_key_that_made_it(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer(ANSWER, headers="x-request-id: req-7\r\n")

    upstream.script = script
    said = (await gateway.ask(target=CHAT)).document
    found = data(await gateway.get(f"/api/v1/generation?id={said['id']}"))
    entry = await gateway.entry()
    assert entry.charge is not None
    told = (
        "id",
        "model",
        "provider_name",
        "upstream_id",
        "streamed",
        "cancelled",
        "native_tokens_cached",
        "finish_reason",
    )
    assert [found[name] for name in told] == [said["id"], "near/tiny", "near", "req-7", False, False, 4, None]
    assert (found["tokens_prompt"], found["tokens_completion"], found["native_tokens_reasoning"]) == (12, 5, None)
    assert Decimal(str(found["total_cost"])) == Decimal(str(found["usage"])) == entry.charge.cost
    assert datetime.fromisoformat(found["created_at"]) == entry.at
    assert 0 < found["latency"] <= found["generation_time"]
    assert [each["status"] for each in found["provider_responses"]] == [200]
    other = gateway.new_key("other")
    await gateway.until("/v1/models", other, 200)
    for target, key, status in (
        (f"/api/v1/generation?id={entry.id}", None, 200),
        (f"/api/v1/generation?id={said['id']}", other, 404),
        ("/api/v1/generation?id=gen-0", None, 404),
        ("/api/v1/generation", None, 400),
    ):
        answer = await gateway.get(target, key=key)
        assert answer.status == status
        assert status == 200 or answer.error["code"] == status


async def test_a_generation_whose_price_is_not_known_has_no_cost(gateway: House) -> None:
    said = (await gateway.ask({**ASKED, "model": "near/stranger"}, target=CHAT)).document
    assert "cost" not in dict(said["usage"])  # type: ignore[call-overload]  # it is an object
    found = data(await gateway.get(f"/api/v1/generation?id={said['id']}"))
    assert (found["total_cost"], found["usage"]) == (None, None)


async def test_a_key_knows_what_it_has_used_and_that_it_has_no_limit(gateway: House) -> None:
    for _ in range(3):
        await gateway.ask(target=CHAT)
    other = gateway.new_key("other", expires=datetime(2100, 1, 1, tzinfo=UTC))
    await gateway.until("/v1/models", other, 200)
    await gateway.ask(target=CHAT, key=other)
    for path in ("/api/v1/key", "/api/v1/auth/key"):
        found = data(await gateway.get(path))
        assert found["label"].startswith("test (…")
        assert {found[name] for name in ("limit", "limit_remaining", "limit_reset", "expires_at")} == {None}
        used = {Decimal(str(found[name])) for name in ("usage", "usage_daily", "usage_weekly", "usage_monthly")}
        assert used == {3 * Decimal("0.00000794")}
    assert data(await gateway.get("/api/v1/key", key=other))["expires_at"] == "2100-01-01T00:00:00Z"
    spent = data(await gateway.get("/api/v1/credits"))
    assert (spent["total_credits"], Decimal(str(spent["total_usage"]))) == (0, 3 * Decimal("0.00000794"))


async def test_what_was_used_before_today_counts_to_its_month(gateway: House) -> None:
    await gateway.ask(target=CHAT)
    gateway.sql("DROP TRIGGER entry_is_final")
    gateway.sql("UPDATE entry SET at = 0")
    found = data(await gateway.get("/api/v1/key"))
    assert (found["usage_daily"], found["usage_weekly"], found["usage_monthly"]) == (0, 0, 0)
    assert found["usage"] == pytest.approx(0.00000794)


async def test_the_providers_are_those_that_are_set_up(tmp_path: Path) -> None:
    settings = '[providers.own]\nbase_url = "http://127.0.0.1:1/v1"\n'
    async with house(tmp_path, settings, {"GROQ_API_KEY": "gsk-test"}) as gateway:
        listed = (await gateway.get("/api/v1/providers")).document["data"]
    assert isinstance(listed, list)
    assert [(each["slug"], each["name"], each["headquarters"]) for each in listed] == [
        ("groq", "Groq", "US"),
        ("own", "own", None),
    ]


async def test_models_have_the_catalogues_facts_and_prices_for_a_token(tmp_path: Path) -> None:
    toml = serves("dear", 1, KNOWN, "2") + serves("cheap", 1, KNOWN, "0.3") + '[[providers.cheap.models]]\nid = "odd"\n'
    async with house(tmp_path, toml) as gateway:
        page = (await gateway.get("/api/v1/models?limit=1&offset=1")).document
        assert isinstance(page["data"], list)
        (known,) = page["data"]
        assert (known["id"], known["canonical_slug"], known["context_length"]) == (KNOWN, KNOWN, 32768)
        assert (known["pricing"]["prompt"], known["pricing"]["completion"]) == ("0.0000003", "0.0000003")
        assert known["architecture"]["modality"] == "text->text"
        assert known["supported_parameters"] == ["max_tokens", "tools", "tool_choice"]
        assert (page["total_count"], page["links"]) == (2, {"next": None})
        first = (await gateway.get("/api/v1/models?limit=1")).document
        assert first["links"] == {"next": "/api/v1/models?offset=1&limit=1"}
        assert isinstance(first["data"], list)
        assert first["data"][0]["pricing"] == {"prompt": "-1", "completion": "-1"}
        assert data(await gateway.get(f"/api/v1/model/{KNOWN}")) == known
        endpoints = data(await gateway.get(f"/api/v1/models/{KNOWN}/endpoints"))["endpoints"]
        assert [(each["provider_name"], each["pricing"]["prompt"]) for each in endpoints] == [
            ("cheap", "0.0000003"),
            ("dear", "0.000002"),
        ]
        (odd,) = data(await gateway.get("/api/v1/models/cheap/odd/endpoints"))["endpoints"]
        assert (odd["context_length"], odd["max_completion_tokens"]) == (0, None)  # the SDK takes no null for the first
        assert data(await gateway.get("/api/v1/model/cheap/odd"))["context_length"] is None
        for query, count in (
            ("", 2),
            ("?supported_parameters=tools", 1),
            ("?providers=dear", 1),
            ("?model_authors=x", 0),
        ):
            assert data(await gateway.get(f"/api/v1/models/count{query}")) == {"count": count}
        for target, status in (
            ("/api/v1/models?sort=newest", 400),
            ("/api/v1/models?limit=x", 400),
            ("/api/v1/models?offset=", 400),
            ("/api/v1/models/lab/none/endpoints", 404),
            ("/api/v1/model/lab/none", 404),
        ):
            answer = await gateway.get(target)
            assert (answer.status, answer.error["code"]) == (status, status)


async def test_the_entry_has_the_id_that_a_routers_own_list_has(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer(ANSWER, headers="x-request-id: req-7\r\nx-generation-id: gen-7\r\n")

    upstream.script = script
    await gateway.ask()
    assert (await gateway.entry()).upstream_request == "gen-7"
