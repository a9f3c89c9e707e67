"""A server that leaves thoughts and tool calls in the text: each dialect's clients see them where they belong."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.house import Gateway, House, house
from tests.gateway.upstream import DONE, USED, Call, Upstream, chunk, event

QWEN = "vllm/Qwen/Qwen3-8B"
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
TEXT = f"<think>\nParis it is.\n</think>\n\nOne moment.\n{CALL}"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
CHAT = {
    "model": QWEN,
    "messages": [{"role": "user", "content": "Rain?"}],
    "tools": [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}],
}
MESSAGES = {
    "model": QWEN,
    "max_tokens": 2000,
    "messages": [{"role": "user", "content": "Rain?"}],
    "tools": [{"name": "weather", "input_schema": SCHEMA}],
}
RESPONSES = {
    "model": QWEN,
    "input": "Rain?",
    "tools": [{"type": "function", "name": "weather", "parameters": SCHEMA}],
}
Json = dict[str, Any]  # Any: an answer's JSON, which the test looks into


def words(text: str = TEXT, size: int = 4) -> list[bytes]:
    """The text as a stream's chunks."""
    return [chunk({"content": text[at : at + size]}) for at in range(0, len(text), size)]


def settings(upstream: Upstream, more: str = "") -> str:
    return f'[providers.vllm]\nbase_url = "http://127.0.0.1:{upstream.port}/v1"\n{more}'


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Gateway]:
    upstream.script = leaking
    async with house(tmp_path / "home", settings(upstream)) as made:
        yield made


async def leaking(call: Call) -> None:
    """What vLLM answers that was started without parsers."""
    if json.loads(call.body).get("stream"):
        await call.stream([*words(), chunk({}, "stop"), event({"choices": [], "usage": USED}), DONE])
    else:
        message = {"role": "assistant", "content": TEXT}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        await call.answer({"id": "chatcmpl-1", "model": "m", "choices": [choice], "usage": USED})


def documents(stream: bytes) -> list[Json]:
    lines = [line.removeprefix(b"data: ") for line in stream.splitlines() if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


async def test_a_chat_client_has_reasoning_words_and_calls_apart(gateway: House) -> None:
    answer = await gateway.ask(CHAT)
    choice = json.loads(answer.body)["choices"][0]
    message = choice["message"]
    assert (message["reasoning_content"], message["content"]) == ("Paris it is.", "One moment.\n")
    (call,) = message["tool_calls"]
    assert (call["type"], call["function"]["name"]) == ("function", "weather")
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}
    assert choice["finish_reason"] == "tool_calls"
    assert answer.document["usage"] == USED
    entry = await gateway.entry()
    assert (entry.ending, entry.charge is not None and entry.charge.usage.prompt) == ("complete", 12)


async def test_a_chat_stream_has_them_apart(gateway: House) -> None:
    answer = await gateway.ask({**CHAT, "stream": True, "stream_options": {"include_usage": True}})
    assert answer.body.endswith(DONE)
    chunks = documents(answer.body)
    deltas = [choice["delta"] for each in chunks for choice in each["choices"]]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Paris it is."
    assert "".join(delta.get("content") or "" for delta in deltas) == "One moment.\n"
    (call,) = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert (call["index"], json.loads(call["function"]["arguments"])) == (0, {"city": "Paris"})
    finishes = [choice["finish_reason"] for each in chunks for choice in each["choices"] if choice["finish_reason"]]
    assert finishes == ["tool_calls"]
    assert chunks[-1]["usage"]["prompt_tokens"] == 12
    assert (await gateway.entry()).ending == "complete"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_messages_client_has_blocks_of_each_kind(gateway: House, stream: bool) -> None:
    answer = await gateway.ask({**MESSAGES, "stream": stream}, target="/v1/messages")
    if stream:
        seen = documents(answer.body)
        blocks = [each["content_block"]["type"] for each in seen if each["type"] == "content_block_start"]
        reason = next(each["delta"]["stop_reason"] for each in seen if each["type"] == "message_delta")
        parts = [
            each["delta"]["partial_json"] for each in seen if each.get("delta", {}).get("type") == "input_json_delta"
        ]
        given = json.loads("".join(parts))
    else:
        content: list[Json] = answer.document["content"]  # type: ignore[assignment] # it is a list
        blocks = [block["type"] for block in content]
        reason, given = answer.document["stop_reason"], content[-1]["input"]
    assert (blocks, reason, given) == (["thinking", "text", "tool_use"], "tool_use", {"city": "Paris"})
    assert (await gateway.entry()).ending == "complete"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_responses_client_has_items_of_each_kind(gateway: House, stream: bool) -> None:
    answer = await gateway.ask({**RESPONSES, "stream": stream}, target="/v1/responses")
    response = documents(answer.body)[-1]["response"] if stream else answer.document
    items: list[Json] = response["output"]  # type: ignore[assignment] # it is a list
    assert [item["type"] for item in items] == ["reasoning", "message", "function_call"]
    assert json.loads(items[-1]["arguments"]) == {"city": "Paris"}


async def test_thinking_is_switched_in_the_familys_own_way(gateway: House, upstream: Upstream) -> None:
    await gateway.ask({**MESSAGES, "thinking": {"type": "enabled", "budget_tokens": 1024}}, target="/v1/messages")
    await gateway.ask({**MESSAGES, "thinking": {"type": "disabled"}}, target="/v1/messages")
    await gateway.ask({**RESPONSES, "reasoning": {"effort": "none"}}, target="/v1/responses")
    await gateway.ask({**CHAT, "reasoning_effort": "none"})
    sent = [json.loads(call.body) for call in upstream.calls]
    assert [each["chat_template_kwargs"] for each in sent] == [{"enable_thinking": on} for on in (True, *[False] * 3)]
    assert not any("reasoning_effort" in each for each in sent)


async def test_reasoning_goes_back_where_tools_were_called(gateway: House, upstream: Upstream) -> None:
    turns: Sequence[Json] = [
        {"role": "user", "content": "Rain?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Paris it is.", "signature": ""},
                {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "No."}]},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "Dry.", "signature": ""}, {"type": "text", "text": "No."}],
        },
        {"role": "user", "content": "And in Rome?"},
    ]
    await gateway.ask({**MESSAGES, "messages": turns}, target="/v1/messages")
    sent = json.loads(upstream.calls[0].body)["messages"]
    assert [turn.get("reasoning") for turn in sent] == [None, "Paris it is.", None, None, None]


async def test_a_begun_answer_is_marked_as_one(gateway: House, upstream: Upstream) -> None:
    turns = [{"role": "user", "content": "Rain?"}, {"role": "assistant", "content": "It is"}]
    await gateway.ask({**MESSAGES, "messages": turns}, target="/v1/messages")
    sent = json.loads(upstream.calls[0].body)
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)


async def test_a_stream_that_breaks_in_what_may_be_a_call_says_so_and_is_entered(
    gateway: House, upstream: Upstream
) -> None:
    async def breaking(call: Call) -> None:
        await call.start()
        await call.events(words(TEXT[:90]))
        call.die()

    upstream.script = breaking
    answer = await gateway.ask({**CHAT, "stream": True})
    assert documents(answer.body)[-1]["error"]["code"] == "upstream_error"
    entry = await gateway.entry()
    assert (entry.ending, entry.charge is not None and entry.charge.usage.completion > 15) == ("upstream_broke", True)


async def test_a_client_that_leaves_while_text_is_held_back_is_entered_with_what_was_said(
    gateway: House, upstream: Upstream
) -> None:
    async def waiting(call: Call) -> None:
        await call.start()
        await call.events(words(TEXT[:-5]))
        await call.left()

    upstream.script = waiting
    client = await gateway.send({**CHAT, "stream": True})
    await client.head()
    seen = b""
    while seen.count(b'"content":') < 2:
        seen += await client.piece()
    client.leave()
    entry = await gateway.entry()
    assert (entry.ending, entry.charge is not None and entry.charge.usage.completion > 5) == ("client_left", True)


async def test_a_stream_without_its_end_gives_out_what_was_held_back(gateway: House, upstream: Upstream) -> None:
    async def ending(call: Call) -> None:
        await call.stream([*words("<think>a</think>b <tool_call>"), chunk({}, "stop")])

    upstream.script = ending
    answer = await gateway.ask({**CHAT, "stream": True})
    deltas = [choice["delta"] for each in documents(answer.body) for choice in each["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "b <tool_call>"
    assert (await gateway.entry()).ending == "complete"


async def test_what_the_server_takes_apart_itself_passes_byte_for_byte(gateway: House, upstream: Upstream) -> None:
    stream = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning": "Hm, <think>."}),
        chunk({"content": "Yes, 1 < 2."}),
        chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "weather", "arguments": "{}"}}]}),
        chunk({}, "tool_calls"),
        DONE,
    ]

    async def clean(call: Call) -> None:
        await call.stream(stream)

    upstream.script = clean
    answer = await gateway.ask({**CHAT, "stream": True})
    assert answer.body == b"".join(stream)


async def test_each_of_several_choices_is_put_right(gateway: House, upstream: Upstream) -> None:
    async def two(call: Call) -> None:
        await call.start()
        for text in ("<think>", "Hm.", "</think>", "Yes."):
            choices = [{"index": at, "delta": {"content": text}, "finish_reason": None} for at in (0, 1)]
            await call.events([event({"id": "c", "choices": choices})])
        ends: list[object] = [{"index": at, "delta": {}, "finish_reason": "stop"} for at in (0, 1)]
        await call.events([event({"id": "c", "choices": ends}), DONE])
        await call.end()

    upstream.script = two
    answer = await gateway.ask({**CHAT, "stream": True, "n": 2})
    for number in (0, 1):
        deltas = [
            choice["delta"]
            for each in documents(answer.body)
            for choice in each["choices"]
            if choice["index"] == number
        ]
        assert "".join(delta.get("content") or "" for delta in deltas) == "Yes."
        assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Hm."


async def test_a_server_set_to_have_no_habits_is_left_alone(tmp_path: Path, upstream: Upstream) -> None:
    upstream.script = leaking
    async with house(tmp_path / "home", settings(upstream, 'habits = "none"\n')) as gateway:
        answer = await gateway.ask({**CHAT, "stream": True, "reasoning_effort": "none"})
        assert answer.body == b"".join([*words(), chunk({}, "stop"), DONE])
        assert json.loads(upstream.calls[0].body)["reasoning_effort"] == "none"


async def test_a_server_of_ones_own_may_be_said_to_be_like_another(tmp_path: Path, upstream: Upstream) -> None:
    upstream.script = leaking
    own = f'[providers.box]\nbase_url = "http://127.0.0.1:{upstream.port}/v1"\nhabits = "vllm"\n'
    async with house(tmp_path / "home", own) as gateway:
        answer = await gateway.ask({**CHAT, "model": "box/Qwen/Qwen3-8B"})
        message = json.loads(answer.body)["choices"][0]["message"]
        assert message["reasoning_content"] == "Paris it is."
