"""Chunks become the chat completion that they tell, with the fields nobody knows."""

import json
from typing import Any

import pytest

from weighbridge.wire.chat.gathered import Gathered

Json = dict[str, Any]


def gathered(*chunks: Json) -> Json:
    whole = Gathered()
    for each in chunks:
        assert whole.add(json.dumps({"id": "theirs", "object": "chat.completion.chunk", **each}).encode())
    found: Json = json.loads(whole.document("ours", 7))
    return found


def said(*deltas: Json, index: int = 0) -> list[Json]:
    return [{"choices": [{"index": index, "delta": delta, "finish_reason": None}]} for delta in deltas]


def message(*deltas: Json) -> Json:
    (choice,) = gathered(*said(*deltas))["choices"]
    found: Json = choice["message"]
    return found


CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
MESSAGES: dict[str, tuple[list[Json], Json]] = {
    "words": ([{"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}, {}], {"content": "Hello"}),
    "nothing": ([{}], {"content": None}),
    "a refusal": ([{"refusal": "No"}, {"refusal": "."}], {"content": None, "refusal": "No."}),
    "null, then words": ([{"content": None}, {"content": "a"}, {"content": None}], {"content": "a"}),
    "a role with every chunk": ([{"role": "assistant", "content": "a"}] * 2, {"content": "aa"}),
    "thoughts": (
        [{"reasoning_content": "so"}, {"reasoning_content": "!"}],
        {"content": None, "reasoning_content": "so!"},
    ),
    "a tool call in pieces": (
        [
            {"tool_calls": [CALL]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
            {"tool_calls": [{"index": 0, "id": "", "function": {"name": "", "arguments": ":1}"}}]},
        ],
        {
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
        },
    ),
    "two calls, mixed": (
        [
            {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g", "arguments": "1"}}]},
            {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "2"}}]},
            {"tool_calls": [{"index": 1, "function": {"arguments": "3"}}]},
        ],
        {
            "content": None,
            "tool_calls": [
                {"id": "a", "function": {"name": "f", "arguments": "2"}},
                {"id": "b", "function": {"name": "g", "arguments": "13"}},
            ],
        },
    ),
    "calls without numbers are whole": (
        [{"tool_calls": [{"id": "a"}]}, {"tool_calls": [{"id": "b"}]}],
        {"content": None, "tool_calls": [{"id": "a"}, {"id": "b"}]},
    ),
    "calls with numbers, and one without": (
        [{"tool_calls": [{"index": 0, "id": "a"}]}, {"tool_calls": [{"id": "b"}]}],
        {"content": None, "tool_calls": [{"id": "a"}, {"id": "b"}]},
    ),
    "words after a list": (
        [{"content": [{"type": "thinking", "thinking": "so"}]}, {"content": "a"}],
        {"content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "a"}]},
    ),
    "a list after words": (
        [{"content": "a"}, {"content": "b"}, {"content": [{"type": "x"}]}],
        {"content": [{"type": "text", "text": "ab"}, {"type": "x"}]},
    ),
    "annotations": ([{"annotations": [1]}, {"annotations": [2, 3]}], {"content": None, "annotations": [1, 2, 3]}),
    "sound": (
        [{"audio": {"id": "x", "transcript": "a"}}, {"audio": {"transcript": "b", "expires_at": 5}}],
        {"content": None, "audio": {"id": "x", "transcript": "ab", "expires_at": 5}},
    ),
    "a field nobody knows": (
        [{"x": {"y": [1], "z": 1}}, {"x": {"y": [2], "z": 2}}],
        {"content": None, "x": {"y": [1, 2], "z": 2}},
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_a_message_is_put_together(case: str) -> None:
    deltas, whole = MESSAGES[case]
    assert message(*deltas) == {"role": "assistant", **whole}


def test_the_head_is_ours_and_the_rest_theirs() -> None:
    head = {"created": 5, "model": "tiny", "x_new": {"a": 1}, "system_fingerprint": None, "obfuscation": "zz"}
    usage = {"choices": [], "usage": {"prompt_tokens": 1}, "system_fingerprint": "fp"}
    whole = gathered({**said({"content": "a"})[0], **head}, usage)
    choices = whole.pop("choices")
    assert whole == {
        "id": "ours",
        "object": "chat.completion",
        "created": 5,
        "model": "tiny",
        "x_new": {"a": 1},
        "usage": {"prompt_tokens": 1},
        "system_fingerprint": "fp",
    }
    assert choices == [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": None}]


def test_the_time_is_ours_where_no_chunk_says_it() -> None:
    assert gathered(*said({"content": "a"}))["created"] == 7


def test_choices_come_in_order_each_with_its_end() -> None:
    stop = {
        "choices": [
            {"index": 1, "delta": {}, "finish_reason": "stop"},
            {"index": 0, "delta": {}, "finish_reason": "length"},
        ]
    }
    late = said({}, index=1)
    found = gathered(*said({"content": "b"}, index=1), *said({"content": "a"}), stop, *late)["choices"]
    assert [(each["index"], each["message"]["content"], each["finish_reason"]) for each in found] == [
        (0, "a", "length"), (1, "b", "stop"),
    ]  # fmt: skip


def test_log_probabilities_grow_and_keep_their_digits() -> None:
    whole = Gathered()
    for token, number in (("a", b"-0.10"), ("b", b"-1.2e-07")):
        likely = b'{"content":[{"token":"%s","logprob":%s}],"refusal":null}' % (token.encode(), number)
        assert whole.add(b'{"choices":[{"index":0,"delta":{"content":"%s"},"logprobs":%s}]}' % (token.encode(), likely))
    written = whole.document("x", 1)
    assert b'"logprob":-0.10}' in written
    assert json.loads(written)["choices"][0]["logprobs"]["content"] == [
        {"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -1.2e-07},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "chunk", [b"", b"[]", b"{", b'{"choices":{}}', b'{"choices":[1]}', b'{"x":"\xff"}', b'{"choices":' + b"[" * 9999]
)
def test_what_is_no_chunk_is_not_added(chunk: bytes) -> None:
    whole = Gathered()
    assert not whole.add(chunk)
    assert json.loads(whole.document("x", 1))["choices"] == []


def test_a_long_answer_takes_time_in_proportion() -> None:
    whole = Gathered()
    chunk = json.dumps(said({"content": "word " * 20})[0]).encode()
    for _ in range(20_000):
        whole.add(chunk)
    assert whole.size == 20_000 * len(json.dumps(said({"content": "word " * 20})[0]["choices"]))
    assert len(json.loads(whole.document("x", 1))["choices"][0]["message"]["content"]) == 2_000_000
