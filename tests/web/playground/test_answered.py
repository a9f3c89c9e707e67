"""The gateway's answers read for a page: thoughts apart from words, calls as calls, and an error whatever it is."""

import json

import pytest

from weighbridge.web.pages.playground.answered import Answer, Refused, answer_in, refused
from weighbridge.web.pages.playground.asked import Call, Function, Turn


def document(**message: object) -> bytes:
    return json.dumps({"model": "tiny", "choices": [{"message": message, "finish_reason": "stop"}]}).encode()


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"content": "Hi"}, Answer("Hi", finish="stop", model="tiny")),
        ({"content": None, "reasoning_content": "Hm"}, Answer("", "Hm", finish="stop", model="tiny")),
        ({"content": "4", "reasoning": "Two and two"}, Answer("4", "Two and two", finish="stop", model="tiny")),
        (
            {"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Hi"}]},
            Answer("Hi", finish="stop", model="tiny"),
        ),
        ({"refusal": "No."}, Answer(refusal="No.", finish="stop", model="tiny")),
        (
            {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{"}}]},
            Answer(calls=(Call("c", "function", Function("f", "{")),), finish="stop", model="tiny"),
        ),
    ],
)
def test_an_answer_is_read_by_its_parts(message: dict[str, object], answer: Answer) -> None:
    assert answer_in(document(**message)) == answer


@pytest.mark.parametrize(
    "text", [b"", b"\xff", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[{"message":{"content":1}}]}']
)
def test_what_is_no_answer_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        answer_in(text)


def test_thoughts_go_back_only_with_the_calls_they_led_to() -> None:
    assert Answer("4", "Two and two").turn == Turn("assistant", "4")
    assert Answer("", "I must look", (Call("c"),)).turn == Turn("assistant", None, "I must look", (Call("c"),))


def test_a_refusal_says_its_code_its_field_and_when_to_come_again() -> None:
    said = {"error": {"message": "Slow down", "type": "x", "param": "model", "code": "limit_reached"}}
    headers = {"retry-after": "7", "x-weighbridge-receipt": "wbr-1"}
    assert refused(429, headers, json.dumps(said).encode()) == Refused(
        429, "limit_reached", "Slow down", "model", 7, "wbr-1"
    )


@pytest.mark.parametrize("text", [b"", b"<html>", b'{"error":"no"}', b'{"detail":1}', b"\xff"])
def test_an_error_in_no_shape_of_ours_is_still_one(text: bytes) -> None:
    assert refused(502, {"retry-after": "soon"}, text) == Refused(502, "", "")
