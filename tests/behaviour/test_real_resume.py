"""The real engine is killed half-way through its answer, and another process of it goes on: the same text, no more.

At temperature 0 a model writes one text. What it would have written is what the client has in the end, to the letter:
the second engine reads what was said as the beginning of its answer, cuts it into the same tokens, and goes on.

It counts, as then the next token is never in doubt. In prose a model as small as this one is now and then as good as
undecided between two words, and which it takes hangs on the last bit of a sum: a text that is read at once is added up
in another order than one that was written word by word. There the two answers may part ways many words after the seam.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from openai.types.shared_params import ResponseFormatJSONSchema

from tests.conftest import QWEN
from tests.gateway.house import Gateway, house
from tests.house import live
from tests.serving import asking
from tests.serving.running import running
from weighbridge import db
from weighbridge.ledger import store
from weighbridge.serving.engines import Upstream
from weighbridge.serving.state import read_state

pytestmark = pytest.mark.model

MODEL = "lab/qwen"
WEIGHBRIDGE = Path(sys.executable).with_name("weighbridge")
QUESTION = "Count from 1 to 40, with a comma and a space between the numbers. Write nothing else."
TOKENS = 60
KILLED_AFTER = 15
"""Pieces of text."""
RESUME = {"x-weighbridge-resume": "1"}
PATIENCE = 100
Piece = Callable[[], None]
"""To be called with each piece of text that has come."""


@pytest.fixture(scope="module")
def lasting(qwen_file: Path) -> Iterator[Upstream]:
    """An engine that outlives the tests."""
    with running(QWEN, qwen_file) as (where, _):
        yield where


@asynccontextmanager
async def reached(engine: Upstream, cut: asyncio.Event | None = None) -> AsyncIterator[int]:
    """A port of loopback at which an engine answers as a provider would, until it is cut off."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            theirs, ours = await asyncio.open_unix_connection(str(engine.socket))
            async with asyncio.TaskGroup() as group:
                group.create_task(_pipe(reader, ours))
                group.create_task(_pipe(theirs, writer))
                if cut is not None:
                    await cut.wait()
                    ours.close()
                    writer.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def serves(name: str, port: int, engine: Upstream, dollars: str) -> str:
    return f"""
[providers.{name}]
base_url = "http://127.0.0.1:{port}/v1"
api_key = "{engine.api_key}"
habits = "local"
[[providers.{name}.models]]
id = "{engine.model}"
model = "{MODEL}"
input = "{dollars}"
output = "{dollars}"
"""


def two(first: int, dying: Upstream, second: int, lasting: Upstream) -> str:
    """Settings for two engines by their ports: the cheap one is asked first."""
    order = "[routing]\nsort = 'price'\nretries = 0\n"
    return order + serves("a-dying", first, dying, "1") + serves("b-lasting", second, lasting, "20")


async def chat(gateway: Gateway, heard: Piece, headers: dict[str, str], path: str = "/v1") -> str:
    """The text of an answer in OpenAI's dialect, or OpenRouter's."""
    base = gateway.url.removesuffix("/v1") + path
    async with AsyncOpenAI(base_url=base, api_key=gateway.key, max_retries=0, timeout=PATIENCE) as client:
        stream = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": QUESTION}],
            max_tokens=TOKENS,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=headers,
        )
        text = ""
        async for chunk in stream:
            for choice in chunk.choices:
                if choice.delta.content:
                    text += choice.delta.content
                    heard()
        return text


async def openrouter(gateway: Gateway, heard: Piece, headers: dict[str, str]) -> str:
    return await chat(gateway, heard, headers, "/api/v1")


async def messages(gateway: Gateway, heard: Piece, headers: dict[str, str]) -> str:
    """The text of an answer in Anthropic's dialect."""
    base = gateway.url.removesuffix("/v1")
    text = ""
    async with (
        AsyncAnthropic(base_url=base, api_key=gateway.key, max_retries=0, timeout=PATIENCE) as client,
        client.messages.stream(
            model=MODEL,
            messages=[{"role": "user", "content": QUESTION}],
            max_tokens=TOKENS,
            extra_body={"temperature": 0},
            extra_headers=headers,
        ) as stream,
    ):
        async for piece in stream.text_stream:
            text += piece
            heard()
        final = await stream.get_final_message()
    assert [block.type for block in final.content] == ["text"]
    return text


async def responses(gateway: Gateway, heard: Piece, headers: dict[str, str]) -> str:
    """The text of an answer in the Responses dialect."""
    async with AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0, timeout=PATIENCE) as client:
        stream = await client.responses.create(
            model=MODEL,
            input=QUESTION,
            max_output_tokens=TOKENS,
            temperature=0,
            stream=True,
            extra_headers=headers,
        )
        text = ""
        async for event in stream:
            if event.type == "response.output_text.delta":
                text += event.delta
                heard()
            if event.type in ("response.completed", "response.incomplete"):
                assert event.response.output_text == text
        return text


Ask = Callable[[Gateway, Piece, dict[str, str]], Awaitable[str]]


@dataclass
class Breaker:
    """Breaks an answer off once enough of it was heard."""

    off: Callable[[], object]
    left: int = KILLED_AFTER

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.off()


@pytest.fixture(scope="module")
def unbroken(engine: Upstream) -> str:
    """What the model writes when nobody breaks it off, as the engine itself says it."""
    text: str = asking.chat(engine, QUESTION, max_tokens=TOKENS).message["content"]
    return text


async def test_the_answer_is_the_one_that_nobody_broke(
    tmp_path: Path, qwen_file: Path, lasting: Upstream, unbroken: str
) -> None:
    with running(QWEN, qwen_file) as (dying, process):
        async with (
            reached(dying) as first,
            reached(lasting) as second,
            house(tmp_path / "home", two(first, dying, second, lasting)) as gateway,
        ):
            await joined(gateway, chat, Breaker(lambda: os.kill(process.pid, signal.SIGKILL)), unbroken)


@pytest.mark.parametrize("ask", [openrouter, messages, responses])
async def test_it_is_in_every_dialect(
    ask: Ask, tmp_path: Path, engine: Upstream, lasting: Upstream, unbroken: str
) -> None:
    """To the gateway, an engine that is cut off is one that was killed: its connection ends."""
    cut = asyncio.Event()
    async with (
        reached(engine, cut) as first,
        reached(lasting) as second,
        house(tmp_path / "home", two(first, engine, second, lasting)) as gateway,
    ):
        await joined(gateway, ask, Breaker(cut.set), unbroken)


async def joined(gateway: Gateway, ask: Ask, breaker: Breaker, unbroken: str) -> None:
    """Ask, break the first provider off, and have the whole answer, of which each provider is paid its part."""
    assert await ask(gateway, breaker, RESUME) == unbroken
    entry = await gateway.entry()
    assert breaker.left < 0
    assert (entry.ending, entry.provider) == ("complete", "b-lasting")
    one, other = entry.attempts
    assert (one.provider, one.error, other.provider, other.error) == ("a-dying", "upstream_error", "b-lasting", None)
    assert one.charge is not None
    assert other.charge is not None
    assert entry.charge is not None
    assert entry.charge.usage.completion == one.charge.usage.completion + other.charge.usage.completion
    assert entry.charge.cost == (one.charge.cost or 0) + (other.charge.cost or 0)
    assert (one.charge.counted_by, other.charge.counted_by) == ("estimate", "provider")
    assert other.charge.usage.completion <= TOKENS - KILLED_AFTER


async def test_a_document_by_a_schema_is_one_as_the_grammar_reads_what_was_said(
    tmp_path: Path, qwen_file: Path, lasting: Upstream
) -> None:
    with running(QWEN, qwen_file) as (dying, process):
        async with (
            reached(dying) as first,
            reached(lasting) as second,
            house(tmp_path / "home", two(first, dying, second, lasting)) as gateway,
            AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0, timeout=PATIENCE) as client,
        ):
            killer = Breaker(lambda: os.kill(process.pid, signal.SIGKILL))
            stream = await client.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": "Four European capitals with their countries, as JSON."}],
                response_format=CAPITALS,
                max_tokens=300,
                temperature=0,
                stream=True,
                extra_headers=RESUME,
            )
            text = ""
            async for chunk in stream:
                for choice in chunk.choices:
                    if choice.delta.content:
                        text += choice.delta.content
                        killer()
            entry = await gateway.entry()
    assert [one.error for one in entry.attempts] == ["upstream_error", None]
    assert all({"city", "country"} == set(each) for each in json.loads(text)["capitals"])


def test_an_engine_of_our_own_goes_on_when_it_is_back(model_files: tuple[Path, ...], tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    for file in model_files:
        (home / "models" / file.name).symlink_to(file)
    settings = (
        "[local]\ncontext = 1024\nslots = 1\nthreads = 1\n[routing]\nresume = true\nretries = 10\nretry_seconds = 60\n"
    )
    (home / "weighbridge.toml").write_text(settings)
    with (
        live.gateway([WEIGHBRIDGE, "up", "--port", "0"], home) as (address, key),
        OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=20, timeout=PATIENCE) as client,
    ):
        asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]
        whole = client.chat.completions.create(model=QWEN, messages=asked, max_tokens=TOKENS, temperature=0)
        state = read_state(home / "run" / "state.json")
        assert state is not None
        engine = state.children["engine-" + QWEN.replace("/", "-")].pid
        assert engine is not None
        killer = Breaker(lambda: os.kill(engine, signal.SIGKILL))
        joined = ""
        for chunk in client.chat.completions.create(
            model=QWEN, messages=asked, max_tokens=TOKENS, temperature=0, stream=True
        ):
            for choice in chunk.choices:
                if choice.delta.content:
                    joined += choice.delta.content
                    killer()
    assert killer.left < 0
    assert joined == whole.choices[0].message.content
    with closing(db.connect(home / "ledger.db")) as connection:
        entry = store.entries(connection)[-1]
    assert (entry.ending, entry.provider) == ("complete", "local")
    charged = [one.charge.counted_by for one in entry.attempts if one.charge is not None]
    assert charged == ["estimate", "engine"]


CAPITALS: ResponseFormatJSONSchema = {
    "type": "json_schema",
    "json_schema": {
        "name": "capitals",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "capitals": {
                    "type": "array",
                    "maxItems": 4,
                    "items": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
                        "required": ["city", "country"],
                        "additionalProperties": False,
                    },
                }
            },
            "required": ["capitals"],
            "additionalProperties": False,
        },
    },
}
