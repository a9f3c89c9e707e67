"""A request for the rest of an answer: the beginning is the assistant's, and nothing else is another."""

import json
from typing import Any

import pytest

from weighbridge.catalog.habits import read_habits
from weighbridge.errors import BadRequest
from weighbridge.wire.continued import has_format, rest_of, stops_of, why_not
from weighbridge.wire.habits.profile import Prefix

BOOK = read_habits()
Json = dict[str, Any]
USER = {"role": "user", "content": "Count."}


def request(**more: object) -> bytes:
    return json.dumps({"model": "lab/tiny", "messages": [USER], "stream": True, **more}).encode()


def rest(body: bytes, said: str = "One, two", tokens: int = 4, prefix: Prefix | None = None) -> Json:
    found: Json = json.loads(rest_of(body, said, tokens, prefix or Prefix(source="s"))[1])
    return found


@pytest.mark.parametrize(
    ("provider", "in_message", "in_request", "path"),
    [
        ("vllm", {}, {"continue_final_message": True, "add_generation_prompt": False}, None),
        ("sglang", {}, {"continue_final_message": True}, None),
        ("llama-server", {}, {}, None),
        ("local", {}, {}, None),
        ("mistral", {"prefix": True}, {}, None),
        ("deepseek", {"prefix": True}, {}, "/beta/chat/completions"),
        ("moonshot", {"partial": True}, {}, None),
        ("groq", {}, {}, None),
        ("openrouter", {}, {}, None),
    ],
)
def test_each_provider_is_asked_in_its_own_way(
    provider: str, in_message: Json, in_request: Json, path: str | None
) -> None:
    prefix = BOOK.prefix_of(provider, "some-model")
    call, body = rest_of(request(seed=1, x=[1.50]), "One, two", 4, prefix)
    asked = json.loads(body)
    begun = {"role": "assistant", "content": "One, two"} | in_message
    assert asked == json.loads(request(seed=1, x=[1.50])) | {"messages": [USER, begun]} | in_request
    assert (call.path, call.model, call.streamed) == (path, "lab/tiny", True)


@pytest.mark.parametrize(
    ("limits", "tokens", "left"),
    [
        ({"max_tokens": 10}, 4, {"max_tokens": 6}),
        ({"max_completion_tokens": 10}, 4, {"max_completion_tokens": 6}),
        ({"max_tokens": 10, "max_completion_tokens": 8}, 4, {"max_tokens": 6, "max_completion_tokens": 4}),
        ({"max_tokens": 4}, 4, {"max_tokens": 1}),
        ({"max_tokens": 4}, 9, {"max_tokens": 1}),
        ({"max_tokens": -1}, 4, {"max_tokens": -1}),
        ({"max_tokens": None}, 4, {"max_tokens": None}),
        ({}, 4, {}),
    ],
)
def test_the_limit_is_what_is_left_of_it(limits: Json, tokens: int, left: Json) -> None:
    asked = rest(request(**limits), tokens=tokens)
    assert {name: value for name, value in asked.items() if "max" in name} == left


def test_an_answer_that_the_client_began_is_gone_on_with_behind_its_words() -> None:
    begun = {"role": "assistant", "content": "Sure: ", "name": "tiny"}
    messages = rest(request(messages=[USER, begun]), prefix=BOOK.prefix_of("mistral", "x"))["messages"]
    assert messages == [USER, {"role": "assistant", "content": "Sure: One, two", "name": "tiny", "prefix": True}]


def test_an_answer_of_which_nothing_was_said_is_asked_for_anew() -> None:
    body = request(max_tokens=10)
    assert rest_of(body, "", 0, BOOK.prefix_of("deepseek", "x"))[1] == body
    assert rest_of(body, "", 0, None)[0].path is None


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, None),
        ({"n": 1, "logprobs": False, "tool_choice": "auto", "tools": []}, None),
        ({"response_format": {"type": "json_object"}}, None),
        ({"n": 2}, "choices"),
        ({"logprobs": True}, "probabilities"),
        ({"tool_choice": "required"}, "tool"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool"),
        ({"modalities": ["text", "audio"]}, "text"),
        ({"messages": [USER, {"role": "assistant", "content": [{"type": "text", "text": "Sure"}]}]}, "begun"),
        ({"messages": [USER, {"role": "assistant", "content": "Sure"}]}, None),
        ({"n": "two"}, "read"),
    ],
)
def test_what_cannot_be_gone_on_with_is_named(more: Json, why: str | None) -> None:
    found = why_not(request(**more))
    assert found is None if why is None else why in (found or "")


@pytest.mark.parametrize(
    ("more", "has"),
    [
        ({}, False),
        ({"response_format": None}, False),
        ({"response_format": {"type": "text"}}, False),
        ({"response_format": {"type": "json_object"}}, True),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, True),
        ({"guided_regex": "a*"}, True),
        ({"grammar": "root ::= x"}, True),
    ],
)
def test_a_format_is_known_as_one(more: Json, has: bool) -> None:
    assert has_format(request(**more)) == has


def test_stops_are_read_in_both_shapes() -> None:
    assert stops_of(request(stop="END")) == ("END",)
    assert stops_of(request(stop=["a", "", "b"])) == ("a", "b")
    assert stops_of(request(stop=None)) == stops_of(request()) == ()


def test_where_it_is_asked_is_not_the_clients_to_say() -> None:
    call, _ = rest_of(request(**{"weighbridge elsewhere": "/admin"}), "", 0, None)
    assert call.path is None
    with pytest.raises(BadRequest):
        rest_of(b'{"model":"m","messages":[],"stream":true}', "", 0, None)
