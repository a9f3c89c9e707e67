"""A repaired chat stream: what must not change, and what goes on unread."""

import json
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.catalog.habits import read_habits
from weighbridge.wire.chat.stream import ChatStream
from weighbridge.wire.habits.repair import repair_for
from weighbridge.wire.repaired import Repaired, put_right
from weighbridge.wire.usage import Usage

HABITS = read_habits().of("vllm", "qwen3-8b")
TOOLS = b'{"tools":[{"type":"function","function":{"name":"f"}}]}'


def machine(request: bytes = TOOLS, *, wants_usage: bool = False) -> Repaired:
    repair = repair_for(HABITS, request)
    assert repair is not None
    return Repaired(ChatStream(wants_usage=wants_usage, cost=lambda _: None), repair)


def event(delta: object, finish: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "choices": [choice], **more}).encode() + b"\n\n"


def said(stream: bytes) -> tuple[str, str, int]:
    """Thoughts, words and the number of calls."""
    lines = [line[6:] for line in stream.split(b"\n\n") if line.startswith(b"data: {")]
    deltas = [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]
    thoughts = "".join(delta.get("reasoning_content") or "" for delta in deltas)
    return (
        thoughts,
        "".join(delta.get("content") or "" for delta in deltas),
        sum(len(delta.get("tool_calls") or ()) for delta in deltas),
    )


CALL = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
TEXTS = ("<think>", "</think>", "Hm. ", "a < b", "\u003c", "<thi", "nk>", CALL, "<tool_call>", "\n", '"', "é", "[TOOL")


@given(st.lists(st.sampled_from(TEXTS), max_size=10), st.booleans(), st.integers(1, 9))
def test_how_text_falls_into_chunks_and_bytes_into_pieces_changes_nothing(
    parts: list[str], ascii_only: bool, size: int
) -> None:
    def stream(pieces: Iterable[str]) -> bytes:
        chunks = [{"id": "c", "choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
        return b"".join(b"data: " + json.dumps(each, ensure_ascii=ascii_only).encode() + b"\n\n" for each in chunks)

    def run(data: bytes, step: int) -> tuple[str, str, int]:
        one = machine()
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        return said(b"".join([one.feed(piece) for piece in pieces]) + one.feed(event({}, "stop")) + one.end())

    text = "".join(parts)
    whole = stream([text])
    expected = run(whole, max(1, len(whole)))
    for pieces in (parts, list(text), [text[at : at + size] for at in range(0, len(text), size)]):
        data = stream(pieces)
        assert run(data, max(1, len(data))) == expected
        assert run(data, size) == expected


@pytest.mark.parametrize(
    "chunks",
    [
        [event({"role": "assistant", "content": ""}), event({"content": "Yes,"}), event({"content": " 1 > 0."})],
        [event({"reasoning_content": "Hm."}), event({"content": "Yes."}, "stop")],
        [event({"content": "Yes.", "x_more": 1}, logprobs={"content": []}), event({}, "stop")],
        [b": keep-alive\n\n", event({"content": "Yes."}), b"event: x\ndata: [1]\n\n", b"data: no JSON\n\n"],
        [event({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]}, "tool_calls")],
        [b'data: {"id":"c","choices":[{"index":0,\ndata: "delta":{"content":"Yes."}}]}\n\n'],
    ],
    ids=["words", "a field of its own", "unknown fields", "odd events", "calls", "several lines"],
)
def test_what_is_right_passes_byte_for_byte(chunks: Sequence[bytes]) -> None:
    one = machine()
    assert b"".join(one.feed(each) for each in chunks) == b"".join(chunks)


def test_a_thought_on_several_lines_is_written_on_one() -> None:
    one = machine()
    out = one.feed(b'data: {"id":"c","choices":[{"index":0,\ndata: "delta":{"content":"<think>Hm. Hm"}}]}\n\n')
    assert (out.count(b"\n"), said(out)) == (2, ("Hm. Hm", "", 0))


def test_usage_beside_what_is_put_right_is_counted_once() -> None:
    used = {"prompt_tokens": 3, "completion_tokens": 5}
    one = machine(wants_usage=True)
    out = one.feed(event({"content": f"<think>Hm.</think>Yes. {CALL}"}, "stop", usage=used) + b"data: [DONE]\n\n")
    assert one.usage == Usage(3, 5)
    assert out.count(b'"usage"') == 1
    assert said(out) == ("Hm.", "Yes. ", 1)
    assert (one.done, one.whole) == (True, True)


def test_an_error_in_the_middle_is_one() -> None:
    one = machine()
    one.feed(event({"content": "<think>Hm."}) + b'data: {"error":{"message":"out of memory"}}\n\n')
    assert (one.fault, one.whole) == ("out of memory", False)


def test_what_is_held_back_counts_as_said() -> None:
    one = machine()
    one.feed(event({"content": f"Yes. {CALL[:-3]}"}))
    assert one.said_bytes >= len(CALL) - 3


def test_calls_the_server_reports_come_behind_those_found() -> None:
    one = machine()
    call = {"index": 0, "id": "theirs", "function": {"name": "f", "arguments": ""}}
    out = one.feed(event({"content": CALL}) + event({"tool_calls": [call]}) + event({}, "stop"))
    lines = [json.loads(line[6:]) for line in out.split(b"\n\n") if line]
    calls = [call for line in lines for call in line["choices"][0]["delta"].get("tool_calls", ())]
    assert [(call["index"], call["function"]["name"]) for call in calls] == [(0, "f"), (1, "f")]
    assert lines[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("index", [None, {"a": 1}, "0", -1, 2**70])
def test_a_call_with_an_odd_number_breaks_nothing(index: object) -> None:
    one = machine()
    call = {"index": index, "id": "theirs", "function": {"name": "f", "arguments": ""}}
    out = one.feed(event({"content": CALL}) + event({"tool_calls": [call]}) + event({}, "stop"))
    assert said(out) == ("", "", 2)


def test_without_tools_a_model_that_does_not_think_is_not_looked_into() -> None:
    assert repair_for(read_habits().of("vllm", "qwen2.5-7b-instruct"), b'{"messages":[]}') is None
    assert repair_for(read_habits().of("deepseek", "deepseek-v4-pro"), TOOLS) is None
    assert repair_for(None, TOOLS) is None


NAMES = ("choices", "delta", "message", "content", "tool_calls", "index", "finish_reason", "function", "arguments", "n")
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from(("<think>", "f", "stop", CALL, "\ud83d")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.lists(ANYTHING, max_size=4),
    st.lists(st.dictionaries(st.sampled_from(NAMES), ANYTHING), max_size=2),
    st.booleans(),
)
def test_no_answer_is_so_odd_that_it_breaks_us(odd: list[object], choices: list[object], stream: bool) -> None:
    for document in (*odd, {"choices": choices}, {"choices": [{"delta": each, "message": each} for each in odd]}):
        raw = json.dumps(document).encode()
        repair_for(HABITS, raw)
        if stream:
            one = machine()
            one.feed(b"data: " + raw + b"\n\n" + event({"content": CALL}) + b"data: " + raw + b"\n\n")
            one.end()
        else:
            repair = repair_for(HABITS, TOOLS)
            assert repair is not None
            put_right(raw, repair)
