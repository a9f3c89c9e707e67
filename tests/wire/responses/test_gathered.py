"""The events of a response come to the response; cut anywhere, to what had been said until then."""

import json

import pytest

from tests.gateway.upstream import DONE, EVENTS, USAGE, chunk
from tests.wire.responses.test_answer import asked, call, events, run
from weighbridge.wire import sse
from weighbridge.wire.responses.gathered import response_of

PIECES = [
    chunk({"reasoning_content": "Hm"}), chunk({"reasoning_content": "m."}), *EVENTS[:-3],
    call(0, "call_1", name="f", arguments='{"a":'), call(0, None, arguments=" 1}"),
    chunk({}, "tool_calls"), USAGE, DONE,
]  # fmt: skip


def live() -> bytes:
    return run(
        asked(stream=True, tools=[{"type": "function", "name": "f"}]).form.stream(lambda usage: "0.5"), b"".join(PIECES)
    )


def test_a_stream_comes_to_the_response_of_its_last_event() -> None:
    assert json.loads(response_of(live())) == events(live())[-1]["response"]


def test_cut_anywhere_it_has_what_had_been_said() -> None:
    each = list(sse.events(live()))
    texts = set()
    for upto in range(1, len(each)):
        part = json.loads(response_of(b"".join(each[:upto])))
        assert part["status"] == "in_progress"
        for item in part["output"]:
            texts |= {(item["type"], said["text"]) for said in (item.get("content") or []) if "text" in said}
            if item["type"] == "function_call":
                texts.add(("function_call", item["arguments"]))
    assert {("message", "Hel"), ("message", "Hello, world."), ("reasoning", "Hm"), ("reasoning", "Hmm.")} <= texts
    assert {("function_call", '{"a":'), ("function_call", '{"a": 1}')} <= texts


@pytest.mark.parametrize(
    ("last", "fault"),
    [
        ({"type": "error", "code": "x", "message": "gone"}, {"code": "x", "message": "gone"}),
        ({"error": {"message": "gone"}}, {"message": "gone"}),
    ],
)
def test_an_error_in_the_middle_is_kept_beside_what_had_come(last: object, fault: object) -> None:
    begun = b"".join(list(sse.events(live()))[:6])
    part = json.loads(response_of(begun + b"data: " + json.dumps(last).encode() + b"\n\n"))
    assert part["error"] == fault
    assert part["output"]


@pytest.mark.parametrize(
    "stream", [b"", b"data: [DONE]\n\n", b"data: 3\n\n", b'data: {"type":"response.completed"}\n\n']
)
def test_what_is_no_response_is_a_value_error(stream: bytes) -> None:
    with pytest.raises(ValueError, match="response"):
        response_of(stream)
