"""A response that was kept comes again as a stream that ends with it, in the order in which a live one comes."""

import json

import pytest

from tests.gateway.upstream import DONE, EVENTS, USAGE, chunk
from tests.wire.responses.test_answer import Json, answer, asked, call, events, run, whole
from weighbridge.wire.responses.replay import replayed

LIKELY = {
    "token": "Hel",
    "logprob": -0.5,
    "bytes": [72],
    "top_logprobs": [{"token": "Ha", "logprob": -2, "bytes": None}],
}
USE = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
PATCH = {"id": "call_2", "type": "function", "function": {"name": "patch", "arguments": '{"input": "x"}'}}
SPACED = {"id": "call_3", "type": "function", "function": {"name": "space__g", "arguments": "{}"}}
TOOLS: list[Json] = [
    {"type": "function", "name": "f"},
    {"type": "custom", "name": "patch"},
    {"type": "namespace", "name": "space", "tools": [{"type": "function", "name": "g"}]},
]
SAID: list[tuple[Json, str]] = [
    ({"content": "Hello."}, "stop"),
    ({"content": "Hel"}, "length"),
    ({"content": "Hel"}, "content_filter"),
    ({"content": None, "refusal": "No."}, "stop"),
    ({"content": "So.", "reasoning_content": "Hmm."}, "stop"),
    ({"content": None, "tool_calls": [USE, PATCH, SPACED]}, "tool_calls"),
    ({"content": "First.", "reasoning_content": "Hmm.", "tool_calls": [SPACED, USE]}, "tool_calls"),
    ({"content": ""}, "stop"),
]


@pytest.mark.parametrize("usage", [{"prompt_tokens": 3, "completion_tokens": 2}, None])
@pytest.mark.parametrize(("message", "finish"), SAID)
def test_it_ends_with_the_very_document(message: Json, finish: str, usage: Json | None) -> None:
    document = asked(stream=False, tools=TOOLS, metadata={"a": "b"}).form.whole(answer(message, finish, usage), "0.5")
    said = events(replayed(document))
    assert [event["sequence_number"] for event in said] == list(range(len(said)))
    assert [said[0]["type"], said[1]["type"]] == ["response.created", "response.in_progress"]
    assert said[0]["response"]["output"] == []
    assert said[-1]["response"] == json.loads(document)
    assert said[-1]["type"] == f"response.{json.loads(document)['status']}"
    assert any(event["type"].endswith(".delta") for event in said) is bool(json.loads(document)["output"])


def test_its_events_are_the_live_ones_with_the_deltas_of_a_text_in_one() -> None:
    pieces = [
        chunk({"reasoning_content": "Hm"}), chunk({"reasoning_content": "m."}), *EVENTS[:-3],
        call(0, "call_1", name="f", arguments='{"a":'), call(0, None, arguments=" 1}"), chunk({}, "tool_calls"), USAGE,
        DONE,
    ]  # fmt: skip
    form = asked(stream=True, tools=TOOLS).form
    live = events(run(form.stream(lambda usage: "0.5"), b"".join(pieces)))
    again = events(replayed(json.dumps(live[-1]["response"], separators=(",", ":")).encode()))
    assert [event["type"] for event in again] == [
        event["type"]
        for before, event in zip([None, *live], live, strict=False)
        if before is None or not (event["type"].endswith(".delta") and before["type"] == event["type"])
    ]
    assert {each["item_id"] for each in again if "item_id" in each} == {
        each["item_id"] for each in live if "item_id" in each
    }
    assert again[-1]["response"] == live[-1]["response"]


def test_how_likely_each_token_was_is_told_again() -> None:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Hel"},
        "finish_reason": "stop",
        "logprobs": {"content": [LIKELY]},
    }
    document = json.dumps({"id": "c", "model": "tiny", "created": 1, "choices": [choice]}).encode()
    kept = asked(stream=False, top_logprobs=1).form.whole(document, None)
    said = events(replayed(kept))
    assert said[-1]["response"] == json.loads(kept)
    (delta,) = [event for event in said if event["type"] == "response.output_text.delta"]
    assert delta["logprobs"] == json.loads(kept)["output"][0]["content"][0]["logprobs"]


@pytest.mark.parametrize("status", ["completed", "incomplete"])
def test_items_that_only_their_maker_knows_come_whole(status: str) -> None:
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    kept = {**whole(answer({"content": "Hello."})), "status": status}
    kept["output"] = [search, *kept["output"]]
    said = events(replayed(json.dumps(kept).encode()))
    assert [event["type"].removeprefix("response.") for event in said] == [
        *("created", "in_progress"), *["output_item.added", "output_item.done"] * 2, status,
    ]  # fmt: skip
    assert [event["sequence_number"] for event in said] == list(range(7))
    assert (said[3]["item"], said[-1]["response"]) == (search, kept)
    assert (said[0]["response"]["status"], said[0]["response"]["output"]) == ("in_progress", [])
