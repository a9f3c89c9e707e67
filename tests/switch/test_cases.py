"""Requests of every dialect become the chat completion that the gateway would ask for, and what cannot says why."""

import json

import pytest

from tests.texts.made_up import made
from weighbridge.routing.quality.fingerprint import fingerprint
from weighbridge.switch.case import Answer
from weighbridge.switch.cases import Unusable, of_request, of_text, with_model
from weighbridge.texts.text import Dialect

TOOL = {"type": "object", "properties": {"at": {"type": "integer"}}}
ASKED: dict[Dialect, dict[str, object]] = {
    "chat": {
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": TOOL}}],
        "max_tokens": 50,
    },
    "openrouter": {
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": TOOL}}],
        "max_tokens": 50,
        "usage": {"include": True},
    },
    "messages": {
        "system": "Be short.",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"name": "look", "input_schema": TOOL}],
        "max_tokens": 50,
    },
    "responses": {
        "instructions": "Be short.",
        "input": "Hi",
        "tools": [{"type": "function", "name": "look", "parameters": TOOL}],
        "max_output_tokens": 50,
    },
}
ROUTE = fingerprint("key-1", "Be short.", ["look"], "text", "Desk")


@pytest.mark.parametrize("dialect", ASKED)
@pytest.mark.parametrize("streamed", [False, True])
def test_the_same_request_is_the_same_case_in_every_dialect(dialect: Dialect, streamed: bool) -> None:
    body = json.dumps({"model": "near/tiny", "stream": streamed, **ASKED[dialect]}).encode()
    case = of_text(
        made(request=body, dialect=dialect, headers={"x-title": "Desk"}, answer=None), reference="near/tiny", whole=True
    )
    chat = json.loads(case.body)
    assert (case.id, case.route, case.reference) == ("wbr-1", ROUTE, None)
    assert [(each["role"], _text(each["content"])) for each in chat["messages"]] == [
        ("system", "Be short."),
        ("user", "Hi"),
    ]
    assert [each["function"]["name"] for each in chat["tools"]] == ["look"]
    assert chat.get("max_tokens", chat.get("max_completion_tokens")) == 50
    assert "stream" not in chat


def _text(content: object) -> object:
    return content[0]["text"] if isinstance(content, list) else content


def test_a_case_is_nobodys_and_one_models_and_may_not_go_further_than_its_request() -> None:
    own = {
        "user": "alice", "metadata": {"a": "b"}, "store": True, "n": 3, "models": ["a/b"], "stream": True,
        "stream_options": {"include_usage": True}, "safety_identifier": "x", "prompt_cache_key": "y",
        "service_tier": "flex", "temperature": 1.0, "logprobs": True,
        "provider": {"zdr": True, "only": ["deepinfra"]},
    }  # fmt: skip
    body = json.dumps({"model": "near/tiny", "messages": [{"role": "user", "content": "Hi"}], **own}).encode()
    assert json.loads(of_request(body, "wbr-1").body) == {
        "model": "near/tiny",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 1.0,
        "logprobs": True,
        "provider": {"zdr": True, "only": ["deepinfra"]},
    }


def test_the_answer_comes_along_where_the_reference_gave_it_whole() -> None:
    request = json.dumps({"model": "near/tiny", **ASKED["chat"]}).encode()
    answer = json.dumps({"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}).encode()
    text = made(request=request, answer=answer)
    assert of_text(text, reference="near/tiny", whole=True).reference == Answer(
        "Hello.", finish="stop", receipt="wbr-1"
    )
    assert of_text(text, reference="near/tiny", whole=False).reference is None
    assert of_text(text, reference="far/huge", whole=True).reference is None
    assert (
        of_text(made(request=request, answer=answer, events=True), reference="near/tiny", whole=True).reference is None
    )


BAD: list[tuple[Dialect, dict[str, object], str]] = [
    ("embeddings", {"model": "a/b", "input": "x"}, "embeddings is not moved"),
    ("completions", {"model": "a/b", "prompt": "x"}, "completions is not moved"),
    ("responses", {"model": "a/b", "input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
    ("chat", {"model": "a/b"}, "messages"),
    ("chat", {"model": "a/b", "messages": []}, "messages"),
    ("chat", {"model": "@preset/mine", "messages": [{"role": "user", "content": "x"}]}, "preset"),
    ("openrouter", {"model": "a/b", "preset": "mine", "messages": [{"role": "user", "content": "x"}]}, "preset"),
    ("messages", {"model": "a/b", "messages": [{"role": "user", "content": "x"}]}, "max_tokens"),
]


@pytest.mark.parametrize(("dialect", "request_", "why"), BAD)
def test_what_is_no_case_says_why(dialect: Dialect, request_: dict[str, object], why: str) -> None:
    with pytest.raises(Unusable, match=why):
        of_request(json.dumps(request_).encode(), "wbr-1", dialect=dialect)


def test_a_replay_has_another_model_and_may_have_another_effort_and_limit() -> None:
    body = b'{"model": "a/b", "messages": [], "max_completion_tokens": 9, "temperature": 1.0}'
    assert json.loads(with_model(body, "c/d")) == json.loads(body) | {"model": "c/d"}
    assert json.loads(with_model(body, "c/d", effort="low", most_tokens=5)) == json.loads(body) | {
        "model": "c/d",
        "reasoning_effort": "low",
        "max_completion_tokens": 5,
    }
    assert b'"max_tokens":5' in with_model(b'{"model": "a/b"}', "c/d", most_tokens=5)
