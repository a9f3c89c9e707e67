"""Chat answers, whole and in chunks, as inner events: every maker's way to say a thing comes to the same."""

import json

import pytest

from weighbridge.wire.chat.read import ChunkReader, Unreadable, answer_of, read_answer
from weighbridge.wire.inner import (
    Answer,
    Began,
    Event,
    Finished,
    Part,
    Refusal,
    Refused,
    Said,
    Text,
    Thought,
    ThoughtOn,
    ToolBegan,
    ToolUse,
    ToolWent,
)
from weighbridge.wire.usage import Usage

Json = dict[str, object]
USED = {"prompt_tokens": 12, "completion_tokens": 5}


def chunk(delta: Json, finish: str | None = None, **more: object) -> Json:
    return {"id": "c1", "model": "m", "created": 7, "choices": [{"delta": delta, "finish_reason": finish}], **more}


def events(*chunks: Json) -> list[Event]:
    """Those of a stream, without its beginning."""
    reader = ChunkReader()
    began, *found = [event for each in chunks for event in reader.read(json.dumps(each).encode())]
    assert began == Began("c1", "m", 7)
    return found


def call(**fields: object) -> Json:
    return {"tool_calls": [fields]}


def detail(**fields: object) -> Json:
    return {"reasoning_details": [fields]}


SAYS: dict[str, tuple[Json, list[Event]]] = {
    "text": ({"role": "assistant", "content": "Hi"}, [Said("Hi")]),
    "nothing": ({"content": "", "refusal": None, "tool_calls": None}, []),
    "reasoning_content": ({"content": None, "reasoning_content": "hm"}, [ThoughtOn("hm")]),
    "reasoning": ({"content": "", "reasoning": "hm"}, [ThoughtOn("hm")]),
    "both, the same": ({"reasoning": "hm", "reasoning_content": "hm"}, [ThoughtOn("hm")]),
    "reasoning and text": ({"content": "Hi", "reasoning": "hm"}, [ThoughtOn("hm"), Said("Hi")]),
    "a detail's text": ({"reasoning": "hm", **detail(type="reasoning.text", text="hm")}, [ThoughtOn("hm")]),
    "a detail's summary": (detail(type="reasoning.summary", summary="hm"), [ThoughtOn("hm")]),
    "a detail's signature": (detail(type="reasoning.text", text="", signature="s"), [ThoughtOn("", "s")]),
    "a sealed detail": (detail(type="reasoning.encrypted", data="x"), [ThoughtOn(sealed="x")]),
    "a sealed detail beside text": (
        {"reasoning": "hm", **detail(type="reasoning.encrypted", data="x")},
        [ThoughtOn("hm"), ThoughtOn(sealed="x")],
    ),
    "several details": (
        {"reasoning_details": [{"text": "a", "signature": "s"}, {"data": "x"}, {"data": "y"}, {"text": "b"}]},
        [ThoughtOn("a", "s"), ThoughtOn(sealed="x"), ThoughtOn(sealed="y"), ThoughtOn("b")],
    ),
    "parts": (
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                {"type": "text", "text": "Hi"},
            ]
        },
        [ThoughtOn("hm"), Said("Hi")],
    ),
    "a part's thinking as text": ({"content": [{"type": "thinking", "thinking": "hm"}]}, [ThoughtOn("hm")]),
    "a part that refuses": ({"content": [{"type": "refusal", "refusal": "No."}]}, [Refused("No.")]),
    "a refusal": ({"refusal": "No."}, [Refused("No.")]),
    "a call": (
        call(index=0, id="t", type="function", function={"name": "f", "arguments": "{}"}),
        [ToolBegan(0, "t", "f"), ToolWent(0, "{}")],
    ),
    "arguments as an object": (
        call(index=0, id="t", function={"name": "f", "arguments": {"a": [1]}}),
        [ToolBegan(0, "t", "f"), ToolWent(0, '{"a":[1]}')],
    ),
    "the old function_call": (
        {"function_call": {"name": "f", "arguments": "{}"}},
        [ToolBegan(0, "call_c1_0", "f"), ToolWent(0, "{}")],
    ),
    "fields nobody knows": ({"content": "Hi", "x_new": {"deep": [1]}}, [Said("Hi")]),
}


@pytest.mark.parametrize("case", SAYS)
def test_a_delta_and_a_message_say_the_same(case: str) -> None:
    said, expected = SAYS[case]
    assert events(chunk({}), chunk(said)) == expected
    assert events(chunk(said)) == expected
    whole = {"id": "c1", "model": "m", "created": 7, "choices": [{"message": said, "finish_reason": None}]}
    assert events(whole) == expected


BEGIN = {"name": "f", "arguments": ""}
CALLS: dict[str, tuple[list[Json], list[ToolUse]]] = {
    "one after the other": (
        [
            call(index=0, id="a", function=BEGIN),
            call(index=0, function={"arguments": '{"x":'}),
            call(index=0, function={"arguments": "1}"}),
            call(index=1, id="b", function=BEGIN),
            call(index=1, function={"arguments": "{}"}),
        ],
        [ToolUse(id="a", name="f", arguments='{"x":1}'), ToolUse(id="b", name="f", arguments="{}")],
    ),
    "by turns": (
        [
            call(index=0, id="a", function=BEGIN),
            call(index=1, id="b", function=BEGIN),
            call(index=0, function={"arguments": '{"x":1}'}),
            call(index=1, function={"arguments": "{}"}),
        ],
        [ToolUse(id="a", name="f", arguments='{"x":1}'), ToolUse(id="b", name="f", arguments="{}")],
    ),
    "the second first": (
        [call(index=1, id="b", function={"name": "g"}), call(index=0, id="a", function={"name": "f"})],
        [ToolUse(id="b", name="g", arguments=""), ToolUse(id="a", name="f", arguments="")],
    ),
    "two in one chunk": (
        [{"tool_calls": [{"index": 0, "id": "a", "function": BEGIN}, {"index": 1, "id": "b", "function": BEGIN}]}],
        [ToolUse(id="a", name="f", arguments=""), ToolUse(id="b", name="f", arguments="")],
    ),
    "no numbers": (
        [
            call(id="a", function=BEGIN),
            call(function={"arguments": '{"x":'}),
            call(function={"arguments": "1}"}),
            call(id="b", function={"name": "g", "arguments": "{}"}),
        ],
        [ToolUse(id="a", name="f", arguments='{"x":1}'), ToolUse(id="b", name="g", arguments="{}")],
    ),
    "no numbers and no ids": (
        [call(function={"name": "f", "arguments": "{}"}), call(function={"name": "g", "arguments": "{}"})],
        [ToolUse(id="call_c1_0", name="f", arguments="{}"), ToolUse(id="call_c1_1", name="g", arguments="{}")],
    ),
    "all numbered 0": (
        [
            call(index=0, id="a", function={"name": "f", "arguments": "{}"}),
            call(index=0, id="b", function={"name": "f", "arguments": "{}"}),
        ],
        [ToolUse(id="a", name="f", arguments="{}"), ToolUse(id="b", name="f", arguments="{}")],
    ),
    "the id in every chunk": (
        [call(index=0, id="a", function=BEGIN), call(index=0, id="a", function={"name": "f", "arguments": "{}"})],
        [ToolUse(id="a", name="f", arguments="{}")],
    ),
    "the name after the arguments": (
        [
            call(index=0, function={"arguments": '{"x":'}),
            call(index=0, id="a", function={"name": "f"}),
            call(index=0, function={"arguments": "1}"}),
        ],
        [ToolUse(id="a", name="f", arguments='{"x":1}')],
    ),
    "never a name": (
        [call(index=0, id="a", function={"arguments": "{}"})],
        [ToolUse(id="a", name="", arguments="{}")],
    ),
    "the old function_call": (
        [
            {"function_call": {"name": "f"}},
            {"function_call": {"arguments": "{"}},
            {"function_call": {"arguments": "}"}},
        ],
        [ToolUse(id="call_c1_0", name="f", arguments="{}")],
    ),
}


@pytest.mark.parametrize("case", CALLS)
def test_tool_calls_are_told_apart_however_they_are_numbered(case: str) -> None:
    deltas, uses = CALLS[case]
    found = events(chunk({}), *map(chunk, deltas), chunk({}, "tool_calls"))
    assert answer_of(found, None).parts == uses
    assert found[-1] == Finished("tool_use")
    begun = [event.index for event in found if isinstance(event, ToolBegan)]
    assert begun == list(range(len(uses)))


def test_an_id_is_made_where_the_answer_has_none_either_and_differs_each_time() -> None:
    said = {"choices": [{"message": call(function={"name": "f"}), "finish_reason": "tool_calls"}]}
    first, second = (read_answer(json.dumps(said).encode()).parts[0] for _ in range(2))
    assert isinstance(first, ToolUse)
    assert isinstance(second, ToolUse)
    assert first.id != second.id


FINISHES: dict[str, tuple[Json, Finished]] = {
    "stop": ({"finish_reason": "stop"}, Finished("stop")),
    "length": ({"finish_reason": "length"}, Finished("length")),
    "tool_calls": ({"finish_reason": "tool_calls"}, Finished("tool_use")),
    "function_call": ({"finish_reason": "function_call"}, Finished("tool_use")),
    "content_filter": ({"finish_reason": "content_filter"}, Finished("filter")),
    "eos": ({"finish_reason": "eos"}, Finished("stop")),
    "max_tokens": ({"finish_reason": "max_tokens"}, Finished("length")),
    "insufficient_system_resource": ({"finish_reason": "insufficient_system_resource"}, Finished("length")),
    "a word nobody knows": ({"finish_reason": "because"}, Finished("stop")),
    "vLLM, at a text": ({"finish_reason": "stop", "stop_reason": "END"}, Finished("stop_sequence", "END")),
    "vLLM, at a token": ({"finish_reason": "stop", "stop_reason": 151645}, Finished("stop")),
    "vLLM, by itself": ({"finish_reason": "stop", "stop_reason": None}, Finished("stop")),
    "SGLang, at a text": ({"finish_reason": "stop", "matched_stop": "END"}, Finished("stop_sequence", "END")),
    "stop, having called a tool": (
        {"finish_reason": "stop", "delta": call(id="a", function={"name": "f"})},
        Finished("tool_use"),
    ),
    "length, having called a tool": (
        {"finish_reason": "length", "delta": call(id="a", function={"name": "f"})},
        Finished("length"),
    ),
}


@pytest.mark.parametrize("case", FINISHES)
def test_reasons_to_finish(case: str) -> None:
    choice, expected = FINISHES[case]
    assert events(chunk({"content": "Hi"}), {"choices": [{"delta": {}, **choice}]})[-1] == expected


USAGES: dict[str, list[Json]] = {
    "in a chunk of its own": [chunk({"content": "Hi"}, usage=None), {"choices": [], "usage": USED}],
    "beside a choice": [chunk({"content": "Hi"}, "stop", usage=USED)],
    "in every chunk, growing": [
        chunk({"content": "Hi"}, usage={"prompt_tokens": 12, "completion_tokens": 1}),
        chunk({"content": "Hi"}, usage=USED),
    ],
    "in Groq's place": [chunk({"content": "Hi"}), chunk({}, "stop", x_groq={"id": "r", "usage": USED})],
    "in Moonshot's place": [{"id": "c1", "choices": [{"delta": {}, "finish_reason": "stop", "usage": USED}]}],
    "and then null": [chunk({"content": "Hi"}, usage=USED), chunk({}, "stop", usage=None)],
    "before all else": [{"choices": [], "usage": USED}, chunk({"content": "Hi"})],
}


@pytest.mark.parametrize("case", USAGES)
def test_usage_is_found_wherever_it_stands(case: str) -> None:
    reader = ChunkReader()
    for each in USAGES[case]:
        reader.read(json.dumps(each).encode())
    assert reader.usage == Usage(12, 5)


def test_what_was_counted_by_the_first_chunk_is_in_its_event() -> None:
    reader = ChunkReader()
    (began, _) = reader.read(json.dumps(chunk({"content": "Hi"}, usage=USED)).encode())
    assert began == Began("c1", "m", 7, Usage(12, 5))


def test_an_answer_begins_with_its_first_choice() -> None:
    reader = ChunkReader()
    azure = {"id": "", "model": "", "choices": [], "prompt_filter_results": []}
    assert reader.read(json.dumps(azure).encode()) == []
    assert reader.read(json.dumps(chunk({"role": "assistant"})).encode()) == [Began("c1", "m", 7)]


def test_names_and_times_may_be_missing_or_null() -> None:
    reader = ChunkReader()
    bare = b'{"id":null,"model":null,"created":null,"choices":[{"index":null,"delta":{"content":"Hi"}}]}'
    assert reader.read(bare) == [Began("", "", 0), Said("Hi")]


def test_only_the_first_choice_counts() -> None:
    two: Json = {"choices": [{"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}}]}
    assert events(chunk({}), two, {"choices": [{"index": 1, "delta": {"content": "B"}}]}) == [Said("A")]


@pytest.mark.parametrize(
    ("delta", "size"),
    [
        ({"content": "Hi"}, 2),
        ({"content": "你好"}, 6),
        ({"reasoning": "你"}, 3),
        ({"refusal": "No."}, 3),
        ({"content": [{"text": "é"}]}, 2),
        (call(function={"name": "f", "arguments": '{"a":"ü"}'}), 10),
        (detail(text="hm"), 2),
    ],
)
def test_what_is_said_is_measured_in_bytes(delta: Json, size: int) -> None:
    reader = ChunkReader()
    reader.read(json.dumps(chunk({})).encode())
    reader.read(json.dumps(chunk(delta)).encode())
    assert reader.said_bytes == size


@pytest.mark.parametrize(
    "document",
    [
        b"not JSON",
        b"",
        b"[]",
        b'{"choices": 1}',
        b'{"choices": [{"delta": {"content": 5}}]}',
        b'{"id": "\xff"}',
        b"[" * 9999,
    ],
    ids=["no JSON", "nothing", "a list", "choices a number", "content a number", "not UTF-8", "deep"],
)
def test_a_chunk_that_is_none_is_said_to_be_none(document: bytes) -> None:
    with pytest.raises(Unreadable):
        ChunkReader().read(document)


@pytest.mark.parametrize("document", [b"{}", b'{"choices": []}', b'{"choices": [{"message": {}}]}', b'{"error": {}}'])
def test_a_document_without_an_answer_is_no_answer(document: bytes) -> None:
    with pytest.raises(Unreadable):
        read_answer(document)


def test_a_whole_answer() -> None:
    message = {
        "role": "assistant",
        "reasoning": "hm",
        "content": "Hi",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
            {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
        ],
    }
    document = {"id": "c1", "model": "m", "created": 7, "choices": [{"message": message, "finish_reason": "stop"}]}
    assert read_answer(json.dumps({**document, "usage": USED}).encode()) == Answer(
        id="c1",
        model="m",
        created=7,
        parts=[
            Thought(text="hm"),
            Text(text="Hi"),
            ToolUse(id="a", name="f", arguments='{"x":1}'),
            ToolUse(id="b", name="g", arguments=""),
        ],
        finish="tool_use",
        usage=Usage(12, 5),
    )


JOINED: dict[str, tuple[list[Event], list[Part]]] = {
    "texts": ([Said("a"), Said("b")], [Text(text="ab")]),
    "refusals": ([Refused("a"), Refused("b")], [Refusal(text="ab")]),
    "thoughts": ([ThoughtOn("a"), ThoughtOn("b")], [Thought(text="ab")]),
    "a signature that follows": ([ThoughtOn("a"), ThoughtOn("", "s")], [Thought(text="a", signature="s")]),
    "a signed thought and another": (
        [ThoughtOn("a", "s"), ThoughtOn("b", "t")],
        [Thought(text="a", signature="s"), Thought(text="b", signature="t")],
    ),
    "a sealed thought between": (
        [ThoughtOn("a"), ThoughtOn(sealed="x"), ThoughtOn("b")],
        [Thought(text="a"), Thought(sealed="x"), Thought(text="b")],
    ),
    "by turns": ([Said("a"), ThoughtOn("b"), Said("c")], [Text(text="a"), Thought(text="b"), Text(text="c")]),
}


@pytest.mark.parametrize("case", JOINED)
def test_pieces_of_one_part_are_joined(case: str) -> None:
    said, parts = JOINED[case]
    assert answer_of(said, None).parts == parts
