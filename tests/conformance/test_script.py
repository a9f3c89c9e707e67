"""The scripted model: what it says to what it is asked."""

import json

import msgspec
import pytest

from conformance.instance import Hints, Json, Schemas
from conformance.script import Request, Said, answer, words_of

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
OTHER = {"type": "function", "function": {"name": "other", "parameters": {"type": "object", "properties": {}}}}


def said(question: str, *more: dict[str, object], **fields: object) -> Said:
    messages = [{"role": "user", "content": question}, *more]
    return answer(msgspec.convert({"model": "m", "messages": messages, **fields}, type=Request))


def calls(found: Said) -> list[tuple[str, object]]:
    return [(call.name, json.loads(call.arguments)) for call in found.calls]


def test_text_repeats_the_question() -> None:
    assert said("Hello?") == Said("You asked: Hello? This is the scripted answer.")


def test_text_ends_at_a_stop_sequence_and_at_the_limit() -> None:
    assert said("Hello?", stop=["scripted"]).text == "You asked: Hello? This is the "
    assert said("Hello?", max_tokens=2) == Said("You asked:", finish="length")


def test_a_tool_is_called_with_what_the_question_names() -> None:
    found = said("Weather in Oslo for 3 days?", tools=[OTHER, TOOL], tool_choice={"function": {"name": "weather"}})
    assert (calls(found), found.finish) == ([("weather", {"city": "Oslo", "days": 3})], "tool_calls")


def test_both_places_are_two_calls_unless_one_at_a_time_is_asked_for() -> None:
    question = "The weather in both Oslo and Rome"
    assert [arguments for _, arguments in calls(said(question, tools=[TOOL]))] == [
        {"city": "Oslo", "days": 1},
        {"city": "Rome", "days": 1},
    ]
    assert len(said(question, tools=[TOOL], parallel_tool_calls=False).calls) == 1


def test_no_tool_is_called_when_none_is_wanted_or_one_has_answered() -> None:
    assert said("Weather?", tools=[TOOL], tool_choice="none").calls == ()
    assert said("Weather?", {"role": "tool", "content": "rain"}, tools=[TOOL]) == Said("The tool said: rain")


def test_an_answer_by_a_schema_fits_it() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": WEATHER}}
    assert json.loads(said("Named 'Bergen', 5", response_format=form).text) == {"city": "Bergen", "days": 5}
    keys = said("With 'setup' and 'punchline'", response_format={"type": "json_object"}).text
    assert list(json.loads(keys)) == ["setup", "punchline"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["a", "b"]}, "a"),
        ({"const": 4}, 4),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, True),
        ({"type": ["null", "integer"], "minimum": 7}, 7),
        ({"type": "array", "items": {"type": "number"}}, [1.0]),
        ({"type": "string", "format": "date"}, "2026-11-22"),
        ({"$defs": {"x": {"const": 1}}, "properties": {"a": {"$ref": "#/$defs/x"}}}, {"a": 1}),
        ({"properties": {"location": "bar"}}, {"location": "some words"}),
        ("nonsense", "some words"),
    ],
)
def test_a_value_that_fits(schema: Json, value: Json) -> None:
    assert Schemas(schema, Hints.of("")).instance() == value


def test_a_schema_that_contains_itself_ends() -> None:
    node: Json = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert isinstance(Schemas(node).instance(), dict)


EDIT = "In the file /w/a.txt replace 'one' by 'two'. Change nothing else."


def offering(*names: str) -> list[dict[str, object]]:
    fields = ("file_path", "filePath", "old_string", "oldString", "new_string", "newString", "cmd")
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in fields}}
    return [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]


def test_an_agents_edit_goes_step_by_step() -> None:
    tools = offering("Bash", "Edit", "Read")
    done: dict[str, object] = {"role": "tool", "content": "ok"}
    assert calls(said(EDIT, tools=tools))[0][0] == "Read"
    ((name, arguments),) = calls(said(EDIT, done, tools=tools))
    assert name == "Edit"
    assert isinstance(arguments, dict)
    assert (arguments["file_path"], arguments["old_string"], arguments["newString"]) == ("/w/a.txt", "one", "two")
    assert said(EDIT, done, done, tools=tools) == Said("The file is edited.")


def test_an_agent_without_tools_gets_a_block() -> None:
    assert "<<<<<<< SEARCH\none\n=======\ntwo\n>>>>>>> REPLACE" in said(EDIT).text


def test_words_keep_their_spaces() -> None:
    assert "".join(words_of("a  b\nc ")) == "a  b\nc "
