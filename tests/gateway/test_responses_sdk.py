"""The official Python SDK of OpenAI works with `responses` as it does against OpenAI."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import (
    FunctionToolParam,
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseInputParam,
    ResponseReasoningItem,
)
from pydantic import BaseModel

from tests.gateway.house import House
from tests.gateway.upstream import ANSWER, DONE, EVENTS, USAGE, WORDS, Call, Upstream, chunk

COST = Decimal("0.00000794")
WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "description": "The weather somewhere.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}


@pytest.fixture
async def client(gateway: House) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=gateway.url, api_key=gateway.key, max_retries=0, _strict_response_validation=True
    ) as made:
        yield made


@pytest.fixture
async def keeping(gateway: House) -> AsyncIterator[AsyncOpenAI]:
    """A client whose key keeps its responses."""
    key = gateway.new_key("keeping", store=True)
    await gateway.until("/v1/models", key, 200)
    async with AsyncOpenAI(base_url=gateway.url, api_key=key, max_retries=0, _strict_response_validation=True) as made:
        yield made


def answers(message: dict[str, object], finish: str = "stop") -> dict[str, object]:
    return {**ANSWER, "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}]}


async def test_a_response(client: AsyncOpenAI, gateway: House) -> None:
    raw = await client.responses.with_raw_response.create(model="near/tiny", input="Say hello.", metadata={"a": "b"})
    said = raw.parse()
    assert said.output_text == "Hello."
    assert (said.status, said.model, said.metadata, said.error) == ("completed", "near/tiny", {"a": "b"}, None)
    assert said.usage is not None
    assert (said.usage.input_tokens, said.usage.output_tokens, said.usage.total_tokens) == (12, 5, 17)
    assert said.usage.input_tokens_details.cached_tokens == 4
    assert Decimal(str((said.usage.model_extra or {})["cost"])) == COST
    assert Decimal(raw.headers["x-weighbridge-cost"]) == COST
    assert raw.headers["x-weighbridge-receipt"] == (await gateway.entry()).id
    assert (said.model_extra or {})["store"] is False


async def test_a_stream(client: AsyncOpenAI) -> None:
    stream = await client.responses.create(model="near/tiny", input="Say hello.", stream=True)
    events = [event async for event in stream]
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * len(WORDS),
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "".join(WORDS)
    last = events[-1]
    assert isinstance(last, ResponseCompletedEvent)
    assert last.response.output_text == "".join(WORDS)
    assert last.response.usage is not None
    assert Decimal(str((last.response.usage.model_extra or {})["cost"])) == COST


async def test_the_helper_for_streams_gathers_the_response(client: AsyncOpenAI) -> None:
    async with client.responses.stream(model="near/tiny", input="Say hello.") as stream:
        assert (await stream.get_final_response()).output_text == "".join(WORDS)


async def test_reasoning_is_an_item_of_its_own(client: AsyncOpenAI, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.stream([chunk({"reasoning_content": "Hm"}), chunk({"reasoning_content": "m."}), *EVENTS])

    upstream.script = script
    async with client.responses.stream(model="near/tiny", input="Think.", reasoning={"effort": "low"}) as stream:
        events = [event async for event in stream]
        said = await stream.get_final_response()
    assert json.loads(upstream.calls[0].body)["reasoning_effort"] == "low"
    assert "".join(each.delta for each in events if each.type == "response.reasoning_text.delta") == "Hmm."
    thought = said.output[0]
    assert isinstance(thought, ResponseReasoningItem)
    assert [part.text for part in thought.content or []] == ["Hmm."]
    assert said.output_text == "".join(WORDS)


async def test_a_tool_is_called_and_its_result_sent_back(client: AsyncOpenAI, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        asked = json.loads(call.body)["messages"]
        await call.answer(
            answers({"content": None, "tool_calls": [TOOL_CALL]}, "tool_calls") if len(asked) == 1 else ANSWER
        )

    upstream.script = script
    conversation: ResponseInputParam = [{"role": "user", "content": "What is the weather in Oslo?"}]
    said = await client.responses.create(model="near/tiny", input=conversation, tools=[WEATHER], tool_choice="auto")
    (wanted,) = said.output
    assert isinstance(wanted, ResponseFunctionToolCall)
    assert (wanted.name, wanted.arguments, wanted.call_id) == ("weather", '{"city": "Oslo"}', "call_1")
    conversation += [
        {"type": "function_call", "call_id": wanted.call_id, "name": wanted.name, "arguments": wanted.arguments},
        {"type": "function_call_output", "call_id": wanted.call_id, "output": "rain"},
    ]
    said = await client.responses.create(model="near/tiny", input=conversation, tools=[WEATHER])
    assert said.output_text == "Hello."
    sent = json.loads(upstream.calls[1].body)
    assert sent["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]
    function = {key: value for key, value in WEATHER.items() if key != "type"}
    assert sent["tools"] == [{"type": "function", "function": function}]


async def test_tools_are_called_in_a_stream(client: AsyncOpenAI, upstream: Upstream) -> None:
    def piece(index: int, **function: str) -> bytes:
        named = {"id": f"call_{index}"} if "name" in function else {}
        return chunk({"tool_calls": [{"index": index, **named, "function": function}]})

    async def script(call: Call) -> None:
        await call.stream(
            [
                piece(0, name="weather", arguments=""),
                piece(0, arguments='{"city":'),
                piece(1, name="weather", arguments='{"city":"Rome"}'),
                piece(0, arguments='"Oslo"}'),
                chunk({}, "tool_calls"),
                USAGE,
                DONE,
            ]
        )

    upstream.script = script
    async with client.responses.stream(model="near/tiny", input="Weather?", tools=[WEATHER]) as stream:
        events = [event async for event in stream]
        said = await stream.get_final_response()
    calls = [item for item in said.output if isinstance(item, ResponseFunctionToolCall)]
    assert [(each.call_id, each.arguments) for each in calls] == [
        ("call_0", '{"city":"Oslo"}'),
        ("call_1", '{"city":"Rome"}'),
    ]
    done = [event for event in events if event.type == "response.function_call_arguments.done"]
    assert [event.arguments for event in done] == ['{"city":"Oslo"}', '{"city":"Rome"}']


class City(BaseModel):
    name: str


async def test_an_answer_by_a_schema_is_parsed(client: AsyncOpenAI, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.answer(answers({"content": '{"name": "Oslo"}'}))

    upstream.script = script
    said = await client.responses.parse(model="near/tiny", input="A city?", text_format=City)
    assert said.output_parsed == City(name="Oslo")
    sent = json.loads(upstream.calls[0].body)["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("json_schema", "City", True)


async def test_a_response_is_continued_listed_and_deleted(keeping: AsyncOpenAI, upstream: Upstream) -> None:
    first = await keeping.responses.create(model="near/tiny", input="My name is Ann.", instructions="Be brief.")
    assert (first.model_extra or {})["store"] is True
    second = await keeping.responses.create(model="near/tiny", input="My name?", previous_response_id=first.id)
    third = await keeping.responses.create(model="near/tiny", input="Sure?", previous_response_id=second.id)
    sent = json.loads(upstream.calls[2].body)["messages"]
    assert [(each["role"], each["content"]) for each in sent] == [
        ("user", "My name is Ann."),
        ("assistant", "Hello."),
        ("user", "My name?"),
        ("assistant", "Hello."),
        ("user", "Sure?"),
    ]
    assert third.previous_response_id == second.id
    assert (await keeping.responses.retrieve(first.id)) == first
    (item,) = [item async for item in keeping.responses.input_items.list(first.id)]
    assert (item.type, item.to_dict()["content"]) == ("message", [{"type": "input_text", "text": "My name is Ann."}])
    await keeping.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        await keeping.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as caught:
        await keeping.responses.create(model="near/tiny", input="And?", previous_response_id=third.id)
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")


async def test_a_stream_is_kept_before_it_ends(keeping: AsyncOpenAI) -> None:
    stream = await keeping.responses.create(model="near/tiny", input="Say hello.", stream=True)
    events = [event async for event in stream]
    last = events[-1]
    assert isinstance(last, ResponseCompletedEvent)
    assert (await keeping.responses.retrieve(last.response.id)) == last.response


async def test_a_kept_response_is_streamed_again(keeping: AsyncOpenAI) -> None:
    said = await keeping.responses.create(model="near/tiny", input="Say hello.")
    events = [event async for event in await keeping.responses.retrieve(said.id, stream=True)]
    last = events[-1]
    assert isinstance(last, ResponseCompletedEvent)
    assert last.response == said
    rest = [event async for event in await keeping.responses.retrieve(said.id, stream=True, starting_after=3)]
    assert rest == events[4:]


async def test_a_conversation_is_compacted_and_continued(
    client: AsyncOpenAI, upstream: Upstream, gateway: House
) -> None:
    conversation: ResponseInputParam = [
        {"role": "user", "content": "My name is Ann."},
        {"role": "assistant", "content": "Hello, Ann."},
    ]
    client._strict_response_validation = False  # its own type has no place for the users' messages that its words name
    raw = await client.responses.with_raw_response.compact(model="near/tiny", input=conversation)
    made = raw.parse()
    assert made.object == "response.compaction"
    assert made.usage.total_tokens == 17
    entry = await gateway.entry()
    assert (entry.ending, entry.model, raw.headers["x-weighbridge-receipt"]) == ("complete", "near/tiny", entry.id)
    assert Decimal(raw.headers["x-weighbridge-cost"]) == COST
    message, compaction = made.output
    assert compaction.type == "compaction"
    assert message.to_dict(warnings=False)["content"] == [{"type": "input_text", "text": "My name is Ann."}]
    passed_back: Any = [item.to_dict(warnings=False) for item in made.output]
    await client.responses.create(model="near/tiny", input=[*passed_back, {"role": "user", "content": "My name?"}])
    name, summary, question = json.loads(upstream.calls[1].body)["messages"]
    assert (name["content"], question["content"]) == ("My name is Ann.", "My name?")
    assert summary["content"].endswith("Hello.")


async def test_a_kept_conversation_is_compacted_by_its_id(keeping: AsyncOpenAI, upstream: Upstream) -> None:
    first = await keeping.responses.create(model="near/tiny", input="My name is Ann.")
    keeping._strict_response_validation = False
    made = await keeping.responses.compact(model="near/tiny", previous_response_id=first.id)
    assert [item.type for item in made.output] == ["message", "compaction"]
    sent = json.loads(upstream.calls[1].body)["messages"]
    assert [each["content"] for each in sent[:-1]] == ["My name is Ann.", "Hello."]
    with pytest.raises(openai.BadRequestError) as caught:
        await keeping.responses.compact(model="near/tiny", previous_response_id="resp_none")
    assert caught.value.code == "previous_response_not_found"


async def test_the_tokens_of_a_request_are_counted(keeping: AsyncOpenAI, gateway: House) -> None:
    counted = await keeping.responses.input_tokens.count(model="near/tiny", input="Say hello.")
    assert (counted.object, counted.input_tokens > 0) == ("response.input_tokens", True)
    assert (counted.model_extra or {})["counted_by"] == "estimate"
    longer = await keeping.responses.input_tokens.count(model="near/tiny", input="Say hello.", tools=[WEATHER])
    assert longer.input_tokens > counted.input_tokens
    assert gateway.entries() == []
    first = await keeping.responses.create(model="near/tiny", input="My name is Ann. " * 9)
    after = await keeping.responses.input_tokens.count(
        model="near/tiny", input="Say hello.", previous_response_id=first.id
    )
    assert after.input_tokens > counted.input_tokens


async def test_what_cannot_be_counted_is_refused_as_it_would_be_made(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        await client.responses.input_tokens.count(model="naer/tiny", input="Say hello.")
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.input_tokens.count(model="near/tiny", input="Hi", previous_response_id="resp_none")
    assert caught.value.code == "previous_response_not_found"
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.input_tokens.count(
            model="near/tiny", tools=[{"type": "file_search", "vector_store_ids": []}]
        )
    assert caught.value.param == "tools[0].type"


async def test_a_stream_is_called_off(client: AsyncOpenAI, upstream: Upstream, gateway: House) -> None:
    gone = asyncio.Event()

    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        await call.left()
        gone.set()

    upstream.script = script
    stream = await client.responses.create(model="near/tiny", input="Count.", stream=True)
    events = aiter(stream)
    created = await anext(events)
    assert created.type == "response.created"
    cancelled = await client.responses.cancel(created.response.id)
    assert (cancelled.status, cancelled.id) == ("cancelled", created.response.id)
    rest = [event async for event in events]
    assert rest[-1].type == "response.incomplete"
    assert rest[-1].response == cancelled
    async with asyncio.timeout(5):
        await gone.wait()
    entry = await gateway.entry()
    assert (entry.ending, entry.status) == ("client_left", 499)


async def test_what_has_ended_cannot_be_called_off(keeping: AsyncOpenAI) -> None:
    said = await keeping.responses.create(model="near/tiny", input="Say hello.")
    with pytest.raises(openai.BadRequestError):
        await keeping.responses.cancel(said.id)
    with pytest.raises(openai.NotFoundError):
        await keeping.responses.cancel("resp_none")


async def test_a_stream_that_breaks_off_raises(client: AsyncOpenAI, upstream: Upstream) -> None:
    async def script(call: Call) -> None:
        await call.start()
        await call.events(EVENTS[:2])
        call.writer.close()

    upstream.script = script
    stream = await client.responses.create(model="near/tiny", input="Say hello.", stream=True)
    with pytest.raises(openai.APIError) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == "upstream_error"


async def test_errors_are_raised(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        await client.responses.create(model="naer/tiny", input="Say hello.")
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(model="near/tiny", input="Say hello.", background=True)
    assert caught.value.param == "background"


async def test_the_sdk_that_blocks_works_as_well(gateway: House) -> None:
    def blocking() -> tuple[Response, str]:
        with OpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
            whole = client.responses.create(model="near/tiny", input="Say hello.")
            with client.responses.stream(model="near/tiny", input="Say hello.") as stream:
                return whole, stream.get_final_response().output_text

    whole, streamed = await asyncio.to_thread(blocking)
    assert (whole.output_text, streamed) == ("Hello.", "".join(WORDS))
