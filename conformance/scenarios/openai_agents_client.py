"""The OpenAI Agents SDK over chat and over Responses: text, stream, tools, handoff, an answer by a schema."""

import os

import pytest
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent
from pydantic import BaseModel

set_tracing_disabled(True)


@pytest.fixture(params=["chat", "responses"])
def model(request: pytest.FixtureRequest) -> object:
    client = AsyncOpenAI(base_url=os.environ["CONFORMANCE_BASE_URL"], api_key=os.environ["CONFORMANCE_KEY"])
    made = OpenAIChatCompletionsModel if request.param == "chat" else OpenAIResponsesModel
    return made(model=os.environ["CONFORMANCE_MODEL"], openai_client=client)


class City(BaseModel):
    name: str
    people: int


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


async def test_text_and_usage(model: object) -> None:
    result = await Runner.run(Agent(name="one", instructions="Be brief.", model=model), "Say hello to me.")
    assert result.final_output == "You asked: Say hello to me. This is the scripted answer."
    assert result.context_wrapper.usage.output_tokens > 0


async def test_a_stream(model: object) -> None:
    streamed = Runner.run_streamed(Agent(name="one", model=model), "Say hello to me.")
    pieces = [
        event.data.delta
        async for event in streamed.stream_events()
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent)
    ]
    assert "".join(pieces) == "You asked: Say hello to me. This is the scripted answer."
    assert len(pieces) > 3
    assert streamed.final_output == "".join(pieces)


async def test_a_tools_loop(model: object) -> None:
    result = await Runner.run(Agent(name="one", model=model, tools=[weather]), "What is the weather in Oslo?")
    assert result.final_output == "The tool said: rain in Oslo"


async def test_a_tools_loop_in_a_stream(model: object) -> None:
    streamed = Runner.run_streamed(Agent(name="one", model=model, tools=[weather]), "What is the weather in Oslo?")
    async for _ in streamed.stream_events():
        pass
    assert streamed.final_output == "The tool said: rain in Oslo"


async def test_tools_at_once(model: object) -> None:
    agent = Agent(name="one", model=model, tools=[weather], model_settings=ModelSettings(parallel_tool_calls=True))
    result = await Runner.run(agent, "What is the weather in both Oslo and Rome?")
    outputs = [item.output for item in result.new_items if item.type == "tool_call_output_item"]
    assert sorted(outputs) == ["rain in Oslo", "rain in Rome"]


async def test_an_answer_by_a_schema(model: object) -> None:
    agent = Agent(name="one", model=model, output_type=City)
    result = await Runner.run(agent, "Describe the city named Oslo with 700000 people.")
    assert result.final_output == City(name="Oslo", people=700000)


async def test_a_handoff(model: object) -> None:
    other = Agent(name="other", instructions="Answer.", model=model)
    first = Agent(name="first", instructions="Hand off.", model=model, handoffs=[other])
    result = await Runner.run(first, "Say hello to me.")
    assert result.last_agent.name == "other"
