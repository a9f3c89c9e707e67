"""Requests as each family wants them, by the data."""

import json
from typing import Any

import pytest

from weighbridge.catalog.habits import read_habits
from weighbridge.wire.chat.write import write_call
from weighbridge.wire.habits.fitting import fit_chat
from weighbridge.wire.inner import Call, Message, Reasoning, Text, Thought, ToolUse

BOOK = read_habits()
Json = dict[str, Any]  # Any: a request's JSON, which the test looks into


def written(at: str, model: str, call: Call) -> Json:
    found: Json = json.loads(write_call(call, BOOK.of(at, model)))
    return found


def plain(reasoning: Reasoning) -> Call:
    return Call(model="m", messages=[Message("user", [Text(text="Hi")])], reasoning=reasoning)


ON, OFF = Reasoning(on=True), Reasoning(on=False)


@pytest.mark.parametrize(
    ("at", "model", "wanted", "fields"),
    [
        ("dashscope", "qwen/qwen3-32b", ON, {"enable_thinking": True}),
        ("dashscope", "qwen/qwen3-32b", OFF, {"enable_thinking": False}),
        ("dashscope", "qwen/qwen3-32b", Reasoning(budget=500), {"enable_thinking": True, "thinking_budget": 500}),
        ("vllm", "Qwen/Qwen3-32B", OFF, {"chat_template_kwargs": {"enable_thinking": False}}),
        ("local", "qwen/qwen3-0.6b", ON, {"chat_template_kwargs": {"enable_thinking": True}}),
        ("groq", "qwen/qwen3-32b", Reasoning(effort="none"), {"reasoning_effort": "none"}),
        ("groq", "qwen/qwen3-32b", Reasoning(effort="high"), {"reasoning_effort": "default"}),
        ("zai", "z-ai/glm-4.6", OFF, {"thinking": {"type": "disabled"}}),
        ("zai", "z-ai/glm-5", Reasoning(effort="high"), {"thinking": {"type": "enabled"}}),
        ("sglang", "zai-org/GLM-4.6", ON, {"chat_template_kwargs": {"enable_thinking": True}}),
        ("deepseek", "deepseek/deepseek-v4-pro", OFF, {"thinking": {"type": "disabled"}}),
        (
            "deepseek",
            "deepseek/deepseek-v4-pro",
            Reasoning(effort="xhigh"),
            {"thinking": {"type": "enabled"}, "reasoning_effort": "max"},
        ),
        ("vllm", "deepseek-ai/DeepSeek-V3.1", ON, {"chat_template_kwargs": {"thinking": True}}),
        ("moonshot", "moonshotai/kimi-k2.5", OFF, {"thinking": {"type": "disabled"}}),
        ("minimax", "minimax/minimax-m3", ON, {"thinking": {"type": "adaptive"}}),
        ("vllm", "openai/gpt-oss-20b", Reasoning(effort="xhigh"), {"reasoning_effort": "high"}),
        (
            "openrouter",
            "openai/gpt-oss-20b",
            Reasoning(effort="low"),
            {"reasoning": {"enabled": True, "effort": "low"}},
        ),
        ("openrouter", "z-ai/glm-5", Reasoning(budget=99), {"reasoning": {"enabled": True, "max_tokens": 99}}),
        ("openrouter", "z-ai/glm-5", OFF, {"reasoning": {"enabled": False}}),
        ("openai", "openai/gpt-5", Reasoning(on=True, budget=4000), {"reasoning_effort": "medium"}),
        ("openai", "openai/gpt-5.2", Reasoning(effort="none"), {"reasoning_effort": "none"}),
        ("vllm", "meta-llama/llama-3.1-8b-instruct", Reasoning(effort="high"), {}),
        ("vllm", "qwen/qwq-32b", Reasoning(effort="high"), {"reasoning_effort": "high"}),
        ("vllm", "nobody/knows-it", Reasoning(on=True, effort="high", budget=3), {"reasoning_effort": "high"}),
        ("zai", "z-ai/glm-5", Reasoning(summary="auto"), {}),
    ],
)
def test_thinking_is_switched_as_the_provider_documents_it(
    at: str, model: str, wanted: Reasoning, fields: Json
) -> None:
    body = written(at, model, plain(wanted))
    assert {name: value for name, value in body.items() if name not in ("model", "messages")} == fields


THOUGHT = Thought(text="Hm.")
SAID = Message("assistant", [THOUGHT, Text(text="Yes.")])
CALLED = Message("assistant", [THOUGHT, ToolUse(id="c", name="f", arguments="{}")])


@pytest.mark.parametrize(
    ("at", "model", "said", "called"),
    [
        ("deepseek", "deepseek/deepseek-r1", {}, {}),
        ("deepseek", "deepseek/deepseek-v4-pro", {}, {"reasoning_content": "Hm."}),
        ("moonshot", "moonshotai/kimi-k2-thinking", {"reasoning_content": "Hm."}, {"reasoning_content": "Hm."}),
        ("vllm", "moonshotai/kimi-k2-thinking", {"reasoning": "Hm."}, {"reasoning": "Hm."}),
        (
            "minimax",
            "minimax/minimax-m2",
            {"content": "<think>\nHm.\n</think>\n\nYes."},
            {"content": "<think>\nHm.\n</think>\n\n"},
        ),
        ("zai", "z-ai/glm-4.7", {}, {"reasoning_content": "Hm."}),
        ("dashscope", "qwen/qwen3-32b", {}, {}),
        ("vllm", "nobody/knows-it", {}, {}),
    ],
)
def test_earlier_reasoning_goes_back_only_where_it_must(at: str, model: str, said: Json, called: Json) -> None:
    call = Call(model="m", messages=[SAID, CALLED, Message("user", [Text(text="Hi")])])
    first, second, _ = written(at, model, call)["messages"]
    assert first == {"role": "assistant", "content": "Yes."} | said
    assert {name: value for name, value in second.items() if name != "tool_calls"} == {
        "role": "assistant",
        "content": None,
    } | called


def test_fields_are_renamed_and_refused_ones_left_out() -> None:
    turns = [Message("user", [Text(text="Hi")])]
    call = Call(model="m", messages=turns, max_tokens=9, temperature=0.5, top_p=0.5, seed=1)
    assert written("openai", "openai/o3", call).keys() == {"model", "messages", "max_completion_tokens", "seed"}
    assert written("mistral", "mistralai/mistral-large-2512", call)["random_seed"] == 1
    assert "temperature" not in written("moonshot", "moonshotai/kimi-k2.5", call)
    assert written("openai", "openai/gpt-4o", call)["temperature"] == 0.5


@pytest.mark.parametrize(
    ("at", "model", "in_message", "in_request"),
    [
        ("moonshot", "moonshotai/kimi-k2", {"partial": True}, {}),
        ("mistral", "mistralai/mistral-large-2512", {"prefix": True}, {}),
        ("vllm", "qwen/qwen3-8b", {}, {"continue_final_message": True, "add_generation_prompt": False}),
        ("zai", "z-ai/glm-5", {}, {}),
    ],
)
def test_an_answer_that_was_begun_is_marked_as_one(at: str, model: str, in_message: Json, in_request: Json) -> None:
    turns = [Message("user", [Text(text="Hi")]), Message("assistant", [Text(text="Hel")])]
    body = written(at, model, Call(model="m", messages=turns))
    assert body["messages"][-1] == {"role": "assistant", "content": "Hel"} | in_message
    assert {name: value for name, value in body.items() if name not in ("model", "messages")} == in_request


@pytest.mark.parametrize(
    ("at", "model", "body", "sent"),
    [
        ("openai", "openai/o3", b'{"max_tokens": 5, "x":1.50}', b'{"max_completion_tokens": 5, "x":1.50}'),
        ("openai", "openai/o3", b'{"temperature":1,"x":{"max_tokens":5}}', None),
        ("openai", "openai/o3", b'{"max_tokens":5,"max_completion_tokens":6}', None),
        ("openai", "openai/o3", b'{"reasoning_effort":"low"}', None),
        ("openai", "openai/gpt-4o", b'{"max_tokens":5}', None),
        ("mistral", "mistralai/mistral-nemo", b'{"seed":5}', None),
        ("zai", "z-ai/glm-5", b'{"reasoning_effort":"none","x":1.50}', b'{"thinking":{"type":"disabled"},"x":1.50}'),
        ("zai", "z-ai/glm-5", b'{"thinking":{"type":"disabled"}, "messages":["\\"reasoning_effort\\""]}', None),
        ("zai", "z-ai/glm-5", b'{"thinking":{"x":1},"reasoning_effort":"low"}', b'{"thinking":{"x":1}}'),
        ("zai", "z-ai/glm-5", b'{"reasoning_effort":7}', None),
        ("fireworks", "z-ai/glm-5", b'{"reasoning_effort":"low"}', None),
        ("deepseek", "deepseek/deepseek-v4-pro", b'{"reasoning_effort":"high"}', None),
        (
            "deepseek",
            "deepseek/deepseek-v4-pro",
            b'{"reasoning_effort":"xhigh"}',
            b'{"thinking":{"type":"enabled"},"reasoning_effort":"max"}',
        ),
    ],
)
def test_of_a_chat_clients_own_request_only_the_effort_and_the_limits_name_change(
    at: str, model: str, body: bytes, sent: bytes | None
) -> None:
    habits = BOOK.of(at, model)
    assert (body if habits is None else fit_chat(body, habits)) == (body if sent is None else sent)
