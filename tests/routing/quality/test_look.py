import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import BadRequest
from weighbridge.routing.quality.look import CUT, look, opening

USER = {"role": "user", "content": "What is 2 + 2?"}


def body(*messages: object, **more: object) -> bytes:
    return json.dumps({"model": "auto", "messages": messages or (USER,), **more}).encode()


def test_a_conversation_is_seen_by_its_instructions_its_first_and_its_last_turn() -> None:
    seen = look(
        body(
            {"role": "system", "content": "Be brief."},
            USER,
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "content": "4", "tool_call_id": "1"},
            {"role": "developer", "content": [{"type": "text", "text": "Say please."}]},
            {"role": "user", "content": "And 3 + 3?"},
        )
    )
    assert (seen.system, seen.first, seen.last) == ("Be brief.\nSay please.", "What is 2 + 2?", "And 3 + 3?")
    assert (seen.turns, seen.images, seen.most_tokens, seen.tools, seen.format) == (4, 0, None, (), "text")


def test_pictures_are_counted_and_weigh_nothing() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    seen = look(body({"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture, picture]}))
    assert (seen.first, seen.images) == ("What is it?", 2)
    assert seen.context_bytes < 300


def test_a_long_text_is_seen_by_its_ends() -> None:
    seen = look(body({"role": "user", "content": "a" * CUT + "b" * CUT}))
    assert seen.first == "a" * (CUT // 2) + "b" * (CUT // 2)
    assert seen.context_bytes > 2 * CUT


TOOLS = [
    {"type": "function", "function": {"name": "weather", "parameters": {}}},
    {"type": "custom", "custom": {"name": "shell"}},
]


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"tools": TOOLS}, ("shell", "weather")),
        ({"functions": [{"name": "old"}]}, ("old",)),
        ({"tools": None}, ()),
        ({"tools": [{"type": "function"}]}, ()),
        ({"tools": "none of them"}, ()),
    ],
)
def test_tools_are_seen_by_their_names(more: dict[str, Any], names: tuple[str, ...]) -> None:
    assert look(body(**more)).tools == names


@pytest.mark.parametrize(
    ("more", "most"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7, "max_tokens": 5}, 7),
        ({"max_completion_tokens": None, "max_tokens": 5}, 5),
        ({"max_tokens": -1}, None),
        ({"max_tokens": "many"}, None),
    ],
)
def test_the_longest_answer_is_what_the_client_says_of_it(more: dict[str, Any], most: int | None) -> None:
    assert look(body(**more)).most_tokens == most


def test_a_schema_is_the_same_however_it_is_laid_out() -> None:
    one = b'{"messages":[],"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"a":1,"b":2}}}}'
    two = one.replace(b'"a":1,"b":2', b'"b": 2, "a": 1').replace(b'"name":"a"', b'"name":"b"')
    three = one.replace(b'"b":2', b'"b":3')
    assert look(one).format == look(two).format != look(three).format
    assert look(one).format.startswith("json_schema:")
    assert len(look(one).format) == len("json_schema:") + 16


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (None, "text"),
        ({"type": "text"}, "text"),
        ({"type": "json_object"}, "json_object"),
        ({"type": "json_schema"}, "json_schema"),
        (7, "text"),
    ],
)
def test_the_format_is_told_by_its_kind(wanted: object, seen: str) -> None:
    assert look(body(response_format=wanted)).format == seen


@pytest.mark.parametrize("nothing", [b"", b"[]", b'{"messages": 5}', b'{"messages": [5]}', b'{"model":"a"}', b"\xff"])
def test_what_is_no_request_is_said_to_be_none(nothing: bytes) -> None:
    with pytest.raises(BadRequest, match="no chat completion request"):
        look(nothing)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    messages=st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "tool"]), "content": anything})
    ),
    tools=anything,
    format_=anything,
)
def test_whatever_stands_in_a_request_it_can_be_seen(messages: list[object], tools: object, format_: object) -> None:
    seen = look(json.dumps({"messages": messages, "tools": tools, "response_format": format_}).encode())
    assert max(map(len, (seen.first, seen.last, seen.system))) <= CUT
    assert 0 <= seen.turns <= len(messages)


@given(first=st.text(), turns=st.lists(st.text(), max_size=4))
def test_a_conversation_opens_in_the_same_way_at_each_of_its_turns(first: str, turns: list[str]) -> None:
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": first}]
    opened = opening(look(body(*said, tools=TOOLS)))
    for turn in turns:
        said += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": turn}]
    assert opening(look(body(*said, tools=TOOLS))) == opened == opening(opened)
