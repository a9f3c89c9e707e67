"""The real Qwen's own words for a tool call, as they come from an engine that does not read them."""

import json

import pytest

from tests.serving.asking import ask, chat
from weighbridge.catalog.habits import read_habits
from weighbridge.serving.engines import Upstream
from weighbridge.wire.chat.read import read_answer
from weighbridge.wire.habits.repair import repair_for
from weighbridge.wire.inner import Answer, Text, ToolUse
from weighbridge.wire.repaired import put_right

pytestmark = pytest.mark.model

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
QUESTION = "What is the weather in Paris?"
SYSTEM = f"""You are Qwen, created by Alibaba Cloud. You are a helpful assistant.

# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{json.dumps(WEATHER)}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""
"""What Qwen2.5's chat template makes of the tool."""


def called(answer: Answer) -> list[tuple[str, object]]:
    return [(part.name, json.loads(part.arguments)) for part in answer.parts if isinstance(part, ToolUse)]


def test_the_call_in_the_models_text_is_the_one_that_llama_cpp_reads_in_it(engine: Upstream) -> None:
    turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
    raw = ask(engine, {"model": engine.model, "messages": turns, "max_tokens": 60, "temperature": 0}).raw
    (text,) = read_answer(raw).parts
    assert isinstance(text, Text)
    assert "get_weather" in text.text  # nobody has taken it out

    repair = repair_for(read_habits().of("vllm", engine.model), json.dumps({"tools": [WEATHER]}).encode())
    assert repair is not None
    ours = read_answer(put_right(raw, repair))
    theirs = read_answer(chat(engine, QUESTION, tools=[WEATHER], max_tokens=60, temperature=0).raw)
    assert called(ours) == called(theirs) == [("get_weather", {"city": "Paris"})]
    assert ours.finish == theirs.finish == "tool_use"
