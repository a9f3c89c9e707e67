"""A response says what the model said, in the same words as a stream and as a whole, however its bytes were cut."""

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.upstream import DONE, EVENTS, USAGE, USED, chunk, event
from weighbridge.errors import UpstreamBusy, UpstreamError
from weighbridge.wire.inner import Part, Refusal, Text, Thought, ToolUse
from weighbridge.wire.responses.read import Earlier, read_request
from weighbridge.wire.responses.surface import ResponsesSurface
from weighbridge.wire.surface import Asked, Stream

Json = dict[str, Any]
ID = "resp_" + "0a" * 16
NOW = 1_800_000_000


def surface() -> ResponsesSurface:
    return ResponsesSurface(ID, lambda: NOW, Earlier(), may_store=False)


def asked(*, stream: bool, **fields: object) -> Asked:
    return surface().read(json.dumps({"model": "m", "input": "Hi", "stream": stream, **fields}).encode())


def run(stream: Stream, data: bytes) -> bytes:
    return stream.feed(data) + stream.end() + stream.last()


def events(data: bytes) -> list[Json]:
    """The events' data; each stands on one line, below its type."""
    found = []
    for each in data.removesuffix(b"\n\n").split(b"\n\n"):
        name, line = each.split(b"\n")
        document = json.loads(line.removeprefix(b"data: "))
        assert name == b"event: " + document["type"].encode()
        found.append(document)
    return found


def streamed(*chunks: bytes, **fields: object) -> list[Json]:
    return events(run(asked(stream=True, **fields).form.stream(lambda usage: "0.5"), b"".join((*chunks, DONE))))


def answer(message: Json, finish: str = "stop", usage: Json | None = USED) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps({"id": "c", "model": "tiny", "created": 1, "choices": [choice], "usage": usage}).encode()


def whole(document: bytes, **fields: object) -> Json:
    found: Json = json.loads(asked(stream=False, **fields).form.whole(document, "0.5"))
    return found


def call(index: int, id_: str | None, **function: str) -> bytes:
    named = {} if id_ is None else {"id": id_}
    return chunk({"tool_calls": [{"index": index, **named, "function": function}]})


# the response

FIELDS = {
    "id", "object", "created_at", "completed_at", "status", "incomplete_details", "model", "previous_response_id",
    "instructions", "output", "error", "tools", "tool_choice", "truncation", "parallel_tool_calls", "text", "top_p",
    "presence_penalty", "frequency_penalty", "top_logprobs", "temperature", "reasoning", "user", "usage",
    "max_output_tokens", "max_tool_calls", "store", "background", "service_tier", "metadata", "safety_identifier",
    "prompt_cache_key",
}  # fmt: skip
"""What Open Responses wants in every response."""


def test_a_response_has_all_its_fields() -> None:
    said = whole(answer({"content": "Hello."}))
    assert set(said) == FIELDS
    assert (said["id"], said["object"], said["status"], said["model"]) == (ID, "response", "completed", "m")
    assert (said["created_at"], said["completed_at"]) == (NOW, NOW)
    (message,) = said["output"]
    assert message == {
        "type": "message",
        "id": "msg_" + "0a" * 16 + "0000",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello.", "annotations": [], "logprobs": []}],
    }
    assert said["usage"] == {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 17,
        "cost": 0.5,
    }


def test_a_response_repeats_what_was_asked() -> None:
    fields: Json = {
        "instructions": "Be brief.",
        "max_output_tokens": 9,
        "max_tool_calls": 2,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "previous_response_id": "resp_1",
        "prompt_cache_key": "k",
        "reasoning": {"effort": "high", "summary": "auto"},
        "safety_identifier": "s",
        "service_tier": "flex",
        "temperature": 0.5,
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {}, "strict": True}],
        "top_p": 0.25,
        "presence_penalty": 0.5,
        "frequency_penalty": 1.5,
        "user": "u",
    }
    said = whole(answer({"content": "Hello."}), **fields)
    assert {name: said[name] for name in fields} == fields


def test_tools_that_are_left_out_are_not_repeated() -> None:
    assert whole(answer({"content": "Hello."}), tools=[{"type": "web_search"}])["tools"] == []


def test_what_nobody_counted_is_null() -> None:
    assert whole(answer({"content": "Hello."}, usage=None))["usage"] is None


ENDINGS = [
    ("stop", "completed", None),
    ("tool_calls", "completed", None),
    ("length", "incomplete", {"reason": "max_output_tokens"}),
    ("content_filter", "incomplete", {"reason": "content_filter"}),
]


@pytest.mark.parametrize(("finish", "status", "details"), ENDINGS)
def test_the_status_says_how_it_ended(finish: str, status: str, details: Json | None) -> None:
    said = whole(answer({"content": "Hello."}, finish))
    assert (said["status"], said["incomplete_details"], said["output"][0]["status"]) == (status, details, status)
    last = streamed(*EVENTS[:5], chunk({}, finish), USAGE)[-1]
    assert (last["type"], last["response"]["status"]) == (f"response.{status}", status)
    assert last["response"]["incomplete_details"] == details
    assert last["response"]["output"][0]["status"] == status


def test_what_is_no_answer_is_the_providers_fault() -> None:
    with pytest.raises(UpstreamError):
        asked(stream=False).form.whole(b'{"usage":{}}', None)


# streams


def test_a_client_that_asked_for_a_stream_gets_one_from_a_provider_that_does_not_stream() -> None:
    data = asked(stream=True).form.whole(answer({"content": "Hello."}), "0.5")
    said = events(data)
    assert [each["type"] for each in said][:2] == ["response.created", "response.in_progress"]
    assert said[-1]["response"] == whole(answer({"content": "Hello."}))


def test_a_client_that_asked_for_none_gets_none_from_a_provider_that_streams() -> None:
    stream = asked(stream=False).form.stream(lambda usage: "0.5")
    assert stream.feed(b"".join(EVENTS)) + stream.end() == b""
    assert json.loads(stream.last())["output"][0]["content"][0]["text"] == "Hello, world."


def test_two_lines_in_a_tool_of_the_request_stay_one_in_an_event() -> None:
    body = b'{"model":"m","input":"Hi","stream":true,"tools":[{\n"type":\r\n"custom","name":\n"p"}]}'
    said = events(run(surface().read(body).form.stream(lambda usage: None), b"".join(EVENTS)))
    assert said[0]["response"]["tools"] == [{"type": "custom", "name": "p"}]


def test_the_text_of_a_custom_tool_is_taken_out_of_its_arguments() -> None:
    said = streamed(
        call(0, "c1", name="p", arguments='{"inp'),
        call(0, None, arguments='ut":"a\\nb"}'),
        call(1, "c2", name="p", arguments="no JSON"),
        chunk({}, "tool_calls"),
        tools=[{"type": "custom", "name": "p"}],
    )
    items = said[-1]["response"]["output"]
    assert [(each["type"], each["call_id"], each["name"], each["input"]) for each in items] == [
        ("custom_tool_call", "c1", "p", "a\nb"),
        ("custom_tool_call", "c2", "p", "no JSON"),
    ]
    done = [each["input"] for each in said if each["type"] == "response.custom_tool_call_input.done"]
    assert done == ["a\nb", "no JSON"]


def test_text_and_a_refusal_are_two_parts_of_one_message() -> None:
    said = streamed(chunk({"content": "Well"}), chunk({"refusal": "no"}), chunk({"refusal": "."}), chunk({}, "stop"))
    (message,) = said[-1]["response"]["output"]
    assert [part.get("text") or part.get("refusal") for part in message["content"]] == ["Well", "no."]
    deltas = [(each["content_index"], each["delta"]) for each in said if each["type"].endswith("delta")]
    assert deltas == [(0, "Well"), (1, "no"), (1, ".")]


def sealed(**fields: object) -> list[str]:
    details: Json = {"reasoning_details": [{"type": "reasoning.encrypted", "data": "s3aled"}]}
    return [each.get("encrypted_content", each["type"]) for each in streamed(
        chunk(details), *EVENTS[:6], **fields
    )[-1]["response"]["output"]]  # fmt: skip


def test_sealed_reasoning_is_shown_where_it_was_asked_for() -> None:
    assert sealed() == ["message"]
    assert sealed(include=["reasoning.encrypted_content"]) == ["s3aled", "message"]


def test_a_stream_that_breaks_off_says_so_twice() -> None:
    broken = surface()
    stream = broken.read(b'{"model":"m","input":"Hi","stream":true}').form.stream(lambda usage: None)
    said = events(stream.feed(b"".join(EVENTS[:2])) + broken.error_event(UpstreamBusy("too much")))
    error, failed = said[-2:]
    assert (error["type"], error["error"]["code"], error["error"]["message"]) == ("error", "upstream_busy", "too much")
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"] == {"code": "rate_limit_exceeded", "message": "too much"}
    assert [each["sequence_number"] for each in said] == list(range(len(said)))


def test_a_stream_that_breaks_off_before_its_first_event_begins_all_the_same() -> None:
    broken = surface()
    broken.read(b'{"model":"m","input":"Hi","stream":true}')
    said = events(broken.error_event(UpstreamError("gone")))
    assert [each["type"] for each in said] == [
        "response.created",
        "response.in_progress",
        "error",
        "response.failed",
    ]


# properties

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
names = st.sampled_from(("f", "g"))
SAID = ("content", "reasoning_content", "refusal")


@st.composite
def chunks(draw: st.DrawFn) -> list[bytes]:
    """A stream of some kinds of words and some tool calls, in any order."""
    said = [chunk({name: draw(words)}) for name in draw(st.lists(st.sampled_from(SAID), max_size=6))]
    for index in range(draw(st.integers(0, 2))):
        said.append(call(index, f"c{index}", name=draw(names), arguments=draw(words)))
        said += [call(index, None, arguments=draw(words)) for _ in range(draw(st.integers(0, 2)))]
    return [*said, chunk({}, draw(st.sampled_from(("stop", "length")))), USAGE, DONE]


@given(chunks(), st.lists(st.integers(0, 2000), max_size=8), st.sampled_from((b"\n", b"\r\n")))
def test_any_cut_of_the_same_bytes_gives_the_same_events(said: list[bytes], cuts: list[int], line: bytes) -> None:
    data = b"".join(said).replace(b"\n", line)
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    stream = asked(stream=True).form.stream(lambda usage: None)
    pieces = [stream.feed(data[start:end]) for start, end in itertools.pairwise(places)]
    cut = b"".join(pieces) + stream.end() + stream.last()
    assert cut == run(asked(stream=True).form.stream(lambda usage: None), b"".join(said))


@given(chunks())
def test_the_events_of_a_stream_add_up_to_its_response(said: list[bytes]) -> None:
    items: dict[int, Json] = {}
    parts: dict[tuple[int, int], str] = {}
    arguments: dict[int, str] = {}
    for number, each in enumerate(streamed(*said[:-1])):
        assert each["sequence_number"] == number
        match each["type"].split(".")[1:]:
            case ["output_item", "added"]:
                assert each["output_index"] == len(items)
                items[each["output_index"]] = each["item"]
            case ["output_item", "done"]:
                items[each["output_index"]] = each["item"]
            case ["content_part", "added"]:
                parts[each["output_index"], each["content_index"]] = ""
            case ["output_text" | "reasoning_text" | "refusal", "delta"]:
                assert items[each["output_index"]]["id"] == each["item_id"]
                parts[each["output_index"], each["content_index"]] += each["delta"]
            case ["output_text" | "reasoning_text" | "refusal", "done"]:
                text = each.get("text", each.get("refusal"))
                assert parts[each["output_index"], each["content_index"]] == text
            case ["function_call_arguments", "delta"]:
                arguments[each["output_index"]] = arguments.get(each["output_index"], "") + each["delta"]
            case ["function_call_arguments", "done"]:
                assert arguments[each["output_index"]] == each["arguments"]
            case ["completed" | "incomplete"]:
                assert each["response"]["output"] == list(items.values())


thoughts = st.builds(lambda text: Thought(text=text), words)
told: st.SearchStrategy[list[Part]] = st.sampled_from(
    ([], [Text(text="a")], [Refusal(text="b")], [Text(text="a"), Refusal(text="b")])
)
uses = st.builds(lambda name, text: ToolUse(id="", name=name, arguments=text), names, words)


@st.composite
def answers(draw: st.DrawFn) -> list[Part]:
    found: list[Part] = [*draw(st.lists(thoughts, max_size=1)), *draw(told)]
    called = draw(st.lists(uses, min_size=0 if found else 1, max_size=3))
    return found + [msgspec.structs.replace(use, id=f"c{at}") for at, use in enumerate(called)]


@given(answers())
def test_an_answer_that_is_sent_back_reads_as_it_was_said(parts: list[Part]) -> None:
    message: Json = {}
    for part in parts:
        match part:
            case Thought(text=text):
                message["reasoning_content"] = text
            case Text(text=text):
                message["content"] = text
            case Refusal(text=text):
                message["refusal"] = text
            case ToolUse(id=id_, name=name, arguments=arguments):
                function = {"name": name, "arguments": arguments}
                message.setdefault("tool_calls", []).append({"id": id_, "type": "function", "function": function})
    output = whole(answer(message))["output"]
    again = read_request(json.dumps({"model": "m", "input": output}).encode(), Earlier(), may_store=False)
    (turn,) = again.call.messages
    sent_back = [msgspec.structs.replace(part, id=None) if isinstance(part, Thought) else part for part in turn.parts]
    assert (turn.role, sent_back) == ("assistant", parts)


@given(
    st.lists(st.sampled_from([*EVENTS[:3], event({"choices": 3}), b": alive\n\n", b"data: x\n\n", DONE]), max_size=5)
)
def test_whatever_comes_ends_in_events_that_can_be_read(said: list[bytes]) -> None:
    events(run(asked(stream=True).form.stream(lambda usage: None), b"".join(said)))


SPACE: Json = {
    "type": "namespace",
    "name": "agents",
    "description": "Other agents.",
    "tools": [{"type": "function", "name": "close"}, {"type": "custom", "name": "tell"}],
}


def test_tools_of_a_namespace_are_called_by_their_own_names() -> None:
    request = asked(stream=False, tools=[SPACE])
    names = [tool["function"]["name"] for tool in json.loads(request.body)["tools"]]
    assert names == ["agents__close", "agents__tell"]
    functions = ({"name": "agents__close", "arguments": "{}"}, {"name": "agents__tell", "arguments": '{"input":"hi"}'})
    calls = [{"id": f"c{at}", "type": "function", "function": each} for at, each in enumerate(functions)]
    said = whole(answer({"tool_calls": calls}, "tool_calls"), tools=[SPACE])
    close, tell = said["output"]
    assert (close["name"], close["namespace"], close["arguments"]) == ("close", "agents", "{}")
    assert (tell["name"], tell["namespace"], tell["input"]) == ("tell", "agents", "hi")
    assert said["tools"] == [SPACE]
    sent_back = json.dumps({"model": "m", "input": said["output"]}).encode()
    (turn,) = read_request(sent_back, Earlier(), may_store=False).call.messages
    assert [part.name for part in turn.parts if isinstance(part, ToolUse)] == names


def test_the_name_of_a_tool_in_a_namespace_is_not_too_long_and_stays_the_same() -> None:
    space = {
        "type": "namespace",
        "name": "n" * 40,
        "tools": [{"type": "function", "name": f"f{'x' * 40}{at}"} for at in "ab"],
    }
    first, second = (
        [tool["function"]["name"] for tool in json.loads(asked(stream=False, tools=[space]).body)["tools"]]
        for _ in "12"
    )
    assert first == second
    assert len(set(first)) == 2
    assert {len(name) for name in first} == {64}


def likely(token: str, **more: object) -> Json:
    return {"token": token, "logprob": -0.5, "bytes": None, **more}


def shown(token: str, **more: object) -> Json:
    return {"token": token, "logprob": -0.5, "bytes": list(token.encode()), **more}


LIKELY = [likely("Hé", top_logprobs=[likely("Ho")]), likely("l")]
SHOWN = [shown("Hé", top_logprobs=[shown("Ho")]), shown("l", top_logprobs=[])]


@pytest.mark.parametrize(
    ("fields", "count"),
    [({}, None), ({"top_logprobs": 2}, 2), ({"include": ["message.output_text.logprobs"]}, 0)],
)
def test_logprobs_are_asked_for(fields: Json, count: int | None) -> None:
    sent = json.loads(asked(stream=False, **fields).body)
    assert (sent.get("top_logprobs"), sent.get("logprobs")) == (count, None if count is None else True)


def test_logprobs_stand_beside_the_words() -> None:
    choice: Json = {"index": 0, "message": {"content": "Hél"}, "logprobs": {"content": LIKELY}, "finish_reason": "stop"}
    said = whole(json.dumps({"choices": [choice]}).encode())
    assert said["output"][0]["content"][0]["logprobs"] == SHOWN
    chunks = [
        event({"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "logprobs": {"content": [one]}}]})
        for text, one in zip(("Hé", "l"), LIKELY, strict=True)
    ]
    told = streamed(*chunks, chunk({}, "stop"))
    assert [each["logprobs"] for each in told if each["type"] == "response.output_text.delta"] == [
        [one] for one in SHOWN
    ]
    assert [each["logprobs"] for each in told if each["type"] == "response.output_text.done"] == [SHOWN]
    assert told[-1]["response"]["output"] == said["output"]


@pytest.mark.parametrize("logprobs", [None, [], 3, {"tokens": ["a"]}, {"content": [3]}])
def test_logprobs_in_a_shape_of_the_servers_own_are_left_out(logprobs: object) -> None:
    choice: Json = {"index": 0, "message": {"content": "Hi"}, "logprobs": logprobs, "finish_reason": "stop"}
    said = whole(json.dumps({"choices": [choice]}).encode())
    assert said["output"][0]["content"] == [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}]
