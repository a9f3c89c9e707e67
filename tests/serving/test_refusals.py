"""What llama.cpp passes over in silence is refused by name, or asked in its own way."""

import json
from pathlib import Path

import pytest

from weighbridge.errors import BadRequest
from weighbridge.serving.engines import Upstream
from weighbridge.serving.refusals import engine_request
from weighbridge.wire.calls import for_upstream, read_chat
from weighbridge.wire.tasks.completions import COMPLETIONS, CompletionCall

FIM = "<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>"
WRITES = Upstream("lab/coder", Path("/nowhere"), "secret", fim=FIM)
NO_GAPS = Upstream("lab/coder", Path("/nowhere"), "secret")


def asked(upstream: Upstream, **fields: object) -> bytes:
    read = COMPLETIONS.read(json.dumps({"model": "lab/coder", "prompt": "def f", **fields}).encode())
    call, body = engine_request(upstream, read.task, read.call, read.body)
    assert isinstance(call, CompletionCall)
    return for_upstream(body, call, "lab/coder", ask_usage=True)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [[1], [2]]}, "prompt"),
        ({"n": 2}, "n"),
        ({"best_of": 2}, "best_of"),
        ({"echo": True}, "echo"),
        ({"logprobs": 0}, "logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"prompt": [1, 2], "suffix": "x"}, "prompt"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(fields: dict[str, object], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        asked(WRITES, **fields)
    assert refused.value.param == param
    assert refused.value.message.startswith(f"{param}: ")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"prompt": ["a"]},
        {"prompt": [1, 2, 3]},
        {"n": 1, "best_of": 1, "echo": False, "logprobs": None, "suffix": None, "max_tokens": -1},
    ],
)
def test_what_it_can_do_goes_to_it_untouched(fields: dict[str, object]) -> None:
    assert json.loads(asked(NO_GAPS, **fields)) == {"model": "lab/coder", "prompt": "def f", **fields}


def test_a_gap_is_asked_for_in_the_models_own_tokens() -> None:
    sent = json.loads(asked(WRITES, prompt="a = {prefix}{\n", suffix="}{suffix} é", stop=["\n"], temperature=0.10))
    gap = "<|fim_prefix|>a = {prefix}{\n<|fim_suffix|>}{suffix} é<|fim_middle|>"
    assert sent == {"model": "lab/coder", "prompt": gap, "stop": ["\n"], "temperature": 0.10}


def test_a_gap_in_a_stream_is_still_a_stream() -> None:
    sent = json.loads(asked(WRITES, suffix="", stream=True))
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


def test_a_model_that_cannot_fill_a_gap_says_so() -> None:
    with pytest.raises(BadRequest, match="cannot fill a gap") as refused:
        asked(NO_GAPS, suffix="x")
    assert refused.value.param == "suffix"


@pytest.mark.parametrize("param", ["max_tokens", "max_completion_tokens"])
def test_an_answer_of_no_tokens_is_refused_by_name_in_chat_too(param: str) -> None:
    body = json.dumps({"model": "lab/coder", "messages": [{"role": "user", "content": "Hi."}], param: 0}).encode()
    with pytest.raises(BadRequest) as refused:
        engine_request(WRITES, "chat", read_chat(body), body)
    assert refused.value.param == param
