"""Pydantic AI's three models that speak what the gateway speaks: text, stream, a tool's loop, an answer by a schema."""

import os

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.output import NativeOutput, ToolOutput
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider


def model_of(kind: str) -> object:
    key = os.environ["CONFORMANCE_KEY"]
    if kind == "messages":
        provider = AnthropicProvider(api_key=key, base_url=os.environ["CONFORMANCE_ROOT"])
        return AnthropicModel("claude-opus-4-6", provider=provider)  # what it may ask for goes by the name
    made = OpenAIChatModel if kind == "chat" else OpenAIResponsesModel
    provider = OpenAIProvider(base_url=os.environ["CONFORMANCE_BASE_URL"], api_key=key)
    return made(os.environ["CONFORMANCE_MODEL"], provider=provider)


@pytest.fixture(params=["chat", "responses", "messages"])
def model(request: pytest.FixtureRequest) -> object:
    return model_of(request.param)


class City(BaseModel):
    name: str
    people: int


async def test_text(model: object) -> None:
    result = await Agent(model, instructions="Be brief.").run("Say hello to me.")
    assert result.output == "You asked: Say hello to me. This is the scripted answer."
    usage = result.usage() if callable(result.usage) else result.usage
    assert usage.input_tokens > 0
    assert usage.output_tokens > 0


async def test_a_stream_comes_in_pieces_and_has_usage(model: object) -> None:
    async with Agent(model).run_stream("Say hello to me.") as result:
        pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
        usage = result.usage() if callable(result.usage) else result.usage
    assert "".join(pieces) == "You asked: Say hello to me. This is the scripted answer."
    assert len(pieces) > 3
    assert usage.output_tokens > 0


async def test_a_tool_is_called_and_its_answer_used(model: object) -> None:
    asked: list[str] = []

    async def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "rain"

    result = await Agent(model, tools=[weather]).run("What is the weather in Oslo?")
    assert asked == ["Oslo"]
    assert result.output == "The tool said: rain"


async def test_a_tool_is_called_in_a_stream(model: object) -> None:
    asked: list[str] = []

    async def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "rain"

    async with Agent(model, tools=[weather]).run_stream("What is the weather in Oslo?") as result:
        text = await result.get_output()
    assert asked == ["Oslo"]
    assert text == "The tool said: rain"


async def test_two_tools_are_called_at_once(model: object) -> None:
    asked: list[str] = []

    async def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "rain"

    await Agent(model, tools=[weather]).run("What is the weather in both Oslo and Rome?")
    assert sorted(asked) == ["Oslo", "Rome"]


async def test_an_answer_by_a_schema_through_a_tool(model: object) -> None:
    result = await Agent(model, output_type=ToolOutput(City)).run("Describe the city named Oslo with 700000 people.")
    assert result.output == City(name="Oslo", people=700000)


async def test_an_answer_by_a_schema_of_the_format_itself(model: object) -> None:
    result = await Agent(model, output_type=NativeOutput(City)).run("Describe the city named Oslo with 700000 people.")
    assert result.output == City(name="Oslo", people=700000)


async def test_a_conversation_goes_on(model: object) -> None:
    agent = Agent(model)
    first = await agent.run("Say one.")
    second = await agent.run("Say two.", message_history=first.all_messages())
    assert second.output.startswith("You asked: Say two.")
