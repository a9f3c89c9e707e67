"""The chunks of a completion that is no chat come to the document; cut anywhere, to what had come."""

import json

import pytest

from tests.gateway.upstream import event
from weighbridge.wire.tasks.gathered import completion_of

HEAD = {"id": "cmpl-1", "object": "text_completion", "model": "tiny"}


def chunk(index: int, text: str | None, finish: str | None = None, tokens: list[str] | None = None) -> bytes:
    logprobs = None if tokens is None else {"tokens": tokens, "top_logprobs": None}
    choice = {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}
    return event(HEAD | {"choices": [choice], "usage": None})


def test_texts_go_on_choice_by_choice_and_lists_grow() -> None:
    usage = {"prompt_tokens": 2, "completion_tokens": 4, "cost": 0.25}
    stream = [chunk(1, "b", tokens=["b"]), chunk(0, "a"), chunk(1, "c", tokens=["c"]), chunk(0, None, "stop")]
    stream += [chunk(1, "", "length"), event(HEAD | {"choices": [], "usage": usage}), b"data: [DONE]\n\n"]
    document = json.loads(completion_of(b"".join(stream)))
    assert document == HEAD | {
        "usage": usage,
        "choices": [
            {"index": 0, "text": "a", "logprobs": None, "finish_reason": "stop"},
            {
                "index": 1,
                "text": "bc",
                "logprobs": {"tokens": ["b", "c"], "top_logprobs": None},
                "finish_reason": "length",
            },
        ],
    }


def test_an_error_is_kept_beside_what_had_come() -> None:
    document = json.loads(completion_of(chunk(0, "a") + event({"error": {"message": "gone"}})))
    assert document["choices"][0]["text"] == "a"
    assert document["error"] == {"message": "gone"}


@pytest.mark.parametrize("stream", [b"", b"data: [DONE]\n\n", b"data: 3\n\n", b'data: {"choices":[3]}\n\n'])
def test_what_is_no_completion_is_a_value_error(stream: bytes) -> None:
    with pytest.raises(ValueError, match=r"completion|no chunk"):
        completion_of(stream)
