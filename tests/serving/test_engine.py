"""The engine with the real model, asked directly: what our provider builds on is pinned here."""

import asyncio
import os
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.serving.asking import Answer, ask, chat, send
from tests.serving.told import Told
from weighbridge.serving.engines import EngineSettings, LocalModel, Upstream, engine_child, socket_directory, upstream
from weighbridge.serving.process import Restart
from weighbridge.serving.supervisor import Supervisor
from weighbridge.serving.weights import template_of, weights_of

pytestmark = pytest.mark.model

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PERSON = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
            "additionalProperties": False,
        },
    },
}


def test_a_plain_answer_names_our_model_and_counts_its_tokens(engine: Upstream) -> None:
    answer = chat(engine, "Say hi.")
    assert answer.status == 200
    assert answer.content_type == "application/json; charset=utf-8"
    assert answer.json["model"] == engine.model
    assert answer.json["choices"][0]["finish_reason"] == "stop"
    assert answer.message["role"] == "assistant"
    assert answer.message["content"]
    usage = answer.json["usage"]
    assert usage["prompt_tokens"] > 10
    assert usage["completion_tokens"] > 1
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_prompt_asked_again_is_counted_as_cached(engine: Upstream) -> None:
    first = chat(engine, "Name three rivers of Europe.", max_tokens=5)
    again = chat(engine, "Name three rivers of Europe.", max_tokens=5)
    usage = again.json["usage"]
    assert usage["prompt_tokens"] == first.json["usage"]["prompt_tokens"]
    assert usage["prompt_tokens"] - 5 < usage["prompt_tokens_details"]["cached_tokens"] < usage["prompt_tokens"]


def test_an_answer_cut_by_max_tokens_says_length_and_counts_to_it(engine: Upstream) -> None:
    answer = chat(engine, "Count to 100.", max_tokens=4)
    assert answer.json["choices"][0]["finish_reason"] == "length"
    assert answer.json["usage"]["completion_tokens"] == 4


def test_a_stream_ends_with_its_usage_when_asked_for(engine: Upstream) -> None:
    whole = chat(engine, "Say hi.")
    streamed = chat(engine, "Say hi.", stream=True, stream_options={"include_usage": True})
    assert streamed.content_type == "text/event-stream"
    *chunks, last = streamed.chunks
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == whole.json["usage"]["completion_tokens"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    deltas = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks]
    assert "".join(deltas) == whole.message["content"]


def test_a_stream_not_asked_for_usage_has_none(engine: Upstream) -> None:
    assert not any("usage" in chunk for chunk in chat(engine, "Say hi.", stream=True, max_tokens=3).chunks)


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_tool_is_called(engine: Upstream, choice: str) -> None:
    answer = chat(engine, "What is the weather in Paris?", tools=[WEATHER], tool_choice=choice)
    assert answer.json["choices"][0]["finish_reason"] == "tool_calls"
    (call,) = answer.message["tool_calls"]
    assert call["type"] == "function"
    assert call["id"]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "Paris"}'}


def test_a_tool_call_is_streamed_in_pieces(engine: Upstream) -> None:
    answer = chat(engine, "What is the weather in Paris?", tools=[WEATHER], stream=True)
    pieces: list[Any] = []
    for chunk in answer.chunks:
        for choice in chunk["choices"]:
            pieces += choice["delta"].get("tool_calls", [])
    assert pieces[0]["function"]["name"] == "get_weather"
    assert "".join(piece["function"]["arguments"] for piece in pieces) == '{"city": "Paris"}'
    assert answer.chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_tools_result_is_answered_in_words(engine: Upstream) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "18 C, sunny"},
    ]
    answer = ask(engine, {"messages": messages, "tools": [WEATHER], "temperature": 0, "max_tokens": 60})
    assert answer.json["choices"][0]["finish_reason"] == "stop"
    assert "18" in answer.message["content"]


def test_an_answer_keeps_to_a_json_schema(engine: Upstream) -> None:
    answer = chat(engine, "Ada Lovelace is 36 years old.", response_format=PERSON, temperature=1)
    person = msgspec.json.decode(answer.message["content"])
    assert set(person) == {"name", "age"}
    assert isinstance(person["age"], int)


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_over_the_slots_context_is_refused_not_cut(engine: Upstream, stream: bool) -> None:
    answer = chat(engine, "word " * 3000, stream=stream)
    assert answer.status == 400
    assert answer.json["error"]["type"] == "exceed_context_size_error"
    assert answer.json["error"]["n_ctx"] == 2048
    assert answer.json["error"]["n_prompt_tokens"] > 3000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"messages":[', "parse error"),
        (b'{"messages":[{"role":"user","content":"\xff"}]}', "ill-formed UTF-8"),
        (b"[]", "'messages' is required"),
        (b'{"messages":"hi"}', "Expected 'messages' to be an array"),
        (b'{"messages":[{"role":"user","content":"hi"}],"temperature":"hot"}', "type must be number"),
        (b'{"messages":[{"role":"user","content":"hi"}],"n":3}', "between 1 <= value <= 2"),
    ],
)
def test_nonsense_is_a_400_in_openais_shape(engine: Upstream, body: bytes, words: str) -> None:
    answer = ask(engine, body)
    assert answer.status == 400
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert words in answer.json["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/tokenize", "/props"])
def test_without_the_key_nothing_is_answered(engine: Upstream, path: str) -> None:
    answer = ask(engine, {"messages": []}, path=path, key="guess")
    assert answer.status == 401
    assert answer.json["error"]["type"] == "authentication_error"


def test_only_we_can_reach_the_socket(engine: Upstream) -> None:
    assert stat.S_IMODE(engine.socket.parent.stat().st_mode) == 0o700
    assert engine.socket.parent.stat().st_uid == os.getuid()


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_frees_its_slot(engine: Upstream, stream: bool) -> None:
    long = {"messages": [{"role": "user", "content": "Write a very long story."}], "max_tokens": 1900, "stream": stream}
    for _ in range(2):  # both slots
        left = send(engine, {**long, "temperature": 0})
        if stream:
            assert left.getresponse().read(10)
        left.close()
    began = time.monotonic()
    assert chat(engine, "Say hi.", max_tokens=2).status == 200
    assert time.monotonic() - began < 30  # two such stories take minutes


# ---------------------------------------------------------------- under the supervisor


def test_the_key_is_not_on_the_command_line(tmp_path: Path) -> None:
    where = upstream("lab/tiny", tmp_path)
    child = engine_child(LocalModel("lab/tiny", tmp_path / "tiny.gguf"), where, EngineSettings())
    assert where.api_key.encode() in child.stdin
    assert not any(where.api_key in argument for argument in child.argv)
    assert not any(where.api_key in value for value in child.env.values())


async def first_answer(where: Upstream) -> Answer:
    """What the engine says as soon as it listens."""
    while True:
        try:
            return await asyncio.to_thread(chat, where, "Say hi.")
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.sleep(0.001)


async def test_an_engine_answers_503_while_it_loads_and_comes_back_when_it_is_killed(
    tmp_path: Path, qwen_file: Path
) -> None:
    model = "qwen/qwen2.5-coder-0.5b-instruct"
    told = Told()
    supervisor = Supervisor(state_file=tmp_path / "state.json", logs=tmp_path / "logs", say=told)
    with socket_directory() as sockets:
        where = upstream(model, sockets)
        settings = EngineSettings(slots=1, context=512, idle_unload_seconds=3600)
        child = engine_child(LocalModel(model, qwen_file, template_of(weights_of(model))), where, settings)
        async with asyncio.TaskGroup() as group:
            group.create_task(supervisor.run([child]))
            early = await first_answer(where)
            assert early.status == 503
            assert early.json["error"] == {"message": "Loading model", "type": "unavailable_error", "code": 503}
            await supervisor.ready(child.name, timeout=60)
            assert (await asyncio.to_thread(ask, where, None, path="/health")).json == {"status": "ok"}
            pid = supervisor.state().children[child.name].pid
            assert pid is not None
            os.kill(pid, 9)
            await told.hear("starting it again")
            await supervisor.ready(child.name, timeout=60)
            assert (await asyncio.to_thread(chat, where, "Say hi.", max_tokens=2)).status == 200
            supervisor.stop()


async def test_a_file_that_is_no_model_is_a_crash_loop_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(100))
    told = Told()
    supervisor = Supervisor(state_file=tmp_path / "state.json", logs=tmp_path / "logs", say=told)
    child = engine_child(LocalModel("lab/bad", tmp_path / "bad.gguf"), upstream("lab/bad", tmp_path), EngineSettings())
    child = replace(child, restart=Restart(first=0.01, longest=0.01, quick_failures=2))
    async with asyncio.TaskGroup() as group:
        group.create_task(supervisor.run([child]))
        report = await told.hear("engine-lab-bad failed 2 times in a row")
        supervisor.stop()
    assert "model loading error" in report
    assert report.endswith(f"If the file is damaged, delete {tmp_path / 'bad.gguf'} and run: weighbridge pull lab/bad")


def test_a_completion_goes_on_and_a_gap_is_filled_in_the_models_own_tokens(engine: Upstream) -> None:
    gap = "<|fim_prefix|>def half(x):\n    y = <|fim_suffix|>\n    return y\n<|fim_middle|>"
    asked = {"model": engine.model, "temperature": 0, "max_tokens": 8, "stop": ["\n"]}
    plain = ask(engine, {**asked, "prompt": "def add(a, b):\n    return"}, path="/v1/completions")
    assert plain.json["choices"][0]["text"] == " a + b"
    filled = ask(engine, {**asked, "prompt": gap}, path="/v1/completions")
    assert filled.json["choices"][0]["text"].replace(" ", "") in {"x/2", "x//2"}
    assert filled.json["usage"]["prompt_tokens"] < 20  # each marker is one token, not the text it is written as


@pytest.mark.parametrize(
    "fields",
    [{"suffix": "\n    return y"}, {"echo": True}, {"best_of": 3}],
    ids=lambda fields: next(iter(fields)),
)
def test_llama_cpp_passes_over_what_we_refuse_or_write_for_it(engine: Upstream, fields: dict[str, Any]) -> None:
    asked = {"model": engine.model, "temperature": 0, "max_tokens": 4, "prompt": "def add(a, b):\n    return"}
    plain = ask(engine, asked, path="/v1/completions")
    other = ask(engine, {**asked, **fields}, path="/v1/completions")
    assert other.json["choices"][0]["text"] == plain.json["choices"][0]["text"]
