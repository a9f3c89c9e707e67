"""Answers in Anthropic's format: a whole one and a stream say the same, in the order the format wants."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire import messages_text
from tests.wire.messages_text import gathered
from tests.wire.test_sse import cut
from weighbridge.errors import UpstreamError
from weighbridge.wire import sse
from weighbridge.wire.inner import (
    Answer,
    Began,
    Event,
    Finish,
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
from weighbridge.wire.messages.surface import MESSAGES
from weighbridge.wire.messages.write import Counted, MessageWriter, Style, write_answer
from weighbridge.wire.surface import Asked
from weighbridge.wire.translated import events_of
from weighbridge.wire.usage import Usage

Json = dict[str, Any]
STYLE = Style("asked", stop=("END",))
BEGAN = Began("chatcmpl-1", "m")
USED = Usage(12, 5)


def whole(*parts: Part, finish: Finish = "stop", style: Style = STYLE, at: str | None = None) -> Json:
    answer = Answer(id="chatcmpl-1", model="m", parts=list(parts), finish=finish, stop_sequence=at)
    found: Json = json.loads(write_answer(answer, Counted(USED), style))
    return found


def stream(*events: Event, style: Style = STYLE, counted: Counted | None = None) -> bytes:
    writer = MessageWriter(style, Usage(10, 0))
    return b"".join(map(writer.write, events)) + writer.ended(counted or Counted(USED))


def documents(written: bytes) -> list[Json]:
    return [json.loads(document) for document in sse.documents(written)]


def test_a_whole_message() -> None:
    assert whole(Text(text="Hi")) == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": 5},
    }


def test_a_stream_to_the_byte() -> None:
    written = stream(BEGAN, Said("Hi"), Said(' "you"\n'), Finished("stop"), counted=Counted(USED, cost="0.5"))
    assert written.decode().split("\n\n") == [
        (
            'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",'
            '"role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,'
            '"usage":{"input_tokens":10,"output_tokens":0,"counted_by":"estimate"}}}'
        ),
        (
            'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
            '"content_block":{"type":"text","text":""}}'
        ),
        (
            'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
            '"delta":{"type":"text_delta","text":"Hi"}}'
        ),
        (
            'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
            '"delta":{"type":"text_delta","text":" \\"you\\"\\n"}}'
        ),
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}',
        (
            'event: message_delta\ndata: {"type":"message_delta",'
            '"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":12,"output_tokens":5,"cost":0.5}}'
        ),
        'event: message_stop\ndata: {"type":"message_stop"}',
        "",
    ]


def test_the_first_event_has_the_count_where_there_is_one() -> None:
    start = documents(stream(Began("1", "m", usage=Usage(12, 1, cached=4)), Finished("stop")))[0]
    assert start["message"]["usage"] == {"input_tokens": 8, "cache_read_input_tokens": 4, "output_tokens": 1}


@pytest.mark.parametrize(
    ("id_", "model", "said"),
    [("chatcmpl-1", "m", ("msg_1", "m")), ("msg_1", "m", ("msg_1", "m")), ("gen-1", "", ("msg_gen-1", "asked"))],
)
def test_names(id_: str, model: str, said: tuple[str, str]) -> None:
    found = json.loads(write_answer(Answer(id_, model, [], "stop"), Counted(USED), STYLE))
    assert (found["id"], found["model"]) == said


def test_an_answer_without_an_id_is_given_one_of_its_own() -> None:
    first, second = (gathered(stream())["id"] for _ in range(2))
    assert first.startswith("msg_")
    assert first != second


REASONS: dict[str, tuple[Finished, str, str | None]] = {
    "stop": (Finished("stop"), "end_turn", None),
    "length": (Finished("length"), "max_tokens", None),
    "tool_use": (Finished("tool_use"), "tool_use", None),
    "filter": (Finished("filter"), "refusal", None),
    "refusal": (Finished("refusal"), "refusal", None),
    "pause": (Finished("pause"), "pause_turn", None),
    "a text that was asked for": (Finished("stop_sequence", "END"), "stop_sequence", "END"),
    "a mark of the model's own": (Finished("stop_sequence", "<|im_end|>"), "end_turn", None),
}


@pytest.mark.parametrize("case", REASONS)
def test_reasons_to_stop(case: str) -> None:
    finished, reason, sequence = REASONS[case]
    one = whole(Text(text="Hi"), finish=finished.finish, at=finished.stop_sequence)
    other = gathered(stream(BEGAN, Said("Hi"), finished))
    for found in (one, other):
        assert (found["stop_reason"], found["stop_sequence"]) == (reason, sequence)


def test_a_refusal_is_a_text_and_the_reason_says_so() -> None:
    found = gathered(stream(BEGAN, Refused("N"), Refused("o."), Finished("stop")))
    assert found["content"] == [{"type": "text", "text": "No."}]
    assert found["stop_reason"] == "refusal"
    assert whole(Refusal(text="No.")) | {"usage": 0} == found | {"usage": 0}


USAGES: dict[str, tuple[Counted, Json]] = {
    "plain": (Counted(Usage(12, 5)), {"input_tokens": 12, "output_tokens": 5}),
    "all": (
        Counted(Usage(12, 5, cached=4, written=2, reasoning=3), cost="0.00001"),
        {
            "input_tokens": 6,
            "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 4,
            "output_tokens": 5,
            "output_tokens_details": {"thinking_tokens": 3},
            "cost": 0.00001,
        },
    ),
    "known to be none": (
        Counted(Usage(12, 5, cached=0), cost="0"),
        {"input_tokens": 12, "cache_read_input_tokens": 0, "output_tokens": 5, "cost": 0},
    ),
    "an estimate": (
        Counted(Usage(12, 5), estimated=True),
        {"input_tokens": 12, "output_tokens": 5, "counted_by": "estimate"},
    ),
}


@pytest.mark.parametrize("case", USAGES)
def test_usage(case: str) -> None:
    counted, expected = USAGES[case]
    answer = Answer("1", "m", [], "stop")
    assert json.loads(write_answer(answer, counted, STYLE))["usage"] == expected
    assert gathered(stream(BEGAN, Finished("stop"), counted=counted))["usage"] == expected


THOUGHTS: dict[str, tuple[list[Event], list[Json]]] = {
    "unsigned": (
        [ThoughtOn("a"), ThoughtOn("b"), Said("Hi")],
        [{"type": "thinking", "thinking": "ab", "signature": ""}, {"type": "text", "text": "Hi"}],
    ),
    "signed": (
        [ThoughtOn("a"), ThoughtOn("", "s"), ThoughtOn("b", "t")],
        [
            {"type": "thinking", "thinking": "a", "signature": "s"},
            {"type": "thinking", "thinking": "b", "signature": "t"},
        ],
    ),
    "sealed": (
        [ThoughtOn("a"), ThoughtOn(sealed="x"), ThoughtOn(sealed="y"), ThoughtOn("b")],
        [
            {"type": "thinking", "thinking": "a", "signature": ""},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "redacted_thinking", "data": "y"},
            {"type": "thinking", "thinking": "b", "signature": ""},
        ],
    ),
}


@pytest.mark.parametrize("case", THOUGHTS)
def test_thoughts(case: str) -> None:
    events, blocks = THOUGHTS[case]
    assert gathered(stream(BEGAN, *events, Finished("stop")))["content"] == blocks


def test_hidden_thoughts_are_left_out_and_keep_the_stream_alive() -> None:
    hiding = Style("asked", hide_thoughts=True)
    written = stream(BEGAN, ThoughtOn("a"), ThoughtOn("b", "s"), Said("Hi"), Finished("stop"), style=hiding)
    assert [document["type"] for document in documents(written)][:4] == [
        "message_start",
        "ping",
        "ping",
        "content_block_start",
    ]
    hidden = [{"type": "text", "text": "Hi"}]
    assert gathered(written)["content"] == hidden
    assert whole(Thought(text="ab"), Text(text="Hi"), style=hiding)["content"] == hidden


INPUTS: dict[str, Json] = {
    '{"a": 1}': {"a": 1},
    "": {},
    " ": {},
    "{}": {},
    '{"a": ': {"INVALID_JSON": '{"a": '},
    "[1]": {"INVALID_JSON": "[1]"},
    '"a"': {"INVALID_JSON": '"a"'},
    "null": {"INVALID_JSON": "null"},
}


@pytest.mark.parametrize("arguments", INPUTS)
def test_a_tools_input_is_an_object_whatever_the_model_wrote(arguments: str) -> None:
    (block,) = whole(ToolUse(id="t", name="f", arguments=arguments))["content"]
    assert block == {"type": "tool_use", "id": "t", "name": "f", "input": INPUTS[arguments]}


CALLS: list[list[Event]] = [
    [ToolBegan(0, "a", "f"), ToolWent(0, '{"x":'), ToolWent(0, "1}")],
    [ToolBegan(1, "b", "g"), ToolWent(1, '{"y":'), ToolWent(1, "2}")],
    [ToolBegan(2, "c", "h"), ToolWent(2, "{}")],
]


def by_turns(draw: st.DrawFn) -> list[Event]:
    """The events of all calls, each call's own in their order."""
    left = [list(call) for call in CALLS]
    events: list[Event] = []
    while left := [call for call in left if call]:
        events.append(left[draw(st.integers(0, len(left) - 1))].pop(0))
    return events


@given(st.composite(by_turns)(), st.booleans(), st.integers(0, 9))
def test_calls_by_turns_become_blocks_one_after_the_other(events: list[Event], says: bool, at: int) -> None:
    if says:
        events.insert(at % (len(events) + 1), Said("Hi"))
    found = gathered(stream(BEGAN, *events, Finished("tool_use")))
    uses = {block["id"]: block["input"] for block in found["content"] if block["type"] == "tool_use"}
    assert uses == {"a": {"x": 1}, "b": {"y": 2}, "c": {}}
    assert [block["text"] for block in found["content"] if block["type"] == "text"] == ["Hi"] * says
    assert found["stop_reason"] == "tool_use"


def test_calls_one_after_the_other_are_passed_on_as_they_come() -> None:
    writer = MessageWriter(STYLE, USED)
    writer.write(BEGAN)
    assert all(writer.write(event) for event in itertools.chain(*CALLS))


def test_a_call_without_arguments_waits_for_nobody_at_the_end() -> None:
    found = gathered(stream(BEGAN, ToolBegan(0, "a", "f"), ToolBegan(1, "b", "g"), ToolWent(1, "{}"), Said("Hi")))
    assert [block["type"] for block in found["content"]] == ["tool_use", "tool_use", "text"]


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.text("abc_1", min_size=1, max_size=6)
objects = st.dictionaries(words, words | st.integers() | st.none(), max_size=2).map(
    lambda found: json.dumps(found, separators=(",", ":"), ensure_ascii=False)
)
parts = (
    st.builds(Text, text=words)
    | st.builds(Thought, text=words, signature=st.none() | names)
    | st.builds(Thought, sealed=words)
    | st.builds(ToolUse, id=names, name=names, arguments=objects)
)
counts = st.integers(0, 10**6)
usages = st.builds(
    lambda prompt, completion, cached, written, reasoning: Usage(
        prompt + (cached or 0) + (written or 0),
        completion + (reasoning or 0),
        cached=cached,
        written=written,
        reasoning=reasoning,
    ),
    counts,
    counts,
    st.none() | counts,
    st.none() | counts,
    st.none() | counts,
)
ends = st.sampled_from(
    [("stop", None), ("length", None), ("tool_use", None), ("pause", None), ("stop_sequence", "END")]
)


def same(one: Part, other: Part) -> bool:
    """Whether a stream would say them as one part."""
    if isinstance(one, Thought):
        return isinstance(other, Thought) and one.signature is None and one.sealed is None and other.sealed is None
    return isinstance(one, Text) and isinstance(other, Text)


answers = st.builds(
    lambda id_, model, found, end, usage: Answer(id_, model, found, end[0], stop_sequence=end[1], usage=usage),
    names,
    names,
    st.lists(parts, max_size=5).filter(lambda found: not any(itertools.starmap(same, itertools.pairwise(found)))),
    ends,
    usages,
)


@given(answers)
def test_what_an_answer_says_is_read_back_the_same(answer: Answer) -> None:
    assert answer.usage is not None
    document = json.loads(write_answer(answer, Counted(answer.usage), STYLE))
    assert messages_text.answer(document) == answer


@given(answers)
def test_a_stream_comes_to_the_same_as_the_whole(answer: Answer) -> None:
    assert answer.usage is not None
    document = json.loads(write_answer(answer, Counted(answer.usage), STYLE))
    assert gathered(stream(*events_of(answer), counted=Counted(answer.usage))) == document


def asked(*, stream: bool, **more: object) -> Asked:
    request = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}], "stream": stream}
    return MESSAGES.read(json.dumps(request | more).encode())


DELTAS: tuple[Json, ...] = (
    {"role": "assistant", "content": ""},
    {"content": "Hi"},
    {"content": "你好\n"},
    {"reasoning_content": "hm"},
    {"refusal": "No."},
    {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
    {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "f", "arguments": "{}"}}]},
)
USAGE = {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 5}}


def chat_stream(deltas: list[Json], finish: str | None, end: str, *, counted: bool) -> bytes:
    once = [delta for at, delta in enumerate(deltas) if "tool_calls" not in delta or delta not in deltas[:at]]
    chunks: list[Json] = [{"id": "c", "model": "m", "choices": [{"delta": delta}]} for delta in once]
    chunks.append({"id": "c", "model": "m", "choices": [{"delta": {}, "finish_reason": finish}]})
    chunks += [USAGE] * counted
    events = [f"data: {json.dumps(chunk)}{end}{end}" for chunk in chunks]
    return "".join([f": keep-alive{end}{end}", *events, f"data: [DONE]{end}{end}"]).encode()


chat_streams = st.builds(
    chat_stream,
    st.lists(st.sampled_from(DELTAS), min_size=1, max_size=8),
    st.sampled_from(("stop", "tool_calls", None)),
    st.sampled_from(("\n", "\r\n")),
    counted=st.booleans(),
)


def run(form: Asked, pieces: list[bytes]) -> bytes:
    machine = form.form.stream(lambda _: "0.5")
    passed = b"".join(map(machine.feed, pieces)) + machine.end()
    assert machine.whole
    return passed + machine.last()


@given(chat_streams, st.lists(st.integers(0, 2000), max_size=10))
def test_how_a_stream_was_cut_changes_nothing(stream: bytes, at: list[int]) -> None:
    wanted = asked(stream=True)
    at_once = run(wanted, [stream])
    assert run(wanted, cut(stream, at)) == at_once
    assert run(wanted, [stream[place : place + 1] for place in range(len(stream))]) == at_once


@given(chat_streams)
def test_who_did_not_ask_for_a_stream_gets_what_it_comes_to(stream: bytes) -> None:
    document = json.loads(run(asked(stream=False), [stream]))
    streamed = gathered(run(asked(stream=True), [stream]))
    # calls by turns change places
    assert sorted(map(json.dumps, document["content"])) == sorted(map(json.dumps, streamed["content"]))
    assert document | {"content": []} == streamed | {"content": []}


def test_who_asked_for_a_stream_gets_one_of_a_whole_answer() -> None:
    message = {"role": "assistant", "content": "Hi", "reasoning": "hm"}
    used = {"prompt_tokens": 12, "completion_tokens": 5}
    document = {"id": "c", "model": "m", "choices": [{"message": message, "finish_reason": "stop"}], "usage": used}
    chat = json.dumps(document).encode()
    found = asked(stream=False).form.whole(chat, "0.5")
    assert gathered(asked(stream=True).form.whole(chat, "0.5")) == json.loads(found)
    assert json.loads(found)["usage"] == {"input_tokens": 12, "output_tokens": 5, "cost": 0.5}


def test_where_nobody_counted_the_usage_is_an_estimate_bounded_by_max_tokens() -> None:
    stream = chat_stream([{"content": "x" * 20}], "stop", "\n", counted=False)
    for form in (asked(stream=True), asked(stream=False)):
        written = run(form, [stream])
        found = gathered(written) if form.call.streamed else json.loads(written)
        assert found["usage"] == {"input_tokens": 8, "output_tokens": 5, "counted_by": "estimate"}
    long = chat_stream([{"content": "x" * 200}], "stop", "\n", counted=False)
    assert gathered(run(asked(stream=True), [long]))["usage"]["output_tokens"] == 9


@pytest.mark.parametrize("document", [b"{}", b"[]", b'{"choices": []}', b"not JSON"])
def test_a_document_that_is_no_answer_is_the_providers_fault(document: bytes) -> None:
    with pytest.raises(UpstreamError, match="no chat completion"):
        asked(stream=False).form.whole(document, None)
