"""The form of the playground: each field becomes one of the request, and what makes none is told at its field."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.web.pages.playground.asked import (
    BadForm,
    Call,
    Function,
    Turn,
    as_json,
    asked,
    calls_open,
    turns_in,
    typed,
)

CALLED = Turn(
    "assistant", None, "I must look.", (Call("c1", "function", Function("weather", '{"in":"Rome"}')), Call("c2"))
)


def body(form: Mapping[str, str], side: int = 0, *, stream: bool = False) -> dict[str, object]:
    made = asked(typed({"model-a": "lab/m", "say": "Hi", **form}), str)
    found: dict[str, object] = json.loads(made[side].body(stream=stream))
    return found


def errors(form: Mapping[str, str]) -> Mapping[str, str]:
    with pytest.raises(BadForm) as caught:
        asked(typed({"model-a": "lab/m", "say": "Hi", **form}), str)
    return caught.value.errors


def test_the_least_that_is_typed_is_a_model_and_a_message() -> None:
    assert body({}) == {"model": "lab/m", "messages": [{"role": "user", "content": "Hi"}]}


def test_a_stream_asks_for_its_usage() -> None:
    found = body({}, stream=True)
    assert (found["stream"], found["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize(
    ("field", "text", "name", "value"),
    [
        ("temperature", "0.7", "temperature", 0.7),
        ("temperature", "0", "temperature", 0),
        ("most", "64", "max_tokens", 64),
        ("effort", "low", "reasoning_effort", "low"),
        ("tools", '[{"type":"custom","name":"x"}]', "tools", [{"type": "custom", "name": "x"}]),
        (
            "tools",
            '{"name":"f","parameters":{}}',
            "tools",
            [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        ),
        (
            "schema",
            '{"type":"object"}',
            "response_format",
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
        ),
        (
            "schema",
            '{"name":"city","schema":{},"strict":true}',
            "response_format",
            {"type": "json_schema", "json_schema": {"name": "city", "schema": {}, "strict": True}},
        ),
        (
            "schema",
            '{"type":[]}',
            "response_format",
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": []}}},
        ),
        ("schema", '{"type":"json_object"}', "response_format", {"type": "json_object"}),
    ],
)
def test_an_option_becomes_the_field_of_its_name(field: str, text: str, name: str, value: object) -> None:
    assert body({field: text})[name] == value
    assert name not in body({field: "  "})


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("model-a", "", "Name a model"),
        ("model-a", "x" * 301, "Name a model"),
        ("say", " \n", "Write something"),
        ("turns-a", "[1]", "cannot be read"),
        ("temperature", "warm", "from 0 to 2"),
        ("temperature", "2.1", "from 0 to 2"),
        ("temperature", "nan", "from 0 to 2"),
        ("temperature", "-0.1", "from 0 to 2"),
        ("most", "0", "whole number"),
        ("most", "1.5", "whole number"),
        ("most", "9" * 5000, "whole number"),
        ("tools", "[", "no JSON"),
        ("tools", "[]", "JSON list of tools"),
        ("tools", '["f"]', "JSON list of tools"),
        ("schema", "\ud800", "no JSON"),
        ("schema", "[]", "an object"),
        ("effort", "extreme", "Choose one"),
    ],
)
def test_what_makes_no_request_is_told_at_its_field(field: str, text: str, says: str) -> None:
    (at, said), *others = errors({field: text}).items()
    assert others == []
    assert says in said
    assert at == ("say" if field == "turns-a" else field)


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert set(errors({"say": "", "most": "x", "tools": "x"})) == {"say", "most", "tools"}


def test_two_models_are_asked_the_same_after_their_own_conversations() -> None:
    before = as_json([Turn("user", "One?"), Turn("assistant", "Two.")])
    form = {"model-b": "lab/n", "system": "Be brief.", "turns-b": before}
    first, second = body(form), body(form, 1)
    assert [each["role"] for each in first["messages"]] == ["system", "user"]  # type: ignore[attr-defined] # a list
    assert (second["model"], len(second["messages"])) == ("lab/n", 4)  # type: ignore[arg-type] # a list


def test_what_tools_gave_comes_after_their_calls_and_needs_no_words() -> None:
    form = {"say": "", "turns-a": as_json([Turn("user", "Weather?"), CALLED]), "output-a-0": "18°", "output-a-1": ""}
    messages = body(form)["messages"]
    assert messages[1:] == [  # type: ignore[index] # a list
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "I must look.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"in":"Rome"}'}},
                {"id": "c2", "type": "function", "function": {"name": "", "arguments": ""}},
            ],
        },
        {"role": "tool", "content": "18°", "tool_call_id": "c1"},
        {"role": "tool", "content": "", "tool_call_id": "c2"},
    ]


def test_a_call_that_nothing_is_said_to_waits() -> None:
    assert "say" in errors({"say": "", "turns-a": as_json([CALLED]), "output-a-0": " "})


_texts = st.text(st.characters(codec="utf-8"), max_size=20)
_calls = st.builds(Call, _texts, st.just("function"), st.builds(Function, _texts, _texts))
_turns = st.builds(
    Turn,
    st.sampled_from(("user", "assistant", "tool")),
    st.none() | _texts,
    st.none() | _texts,
    st.lists(_calls, max_size=2).map(tuple),
    st.none() | _texts,
)


@given(st.lists(_turns, max_size=4))
def test_a_conversation_comes_back_from_the_form_as_it_was(turns: list[Turn]) -> None:
    again = turns_in(as_json(turns))
    assert list(again) == turns
    assert calls_open(again) == (turns[-1].tool_calls if turns and turns[-1].role == "assistant" else ())


@given(st.dictionaries(st.sampled_from(("say", "tools", "schema", "most", "temperature", "turns-a")), _texts))
def test_whatever_is_typed_is_a_request_or_told(form: dict[str, str]) -> None:
    what = typed({"model-a": "lab/m", **form})
    try:
        (one,) = asked(what, str)
    except BadForm as bad:
        told = len(bad.errors)
    else:
        told = len(json.loads(one.body(stream=True)))
    assert told
