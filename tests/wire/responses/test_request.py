"""What a Responses request asks is what the provider is asked, or the request is refused with the field named."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import BadRequest, UnknownResponse
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
from weighbridge.wire.responses.compaction import sealed
from weighbridge.wire.responses.read import Earlier, Wanted, read_request, wanted

Json = dict[str, Any]


def read(earlier: Earlier | None = None, **fields: object) -> Call:
    """The call that a request is, of a model and a text unless it says otherwise."""
    body = json.dumps({"model": "m", "input": "Hi", **fields}).encode()
    return read_request(body, earlier or Earlier(), may_store=False).call


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


# what is read

MESSAGES: list[tuple[object, list[Message]]] = [
    ("Hi", [Message("user", [Text(text="Hi")])]),
    ([{"role": "user", "content": "Hi"}], [Message("user", [Text(text="Hi")])]),
    (
        [{"type": "message", "role": "developer", "content": "Be kind."}],
        [Message("developer", [Text(text="Be kind.")])],
    ),
    (
        [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Look"},
                    {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "low"},
                    {"type": "input_image", "image_url": "data:image/png;base64,QUJD"},
                    {"type": "input_file", "file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"},
                    {"type": "input_file", "file_url": "https://x.test/a.pdf"},
                    {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
                ],
            }
        ],
        [
            Message(
                "user",
                [
                    Text(text="Look"),
                    Picture(url="https://x.test/a.png", detail="low"),
                    Picture(media_type="image/png", data="QUJD"),
                    Document(media_type="application/pdf", data="QUJD", name="a.pdf"),
                    Document(url="https://x.test/a.pdf"),
                    Sound(data="QUJD", format="wav"),
                ],
            )
        ],
    ),
    (
        [
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "so"}]},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "A", "annotations": []}],
            },
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "p", "input": 'say "x"'},
            {"type": "function_call_output", "call_id": "c1", "output": "1"},
            {
                "type": "custom_tool_call_output",
                "call_id": "c2",
                "output": [
                    {"type": "input_text", "text": "2"},
                    {"type": "input_image", "image_url": "data:image/png;base64,QUJD"},
                ],
            },
            {"role": "user", "content": "Go on"},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
            {"role": "assistant", "content": "Well."},
        ],
        [
            Message(
                "assistant",
                [
                    Thought(text="so", id="rs_1"),
                    Text(text="A"),
                    ToolUse(id="c1", name="f", arguments="{}"),
                    ToolUse(id="c2", name="p", arguments='{"input":"say \\"x\\""}'),
                ],
            ),
            Message(
                "user",
                [
                    ToolResult(id="c1", parts=[Text(text="1")]),
                    ToolResult(id="c2", parts=[Text(text="2"), Picture(media_type="image/png", data="QUJD")]),
                ],
            ),
            Message("user", [Text(text="Go on")]),
            Message("assistant", [Refusal(text="No.")]),
            Message("assistant", [Text(text="Well.")]),
        ],
    ),
]


@pytest.mark.parametrize(("items", "messages"), MESSAGES)
def test_items_are_the_turns_of_a_conversation(items: object, messages: list[Message]) -> None:
    assert read(input=items).messages == messages


def test_instructions_come_first() -> None:
    assert read(instructions="Be brief.").messages[0] == Message("system", [Text(text="Be brief.")])


def test_the_settings_are_those_of_the_request() -> None:
    call = read(
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_schema", "name": "c", "schema": {"type": "object"}, "strict": True}},
        stream=True,
        safety_identifier="someone",
        service_tier="flex",
        top_k=3,
    )
    assert (call.temperature, call.top_p, call.max_tokens) == (0.5, 0.9, 7)
    assert (call.presence_penalty, call.frequency_penalty) == (0.1, 0.2)
    assert call.reasoning == Reasoning(effort="low", summary="auto")
    assert call.format == Format("schema", name="c", schema=raw({"type": "object"}), strict=True)
    assert (call.stream, call.user, call.service_tier) == (True, "someone", "flex")
    assert call.also == {"top_k": raw(3)}


def test_what_is_a_hint_to_openai_or_ours_to_keep_reaches_no_provider() -> None:
    call = read(
        metadata={"a": "b"},
        prompt_cache_key="k",
        prompt_cache_retention="24h",
        client_metadata={"turn": "1"},
        truncation="auto",
        max_tool_calls=0,
        context_management=[{"type": "compaction", "compact_threshold": 1000}],
        stream_options={"include_obfuscation": False},
        include=["reasoning.encrypted_content"],
        service_tier="auto",
        parallel_tool_calls=True,
        tool_choice="auto",
    )
    assert call == read()


@pytest.mark.parametrize("kind", ["compaction", "compaction_summary"])
def test_a_compaction_of_ours_is_its_summary_in_a_turn_of_the_users(kind: str) -> None:
    item = {"type": kind, "id": "cmp_1", "encrypted_content": sealed("We agreed on blue: 🎈.")}
    turn, hi = read(input=[item, {"role": "user", "content": "Hi"}]).messages
    (text,) = turn.parts
    assert isinstance(text, Text)
    assert (turn.role, hi) == ("user", Message("user", [Text(text="Hi")]))
    assert text.text.endswith("We agreed on blue: 🎈.")


FUNCTION: Json = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
GRAMMAR: Json = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}


def test_tools_are_functions_and_custom_ones_functions_of_a_text() -> None:
    custom = {"type": "custom", "name": "patch", "description": "Change files.", "format": GRAMMAR}
    call = read(tools=[FUNCTION, custom, {"type": "web_search"}], parallel_tool_calls=False)
    function, patch = call.tools
    assert function == Tool("f", schema=raw({"type": "object"}), strict=True)
    assert patch.name == "patch"
    assert patch.description == "Change files.\n\nThe input follows this lark grammar:\nstart: WORD"
    assert json.loads(bytes(patch.schema or b""))["required"] == ["input"]
    assert call.parallel_tools is False


CHOICES: list[tuple[object, ToolChoice | None, list[str]]] = [
    (None, None, ["f", "g"]),
    ("auto", ToolChoice("auto"), ["f", "g"]),
    ("none", ToolChoice("none"), ["f", "g"]),
    ("required", ToolChoice("required"), ["f", "g"]),
    ({"type": "function", "name": "g"}, ToolChoice("tool", "g"), ["f", "g"]),
    (
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]},
        ToolChoice("required"),
        ["g"],
    ),
]


@pytest.mark.parametrize(("choice", "read_as", "names"), CHOICES)
def test_the_choice_of_a_tool(choice: object, read_as: ToolChoice | None, names: list[str]) -> None:
    call = read(tools=[FUNCTION, {"type": "function", "name": "g"}], tool_choice=choice)
    assert (call.tool_choice, [tool.name for tool in call.tools]) == (read_as, names)


# what is refused

CALLED: Json = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
OUTPUT: Json = {"type": "function_call_output", "call_id": "c", "output": "1"}

REFUSED: list[tuple[Json, str]] = [
    ({"model": 3}, "model"),
    ({"model": ""}, "model"),
    ({"input": []}, "input"),
    ({"input": None}, "input"),
    ({"input": [{"type": "message", "role": "user"}]}, "input[0].content"),
    ({"input": [{"role": "nobody", "content": "Hi"}]}, "input[0].role"),
    ({"input": [{"content": "Hi"}]}, "input[0].type"),
    ({"input": [{"role": "user", "content": [{"type": "input_video", "video_url": "x"}]}]}, "input[0].content[0].type"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
        "input[0].content[0].image_url",
    ),
    ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].file_data"),
    ({"input": ["Hi", {"type": "web_search_call"}]}, "input[0]"),
    ({"input": [{"type": "web_search_call", "id": "w"}]}, "input[0].type"),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "input[0].arguments"),
    (
        {"input": [CALLED, {**OUTPUT, "output": [{"type": "refusal", "refusal": "x"}]}]},
        "input[1].output",
    ),
    ({"input": [OUTPUT]}, "input[0].call_id"),
    ({"input": [OUTPUT, CALLED]}, "input[0].call_id"),
    ({"input": [{"type": "compaction", "encrypted_content": "gAAAAA"}]}, "input[0].encrypted_content"),
    ({"input": [{"type": "compaction", "encrypted_content": "wb1.?"}]}, "input[0].encrypted_content"),
    ({"input": [{"type": "compaction"}]}, "input[0].encrypted_content"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].id"),
    ({"tools": [{"type": "file_search", "vector_store_ids": []}]}, "tools[0].type"),
    ({"tools": [{"type": "code_interpreter"}]}, "tools[0].type"),
    ({"tools": [{"type": "mcp"}]}, "tools[0].type"),
    ({"tools": [{"type": "local_shell"}]}, "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "tools[0].name"),
    ({"tools": [FUNCTION], "tool_choice": {"type": "web_search"}}, "tool_choice.type"),
    ({"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "g"}}, "tool_choice.name"),
    ({"tools": [FUNCTION], "tool_choice": "perhaps"}, "tool_choice"),
    ({"tools": [{"type": "web_search"}], "tool_choice": "required"}, "tool_choice"),
    ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
    ({"text": {"format": {"type": "json_schema", "name": "c"}}}, "text.format.schema"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"top_logprobs": 21}, "top_logprobs"),
    ({"include": ["the.moon"]}, "include[0]"),
    ({"background": True}, "background"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"prompt": {"id": "p"}}, "prompt"),
    ({"context_management": [{"type": "haircut"}]}, "context_management[0].type"),
    (
        {"context_management": [{"type": "compaction", "compact_threshold": 0}]},
        "context_management[0].compact_threshold",
    ),
    ({"max_tool_calls": -1}, "max_tool_calls"),
    ({"messages": []}, "messages"),
    ({"max_tokens": 3}, "max_tokens"),
    ({"n": 2}, "n"),
    ({"metadata": {"a": 1}}, "metadata[...]"),
]


@pytest.mark.parametrize(("fields", "param"), REFUSED, ids=[json.dumps(fields)[:60] for fields, _ in REFUSED])
def test_what_cannot_be_had_is_refused_by_name(fields: Json, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(**fields)
    assert caught.value.param == param
    assert caught.value.message.startswith(param)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model":"m","input":"\xff"}', b"[" * 100_000])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_request(body, Earlier(), may_store=False)


# what came before

EARLIER = [
    {"type": "message", "role": "user", "content": "One?"},
    {"type": "message", "role": "assistant", "content": "1"},
]


def test_a_conversation_is_continued_without_its_instructions() -> None:
    call = read(Earlier([raw(each) for each in EARLIER]), input="Two?", instructions="Count.", previous_response_id="r")
    assert [(message.role, message.parts) for message in call.messages] == [
        ("system", [Text(text="Count.")]),
        ("user", [Text(text="One?")]),
        ("assistant", [Text(text="1")]),
        ("user", [Text(text="Two?")]),
    ]


def test_a_reference_stands_for_its_item() -> None:
    known = {"msg_1": raw(EARLIER[1])}
    assert read(Earlier(known=known), input=[{"type": "item_reference", "id": "msg_1"}]).messages == [
        Message("assistant", [Text(text="1")])
    ]


def test_a_conversation_that_is_not_here_is_refused() -> None:
    with pytest.raises(UnknownResponse):
        read(Earlier(fault=UnknownResponse("gone")), previous_response_id="r")


def test_what_has_to_be_looked_up_is_known_before_the_request_is_read() -> None:
    items = [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "Hi"}]
    assert wanted(json.dumps({"input": items, "previous_response_id": "resp_1"}).encode()) == Wanted(
        "resp_1", ["msg_1"]
    )
    assert wanted(b'{"model":"m","input":"Hi"}') == Wanted()
    assert wanted(b'{"previous_response_id": 3}') == Wanted()


# properties

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
some_words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
inline = st.builds(lambda data: Picture(media_type="image/png", data=data), st.just("QUJD"))
user_parts: st.SearchStrategy[list[Part]] = st.lists(
    st.one_of(
        st.builds(lambda text: Text(text=text), words),
        inline,
        st.just(Picture(url="https://x.test/a.png", detail="high")),
        st.just(Document(media_type="application/pdf", data="QUJD", name="a.pdf")),
        st.just(Sound(data="QUJD", format="wav")),
    ),
    min_size=1,
    max_size=3,
)
uses = st.builds(lambda id_, name, args: ToolUse(id=id_, name=name, arguments=args), some_words, some_words, words)
answered: st.SearchStrategy[list[Text | Picture | Document]] = st.lists(
    st.one_of(st.builds(lambda text: Text(text=text), words), inline), max_size=2
)


@st.composite
def assistant(draw: st.DrawFn) -> Message:
    parts: list[Part] = [Thought(text=draw(some_words))] if draw(st.booleans()) else []
    said: list[Part] = draw(st.sampled_from(([], [Text(text="a"), Refusal(text="b")], [Text(text="c")])))
    called = draw(st.lists(uses, min_size=0 if said else 1, max_size=2))
    return Message("assistant", [*parts, *said, *called])


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    turns: list[Message] = []
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message(draw(st.sampled_from(("user", "developer", "system"))), draw(user_parts)))
        said = draw(assistant())
        turns.append(said)
        called = [part.id for part in said.parts if isinstance(part, ToolUse)]
        answers = draw(st.lists(st.sampled_from(called), max_size=2)) if called else []
        if answers:
            turns.append(Message("user", [ToolResult(id=id_, parts=draw(answered)) for id_ in answers]))
    return turns


def content(part: Part) -> Json:
    """A part as Responses says it."""
    match part:
        case Text(text=text):
            return {"type": "input_text", "text": text}
        case Refusal(text=text):
            return {"type": "refusal", "refusal": text}
        case Picture():
            url = part.url or f"data:{part.media_type};base64,{part.data}"
            return {"type": "input_image", "image_url": url} | ({"detail": part.detail} if part.detail else {})
        case Document():
            return {
                "type": "input_file",
                "file_data": f"data:{part.media_type};base64,{part.data}",
                "filename": part.name,
            }
        case Sound():
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
    raise AssertionError(part)


def items(message: Message) -> list[Json]:
    """A turn as Responses says it."""
    said = [part for part in message.parts if not isinstance(part, Thought | ToolUse | ToolResult)]
    found: list[Json] = [
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": part.text}]}
        for part in message.parts
        if isinstance(part, Thought)
    ]
    if said:
        found.append({"type": "message", "role": message.role, "content": [content(part) for part in said]})
    for part in message.parts:
        if isinstance(part, ToolUse):
            found.append({"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments})
        elif isinstance(part, ToolResult):
            output = [content(each) for each in part.parts]
            found.append({"type": "function_call_output", "call_id": part.id, "output": output})
    return found


@given(conversations())
def test_a_conversation_that_can_be_said_is_read_as_it_was_meant(conversation: list[Message]) -> None:
    said = [item for message in conversation for item in items(message)]
    assert read(input=said).messages == conversation


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(BadRequest):
        read_request(body, Earlier(), may_store=False)
    wanted(body)
