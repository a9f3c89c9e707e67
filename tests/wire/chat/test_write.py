"""Inner calls as chat completion requests: what is said, what is changed, and what is refused."""

import json
from typing import Any, Literal

import msgspec
import pytest

from weighbridge.errors import BadRequest
from weighbridge.wire import calls
from weighbridge.wire.chat.write import write_call
from weighbridge.wire.inner import (
    Call,
    Document,
    Format,
    Message,
    Part,
    Picture,
    Reasoning,
    Refusal,
    Role,
    Sound,
    Text,
    Thought,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)

HI = Message("user", [Text(text="Hi.")])


def written(call: Call) -> dict[str, Any]:
    body = write_call(call)
    assert calls.read_chat(body).model == call.model
    found: dict[str, Any] = json.loads(body)
    return found


def turns(role: Role, *parts: Part) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = written(Call("m", [Message(role, list(parts))]))["messages"]
    return messages


def test_a_plain_call_says_no_more_than_it_was_asked() -> None:
    assert written(Call("m", [HI])) == {"model": "m", "messages": [{"role": "user", "content": "Hi."}]}


def test_every_field_has_its_place() -> None:
    call = Call(
        "m",
        [HI],
        tools=[Tool("f", "does f", schema=msgspec.Raw(b'{"type":"object"}'), strict=True), Tool("g")],
        tool_choice=ToolChoice("tool", "f"),
        parallel_tools=False,
        max_tokens=7,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop=["END"],
        seed=1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        top_logprobs=3,
        format=Format("schema", "city", schema=msgspec.Raw(b"{}"), strict=True, description="a city"),
        reasoning=Reasoning(effort="high"),
        stream=True,
        user="u",
        metadata={"a": "b"},
        service_tier="flex",
        also={"x_new": msgspec.Raw(b"[1]")},
    )
    function = {"name": "f", "description": "does f", "parameters": {"type": "object"}, "strict": True}
    schema = {"name": "city", "schema": {}, "strict": True, "description": "a city"}
    assert written(call) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi."}],
        "tools": [{"type": "function", "function": function}, {"type": "function", "function": {"name": "g"}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "stop": ["END"],
        "seed": 1,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {"type": "json_schema", "json_schema": schema},
        "reasoning_effort": "high",
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": "u",
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "x_new": [1],
    }


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Format("text"), None),
        (Format("json"), {"type": "json_object"}),
        (
            Format("schema", schema=msgspec.Raw(b"{}")),
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": {}}},
        ),
    ],
    ids=["text", "json", "schema without a name"],
)
def test_formats(wanted: Format, said: object) -> None:
    assert written(Call("m", [HI], format=wanted)).get("response_format") == said


@pytest.mark.parametrize("mode", ["auto", "none", "required"])
def test_tool_choices(mode: Literal["auto", "none", "required"]) -> None:
    assert written(Call("m", [HI], tool_choice=ToolChoice(mode)))["tool_choice"] == mode


def test_several_texts_of_a_turn_become_one() -> None:
    assert turns("system", Text(text="a"), Text(text="b")) == [{"role": "system", "content": "a\n\nb"}]
    assert turns("assistant", Text(text="a"), Text(text="b")) == [{"role": "assistant", "content": "a\n\nb"}]


def test_instructions_are_one_system_turn_at_the_start() -> None:
    said = [
        Message("system", [Text(text="a")]),
        Message("developer", [Text(text="b")]),
        HI,
        Message("developer", [Text(text="c")]),
    ]
    sent = [(each["role"], each["content"]) for each in written(Call("m", said))["messages"]]
    assert [role for role, _ in sent] == ["system", HI.role, "system"]
    assert (sent[0][1], sent[2][1]) == ("a\n\nb", "c")


def test_pictures_files_and_sounds_stand_between_texts() -> None:
    parts = (
        Text(text="see"),
        Picture(url="https://x/y.png", detail="low"),
        Picture(media_type="image/png", data="AA=="),
        Document(media_type="application/pdf", data="BB=="),
        Document(media_type="application/pdf", data="BB==", name="a.pdf"),
        Document(file_id="f1", name="b.pdf"),
        Sound(data="CC==", format="wav"),
    )
    (turn,) = turns("user", *parts)
    assert turn["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "file", "file": {"filename": "document", "file_data": "data:application/pdf;base64,BB=="}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BB=="}},
        {"type": "file", "file": {"filename": "b.pdf", "file_id": "f1"}},
        {"type": "input_audio", "input_audio": {"data": "CC==", "format": "wav"}},
    ]


def test_tool_results_stand_before_the_rest_and_what_they_show_after_them() -> None:
    picture = Picture(url="https://x/y.png")
    results = (
        ToolResult(id="1", parts=[Text(text="a"), Text(text="b"), picture]),
        ToolResult(id="2", parts=[Text(text="no such file")], failed=True),
        ToolResult(id="3", parts=[], failed=True),
        ToolResult(id="4", parts=[]),
    )
    assert turns("user", *results, Text(text="Go on.")) == [
        {"role": "tool", "tool_call_id": "1", "content": "a\n\nb"},
        {"role": "tool", "tool_call_id": "2", "content": "Error: no such file"},
        {"role": "tool", "tool_call_id": "3", "content": "Error"},
        {"role": "tool", "tool_call_id": "4", "content": ""},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
                {"type": "text", "text": "Go on."},
            ],
        },
    ]


def test_an_assistants_turn_keeps_its_calls_and_leaves_its_thoughts() -> None:
    use = ToolUse(id="1", name="f", arguments='{"a":1}')
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    assert turns("assistant", Thought(text="hm"), use) == [{"role": "assistant", "content": None, "tool_calls": [call]}]
    assert turns("assistant", Thought(text="hm")) == [{"role": "assistant", "content": ""}]
    assert turns("assistant", Refusal(text="No.")) == [{"role": "assistant", "content": "", "refusal": "No."}]


@pytest.mark.parametrize(
    ("role", "part", "says"),
    [
        ("user", Document(url="https://x/a.pdf"), "base64"),
        ("user", ToolUse(id="1", name="f", arguments="{}"), "tooluse"),
        ("user", Thought(text="hm"), "thought"),
        ("assistant", Picture(url="https://x/y.png"), "picture"),
    ],
)
def test_what_chat_cannot_say_is_refused(role: Role, part: Part, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        turns(role, part)
