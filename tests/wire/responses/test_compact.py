"""A conversation is made short by the model itself; what comes of it is read back into later conversations."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.upstream import DONE, USAGE, chunk
from tests.wire.responses.test_answer import ID, NOW, Json, answer
from weighbridge.errors import BadRequest, UpstreamError
from weighbridge.wire.responses.compact import CompactSurface
from weighbridge.wire.responses.compaction import opened, sealed
from weighbridge.wire.responses.counting import estimated_input
from weighbridge.wire.responses.read import Earlier
from weighbridge.wire.surface import Asked

CONVERSATION: list[Json] = [
    {"role": "developer", "content": "Be kind."},
    {"role": "user", "content": "The weather in Oslo?"},
    {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "A tool knows."}]},
    {"type": "function_call", "call_id": "c", "name": "weather", "arguments": '{"city": "Oslo"}'},
    {"type": "function_call_output", "call_id": "c", "output": "rain"},
    {"role": "assistant", "content": "It rains."},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Thanks"}]},
]


def compacting(**fields: object) -> Asked:
    body = json.dumps({"model": "m", "input": CONVERSATION, **fields}).encode()
    return CompactSurface(ID, lambda: NOW, Earlier()).read(body)


def test_the_model_is_told_the_conversation_in_words_and_asked_for_a_summary() -> None:
    sent = json.loads(compacting(instructions="Be brief.", tools=[{"type": "function", "name": "weather"}]).body)
    *turns, last = sent["messages"]
    assert [(turn["role"], turn["content"]) for turn in turns] == [
        ("system", "Be brief.\n\nBe kind."),
        ("user", "The weather in Oslo?"),
        ("assistant", '[called the tool weather with {"city": "Oslo"}]'),
        ("user", "[the tool answered:]\n\nrain"),
        ("assistant", "It rains."),
        ("user", "Thanks"),
    ]
    assert last["role"] == "user"
    assert "summary" in last["content"]
    assert set(sent) == {"model", "messages"}


def test_a_compaction_has_the_users_messages_and_the_summary() -> None:
    said = json.loads(compacting().form.whole(answer({"content": " It rains in Oslo.\n"}), "0.5"))
    *kept, compaction = said.pop("output")
    assert [(each["type"], each["role"], each["content"][0]["text"]) for each in kept] == [
        ("message", "user", "The weather in Oslo?"),
        ("message", "user", "Thanks"),
    ]
    assert len({each["id"] for each in (*kept, compaction)}) == 3
    assert (compaction["type"], opened(compaction["encrypted_content"])) == ("compaction", "It rains in Oslo.")
    assert said.pop("usage")["total_tokens"] == 17
    assert said == {"id": ID, "object": "response.compaction", "created_at": NOW}


def test_a_provider_that_streams_gives_the_same() -> None:
    asked = compacting()
    stream = asked.form.stream(lambda usage: "0.5")
    pieces = (chunk({"content": " It rains "}), chunk({"content": "in Oslo.\n"}), chunk({}, "stop"), USAGE, DONE)
    assert stream.feed(b"".join(pieces)) == b""
    assert stream.whole
    assert stream.last() == compacting().form.whole(answer({"content": " It rains in Oslo.\n"}), "0.5")


NONE: list[tuple[Json, str, str]] = [
    ({"content": ""}, "stop", "no summary"),
    ({"content": " \n"}, "stop", "no summary"),
    ({"content": "It ra"}, "length", "cut off"),
    ({"content": "It ra"}, "content_filter", "cut off"),
]


@pytest.mark.parametrize(("message", "finish", "said"), NONE)
def test_what_is_no_summary_takes_nobodys_place(message: Json, finish: str, said: str) -> None:
    with pytest.raises(UpstreamError, match=said):
        compacting().form.whole(answer(message, finish), None)
    stream = compacting().form.stream(lambda usage: None)
    stream.feed(chunk(message) + chunk({}, finish) + DONE)
    assert not stream.whole
    assert said in str(stream.fault)


def test_what_a_provider_says_that_is_no_completion_is_an_error() -> None:
    with pytest.raises(UpstreamError):
        compacting().form.whole(b'{"object": "list"}', None)


def test_the_output_is_the_input_to_go_on_with_and_to_compact_again() -> None:
    output = json.loads(compacting().form.whole(answer({"content": "It rains."}), None))["output"]
    again = compacting(input=[*output, {"role": "user", "content": "And in Rome?"}])
    contents = [turn["content"] for turn in json.loads(again.body)["messages"]]
    assert [contents[0], contents[1], contents[3]] == ["The weather in Oslo?", "Thanks", "And in Rome?"]
    assert contents[2].endswith("It rains.")
    said = json.loads(again.form.whole(answer({"content": "Rain; Rome is asked."}), None))
    assert [each["type"] for each in said["output"]] == ["message"] * 3 + ["compaction"]


REFUSED: list[tuple[Json, str]] = [
    ({"input": []}, "input"),
    ({"model": ""}, "model"),
    ({"stream": True}, "stream"),
    ({"conversation": "conv_1"}, "conversation"),
]


@pytest.mark.parametrize(("fields", "param"), REFUSED)
def test_what_cannot_be_compacted_is_refused_by_name(fields: Json, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        compacting(**fields)
    assert caught.value.param == param


@given(st.text())
def test_a_summary_is_read_back(summary: str) -> None:
    assert opened(sealed(summary)) == summary


@given(st.text(max_size=40))
def test_any_other_text_is_none_of_ours_or_one(text: str) -> None:
    for content in (text, f"wb1.{text}"):
        found = opened(content)
        assert found is None or isinstance(found, str)


TOOL: Json = {"type": "function", "name": "f", "description": "d" * 40, "parameters": {"type": "object"}}


def test_the_tokens_of_a_request_are_estimated_by_all_that_the_model_reads() -> None:
    def count(**fields: object) -> int:
        model, tokens = estimated_input(json.dumps({"model": "m", **fields}).encode(), Earlier())
        assert model == "m"
        return tokens

    assert count() == 0
    assert count(input="Hi") < count(input="Hi " * 40) < count(input="Hi " * 40, instructions="Be brief. " * 9)
    assert count(tools=[TOOL]) > 10
