"""Thoughts that Mistral's service says in parts of the content, as its page on reasoning shows them."""

import json

from weighbridge.catalog.habits import read_habits
from weighbridge.wire.chat.stream import ChatStream
from weighbridge.wire.habits.repair import repair_for
from weighbridge.wire.repaired import Repaired, put_right

HABITS = read_habits().of("mistral", "mistral-small-2603")
THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": True}
TEXT = {"type": "text", "text": "Yes."}


def event(delta: object, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "choices": [choice]}).encode() + b"\n\n"


def test_a_whole_answer_has_its_text_as_text() -> None:
    repair = repair_for(HABITS, b"{}")
    assert repair is not None
    message = {"role": "assistant", "content": [THINKING, TEXT], "prefix": False}
    answer = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    (choice,) = json.loads(put_right(json.dumps(answer).encode(), repair))["choices"]
    assert choice["message"] == {"role": "assistant", "prefix": False, "content": "Yes.", "reasoning_content": "Hm."}


def test_a_stream_has_its_text_as_text_and_plain_chunks_as_they_came() -> None:
    repair = repair_for(HABITS, b"{}")
    assert repair is not None
    stream = Repaired(ChatStream(wants_usage=False, cost=lambda _: None), repair)
    said = event({"content": " Really."}), event({"content": ""}, "stop")
    came = [
        event({"role": "assistant", "content": ""}),
        event({"content": [THINKING]}),
        event({"content": [TEXT]}),
        *said,
    ]
    out = stream.feed(b"".join(came))
    assert out.startswith(came[0])
    assert out.endswith(b"".join(said))
    between = out[len(came[0]) : -len(b"".join(said))]
    deltas = [json.loads(line[6:])["choices"][0]["delta"] for line in between.split(b"\n\n") if line]
    assert deltas == [{"reasoning_content": "Hm."}, {"content": "Yes."}]
