"""The official Python SDK of OpenAI, pointed at the gateway, works as it does against OpenAI."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import (
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)
from openai.types.shared_params import ResponseFormatJSONSchema

from tests.gateway.house import House
from tests.gateway.upstream import ANSWER, EVENTS, WORDS, Call, Upstream, chunk
from tools.reference import error_classes
from weighbridge.errors import WeighbridgeError
from weighbridge.gateway.routes import Gateway, Route
from weighbridge.transport.deadlines import Deadlines
from weighbridge.transport.message import Reply, Request
from weighbridge.transport.server import Connection, Handler, Limits, Server

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello."}]
COST = Decimal("0.00000794")
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture
async def client(gateway: House) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0) as made:
        yield made


async def test_an_answer(client: AsyncOpenAI) -> None:
    said = await client.chat.completions.create(model="near/tiny", messages=ASKED)
    assert said.choices[0].message.content == "Hello."
    assert said.usage is not None
    assert (said.usage.prompt_tokens, said.usage.completion_tokens) == (12, 5)
    assert said.model_extra == {"x_field_nobody_knows": {"kept": True}}


async def test_its_head_is_parsed_once_on_a_connection(client: AsyncOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of a conversation differ in length; what the SDK says besides is compared and not parsed."""
    parsed: list[bytes] = []
    feed = Connection._feed

    def counting(connection: Connection, data: bytes) -> None:
        parsed.append(data)
        feed(connection, data)

    monkeypatch.setattr(Connection, "_feed", counting)
    for words in ("Hello.", "And now something longer than that.", "x" * 500_000):
        said = await client.chat.completions.create(model="near/tiny", messages=[{"role": "user", "content": words}])
        assert said.choices[0].message.content == "Hello."
    assert sum(data.startswith(b"POST") for data in parsed) == 1


async def test_the_receipt_and_the_cost_are_in_the_headers(client: AsyncOpenAI, gateway: House) -> None:
    raw = await client.chat.completions.with_raw_response.create(model="near/tiny", messages=ASKED)
    assert Decimal(raw.headers["x-weighbridge-cost"]) == COST
    assert raw.headers["x-weighbridge-receipt"] == (await gateway.entry()).id
    assert raw.parse().choices[0].finish_reason == "stop"


@pytest.mark.parametrize("wanted", [False, True])
async def test_a_stream_and_with_its_usage_the_cost(client: AsyncOpenAI, wanted: bool) -> None:
    stream = await client.chat.completions.create(
        model="near/tiny", messages=ASKED, stream=True, stream_options={"include_usage": wanted}
    )
    chunks = [each async for each in stream]
    words = [each.choices[0].delta.content for each in chunks if each.choices]
    assert "".join(word or "" for word in words) == "".join(WORDS)
    used = [each.usage for each in chunks if each.usage is not None]
    assert len(used) == wanted
    if wanted:
        assert used[0].prompt_tokens == 12
        assert Decimal(str((used[0].model_extra or {})["cost"])) == COST


async def test_a_tool_is_called(client: AsyncOpenAI, upstream: Upstream) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}

    async def script(call: Call) -> None:
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        await call.answer({**ANSWER, "choices": [choice]})

    upstream.script = script
    said = await client.chat.completions.create(model="near/tiny", messages=ASKED, tools=[WEATHER], tool_choice="auto")
    (asked,) = said.choices[0].message.tool_calls or []
    assert isinstance(asked, ChatCompletionMessageFunctionToolCall)
    assert (asked.function.name, asked.function.arguments) == ("weather", '{"city": "Oslo"}')
    assert json.loads(upstream.calls[0].body)["tools"] == [WEATHER]


async def test_a_tool_is_called_in_a_stream(client: AsyncOpenAI, upstream: Upstream, gateway: House) -> None:
    parts = ({"name": "weather", "arguments": ""}, {"arguments": '{"city":'}, {"arguments": '"Oslo"}'})
    calls = [chunk({"tool_calls": [{"index": 0, "function": part}]}) for part in parts]

    async def script(call: Call) -> None:
        await call.stream([*calls, chunk({}, "tool_calls"), *EVENTS[-1:]])

    upstream.script = script
    stream = await client.chat.completions.create(model="near/tiny", messages=ASKED, tools=[WEATHER], stream=True)
    deltas = [each.choices[0].delta.tool_calls async for each in stream]
    said = [delta[0].function.arguments for delta in deltas if delta and delta[0].function]
    assert "".join(part or "" for part in said) == '{"city":"Oslo"}'
    entry = await gateway.entry()
    assert entry.charge is not None
    assert entry.charge.usage.completion > 0  # nobody reported usage: the calls were counted as text


async def test_a_json_schema_reaches_the_provider(client: AsyncOpenAI, upstream: Upstream) -> None:
    city: ResponseFormatJSONSchema = {
        "type": "json_schema",
        "json_schema": {"name": "city", "strict": True, "schema": {"type": "object", "properties": {"n": {}}}},
    }
    await client.chat.completions.create(
        model="near/tiny", messages=ASKED, response_format=city, extra_body={"x_new": {"deep": [1]}}
    )
    sent = json.loads(upstream.calls[0].body)
    assert sent["response_format"] == city
    assert sent["x_new"] == {"deep": [1]}


async def test_the_models_are_listed_and_found(client: AsyncOpenAI) -> None:
    listed = [model async for model in client.models.list()]
    assert [model.id for model in listed] == ["near/tiny"]
    found = await client.models.retrieve("near/tiny")
    assert (found.object, found.owned_by) == ("model", "near")
    assert (found.model_extra or {})["providers"] == ["near"]
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("naer/tiny")


async def test_a_client_that_will_not_wait_leaves_an_entry(
    client: AsyncOpenAI, upstream: Upstream, gateway: House
) -> None:
    async def script(call: Call) -> None:
        await call.left()

    upstream.script = script
    with pytest.raises(openai.APITimeoutError):
        await client.chat.completions.create(model="near/tiny", messages=ASKED, timeout=0.2)
    assert (await gateway.entry()).ending == "client_left"


async def test_a_stream_that_is_closed_in_the_middle_ends_the_upstream(
    client: AsyncOpenAI, upstream: Upstream, gateway: House
) -> None:
    gone = asyncio.Event()

    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await call.left()
        gone.set()

    upstream.script = script
    stream = await client.chat.completions.create(model="near/tiny", messages=ASKED, stream=True)
    await anext(aiter(stream))
    await stream.close()
    async with asyncio.timeout(5):
        await gone.wait()
    assert (await gateway.entry()).ending == "client_left"


async def test_a_stream_that_breaks_off_raises(client: AsyncOpenAI, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        call.writer.close()

    upstream.script = script
    stream = await client.chat.completions.create(model="near/tiny", messages=ASKED, stream=True)
    with pytest.raises(openai.APIError) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == "upstream_error"


async def test_the_sdk_tries_a_busy_provider_again(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        if len(upstream.calls) == 1:
            await call.answer({"error": {"message": "busy"}}, 429, "retry-after: 0.01\r\n")
        else:
            await call.answer()

    upstream.script = script
    async with AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=1) as client:
        await client.chat.completions.create(model="near/tiny", messages=ASKED)
    assert [entry.ending for entry in gateway.entries()] == ["upstream_broke", "complete"]


async def test_the_sdk_that_blocks_works_as_well(gateway: House) -> None:
    def blocking() -> tuple[str | None, str, list[str]]:
        with OpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
            whole = client.chat.completions.create(model="near/tiny", messages=ASKED)
            stream = client.chat.completions.create(model="near/tiny", messages=ASKED, stream=True)
            words = [each.choices[0].delta.content or "" for each in stream]
            return whole.choices[0].message.content, "".join(words), [model.id for model in client.models.list()]

    assert await asyncio.to_thread(blocking) == ("Hello.", "".join(WORDS), ["near/tiny"])


RAISED: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    429: openai.RateLimitError,
}


@asynccontextmanager
async def door(handler: Handler) -> AsyncIterator[AsyncOpenAI]:
    """The gateway's door with this handler alone behind it, and the SDK in front."""
    gateway = Gateway([Route("POST", "/v1/chat/completions", handler, "raises")])
    server = Server(gateway, gateway.refuse, Limits(), Deadlines(asyncio.get_running_loop()))
    listening = socket.create_server(("127.0.0.1", 0))
    await server.listen(listening)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    async with AsyncOpenAI(base_url=url, api_key="wb-any", max_retries=0) as client:
        yield client
    await server.drain(0)


@pytest.mark.parametrize("error", list(error_classes()), ids=lambda error: error.__name__)
async def test_each_of_our_errors_is_one_of_the_sdks(error: type[WeighbridgeError]) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        raise error("what was wrong and what to do", param="model", retry_after=2.5)

    async with door(handler) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(model="near/tiny", messages=ASKED)
    expected = RAISED.get(error.status, openai.InternalServerError if error.status >= 500 else openai.APIStatusError)
    assert type(caught.value) is expected
    assert (caught.value.code, caught.value.type, caught.value.param) == (error.code, error.kind, "model")
    assert caught.value.response.headers["retry-after"] == "3"
    assert "what was wrong and what to do" in caught.value.message


@pytest.mark.parametrize("error", list(error_classes()), ids=lambda error: error.__name__)
async def test_each_of_our_errors_can_end_a_stream(error: type[WeighbridgeError]) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        reply.start(200, ((b"content-type", b"text/event-stream"),))
        reply.write(EVENTS[0])
        raise error("what was wrong")

    async with door(handler) as client:
        stream = await client.chat.completions.create(model="near/tiny", messages=ASKED, stream=True)
        with pytest.raises(openai.APIError) as caught:
            async for _ in stream:
                pass
    assert (caught.value.code, caught.value.message) == (error.code, "what was wrong")
