"""The official Python SDK of Anthropic, pointed at the gateway, works as it does against Anthropic."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import MessageParam, TextBlock, ThinkingBlock, ToolParam, ToolUseBlock

from tests.gateway.conftest import near
from tests.gateway.house import House, house
from tests.gateway.upstream import ANSWER, DONE, EVENTS, USAGE, WORDS, Call, Upstream, chunk
from tools.reference import error_classes
from weighbridge.errors import WeighbridgeError
from weighbridge.gateway.routes import Gateway, Route
from weighbridge.transport.deadlines import Deadlines
from weighbridge.transport.message import Reply, Request
from weighbridge.transport.server import Handler, Limits, Server
from weighbridge.wire.messages.surface import MESSAGES

ASKED: list[MessageParam] = [{"role": "user", "content": "Say hello."}]
COST = Decimal("0.00000794")
WEATHER: ToolParam = {
    "name": "weather",
    "description": "What it is like outside.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def address(gateway: House) -> str:
    """What a client of Anthropic's takes for `base_url`."""
    return gateway.url.removesuffix("/v1")


@pytest.fixture
async def client(gateway: House) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=address(gateway), api_key=gateway.key, max_retries=0) as made:
        yield made


async def test_a_message(client: AsyncAnthropic, gateway: House) -> None:
    raw = await client.messages.with_raw_response.create(model="near/tiny", max_tokens=100, messages=ASKED)
    said = await raw.parse()
    assert said.content == [TextBlock(type="text", text="Hello.")]
    assert (said.id, said.model, said.role, said.stop_reason) == ("msg_1", "tiny", "assistant", "end_turn")
    usage = said.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (8, 4, 5)
    assert Decimal(str((usage.model_extra or {})["cost"])) == COST == Decimal(raw.headers["x-weighbridge-cost"])
    assert raw.headers["x-weighbridge-receipt"] == (await gateway.entry()).id


async def test_a_stream(client: AsyncAnthropic, gateway: House, upstream: Upstream) -> None:
    async with client.messages.stream(model="near/tiny", max_tokens=100, messages=ASKED) as stream:
        words = [text async for text in stream.text_stream]
        said = await stream.get_final_message()
    assert words == list(WORDS)
    assert [block.to_dict() for block in said.content] == [{"type": "text", "text": "".join(WORDS)}]
    assert said.stop_reason == "end_turn"
    assert (said.usage.input_tokens, said.usage.cache_read_input_tokens, said.usage.output_tokens) == (8, 4, 5)
    assert json.loads(upstream.calls[0].body)["stream_options"] == {"include_usage": True}
    entry = await gateway.entry()
    assert entry.charge is not None
    assert (entry.ending, entry.charge.cost) == ("complete", COST)


async def test_the_first_event_says_that_its_count_is_an_estimate_and_the_last_one_counts(
    client: AsyncAnthropic,
) -> None:
    stream = await client.messages.create(model="near/tiny", max_tokens=100, messages=ASKED, stream=True)
    events = [event async for event in stream]
    assert events[0].type == "message_start"
    assert events[0].message.usage.to_dict() == {"input_tokens": 10, "output_tokens": 0, "counted_by": "estimate"}
    assert events[-2].type == "message_delta"
    used = events[-2].usage.to_dict()
    assert used == {"input_tokens": 8, "cache_read_input_tokens": 4, "output_tokens": 5, "cost": float(COST)}
    assert events[-1].type == "message_stop"


async def test_a_tool_is_called_and_answers(client: AsyncAnthropic, upstream: Upstream) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}

    async def script(call: Call) -> None:
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        await call.answer({**ANSWER, "choices": [choice]})

    upstream.script = script
    said = await client.messages.create(
        model="near/tiny", max_tokens=9, messages=ASKED, tools=[WEATHER], tool_choice={"type": "any"}
    )
    assert said.stop_reason == "tool_use"
    (use,) = said.content
    assert isinstance(use, ToolUseBlock)
    assert (use.id, use.name, use.input) == ("call_1", "weather", {"city": "Oslo"})
    sent = json.loads(upstream.calls[0].body)
    assert sent["tool_choice"] == "required"
    (tool,) = sent["tools"]
    assert tool["function"]["parameters"] == WEATHER["input_schema"]
    result: MessageParam = {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "Snow.", "is_error": True}],
    }
    again: list[MessageParam] = [*ASKED, {"role": "assistant", "content": said.content}, result]
    await client.messages.create(model="near/tiny", max_tokens=9, messages=again, tools=[WEATHER])
    assert json.loads(upstream.calls[1].body)["messages"][1:] == [
        message,
        {"role": "tool", "tool_call_id": "call_1", "content": "Error: Snow."},
    ]


async def test_tools_are_called_in_a_stream(client: AsyncAnthropic, upstream: Upstream) -> None:
    def parts(index: int, city: str) -> list[bytes]:
        first = {"index": index, "id": f"call_{index}", "function": {"name": "weather", "arguments": ""}}
        rest = [{"index": index, "function": {"arguments": text}} for text in ('{"city":', f'"{city}"}}')]
        return [chunk({"tool_calls": [part]}) for part in (first, *rest)]

    async def script(call: Call) -> None:
        calls = (*parts(0, "Oslo"), *parts(1, "Rome"))
        await call.stream([chunk({"content": "I look."}), *calls, chunk({}, "tool_calls"), USAGE, DONE])

    upstream.script = script
    async with client.messages.stream(model="near/tiny", max_tokens=9, messages=ASKED, tools=[WEATHER]) as stream:
        said = await stream.get_final_message()
    text, *uses = said.content
    assert isinstance(text, TextBlock)
    assert [use.input for use in uses if isinstance(use, ToolUseBlock)] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert said.stop_reason == "tool_use"


async def test_thinking_is_a_block_of_its_own(client: AsyncAnthropic, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        thoughts = [chunk({"reasoning_content": text}) for text in ("They ", "greet.")]
        await call.stream([*thoughts, *EVENTS])

    upstream.script = script
    async with client.messages.stream(
        model="near/tiny", max_tokens=2000, messages=ASKED, thinking={"type": "enabled", "budget_tokens": 1024}
    ) as stream:
        said = await stream.get_final_message()
    thought, text = said.content
    assert isinstance(thought, ThinkingBlock)
    assert (thought.thinking, thought.signature) == ("They greet.", "")
    assert isinstance(text, TextBlock)
    assert text.text == "".join(WORDS)


async def test_tokens_are_counted(client: AsyncAnthropic, gateway: House) -> None:
    few = await client.messages.count_tokens(model="near/tiny", messages=ASKED)
    more = await client.messages.count_tokens(model="near/tiny", messages=ASKED, tools=[WEATHER], system="Be brief.")
    assert few.input_tokens == 10
    assert more.input_tokens > few.input_tokens + 10
    assert gateway.entries() == []


async def test_the_models_are_listed_page_by_page_and_found(tmp_path: Path, upstream: Upstream) -> None:
    more = "".join(f'[[providers.near.models]]\nid = "{name}"\n' for name in ("small", "large"))
    async with (
        house(tmp_path / "home", near(upstream) + more) as gateway,
        AsyncAnthropic(base_url=address(gateway), api_key=gateway.key, max_retries=0) as client,
    ):
        listed = [model.id async for model in client.models.list(limit=1)]
        assert listed == ["near/large", "near/small", "near/tiny"]
        page = await client.models.list()
        assert ([model.id for model in page.data], page.has_more) == (listed, False)
        before = await client.models.list(before_id="near/tiny", limit=1)
        assert ([model.id for model in before.data], before.has_more) == (["near/small"], True)
        assert (await client.models.list(after_id="near/tiny")).data == []
        found = await client.models.retrieve("near/tiny")
        assert (found.type, found.display_name, found.created_at.year) == ("model", "near/tiny", 1970)
        with pytest.raises(anthropic.NotFoundError) as missed:
            await client.models.retrieve("naer/tiny")
        assert missed.value.type == "not_found_error"
        with pytest.raises(anthropic.BadRequestError) as refused:
            await client.models.list(limit=0)
        assert refused.value.type == "invalid_request_error"


async def test_the_beta_client_works_as_well(client: AsyncAnthropic) -> None:
    said = await client.beta.messages.create(
        model="near/tiny",
        max_tokens=10,
        messages=[{"role": "user", "content": "Say hello."}],
        betas=["context-management-2025-06-27"],
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
    )
    assert said.content[0].to_dict() == {"type": "text", "text": "Hello."}


async def test_a_bearer_token_opens_as_well(gateway: House) -> None:
    async with AsyncAnthropic(base_url=address(gateway), auth_token=gateway.key, max_retries=0) as client:
        said = await client.messages.create(model="near/tiny", max_tokens=10, messages=ASKED)
    assert said.stop_reason == "end_turn"


async def test_the_sdk_that_blocks_works_as_well(gateway: House) -> None:
    def blocking() -> tuple[str | None, str]:
        with Anthropic(base_url=address(gateway), api_key=gateway.key, max_retries=0) as client:
            whole = client.messages.create(model="near/tiny", max_tokens=10, messages=ASKED)
            with client.messages.stream(model="near/tiny", max_tokens=10, messages=ASKED) as stream:
                return whole.stop_reason, stream.get_final_text()

    assert await asyncio.to_thread(blocking) == ("end_turn", "".join(WORDS))


async def test_a_stream_that_breaks_off_raises(client: AsyncAnthropic, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        call.writer.close()

    upstream.script = script
    stream = await client.messages.create(model="near/tiny", max_tokens=10, messages=ASKED, stream=True)
    with pytest.raises(anthropic.APIStatusError) as caught:
        async for _ in stream:
            pass
    assert (caught.value.type, caught.value.error_code) == ("api_error", "upstream_error")


async def test_the_sdk_tries_a_busy_provider_again(gateway: House, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        if len(upstream.calls) == 1:
            await call.answer({"error": {"message": "busy"}}, 429, "retry-after: 0.01\r\n")
        else:
            await call.answer()

    upstream.script = script
    async with AsyncAnthropic(base_url=address(gateway), api_key=gateway.key, max_retries=1) as client:
        await client.messages.create(model="near/tiny", max_tokens=10, messages=ASKED)
    assert [entry.ending for entry in gateway.entries()] == ["upstream_broke", "complete"]


async def test_a_refusal_has_its_receipt(client: AsyncAnthropic, gateway: House) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        await client.messages.create(model="naer/tiny", max_tokens=10, messages=ASKED)
    assert (caught.value.type, caught.value.error_code) == ("not_found_error", "model_not_found")
    body = caught.value.body
    assert isinstance(body, dict)
    assert body["type"] == "error"
    assert body["request_id"] == (await gateway.entry()).id


RAISED: dict[int, tuple[type[anthropic.APIStatusError], str]] = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    402: (anthropic.APIStatusError, "billing_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    409: (anthropic.ConflictError, "invalid_request_error"),
    405: (anthropic.APIStatusError, "invalid_request_error"),
    413: (anthropic.RequestTooLargeError, "request_too_large"),
    426: (anthropic.APIStatusError, "invalid_request_error"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    502: (anthropic.InternalServerError, "api_error"),
    503: (anthropic.InternalServerError, "overloaded_error"),
    504: (anthropic.InternalServerError, "timeout_error"),
}


@asynccontextmanager
async def door(handler: Handler) -> AsyncIterator[AsyncAnthropic]:
    """The gateway's door with this handler alone behind it, and the SDK in front."""
    gateway = Gateway([Route("POST", "/v1/messages", handler, "raises", MESSAGES)])
    server = Server(gateway, gateway.refuse, Limits(), Deadlines(asyncio.get_running_loop()))
    listening = socket.create_server(("127.0.0.1", 0))
    await server.listen(listening)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with AsyncAnthropic(base_url=url, api_key="wb-any", max_retries=0) as client:
        yield client
    await server.drain(0)


@pytest.mark.parametrize("error", list(error_classes()), ids=lambda error: error.__name__)
async def test_each_of_our_errors_is_one_of_the_sdks(error: type[WeighbridgeError]) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        raise error("what was wrong and what to do", param="model", retry_after=2.5)

    async with door(handler) as client:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await client.messages.create(model="near/tiny", max_tokens=10, messages=ASKED)
    raised, kind = RAISED[error.status]
    assert isinstance(caught.value, raised)
    assert (caught.value.type, caught.value.error_code) == (kind, error.code)
    assert caught.value.response.headers["retry-after"] == "3"
    assert caught.value.api_message == "what was wrong and what to do"


@pytest.mark.parametrize("error", list(error_classes()), ids=lambda error: error.__name__)
async def test_each_of_our_errors_can_end_a_stream(error: type[WeighbridgeError]) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        reply.start(200, ((b"content-type", b"text/event-stream"),))
        reply.write(b'event: ping\ndata: {"type":"ping"}\n\n')
        raise error("what was wrong")

    async with door(handler) as client:
        stream = await client.messages.create(model="near/tiny", max_tokens=10, messages=ASKED, stream=True)
        with pytest.raises(anthropic.APIStatusError) as caught:
            async for _ in stream:
                pass
    assert (caught.value.error_code, caught.value.api_message) == (error.code, "what was wrong")
