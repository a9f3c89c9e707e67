"""What is read of a legacy completion, and that its stream is counted as chat's is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire import json_text
from weighbridge.errors import BadRequest
from weighbridge.wire.calls import for_upstream
from weighbridge.wire.surface import Asked
from weighbridge.wire.tasks.completions import COMPLETIONS, CompletionCall


def asked(more: bytes, prompt: bytes = b'"def f"') -> Asked:
    return COMPLETIONS.read(b'{"model":"a","prompt":' + prompt + (b"," + more if more else b"") + b"}")


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        (b'{"model":"a"}', "prompt"),
        (b'{"prompt":"a"}', "model"),
        (b'{"model":"a","prompt":null}', "prompt"),
        (b'{"model":"a","prompt":[]}', "prompt"),
        (b'{"model":"a","prompt":{"a":1}}', "prompt"),
        (b'{"model":"a","prompt":"a","suffix":1}', "suffix"),
        (b'{"model":"a","prompt":"a","max_tokens":-2}', "max_tokens"),
        (b'{"model":"a","prompt":"a","n":0}', "n"),
        (b'{"model":"a","prompt":"a","best_of":-1}', "best_of"),
        (b'{"model":"a","prompt":"a","stream":1}', "stream"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_the_field_at_fault(sent: bytes, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        COMPLETIONS.read(sent)
    assert refused.value.param == param


@given(st.binary(max_size=200) | json_text.value)
def test_whatever_the_bytes_are_the_only_error_is_that_the_request_is_bad(sent: bytes) -> None:
    for body in (sent, b'{"model":"a","prompt":' + sent + b"}"):
        try:
            call = COMPLETIONS.read(body).call
        except BadRequest:
            continue
        assert isinstance(call, CompletionCall)
        assert call.prompt_bytes >= 0


@pytest.mark.parametrize(
    ("prompt", "more", "most", "size"),
    [
        (b'"def f"', b"", None, 5),
        (b'"def f"', b'"max_tokens":7', 7, 5),
        (b'"def f"', b'"max_tokens":0,"echo":true,"logprobs":1', 0, 5),
        (b'"def f"', b'"max_tokens":-1', None, 5),
        (b'"def f"', b'"max_tokens":7,"n":2', 14, 5),
        (b'"def f"', b'"max_tokens":7,"n":2,"best_of":3', 21, 5),
        (b'["a","b"]', b'"max_tokens":7,"n":2', 28, 2),
        (b"[1,2,3]", b'"max_tokens":7', 7, 12),
        (b"[[1,2],[3]]", b'"max_tokens":7', 14, 12),
        (b'"def f"', b'"suffix":"return"', None, 11),
    ],
)
def test_the_bounds_of_an_estimate_go_by_every_text_that_is_read_or_made(
    prompt: bytes, more: bytes, most: int | None, size: int
) -> None:
    call = asked(more, prompt).call
    assert (call.most_tokens, call.prompt_bytes) == (most, size)


def test_a_stream_is_asked_for_its_usage_and_all_else_is_left_alone() -> None:
    body = b'{"model":"a","prompt":"x","suffix":"y","echo": true,"stream":true,"logit_bias":{"1":1.0}}'
    sent = for_upstream(body, COMPLETIONS.read(body).call, "b", ask_usage=True)
    assert sent == b'{"stream_options":{"include_usage":true},' + body.replace(b'"a"', b'"b"')[1:]


def test_a_stream_without_usage_is_counted_by_its_text() -> None:
    stream = asked(b'"stream":true').form.stream(lambda usage: None)
    for text, finish in (("retu", None), ("rn é", None), ("", "stop")):
        choice = {"index": 0, "text": text, "finish_reason": finish}
        stream.feed(b"data: " + json.dumps({"choices": [choice]}, ensure_ascii=False).encode() + b"\n\n")
    assert (stream.said_bytes, stream.whole, stream.usage) == (9, True, None)
