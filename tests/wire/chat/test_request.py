"""Chat completion requests as inner calls: what each field comes to, and what is refused by its name."""

import json
from typing import Any

import msgspec
import pytest

from weighbridge.errors import BadRequest
from weighbridge.wire.chat.request import read_call
from weighbridge.wire.inner import (
    Call,
    Document,
    Format,
    Message,
    Part,
    Picture,
    Reasoning,
    Refusal,
    Sound,
    Text,
    Thought,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)

Json = dict[str, Any]
CACHE = msgspec.Raw(b'{"type":"ephemeral"}')
HI: Json = {"role": "user", "content": "Hi."}
TOOL: Json = {"type": "function", "function": {"name": "f"}}
OTHER: Json = {"type": "function", "function": {"name": "g"}}
USE: Json = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def call(**fields: object) -> Call:
    return read_call(json.dumps({"model": "m", "messages": [HI], **fields}).encode())


def turns(*messages: Json) -> list[Message]:
    return call(messages=messages).messages


def test_a_plain_request() -> None:
    assert call() == Call("m", [Message("user", [Text(text="Hi.")])])


FIELDS: dict[str, tuple[Json, dict[str, object]]] = {
    "max_tokens": ({"max_tokens": 7}, {"max_tokens": 7}),
    "max_completion_tokens": ({"max_completion_tokens": 8, "max_tokens": 7}, {"max_tokens": 8}),
    "an answer of nothing": ({"max_completion_tokens": 0, "max_tokens": 7}, {"max_tokens": 0}),
    "no limit": ({"max_tokens": -1}, {"max_tokens": None}),
    "stop a text": ({"stop": "END"}, {"stop": ["END"]}),
    "stop a list": ({"stop": ["a", "b"]}, {"stop": ["a", "b"]}),
    "logprobs": ({"logprobs": True}, {"top_logprobs": 0}),
    "top_logprobs": ({"logprobs": True, "top_logprobs": 3}, {"top_logprobs": 3}),
    "no logprobs": ({"logprobs": False, "top_logprobs": 3}, {"top_logprobs": None}),
    "any text": ({"response_format": {"type": "text"}}, {"format": None}),
    "any JSON": ({"response_format": {"type": "json_object"}}, {"format": Format("json")}),
    "JSON by a schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": True}}},
        {"format": Format("schema", "a", schema=msgspec.Raw(b"{}"), strict=True)},
    ),
    "JSON by no schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": None}}},
        {"format": Format("schema", "a")},
    ),
    "reasoning_effort": ({"reasoning_effort": "high"}, {"reasoning": Reasoning(effort="high")}),
    "OpenRouter's reasoning": (
        {"reasoning": {"max_tokens": 2000, "enabled": True}},
        {"reasoning": Reasoning(on=True, budget=2000)},
    ),
    "OpenRouter's effort": ({"reasoning": {"effort": "low"}}, {"reasoning": Reasoning(effort="low")}),
    "Anthropic's thinking": (
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"reasoning": Reasoning(on=True, budget=2000)},
    ),
    "Anthropic's thinking off": ({"thinking": {"type": "disabled"}}, {"reasoning": Reasoning(on=False)}),
    "user": ({"user": "u", "safety_identifier": "s"}, {"user": "u"}),
    "safety_identifier": ({"safety_identifier": "s"}, {"user": "s"}),
    "stream": ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True, "also": {}}),
    "n": ({"n": 2}, {"also": {"n": msgspec.Raw(b"2")}}),
    "n of one": ({"n": 1}, {"also": {}}),
    "what nobody knows": ({"x": {"y": [1]}, "z": None}, {"also": {"x": msgspec.Raw(b'{"y": [1]}')}}),
    "tool_choice": ({"tools": [TOOL], "tool_choice": "required"}, {"tool_choice": ToolChoice("required")}),
    "tool_choice by name": (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"tool_choice": ToolChoice("tool", "f")},
    ),
    "allowed_tools": (
        {
            "tools": [TOOL, OTHER],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [OTHER]}},
        },
        {"tools": [Tool("g")], "tool_choice": ToolChoice("required")},
    ),
    "no functions": ({"functions": None, "function_call": None}, {"tools": []}),
    "no tools": ({"tools": None}, {"tools": []}),
}


@pytest.mark.parametrize("case", FIELDS)
def test_fields(case: str) -> None:
    said, expected = FIELDS[case]
    found = call(**said)
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_tool_and_its_marks() -> None:
    schema = {"type": "object"}
    described = {"name": "f", "description": "d", "parameters": schema, "strict": True}
    tool = {"type": "function", "function": described, "cache_control": {"type": "ephemeral"}}
    expected = Tool("f", "d", msgspec.Raw(b'{"type": "object"}'), strict=True, cache=CACHE)
    assert call(tools=[tool, {"function": {"name": "g", "parameters": None}}]).tools == [
        Tool("f", "d", expected.schema, strict=True, cache=msgspec.Raw(b'{"type": "ephemeral"}')),
        Tool("g"),
    ]


PARTS: dict[str, tuple[Json, Part]] = {
    "text": ({"type": "text", "text": "a"}, Text(text="a")),
    "text to cache": (
        {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
        Text(text="a", cache=CACHE),
    ),
    "a picture by address": (
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        Picture(url="https://x/y.png", detail="low"),
    ),
    "a picture's address alone": (
        {"type": "image_url", "image_url": "https://x/y.png"},
        Picture(url="https://x/y.png"),
    ),
    "a picture inline": (
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        Picture(media_type="image/png", data="AA=="),
    ),
    "a picture inline with a parameter": (
        {"type": "image_url", "image_url": {"url": "data:image/png;charset=x;base64,AA=="}},
        Picture(media_type="image/png", data="AA=="),
    ),
    "a file": (
        {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,SGk="}},
        Document(media_type="text/plain", data="SGk=", name="a.txt"),
    ),
    "a file of nothing but base64": (
        {"type": "file", "file": {"file_data": "AA=="}},
        Document(media_type="application/pdf", data="AA=="),
    ),
    "a file by id": ({"type": "file", "file": {"file_id": "f1"}}, Document(file_id="f1")),
    "speech": (
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        Sound(data="AA==", format="wav"),
    ),
}


@pytest.mark.parametrize("case", PARTS)
def test_parts_of_a_users_turn(case: str) -> None:
    said, expected = PARTS[case]
    assert turns({"role": "user", "content": [said], "name": "u"}) == [Message("user", [expected], "u")]


def test_instructions_keep_their_place_and_role() -> None:
    said = ({"role": "system", "content": "a"}, HI, {"role": "developer", "content": [{"type": "text", "text": "b"}]})
    assert [message.role for message in turns(*said)] == ["system", "user", "developer"]


SIGNED = {"type": "reasoning.text", "text": "hm", "signature": "s"}
SEALED = {"type": "reasoning.encrypted", "data": "x"}
SAID: dict[str, tuple[Json, list[Part]]] = {
    "text": ({"content": "a", "refusal": None, "tool_calls": None, "annotations": []}, [Text(text="a")]),
    "parts": (
        {"content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "No."}]},
        [Text(text="a"), Refusal(text="No.")],
    ),
    "nothing": ({"content": ""}, []),
    "a refusal": ({"content": None, "refusal": "No."}, [Refusal(text="No.")]),
    "a call": ({"tool_calls": [USE]}, [ToolUse(id="1", name="f", arguments="{}")]),
    "reasoning_content": ({"content": "a", "reasoning_content": "hm"}, [Thought(text="hm"), Text(text="a")]),
    "reasoning": ({"content": "a", "reasoning": "hm"}, [Thought(text="hm"), Text(text="a")]),
    "details": (
        {"reasoning_details": [SIGNED, SEALED], "reasoning_content": "hm"},
        [Thought(text="hm", signature="s"), Thought(sealed="x")],
    ),
    "details of a stream": (
        {"reasoning_details": [{"text": "h"}, {"text": "m"}, {"signature": "s"}, {"text": "so"}]},
        [Thought(text="hm", signature="s"), Thought(text="so")],
    ),
    "a signature beside the words": (
        {"reasoning_details": [{"signature": "s", "text": None}], "reasoning": "hm"},
        [Thought(text="hm", signature="s")],
    ),
    "a summary": ({"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]}, [Thought(text="hm")]),
}


@pytest.mark.parametrize("case", SAID)
def test_an_assistants_turn(case: str) -> None:
    said, expected = SAID[case]
    assert turns({"role": "assistant", **said}) == [Message("assistant", expected)]


def test_results_of_tools_that_follow_each_other_are_one_turn() -> None:
    result = {"role": "tool", "tool_call_id": "1", "content": "a"}
    picture = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    other = {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "b"}, picture]}
    assert turns(result, other, HI, result) == [
        Message(
            "user",
            [
                ToolResult(id="1", parts=[Text(text="a")]),
                ToolResult(id="2", parts=[Text(text="b"), Picture(url="https://x/y.png")]),
            ],
        ),
        Message("user", [Text(text="Hi.")]),
        Message("user", [ToolResult(id="1", parts=[Text(text="a")])]),
    ]


def test_functions_of_earlier_turns_are_tools() -> None:
    said = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    assert turns(HI, said, {"role": "function", "name": "f", "content": "a"})[1:] == [
        Message("assistant", [ToolUse(id="call_1_f", name="f", arguments="{}")]),
        Message("user", [ToolResult(id="call_1_f", parts=[Text(text="a")])]),
    ]


def user(part: Json) -> Json:
    return {"messages": [{"role": "user", "content": [part]}]}


WRONG: dict[str, tuple[Json, str]] = {
    "no messages": ({"messages": []}, "messages"),
    "a role nobody knows": ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role"),
    "a part nobody knows": (user({"type": "video_url", "video_url": {"url": "x"}}), "messages[0].content[0].type"),
    "text a number": (user({"type": "text", "text": 1}), "messages[0].content[0].text"),
    "a data: URL in letters": (
        user({"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg"}}),
        "messages[0].content[0].image_url.url",
    ),
    "a file of nothing": (user({"type": "file", "file": {"filename": "a"}}), "messages[0].content[0].file.file_data"),
    "an answer in sound": ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio"),
    "a custom tool's call": (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "f"}}]}]},
        "messages[0].tool_calls[0].type",
    ),
    "a function that was not called": (
        {"messages": [{"role": "function", "name": "f", "content": "a"}]},
        "messages[0].name",
    ),
    "functions": ({"functions": [{"name": "f"}]}, "functions"),
    "function_call": ({"function_call": "auto"}, "function_call"),
    "a custom tool": ({"tools": [TOOL, {"type": "custom", "custom": {"name": "f"}}]}, "tools[1].type"),
    "a tool of nothing": ({"tools": [{"type": "function"}]}, "tools[0].function"),
    "a custom tool chosen": ({"tool_choice": {"type": "custom", "custom": {"name": "f"}}}, "tool_choice.type"),
    "a choice nobody knows": ({"tool_choice": "any"}, "tool_choice"),
    "max_tokens below all": ({"max_tokens": -2}, "max_tokens"),
    "a format nobody knows": ({"response_format": {"type": "grammar"}}, "response_format.type"),
    "temperature a text": ({"temperature": "hot"}, "temperature"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_read_is_refused_by_its_name(case: str) -> None:
    said, param = WRONG[case]
    with pytest.raises(BadRequest) as caught:
        call(**said)
    assert caught.value.param == param
