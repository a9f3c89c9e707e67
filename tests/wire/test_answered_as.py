"""Which model an answer says that it is of."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.wire.answered_as import answered_as

# asked for, named in the answer
SAME = [
    ("gpt-4o", "gpt-4o"),
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("claude-sonnet-4", "claude-sonnet-4-20250514"),
    ("deepseek-ai/DeepSeek-V3", "deepseek-v3"),
    ("deepseek-v3", "deepseek-ai/DeepSeek-V3"),
    ("llama3", "llama3:latest"),
    ("mistral-large-latest", "mistral-large-2411"),
    ("accounts/fireworks/models/llama-v3p1-8b-instruct", "llama-v3p1-8b-instruct"),
    ("gpt-3.5-turbo", "gpt-3.5-turbo-0125"),
    ("qwen2.5-coder-0.5b", "models/Qwen2.5-Coder-0.5B"),
    ("tiny", ""),
    ("a/b\\c", "a/b\\c"),
    ("größe", "größe"),
]
OTHER = [
    ("gpt-4o", "gpt-3.5-turbo"),
    ("gpt-4o", "gpt-4o-mini"),
    ("gpt-4o-mini", "gpt-4o"),
    ("gpt-4", "gpt-4.1"),
    ("qwen3-8b", "qwen3-80b"),
    ("llama-3.3-70b", "llama-3.1-8b"),
    ("deepseek-v3", "deepseek-r1"),
    ("qwen3-coder", "another-model-7b"),
    ("tiny", "größer"),
]


def whole(model: str) -> bytes:
    """An answer, told in a way that nobody has to."""
    return json.dumps({"id": "1", "model": model, "choices": [{"message": {"content": '"model": "x"'}}]}).encode()


@pytest.mark.parametrize(("asked", "named"), SAME)
def test_one_model_may_have_many_names(asked: str, named: str) -> None:
    assert answered_as(whole(named), asked) is None


@pytest.mark.parametrize(("asked", "named"), OTHER)
def test_another_model_is_named(asked: str, named: str) -> None:
    assert answered_as(whole(named), asked) == named


# what is said first, in each dialect
FIRST = {
    "a chunk": b'data: {"id":"1","object":"chat.completion.chunk","model":"other","choices":[]}\n\n',
    "messages": b'event: message_start\ndata: {"type":"message_start","message":{"id":"1","model":"other"}}\n\n',
    "responses": b'event: response.created\ndata: {"type":"response.created","response":{"model" : "other"}}\n\n',
    "a whole answer": b'{"choices":[{"message":{"content":"\\"model\\":\\"tiny\\""}}],"model":"other"}',
}


@pytest.mark.parametrize("case", FIRST)
def test_the_name_is_found_in_every_dialect(case: str) -> None:
    assert answered_as(FIRST[case], "tiny") == "other"
    assert answered_as(FIRST[case], "other") is None


@pytest.mark.parametrize("said", [b"", b"data: {}", b'{"model":null}', b'{"model":7}', b'{"model":"cut of', b'"\\u12"'])
def test_where_none_is_named_nothing_is_told(said: bytes) -> None:
    assert answered_as(said, "tiny") is None


def test_a_long_name_is_cut() -> None:
    assert len(answered_as(whole("x" * 5000), "tiny") or "") == 200


@given(st.text(), st.text(min_size=1))
def test_any_name_is_read_and_the_same_name_is_never_another(named: str, asked: str) -> None:
    assert answered_as(whole(asked), asked) is None
    answered_as(whole(named), asked)


@given(st.binary(max_size=200))
def test_any_bytes_may_come(said: bytes) -> None:
    answered_as(b'{"model":"' + said, "tiny")
