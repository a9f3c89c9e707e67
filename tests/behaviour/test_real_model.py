"""The main job, end to end: `weighbridge up`, the official SDK, the real Qwen, and an entry for each ending."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from operator import mul
from pathlib import Path

import httpx2
import pytest
from openai import APIError, BadRequestError, InternalServerError, OpenAI
from openai.types.chat import (
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)
from openai.types.shared_params import ResponseFormatJSONSchema

from tests.house import live
from weighbridge import db
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry
from weighbridge.serving.state import read_state

pytestmark = pytest.mark.model

MODEL = "qwen/qwen2.5-coder-0.5b-instruct"
ENGINE = "engine-qwen-qwen2.5-coder-0.5b-instruct"
WEIGHBRIDGE = Path(sys.executable).with_name("weighbridge")
LONG = 60
SETTINGS = "[local]\ncontext = 1024\nslots = 1\nthreads = 1\n"
"""One slot: whoever holds it keeps the next one waiting."""
CAPITAL: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the capital of France? One word."}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PERSON: ResponseFormatJSONSchema = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
            "additionalProperties": False,
        },
    },
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that is up: a client of it, and its data directory."""

    client: OpenAI
    home: Path

    def entries(self) -> list[Entry]:
        """Everything in the ledger."""
        with closing(db.connect(self.home / "ledger.db")) as connection:
            return store.entries(connection)

    def entry(self, receipt: str) -> Entry:
        """The one entry of a receipt; waits for it, since nobody is told when a client has left."""
        deadline = time.monotonic() + LONG
        while not (found := [entry for entry in self.entries() if entry.id == receipt]):
            assert time.monotonic() < deadline, "no entry was left"
        (entry,) = found
        return entry

    def engine(self) -> int:
        """The process id of the engine."""
        state = read_state(self.home / "run" / "state.json")
        assert state is not None
        pid = state.children[ENGINE].pid
        assert pid is not None
        return pid


@pytest.fixture(scope="module")
def gateway(model_files: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home = tmp_path_factory.mktemp("home")
    (home / "models").mkdir()
    for file in model_files:
        (home / "models" / file.name).symlink_to(file)
    (home / "weighbridge.toml").write_text(SETTINGS)
    with (
        live.gateway([WEIGHBRIDGE, "up", "--port", "0"], home) as (address, key),
        OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0, timeout=LONG) as client,
    ):
        client.with_options(max_retries=20).chat.completions.create(model=MODEL, messages=CAPITAL, max_tokens=1)
        yield Gateway(client, home)


def counted(entry: Entry) -> tuple[str, int, int]:
    """Who counted the tokens of an answer that cost nothing, and how many."""
    assert entry.charge is not None
    assert (entry.charge.cost, entry.charge.price_id) == (Decimal(0), "local:zero")
    return entry.charge.counted_by, entry.charge.usage.prompt, entry.charge.usage.completion


def test_a_plain_answer_is_entered_with_the_engines_count(gateway: Gateway) -> None:
    raw = gateway.client.chat.completions.with_raw_response.create(
        model=MODEL, messages=CAPITAL, max_tokens=8, temperature=0
    )
    answer = raw.parse()
    assert "Paris" in (answer.choices[0].message.content or "")
    assert raw.headers["x-weighbridge-cost"] == "0"
    entry = gateway.entry(raw.headers["x-weighbridge-receipt"])
    assert answer.usage is not None
    assert counted(entry) == ("engine", answer.usage.prompt_tokens, answer.usage.completion_tokens)
    assert (entry.ending, entry.status, entry.model, entry.provider) == ("complete", 200, MODEL, "local")


@pytest.mark.parametrize("asked_for", [True, False], ids=["asked for", "not asked for"])
def test_a_streams_usage_is_entered_whether_or_not_it_was_asked_for(gateway: Gateway, asked_for: bool) -> None:
    with gateway.client.chat.completions.with_streaming_response.create(
        model=MODEL,
        messages=CAPITAL,
        max_tokens=8,
        temperature=0,
        stream=True,
        stream_options={"include_usage": asked_for},
    ) as raw:
        chunks = list(raw.parse())
        receipt = raw.headers["x-weighbridge-receipt"]
    assert "Paris" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    entry = gateway.entry(receipt)
    assert (entry.ending, entry.streamed, counted(entry)[0]) == ("complete", True, "engine")
    shown = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert len(shown) == asked_for
    for usage in shown:
        assert counted(entry)[1:] == (usage.prompt_tokens, usage.completion_tokens)
        assert (usage.model_extra or {})["cost"] == 0


@pytest.mark.parametrize("choice", ["required", "auto"])
def test_a_tool_is_called_and_its_result_answered(gateway: Gateway, choice: str) -> None:
    asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = gateway.client.chat.completions.create(
        model=MODEL,
        messages=asked,
        tools=[WEATHER],
        tool_choice="required" if choice == "required" else "auto",
        max_tokens=60,
        temperature=0,
    )
    assert first.choices[0].finish_reason == "tool_calls"
    (call,) = first.choices[0].message.tool_calls or []
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris"})
    called: ChatCompletionMessageParam = {
        "role": "assistant",
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
        ],
    }
    result: ChatCompletionMessageParam = {"role": "tool", "tool_call_id": call.id, "content": "18 C, sunny"}
    second = gateway.client.chat.completions.create(
        model=MODEL, messages=[*asked, called, result], tools=[WEATHER], max_tokens=60, temperature=0
    )
    assert second.choices[0].finish_reason == "stop"
    assert "18" in (second.choices[0].message.content or "")


def test_an_answer_keeps_to_a_json_schema(gateway: Gateway) -> None:
    answer = gateway.client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Ada Lovelace is 36 years old."}],
        response_format=PERSON,
        max_tokens=60,
    )
    person = json.loads(answer.choices[0].message.content or "")
    assert set(person) == {"name", "age"}
    assert isinstance(person["name"], str)
    assert isinstance(person["age"], int)


@pytest.mark.parametrize(
    ("content", "more", "code", "param"),
    [
        ("word " * 1500, {}, "context_length_exceeded", "messages"),
        ("Say hi.", {"n": 2}, "invalid_request", "n"),
        (
            [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
            {},
            "invalid_request",
            "messages",
        ),
    ],
    ids=["too long", "two choices", "a picture"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_the_engine_cannot_do_is_refused_and_costs_nothing(
    gateway: Gateway, *, content: object, more: dict[str, object], code: str, param: str, stream: bool
) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": content}], "stream": stream, **more}
    with pytest.raises(BadRequestError) as refused:
        gateway.client.post("/chat/completions", body=body, cast_to=object)
    assert (refused.value.code, refused.value.param) == (code, param)
    entry = gateway.entry(refused.value.response.headers["x-weighbridge-receipt"])
    assert (entry.ending, entry.status, entry.error, entry.charge) == ("refused", 400, code, None)


def test_a_client_that_leaves_is_entered_and_frees_the_engine(gateway: Gateway) -> None:
    with gateway.client.chat.completions.with_streaming_response.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Write a very long story about a lighthouse."}],
        max_tokens=900,
        stream=True,
    ) as raw:
        chunks = iter(raw.parse())
        for _ in range(4):
            next(chunks)
        receipt = raw.headers["x-weighbridge-receipt"]
    began = time.monotonic()
    gateway.client.chat.completions.create(model=MODEL, messages=CAPITAL, max_tokens=2)
    assert time.monotonic() - began < 8  # the whole story would hold the one slot for longer
    entry = gateway.entry(receipt)
    assert (entry.ending, entry.status) == ("client_left", 499)
    by, prompt, completion = counted(entry)
    assert by == "estimate"
    assert prompt > 0
    assert 0 < completion < 100


def test_an_engine_that_is_killed_is_503_with_a_time_and_comes_back_by_itself(gateway: Gateway) -> None:
    refused: list[InternalServerError] = []
    deadline = time.monotonic() + LONG
    while True:  # it may be back before anybody asks again
        killed = gateway.engine()
        os.kill(killed, signal.SIGKILL)
        while not (receipt := tried(gateway, refused)):
            assert time.monotonic() < deadline
        if told := [each for each in refused if each.status_code == 503]:  # what the engine had already taken is a 502
            break
        assert time.monotonic() < deadline
    assert {(each.code, each.response.headers["retry-after"]) for each in told} == {("engine_unavailable", "2")}
    entry = gateway.entry(told[0].response.headers["x-weighbridge-receipt"])
    assert (entry.ending, entry.status, entry.error) == ("upstream_broke", 503, "engine_unavailable")
    assert gateway.engine() != killed
    assert counted(gateway.entry(receipt))[0] == "engine"


def tried(gateway: Gateway, refused: list[InternalServerError]) -> str | None:
    """The receipt of an answer; None, and its error added to `refused`, where there was none."""
    try:
        raw = gateway.client.chat.completions.with_raw_response.create(model=MODEL, messages=CAPITAL, max_tokens=2)
    except InternalServerError as error:
        refused.append(error)
        return None
    return raw.headers["x-weighbridge-receipt"]


def test_an_engine_that_is_killed_in_a_stream_ends_it_with_an_error(gateway: Gateway) -> None:
    with gateway.client.chat.completions.with_streaming_response.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Write a very long story about a lighthouse."}],
        max_tokens=900,
        stream=True,
    ) as raw:
        chunks = iter(raw.parse())
        next(chunks)
        os.kill(gateway.engine(), signal.SIGKILL)
        with pytest.raises(APIError) as broken:
            list(chunks)
        receipt = raw.headers["x-weighbridge-receipt"]
    assert broken.value.code == "upstream_error"
    entry = gateway.entry(receipt)
    assert (entry.ending, counted(entry)[0]) == ("upstream_broke", "estimate")
    deadline = time.monotonic() + LONG
    while not tried(gateway, []):  # it comes back this time, too; the tests below need it
        assert time.monotonic() < deadline


def test_usage_sums_the_ledger_to_the_last_token_and_nothing_costs(gateway: Gateway) -> None:
    said = subprocess.run(
        [WEIGHBRIDGE, "usage", "--json"], env=live.environment(gateway.home), capture_output=True, check=True
    ).stdout
    (row,) = json.loads(said)
    entries = gateway.entries()
    charges = [entry.charge for entry in entries if entry.charge is not None]
    assert (row["model"], row["requests"]) == (MODEL, len(entries))
    assert row["complete"] == sum(entry.ending == "complete" for entry in entries)
    assert row["prompt_tokens"] == sum(charge.usage.prompt for charge in charges)
    assert row["completion_tokens"] == sum(charge.usage.completion for charge in charges)
    assert (row["cost"], row["unpriced"]) == ("0", 0)
    assert row["estimated"] == sum(charge.counted_by == "estimate" for charge in charges)
    assert {charge.counted_by for charge in charges} <= {"engine", "estimate"}
    assert all(entry.charge and entry.charge.counted_by == "engine" for entry in entries if entry.ending == "complete")


def test_embeddings_are_made_here_from_the_first_start_on(gateway: Gateway) -> None:
    raw = gateway.client.with_options(max_retries=20).embeddings.with_raw_response.create(
        model="all-minilm-l6-v2", input=["A man is eating food.", "A man is eating a piece of bread."]
    )
    one, other = (row.embedding for row in raw.parse().data)
    assert sum(map(mul, one, other)) == pytest.approx(0.7553, abs=2e-3)  # as sbert.net has it
    entry = gateway.entry(raw.headers["x-weighbridge-receipt"])
    assert counted(entry) == ("engine", raw.parse().usage.prompt_tokens, 0)
    assert (entry.ending, entry.model, entry.provider) == (
        "complete",
        "sentence-transformers/all-minilm-l6-v2",
        "local",
    )


PETS = ["The weather in Oslo is cold.", "Cats purr when they are content."]


def test_documents_are_ranked_here(gateway: Gateway) -> None:
    body = {"model": "all-minilm-l6-v2", "query": "Why does my kitten purr?", "documents": PETS, "top_n": 1}
    raw = gateway.client.post("/rerank", body=body, cast_to=httpx2.Response)
    (best,) = raw.json()["results"]
    assert best["index"] == 1
    entry = gateway.entry(raw.headers["x-weighbridge-receipt"])
    assert (entry.ending, counted(entry)) == ("complete", ("engine", raw.json()["usage"]["prompt_tokens"], 0))


@pytest.mark.parametrize("streamed", [False, True])
def test_a_gap_in_code_is_filled(gateway: Gateway, streamed: bool) -> None:
    body = {
        "model": MODEL,
        "prompt": "def half(x):\n    y = ",
        "suffix": "\n    return y\n",
        "max_tokens": 8,
        "temperature": 0,
        "stop": ["\n"],
        "stream": streamed,
    }
    raw = gateway.client.post("/completions", body=body, cast_to=httpx2.Response)
    documents = [line[6:] for line in raw.text.splitlines() if line.startswith("data: {")] if streamed else [raw.text]
    text = "".join(choice["text"] for document in documents for choice in json.loads(document)["choices"])
    assert text.strip().replace(" ", "") in {"x/2", "x//2"}
    entry = gateway.entry(raw.headers["x-weighbridge-receipt"])
    assert (entry.ending, entry.streamed, counted(entry)[0]) == ("complete", streamed, "engine")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/embeddings", {"model": MODEL, "input": "a"}, "model"),
        ("/embeddings", {"model": "all-minilm-l6-v2", "input": "a", "dimensions": 99}, "dimensions"),
        ("/embeddings", {"model": "all-minilm-l6-v2", "input": "word " * 600}, "input"),
        ("/rerank", {"model": "all-minilm-l6-v2", "query": "a", "documents": ["word " * 600]}, "documents"),
        ("/completions", {"model": MODEL, "prompt": "a", "echo": True}, "echo"),
        ("/chat/completions", {"model": "all-minilm-l6-v2", "messages": CAPITAL}, "model"),
    ],
)
def test_what_a_local_model_cannot_do_is_refused_by_name(
    gateway: Gateway, path: str, body: dict[str, object], param: str
) -> None:
    with pytest.raises(BadRequestError) as refused:
        gateway.client.post(path, body=body, cast_to=httpx2.Response)
    assert refused.value.param == param
    assert gateway.entry(refused.value.response.headers["x-weighbridge-receipt"]).ending == "refused"
