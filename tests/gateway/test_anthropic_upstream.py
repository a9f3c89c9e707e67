"""An upstream that speaks Messages: requests in its own format pass as they are, all others are translated."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.gateway.conftest import near
from tests.gateway.house import ASKED, Gateway, house
from tests.gateway.upstream import Call, Upstream
from weighbridge.ledger.entry import Entry

Json = dict[str, Any]
KEY = "sk-ant-upstream-key"
MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
NATIVE: Json = {
    "model": "near/tiny",
    "max_tokens": 300,
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
}
WEATHER: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL: Json = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
COST = Decimal("0.000029")
"""32 prompt tokens, 20 of them written to the cache, 8 cached ones, 18 of the answer, at 0.27, 0.07 and 1.10."""
COUNTED = (40, 18, 8, 20, "provider")

# Shapes as in https://docs.anthropic.com/en/api/messages and /en/docs/build-with-claude/streaming.
USED: Json = {"input_tokens": 12, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 20, "output_tokens": 18}
MESSAGE: Json = {
    "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
    "type": "message",
    "role": "assistant",
    "model": "claude-tiny-20260101",
    "content": [
        {"type": "thinking", "thinking": "They ask for Paris.", "signature": "EqQBsigned"},
        {"type": "text", "text": "I will look."},
        {"type": "tool_use", "id": "toolu_01", "name": "get_weather", "input": {"city": "Paris"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": USED,
    "x_only_there": True,
}


def events(*documents: Json) -> list[bytes]:
    return [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in documents]


def delta(index: int, kind: str, **fields: str) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def start(index: int, **block: object) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def stop(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


COUNTS = {"output_tokens": 18}
BEGUN = {**MESSAGE, "content": [], "stop_reason": None, "usage": {**USED, "output_tokens": 1}}
EVENTS = events(
    {"type": "message_start", "message": BEGUN},
    start(0, type="thinking", thinking="", signature=""),
    delta(0, "thinking_delta", thinking="They ask "),
    delta(0, "thinking_delta", thinking="for Paris."),
    delta(0, "signature_delta", signature="EqQBsigned"),
    stop(0),
    {"type": "ping"},
    start(1, type="text", text=""),
    delta(1, "text_delta", text="I will "),
    delta(1, "text_delta", text="look."),
    stop(1),
    start(2, type="tool_use", id="toolu_01", name="get_weather", input={}),
    delta(2, "input_json_delta", partial_json='{"city": '),
    delta(2, "input_json_delta", partial_json='"Paris"}'),
    stop(2),
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 18},
    },
    {"type": "message_stop"},
)
OVERLOADED = events({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


async def plainly(call: Call) -> None:
    """Answer as asked: whole, or as a stream."""
    if json.loads(call.body).get("stream"):
        await call.stream(EVENTS)
    else:
        await call.answer(MESSAGE, headers="request-id: req_011\r\n")


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Gateway]:
    upstream.script = plainly
    settings = near(upstream).replace("base_url", f'speaks = ["messages"]\napi_key = "{KEY}"\nbase_url')
    async with house(tmp_path / "home", "[server]\ndrain_seconds = 0.2\n" + settings) as made:
        yield made


def counted(entry: Entry) -> tuple[int, int, int | None, int | None, str]:
    assert entry.charge is not None
    usage = entry.charge.usage
    return usage.prompt, usage.completion, usage.cached, usage.written, entry.charge.counted_by


def documents(body: bytes) -> list[Json]:
    """What the events of a stream say."""
    return [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: {")]


async def test_a_message_is_asked_for_byte_for_byte(gateway: Gateway, upstream: Upstream) -> None:
    body = json.dumps({**NATIVE, "x_new_field": [1, 2.50], "mcp_servers": []}, indent=1).encode()
    headers = "anthropic-beta: interleaved-thinking-2025-05-14\r\nanthropic-version: 2023-06-01\r\n"
    answer = await gateway.ask(body, target=MESSAGES, headers=headers)
    (call,) = upstream.calls
    assert (call.target, call.body) == ("/v1/messages", body.replace(b"near/tiny", b"tiny"))
    assert call.headers["x-api-key"] == KEY
    assert call.headers["anthropic-version"] == "2023-06-01"
    assert call.headers["anthropic-beta"] == "interleaved-thinking-2025-05-14"
    assert gateway.key not in str(call.headers)
    usage = answer.document["usage"]
    assert isinstance(usage, dict)
    assert Decimal(str(usage.pop("cost"))) == COST
    assert answer.document | {"usage": usage} == MESSAGE
    entry = await gateway.entry()
    assert (counted(entry), entry.upstream_request) == (COUNTED, "req_011")
    assert entry.charge is not None
    assert entry.charge.cost == COST


async def test_a_stream_of_a_message_passes_as_it_is(gateway: Gateway) -> None:
    answer = await gateway.ask({**NATIVE, "stream": True}, target=MESSAGES)
    went = b"".join(EVENTS)
    assert re.sub(rb'"cost":0.000029,', b"", answer.body) == went
    assert counted(await gateway.entry()) == COUNTED


async def test_a_header_that_could_be_two_is_left_out(gateway: Gateway, upstream: Upstream) -> None:
    answer = await gateway.ask(NATIVE, target=MESSAGES, headers="anthropic-beta: caf\u00e9\r\n")
    assert answer.status == 200
    assert "anthropic-beta" not in upstream.calls[0].headers


async def test_what_chat_cannot_say_passes_here_and_is_refused_elsewhere(
    gateway: Gateway, upstream: Upstream, tmp_path: Path
) -> None:
    asked = {**NATIVE, "tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}
    assert (await gateway.ask(asked, target=MESSAGES)).status == 200
    async with house(tmp_path / "chat", near(upstream)) as chat_only:
        refused = await chat_only.ask(asked, target=MESSAGES)
    assert (refused.status, len(upstream.calls)) == (400, 1)


@pytest.mark.parametrize(
    ("change", "param"),
    [({"max_tokens": None}, "max_tokens"), ({"messages": "hi"}, "messages"), ({"model": 1}, "model")],
)
async def test_what_decides_where_it_goes_is_read_here(gateway: Gateway, change: Json, param: str) -> None:
    answer = await gateway.ask({**NATIVE, **change}, target=MESSAGES)
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    assert param in str(answer.error["message"])


async def test_the_anthropic_sdk_streams_a_message(gateway: Gateway) -> None:
    where = gateway.url.removesuffix("/v1")
    async with (
        anthropic.AsyncAnthropic(base_url=where, api_key=gateway.key) as client,
        client.messages.stream(**NATIVE) as stream,
    ):
        text = "".join([text async for text in stream.text_stream])
        final = await stream.get_final_message()
    assert text == "I will look."
    thought = final.content[0]
    assert isinstance(thought, anthropic.types.ThinkingBlock)
    assert thought.signature == "EqQBsigned"
    assert (final.usage.cache_read_input_tokens, final.usage.output_tokens) == (8, 18)


async def test_the_openai_sdk_is_answered_by_a_message(gateway: Gateway, upstream: Upstream) -> None:
    async with openai.AsyncOpenAI(base_url=gateway.url, api_key=gateway.key) as client:
        said = await client.chat.completions.create(
            model="near/tiny",
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What is the weather in Paris?"},
            ],
            tools=[TOOL],  # type: ignore[list-item] # as JSON
            max_completion_tokens=300,
        )
    sent = json.loads(upstream.calls[0].body)
    assert (upstream.calls[0].target, sent["model"], sent["max_tokens"]) == ("/v1/messages", "tiny", 300)
    assert [block["text"] for block in sent["system"]] == ["Be brief."]
    assert sent["tools"] == [{"name": "get_weather", "input_schema": WEATHER}]
    message = said.choices[0].message
    assert (message.content, said.choices[0].finish_reason) == ("I will look.", "tool_calls")
    assert message.tool_calls is not None
    assert message.tool_calls[0].function.arguments == '{"city": "Paris"}'  # type: ignore[union-attr] # a function's
    assert said.usage is not None
    assert (said.usage.prompt_tokens, said.usage.completion_tokens) == (40, 18)
    assert counted(await gateway.entry()) == COUNTED


async def test_a_thought_goes_back_with_its_signature(gateway: Gateway, upstream: Upstream) -> None:
    first = (await gateway.ask({**ASKED, "tools": [TOOL]})).document
    choices: Any = first["choices"]
    result = {"role": "tool", "tool_call_id": "toolu_01", "content": "Sunny."}
    again = {**ASKED, "tools": [TOOL], "messages": [*ASKED["messages"], choices[0]["message"], result]}  # type: ignore[misc]
    assert (await gateway.ask(again)).status == 200
    turns = json.loads(upstream.calls[1].body)["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[1]["content"] == MESSAGE["content"]
    assert turns[2]["content"][0]["tool_use_id"] == "toolu_01"


async def test_the_openai_sdk_streams_what_a_message_says(gateway: Gateway) -> None:
    async with openai.AsyncOpenAI(base_url=gateway.url, api_key=gateway.key) as client:
        stream = await client.chat.completions.create(
            model="near/tiny",
            messages=[{"role": "user", "content": "What is the weather in Paris?"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == "I will look."
    assert (
        "".join(getattr(choice.delta, "reasoning_content", None) or "" for choice in choices) == "They ask for Paris."
    )
    calls = [call.function for choice in choices for call in choice.delta.tool_calls or [] if call.function is not None]
    assert "".join(call.arguments or "" for call in calls) == '{"city": "Paris"}'
    assert choices[-1].finish_reason == "tool_calls"
    usage = chunks[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (40, 18)
    assert Decimal(str(usage.model_extra and usage.model_extra["cost"])) == COST
    assert counted(await gateway.entry()) == COUNTED


async def test_a_response_is_made_of_a_message(gateway: Gateway) -> None:
    answer = await gateway.ask({"model": "near/tiny", "input": "Weather in Paris?"}, target=RESPONSES)
    output: Any = answer.document["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call"]
    assert counted(await gateway.entry()) == COUNTED


async def test_what_messages_cannot_say_is_refused_and_not_asked(gateway: Gateway, upstream: Upstream) -> None:
    answer = await gateway.ask({**ASKED, "n": 2})
    assert (answer.status, answer.error["param"]) == (400, "n")
    embedded = await gateway.ask({"model": "near/tiny", "input": "words"}, target="/v1/embeddings")
    assert (embedded.status, embedded.error["param"]) == (400, "model")
    assert upstream.calls == []


@pytest.mark.parametrize(
    ("said", "ours"),
    [((401, "authentication_error"), 502), ((429, "rate_limit_error"), 429), ((529, "overloaded_error"), 429)],
)
@pytest.mark.parametrize(("target", "asked"), [(MESSAGES, NATIVE), ("/v1/chat/completions", ASKED)])
async def test_its_refusals_are_understood(  # noqa: PLR0917 - each is a parameter of the test
    gateway: Gateway, upstream: Upstream, target: str, asked: Json, said: tuple[int, str], ours: int
) -> None:
    async def script(call: Call) -> None:
        await call.answer({"type": "error", "error": {"type": said[1], "message": f"No, {KEY}."}}, said[0])

    upstream.script = script
    answer = await gateway.ask(asked, target=target)
    assert answer.status == ours
    assert KEY.encode() not in answer.body
    assert (await gateway.entry()).ending == "upstream_broke"


async def test_a_message_that_is_none_is_the_upstreams_fault(gateway: Gateway, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer({"choices": []})

    upstream.script = script
    assert (await gateway.ask()).status == 502
    assert (await gateway.entry()).ending == "upstream_broke"


async def test_its_models_are_listed(gateway: Gateway, upstream: Upstream) -> None:
    upstream.models = ("claude-new",)
    settings = near(upstream).replace("base_url", 'speaks = ["messages"]\nbase_url')
    async with house(gateway.ledger.parent / "other", settings) as other:
        await other.until("/v1/models/near/claude-new", other.key, 200)


TARGETS = [
    (MESSAGES, {**NATIVE, "stream": True}),
    ("/v1/chat/completions", {**ASKED, "stream": True}),
    (RESPONSES, {"model": "near/tiny", "input": "Hi", "stream": True}),
    ("/api/v1/chat/completions", {**ASKED, "stream": True}),
]


@pytest.mark.parametrize("at", range(len(EVENTS) + 1))
@pytest.mark.parametrize(("target", "asked"), TARGETS)
async def test_wherever_it_breaks_off_there_is_one_entry_and_a_last_word(
    gateway: Gateway, upstream: Upstream, target: str, asked: Json, at: int
) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:at])
        call.die() if at % 2 else call.writer.close()

    upstream.script = script
    answer = await gateway.ask(asked, target=target)
    entry = await gateway.entry()
    if at == len(EVENTS):
        assert (entry.ending, counted(entry)) == ("complete", COUNTED)
        return
    nothing_left = answer.status == 502  # what came of it, if anything, says nothing in the client's dialect
    assert nothing_left == (at == 0)
    assert (entry.ending, entry.status) == ("upstream_broke", 502 if nothing_left else 200)
    assert b"error" in answer.body.rsplit(b"data: ", 1)[-1]
    if at == len(EVENTS) - 1:  # all that lacks is `message_stop`
        assert counted(entry) == COUNTED
    else:
        assert entry.charge is not None
        assert entry.charge.counted_by == "estimate"


@pytest.mark.parametrize("at", range(1, len(EVENTS)))
@pytest.mark.parametrize(("target", "asked"), TARGETS)
async def test_wherever_the_client_leaves_there_is_one_entry(
    gateway: Gateway, upstream: Upstream, target: str, asked: Json, at: int
) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:at])
        await call.left()

    upstream.script = script
    client = await gateway.send(asked, target=target)
    await client.head()
    await client.piece()
    client.leave()
    assert (await gateway.entry()).ending == "client_left"


@pytest.mark.parametrize("at", [0, 1, 9, 14])
@pytest.mark.parametrize(("target", "asked"), TARGETS)
async def test_an_error_in_the_stream_ends_it_in_the_clients_own_words(
    gateway: Gateway, upstream: Upstream, target: str, asked: Json, at: int
) -> None:
    async def script(call: Call) -> None:
        await call.stream([*EVENTS[:at], *OVERLOADED])

    upstream.script = script
    answer = await gateway.ask(asked, target=target)
    assert b"Overloaded" in answer.body
    assert (await gateway.entry()).ending == "upstream_broke"


def cut(size: int, returns: bytes) -> Sequence[bytes]:
    whole = b": hello\n\n" + b"".join(EVENTS)
    whole = whole.replace(b"\n", returns)
    return [whole[at : at + size] for at in range(0, len(whole), size)]


@pytest.mark.parametrize("pieces", [cut(1, b"\n"), cut(5, b"\r\n"), cut(333, b"\r\n")], ids=["1", "5", "333"])
@pytest.mark.parametrize(("target", "asked"), TARGETS)
async def test_how_the_stream_was_cut_changes_nothing(
    gateway: Gateway, upstream: Upstream, target: str, asked: Json, pieces: Sequence[bytes]
) -> None:
    whole = await gateway.ask(asked, target=target)

    async def script(call: Call) -> None:
        await call.stream(pieces)

    upstream.script = script
    again = await gateway.ask(asked, target=target)
    one, other = (documents(each.body.replace(b"\r\n", b"\n")) for each in (whole, again))
    assert [sorted(each) for each in one] == [sorted(each) for each in other]
    entries = gateway.entries()
    assert [counted(entry) for entry in entries] == [COUNTED, COUNTED]


async def test_tokens_are_counted_by_the_provider_that_can(gateway: Gateway, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer({"input_tokens": 2095})

    upstream.script = script
    asked = {"model": "near/tiny", "messages": NATIVE["messages"], "tools": [{"type": "web_search_20250305"}]}
    answer = await gateway.ask(asked, target=f"{MESSAGES}/count_tokens", headers="anthropic-beta: a-beta\r\n")
    assert answer.document == {"input_tokens": 2095, "counted_by": "provider"}
    (call,) = upstream.calls
    assert (call.target, json.loads(call.body)) == ("/v1/messages/count_tokens", {**asked, "model": "tiny"})
    assert call.headers["anthropic-beta"] == "a-beta"
    assert gateway.entries() == []


@pytest.mark.parametrize("document", [b"[]", b"{", {"input_tokens": "many"}])
async def test_a_count_that_makes_no_sense_is_replaced_by_an_estimate(
    gateway: Gateway, upstream: Upstream, document: object
) -> None:
    async def script(call: Call) -> None:
        await call.answer(document)

    upstream.script = script
    asked = {"model": "near/tiny", "messages": NATIVE["messages"]}
    answer = await gateway.ask(asked, target=f"{MESSAGES}/count_tokens")
    assert answer.document["counted_by"] == "estimate"
