"""Every field of Chat Completions reaches the provider, and everything a provider says reaches the client, unread."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.gateway.house import ASKED, House
from tests.gateway.upstream import ANSWER, DONE, USED, Call, Upstream, event

FIELDS: dict[str, object] = {
    "n": 2,
    "tools": [{"type": "function", "function": {"name": "weather", "strict": True, "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": {}}},
    "logprobs": True,
    "top_logprobs": 3,
    "logit_bias": {"50256": -100},
    "stop": ["\n", "END"],
    "seed": 12345678901234567890,
    "temperature": 0.1,
    "top_p": 0.95,
    "presence_penalty": -0.5,
    "frequency_penalty": 0.5,
    "max_completion_tokens": 64,
    "prediction": {"type": "content", "content": "def f(): pass"},
    "stream_options": None,
    "user": "u-1",
    "safety_identifier": "s-1",
    "prompt_cache_key": "k-1",
    "metadata": {"run": "7"},
    "store": False,
    "service_tier": "flex",
    "reasoning_effort": "low",
    "verbosity": "low",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "web_search_options": {"search_context_size": "low"},
    "functions": [{"name": "old"}],
    "function_call": "auto",
    "top_k": 20,
    "min_p": 0.05,
    "repetition_penalty": 1.1,
    "chat_template_kwargs": {"enable_thinking": False},
}
PARTS: list[dict[str, object]] = [
    {"type": "text", "text": "look"},
    {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
    {"type": "file", "file": {"file_id": "file-1"}},
    {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
]
CALLS = [
    {"id": f"call_{at}", "type": "function", "function": {"name": "weather", "arguments": f'{{"city":"{city}"}}'}}
    for at, city in enumerate(("Oslo", "Rome"))
]
HISTORY: list[dict[str, object]] = [
    {"role": "developer", "content": "Be short.", "name": "dev"},
    {"role": "user", "content": PARTS},
    {"role": "assistant", "content": None, "refusal": None, "tool_calls": CALLS, "reasoning_content": "hm"},
    {"role": "tool", "tool_call_id": "call_0", "content": "cold"},
    {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "warm"}]},
    {"role": "assistant", "content": "Cold and", "prefix": True},
]


@pytest.fixture
async def client(gateway: House) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0) as made:
        yield made


@pytest.mark.parametrize("field", FIELDS)
async def test_a_field_reaches_the_provider_as_it_came(gateway: House, upstream: Upstream, field: str) -> None:
    answer = await gateway.ask({**ASKED, field: FIELDS[field]})
    assert answer.status == 200
    assert json.loads(upstream.calls[0].body) == {**ASKED, "model": "tiny", field: FIELDS[field]}


async def test_all_fields_at_once_reach_it_in_their_order(gateway: House, upstream: Upstream) -> None:
    sent = {"messages": HISTORY, **FIELDS, "model": "near/tiny"}
    answer = await gateway.ask(sent)
    assert answer.status == 200
    assert upstream.calls[0].body == json.dumps(sent).encode().replace(b"near/tiny", b"tiny")


LOGPROBS = {"content": [{"token": "Hel", "logprob": -0.10, "bytes": [72], "top_logprobs": []}], "refusal": None}
CHOICES: list[dict[str, object]] = [
    {
        "index": 0,
        "message": {"role": "assistant", "content": None, "tool_calls": CALLS},
        "finish_reason": "tool_calls",
        "logprobs": LOGPROBS,
    },
    {
        "index": 1,
        "message": {
            "role": "assistant",
            "content": "Hello.",
            "refusal": None,
            "annotations": [{"type": "url_citation", "url_citation": {"url": "https://example.org", "title": "t"}}],
            "audio": {"id": "a-1", "data": "UklG", "transcript": "Hello.", "expires_at": 1},
            "reasoning_content": "hm",
        },
        "finish_reason": "stop",
    },
]


async def test_choices_calls_and_probabilities_come_back_as_the_provider_said_them(
    client: AsyncOpenAI, upstream: Upstream, gateway: House
) -> None:
    document: dict[str, Any] = {
        **ANSWER,
        "created": 1,
        "choices": CHOICES,
        "service_tier": "flex",
        "system_fingerprint": "fp_1",
        "usage": {**USED, "completion_tokens_details": {"reasoning_tokens": 2, "accepted_prediction_tokens": 1}},
    }

    async def script(call: Call) -> None:
        await call.answer(document)

    upstream.script = script
    said = await client.chat.completions.create(
        model="near/tiny",
        messages=[{"role": "user", "content": "hi"}],
        n=2,
        logprobs=True,
        prediction={"type": "content", "content": "def f(): pass"},
    )
    assert said.to_dict() == document
    assert [call.id for call in said.choices[0].message.tool_calls or []] == ["call_0", "call_1"]
    assert [choice.finish_reason for choice in said.choices] == ["tool_calls", "stop"]
    charge = (await gateway.entry()).charge
    assert charge is not None
    assert charge.usage.reasoning == 2


async def test_interleaved_choices_and_parallel_calls_of_a_stream_come_back_byte_for_byte(
    gateway: House, upstream: Upstream
) -> None:
    def chunk(index: int, delta: dict[str, object], **more: object) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": None, **more}
        return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], "obfuscation": "xk"})

    def called(at: int, **function: object) -> dict[str, object]:
        return {"tool_calls": [{"index": at, "id": f"call_{at}", "type": "function", "function": function}]}

    events = (
        chunk(0, {"role": "assistant", "content": None, "refusal": None}),
        chunk(1, {"role": "assistant", "content": "", "reasoning_content": "hm"}),
        chunk(0, called(0, name="weather", arguments="")),
        chunk(0, called(1, name="weather", arguments='{"ci')),
        chunk(1, {"content": "Hel"}, logprobs=LOGPROBS),
        chunk(0, called(0, arguments='{"city":"Oslo"}')),
        chunk(0, called(1, arguments='ty":"Rome"}')),
        chunk(1, {"refusal": "no"}),
        chunk(1, {"audio": {"id": "a-1", "data": "UklG"}}),
        chunk(1, {}, finish_reason="stop"),
        chunk(0, {}, finish_reason="tool_calls"),
        DONE,
    )

    async def script(call: Call) -> None:
        await call.stream(events)

    upstream.script = script
    answer = await gateway.ask({**ASKED, "n": 2, "stream": True, "logprobs": True})
    assert answer.body == b"".join(events)
    assert (await gateway.entry()).ending == "complete"


@pytest.mark.parametrize("options", [{"include_usage": True, "include_obfuscation": False}, {"include_usage": True}])
async def test_the_options_of_a_stream_reach_the_provider(
    gateway: House, upstream: Upstream, options: dict[str, object]
) -> None:
    await gateway.ask({**ASKED, "stream": True, "stream_options": options})
    assert json.loads(upstream.calls[0].body)["stream_options"] == options
