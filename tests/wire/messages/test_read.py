"""Requests in Anthropic's format: what they come to, what is left out, and what is refused by its name."""

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire import messages_text
from weighbridge.errors import BadRequest
from weighbridge.wire.inner import (
    Call,
    Document,
    Format,
    Message,
    Part,
    Picture,
    Reasoning,
    Text,
    Thought,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from weighbridge.wire.messages.read import REFUSED, Wanted, read_call, read_count

Json = dict[str, Any]
CACHE = msgspec.Raw(b'{"type":"ephemeral"}')
ASKED: Json = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]}
TOOL: Json = {"name": "f", "input_schema": {"type": "object"}}


def wanted(**fields: object) -> Wanted:
    return read_call(msgspec.json.encode({**ASKED, **fields}))


def call(**fields: object) -> Call:
    return wanted(**fields).call


def parts(*blocks: object, role: str = "user") -> list[Part]:
    return call(messages=[{"role": role, "content": blocks}]).messages[0].parts


def refused(**fields: object) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        wanted(**fields)
    return caught.value


def test_a_plain_request() -> None:
    assert wanted() == Wanted(Call("m", [Message("user", [Text(text="Hi.")])], max_tokens=9))


FIELDS: dict[str, tuple[Json, dict[str, object]]] = {
    "stop_sequences": ({"stop_sequences": ["END"]}, {"stop": ["END"]}),
    "an empty stop sequence": ({"stop_sequences": [""]}, {"stop": []}),
    "numbers": ({"temperature": 1, "top_p": 0.5, "top_k": 40}, {"temperature": 1.0, "top_p": 0.5, "top_k": 40}),
    "stream": ({"stream": True}, {"stream": True}),
    "user_id": ({"metadata": {"user_id": "u"}}, {"user": "u"}),
    "a long user_id": ({"metadata": {"user_id": "u" * 65}}, {"user": hashlib.sha256(b"u" * 65).hexdigest()}),
    "no user_id": ({"metadata": {}}, {"user": None}),
    "service_tier auto": ({"service_tier": "auto"}, {"service_tier": None}),
    "service_tier standard_only": ({"service_tier": "standard_only"}, {"service_tier": "default"}),
    "tool_choice auto": ({"tool_choice": {"type": "auto"}}, {"tool_choice": ToolChoice("auto")}),
    "tool_choice any": ({"tool_choice": {"type": "any"}}, {"tool_choice": ToolChoice("required")}),
    "tool_choice none": ({"tool_choice": {"type": "none"}}, {"tool_choice": ToolChoice("none")}),
    "tool_choice tool": ({"tool_choice": {"type": "tool", "name": "f"}}, {"tool_choice": ToolChoice("tool", "f")}),
    "one tool at a time": (
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        {"tool_choice": ToolChoice("auto"), "parallel_tools": False},
    ),
    "several tools at a time": (
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": False}},
        {"tool_choice": ToolChoice("auto"), "parallel_tools": None},
    ),
    "thinking enabled": (
        {"thinking": {"type": "enabled", "budget_tokens": 1024, "display": "summarized"}},
        {"reasoning": Reasoning(on=True, budget=1024)},
    ),
    "thinking disabled": ({"thinking": {"type": "disabled"}}, {"reasoning": Reasoning(on=False)}),
    "thinking adaptive": ({"thinking": {"type": "adaptive"}}, {"reasoning": Reasoning()}),
    "effort": ({"output_config": {"effort": "high"}}, {"reasoning": Reasoning(effort="high")}),
    "thinking and effort": (
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        {"reasoning": Reasoning(effort="low")},
    ),
    "output_config.format": (
        {"output_config": {"format": {"type": "json_schema", "schema": {}}}},
        {"format": Format("schema", schema=msgspec.Raw(b"{}"), strict=True), "reasoning": None},
    ),
    "output_format": (
        {"output_format": {"type": "json_schema", "schema": {}}},
        {"format": Format("schema", schema=msgspec.Raw(b"{}"), strict=True)},
    ),
    "nulls": (
        {"system": None, "tools": None, "thinking": None, "metadata": None, "container": None, "stop_sequences": None},
        {"tools": [], "reasoning": None, "user": None, "stop": []},
    ),
}


@pytest.mark.parametrize("case", FIELDS)
def test_fields(case: str) -> None:
    said, expected = FIELDS[case]
    found = call(**said)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("thinking", "hidden"),
    [
        (None, False),
        ({"type": "adaptive"}, False),
        ({"type": "enabled", "budget_tokens": 1024}, False),
        ({"type": "disabled"}, True),
        ({"type": "adaptive", "display": "omitted"}, True),
    ],
)
def test_thoughts_are_hidden_from_who_does_not_want_them(thinking: object, hidden: bool) -> None:
    assert wanted(thinking=thinking).hide_thoughts is hidden


@pytest.mark.parametrize("system", ["Be brief.", [{"type": "text", "text": "Be brief."}]])
def test_the_system_prompt_is_the_first_message(system: object) -> None:
    assert call(system=system).messages[0] == Message("system", [Text(text="Be brief.")])


def test_a_system_turn_stands_where_it_stood() -> None:
    later = {"role": "system", "content": [{"type": "text", "text": "Be brief."}]}
    assert call(messages=[*ASKED["messages"], later]).messages[1] == Message("system", [Text(text="Be brief.")])


SOURCE = {"type": "base64", "media_type": "application/pdf", "data": "AA=="}
BLOCKS: dict[str, tuple[Json, list[Part]]] = {
    "text": ({"type": "text", "text": "a", "citations": None}, [Text(text="a")]),
    "cached text": (
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        [Text(text="a", cache=CACHE)],
    ),
    "cached null": ({"type": "text", "text": "a", "cache_control": None}, [Text(text="a")]),
    "an image inline": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        [Picture(media_type="image/png", data="AA==")],
    ),
    "an image by address": (
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        [Picture(url="https://x/y.png")],
    ),
    "a document inline": (
        {"type": "document", "source": SOURCE, "title": "a.pdf", "citations": {"enabled": True}},
        [Document(media_type="application/pdf", data="AA==", name="a.pdf")],
    ),
    "a document with its context": (
        {"type": "document", "source": SOURCE, "context": "From the archive."},
        [Text(text="From the archive."), Document(media_type="application/pdf", data="AA==")],
    ),
    "a document by address": (
        {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
        [Document(url="https://x/a.pdf")],
    ),
    "a document by id": (
        {"type": "document", "source": {"type": "file", "file_id": "f1"}},
        [Document(file_id="f1")],
    ),
    "a document of text": (
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}, "title": "T"},
        [Text(text="T\na")],
    ),
    "a document of blocks": (
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}, "title": "T"},
        [Text(text="T"), Text(text="a")],
    ),
    "a document of a text": (
        {"type": "document", "source": {"type": "content", "content": "a"}},
        [Text(text="a")],
    ),
    "a search result": (
        {"type": "search_result", "title": "T", "source": "https://x", "content": [{"type": "text", "text": "a"}]},
        [Text(text="T\nhttps://x\na")],
    ),
    "a tool's result": (
        {"type": "tool_result", "tool_use_id": "1", "content": "a"},
        [ToolResult(id="1", parts=[Text(text="a")])],
    ),
    "a tool's failure": (
        {"type": "tool_result", "tool_use_id": "1", "is_error": True},
        [ToolResult(id="1", parts=[], failed=True)],
    ),
    "a tool's picture": (
        {
            "type": "tool_result",
            "tool_use_id": "1",
            "content": [{"type": "text", "text": "a"}, {"type": "image", "source": {"type": "url", "url": "u"}}],
        },
        [ToolResult(id="1", parts=[Text(text="a"), Picture(url="u")])],
    ),
}
SAID: dict[str, tuple[Json, list[Part]]] = {
    "text": ({"type": "text", "text": "a"}, [Text(text="a")]),
    "a thought": ({"type": "thinking", "thinking": "hm", "signature": "s"}, [Thought(text="hm", signature="s")]),
    "a thought unsigned": ({"type": "thinking", "thinking": "hm", "signature": ""}, [Thought(text="hm")]),
    "a sealed thought": ({"type": "redacted_thinking", "data": "x"}, [Thought(sealed="x")]),
    "a tool's use": (
        {"type": "tool_use", "id": "1", "name": "f", "input": {"a": "é"}, "caller": {"type": "direct"}},
        [ToolUse(id="1", name="f", arguments='{"a":"é"}')],
    ),
}


@pytest.mark.parametrize("case", BLOCKS)
def test_blocks_of_a_users_turn(case: str) -> None:
    block, expected = BLOCKS[case]
    assert parts(block) == expected


@pytest.mark.parametrize("case", SAID)
def test_blocks_of_an_assistants_turn(case: str) -> None:
    block, expected = SAID[case]
    assert parts(block, role="assistant") == expected


def test_a_tool_and_its_marks() -> None:
    hints = {
        "eager_input_streaming": True,
        "defer_loading": True,
        "input_examples": [{}],
        "allowed_callers": ["direct"],
    }
    tool = {
        **TOOL,
        "type": "custom",
        "description": "d",
        "strict": True,
        "cache_control": {"type": "ephemeral"},
        **hints,
    }
    schema = msgspec.Raw(b'{"type":"object"}')
    expected = [Tool("f", schema=schema), Tool("f", "d", schema, strict=True, cache=CACHE)]
    assert call(tools=[TOOL, tool]).tools == expected


LEFT_OUT: Json = {
    "betas": ["x"],
    "billing_policy": {},
    "cache_control": {"type": "ephemeral"},
    "compaction": {},
    "context_management": {"edits": []},
    "diagnostics": {"previous_message_id": None},
    "fallback_credit_token": "x",
    "speed": "fast",
    "user_profile_id": "x",
    "workspace_id": "x",
}


@pytest.mark.parametrize("field", LEFT_OUT)
def test_what_makes_no_difference_to_the_answer_is_left_out(field: str) -> None:
    assert wanted(**{field: LEFT_OUT[field]}) == wanted()


@pytest.mark.parametrize("field", REFUSED)
def test_what_a_client_relies_on_is_refused_and_nothing_of_it_is_not(field: str) -> None:
    assert refused(**{field: ["x"]}).param == field
    assert wanted(**{field: []}) == wanted(**{field: None}) == wanted()


def turn(*blocks: object, role: str = "user") -> Json:
    return {"messages": [{"role": role, "content": blocks}]}


WRONG: dict[str, tuple[Json, str, str]] = {
    "a field nobody knows": ({"x": 1}, "x", "no such field"),
    "no max_tokens": ({"max_tokens": None}, "max_tokens", "int"),
    "max_tokens zero": ({"max_tokens": 0}, "max_tokens", ">= 1"),
    "no model": ({"model": ""}, "model", "length >= 1"),
    "no messages": ({"messages": []}, "messages", "length >= 1"),
    "messages a text": ({"messages": "Hi."}, "messages", "array"),
    "a role nobody knows": ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role", "tool"),
    "no content": ({"messages": [{"role": "user"}]}, "messages[0].content", "required"),
    "a block nobody knows": (turn({"type": "container_upload"}), "messages[0].content[0].type", "container_upload"),
    "a block without a type": (turn({"text": "a"}), "messages[0].content[0].type", "required"),
    "instructions without a type": ({"system": [{"text": "a"}]}, "system[0].type", "required"),
    "instructions that are no words": ({"system": [{"type": "image", "text": "a"}]}, "system[0].type", "image"),
    "a result's words without a type": (
        turn({"type": "search_result", "title": "a", "source": "b", "content": [{"text": "c"}]}),
        "messages[0].content[0].content[0].type",
        "required",
    ),
    "a block's field nobody knows": (
        turn({"type": "text", "text": "a", "x": 1}),
        "messages[0].content[0].x",
        "no such",
    ),
    "text a number": (turn({"type": "text", "text": 1}), "messages[0].content[0].text", "str"),
    "a picture by id": (
        turn({"type": "image", "source": {"type": "file", "file_id": "f"}}),
        "messages[0].content[0].source.type",
        "file",
    ),
    "a thought of the user's": (turn({"type": "thinking", "thinking": "a"}), "messages[0].content[0].type", "thinking"),
    "a picture of the assistant's": (
        turn({"type": "image", "source": {"type": "url", "url": "u"}}, role="assistant"),
        "messages[0].content[0].type",
        "image",
    ),
    "a tool's input a list": (
        turn({"type": "tool_use", "id": "1", "name": "f", "input": []}, role="assistant"),
        "messages[0].content[0].input",
        "object",
    ),
    "system a picture": ({"system": [{"type": "image"}]}, "system[0].type", "image"),
    "a server's tool": (
        {"tools": [TOOL, {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]},
        "tools[1].type",
        "web_search_20250305",
    ),
    "a tool without a schema": ({"tools": [{"name": "f"}]}, "tools[0].input_schema", "required"),
    "a tool's schema a text": ({"tools": [{"name": "f", "input_schema": "x"}]}, "tools[0].input_schema", "object"),
    "a tool's field nobody knows": ({"tools": [{**TOOL, "x": 1}]}, "tools[0].x", "no such field"),
    "a tool a text": ({"tools": ["f"]}, "tools[0]", "object"),
    "a tool's name a number": ({"tools": [{**TOOL, "name": 1}]}, "tools[0].name", "str"),
    "a tool that code calls": (
        {"tools": [{**TOOL, "allowed_callers": ["code_execution_20250825"]}]},
        "tools[0].allowed_callers",
        "direct",
    ),
    "tool_choice a text": ({"tool_choice": "auto"}, "tool_choice", "object"),
    "tool_choice without a name": ({"tool_choice": {"type": "tool"}}, "tool_choice.name", "required"),
    "thinking without a budget": ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens", "required"),
    "temperature below 0": ({"temperature": -1}, "temperature", ">= 0"),
    "top_p above 1": ({"top_p": 1.5}, "top_p", "<= 1"),
    "metadata's field nobody knows": ({"metadata": {"x": "y"}}, "metadata.x", "no such field"),
    "a service tier nobody knows": ({"service_tier": "fast"}, "service_tier", "fast"),
    "a format nobody knows": ({"output_format": {"type": "text", "schema": {}}}, "output_format.type", "text"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_makes_no_sense_is_refused_and_the_field_named(case: str) -> None:
    said, param, says = WRONG[case]
    error = refused(**said)
    assert error.param == param
    assert error.message.startswith(f"{param}: ")
    assert says in error.message


def test_a_missing_max_tokens_is_named() -> None:
    with pytest.raises(BadRequest) as caught:
        read_call(b'{"model": "m", "messages": [{"role": "user", "content": "Hi."}]}')
    assert (caught.value.param, caught.value.message) == ("max_tokens", "max_tokens: the field is required")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not valid JSON"),
        (b"[]", "object"),
        (b'{"model": "\xff"}', "not UTF-8 (byte 11)"),
        (b'{"tools": [' + b"[" * 100_000, "nested too deep"),
    ],
)
def test_bytes_that_are_no_request_are_refused(body: bytes, says: str) -> None:
    for read in (read_call, read_count):
        with pytest.raises(BadRequest, match="(?s)" + says.replace("(", r"\(").replace(")", r"\)")):
            read(body)


def test_a_count_is_asked_without_a_limit_and_takes_a_messages_other_fields() -> None:
    bare = {"model": "m", "messages": ASKED["messages"]}
    expected = Call("m", [Message("user", [Text(text="Hi.")])])
    assert read_count(json.dumps(bare).encode()) == expected
    assert read_count(json.dumps({**bare, "max_tokens": 9, "temperature": 1, "stream": True}).encode()) == expected


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.text("abcf_1", min_size=1, max_size=6)
cached = st.sampled_from((None, msgspec.Raw(b'{"type":"ephemeral"}')))
schemas = st.sampled_from((msgspec.Raw(b"{}"), msgspec.Raw(b'{"type":"object","properties":{}}')))
arguments = st.dictionaries(words, words | st.integers() | st.none(), max_size=2).map(
    lambda found: json.dumps(found, separators=(",", ":"), ensure_ascii=False)
)
texts = st.builds(Text, text=words, cache=cached)
pictures = st.builds(Picture, url=words, cache=cached) | st.builds(
    Picture, media_type=st.just("image/png"), data=words, cache=cached
)
documents = (
    st.builds(Document, url=words, name=st.none() | words, cache=cached)
    | st.builds(Document, file_id=words, name=st.none() | words, cache=cached)
    | st.builds(Document, media_type=st.just("application/pdf"), data=words, name=st.none() | words, cache=cached)
)
results = st.builds(
    ToolResult,
    id=names,
    parts=st.lists(texts | pictures | documents, max_size=2),
    failed=st.booleans(),
    cache=cached,
)
thoughts = st.builds(Thought, text=words, signature=st.none() | names) | st.builds(Thought, sealed=words)
uses = st.builds(ToolUse, id=names, name=names, arguments=arguments, cache=cached)
turns = st.builds(
    Message, st.just("user"), st.lists(texts | pictures | documents | results, min_size=1, max_size=3)
) | st.builds(Message, st.just("assistant"), st.lists(texts | thoughts | uses, min_size=1, max_size=3))
reasonings = (
    st.builds(Reasoning, on=st.just(True), budget=st.integers(1, 9999), effort=st.none() | names)
    | st.builds(Reasoning, on=st.just(False), effort=st.none() | names)
    | st.builds(Reasoning, effort=names)
)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    system = draw(st.lists(st.builds(Message, st.just("system"), st.lists(texts, min_size=1, max_size=2)), max_size=1))
    choice = draw(st.none() | st.sampled_from((ToolChoice("auto"), ToolChoice("required"), ToolChoice("tool", "f"))))
    return Call(
        draw(names),
        system + draw(st.lists(turns, min_size=1, max_size=3)),
        tools=draw(
            st.lists(
                st.builds(Tool, names, st.none() | words, schemas, st.sampled_from((None, True)), cached), max_size=2
            )
        ),
        tool_choice=choice,
        parallel_tools=None if choice is None else draw(st.sampled_from((None, False))),
        max_tokens=draw(st.integers(1, 10**6)),
        temperature=draw(st.none() | st.floats(0, 2)),
        top_p=draw(st.none() | st.floats(0, 1)),
        top_k=draw(st.none() | st.integers(0, 100)),
        stop=draw(st.lists(names, max_size=2)),
        format=draw(st.none() | st.builds(Format, st.just("schema"), schema=schemas, strict=st.just(True))),
        reasoning=draw(st.none() | reasonings),
        stream=draw(st.booleans()),
        user=draw(st.none() | names),
    )


@given(calls())
def test_what_a_call_says_is_read_back_the_same(call: Call) -> None:
    request = msgspec.json.encode(messages_text.request(call))
    assert read_call(request).call == call
