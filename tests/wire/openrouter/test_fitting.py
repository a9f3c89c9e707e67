"""What a request in OpenRouter's dialect becomes for a family with habits of its own."""

import json

import pytest

from weighbridge.wire.habits.profile import Echo, Habits, Name, Switch
from weighbridge.wire.openrouter.surface import OpenRouterSurface

USER = {"role": "user", "content": "Say hello."}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
THOUGHT = {"role": "assistant", "content": "Hi", "reasoning": "Well"}
DETAILED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [CALL],
    "reasoning_details": [{"type": "reasoning.text", "text": "We"}, {"type": "reasoning.summary", "summary": "ll"}],
}
SWITCH = Switch(
    on={"thinking": {"type": "enabled"}},
    off={"thinking": {"type": "disabled"}},
    effort="reasoning_effort",
    levels={"high": "max"},
    budget="thinking.budget_tokens",
)


def fitted(habits: Habits, **fields: object) -> dict[str, object]:
    """The body for a model with these habits."""
    body = {"model": "lab/tiny", "messages": [USER]} | fields
    asked = OpenRouterSurface().read(json.dumps(body).encode())
    assert asked.fit is not None
    found: dict[str, object] = json.loads(asked.fit(habits))
    return found


@pytest.mark.parametrize(
    ("reasoning", "told"),
    [
        (None, {}),
        ({"exclude": True}, {}),
        ({"enabled": False}, {"thinking": {"type": "disabled"}}),
        ({"effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"max_tokens": 0}, {"thinking": {"type": "disabled"}}),
        ({"enabled": True}, {"thinking": {"type": "enabled"}}),
        ({"effort": "high"}, {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}),
        ({"max_tokens": 2000}, {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
    ],
)
def test_thinking_is_switched_the_familys_way(reasoning: object, told: dict[str, object]) -> None:
    habits = Habits(family="test", thinks="unless-off", switch=SWITCH)
    plain = {"model": "lab/tiny", "messages": [USER]}
    assert fitted(habits, reasoning=reasoning) == plain | told


def test_an_effort_in_openais_way_is_told_the_familys_way_too() -> None:
    told = fitted(Habits(family="test", switch=SWITCH), reasoning_effort="high", max_tokens=9)
    assert (told["reasoning_effort"], told["max_tokens"]) == ("max", 9)


def test_fields_go_by_the_familys_names() -> None:
    habits = Habits(family="test", switch=SWITCH, rename={"max_tokens": "max_completion_tokens"})
    told = fitted(habits, reasoning={"effort": "low"}, max_tokens=9)
    assert (told["max_completion_tokens"], told["reasoning_effort"], "max_tokens" in told) == (9, "low", False)


@pytest.mark.parametrize(
    ("echo", "name", "thought", "called"),
    [
        ("never", "reasoning_content", {}, {}),
        ("may", "reasoning_content", {}, {}),
        ("tools", "reasoning_content", {}, {"reasoning_content": "Well"}),
        ("must", "reasoning", {"reasoning": "Well"}, {"reasoning": "Well"}),
        (
            "must",
            "text",
            {"content": "<think>\nWell\n</think>\n\nHi"},
            {"content": "<think>\nWell\n</think>\n\n"},
        ),
    ],
)
def test_reasoning_goes_back_to_those_who_must_have_it(
    echo: Echo, name: Name, thought: dict[str, object], called: dict[str, object]
) -> None:
    told = fitted(Habits(family="test", echo=echo, echo_as=name), messages=[USER, THOUGHT, DETAILED, USER])
    plain = {"role": "assistant", "content": "Hi"}
    call = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    assert told["messages"] == [USER, plain | thought, call | called, USER]


def test_thoughts_stand_before_words_in_parts() -> None:
    turn = {"role": "assistant", "content": [{"type": "text", "text": "Hi"}], "reasoning": "Well"}
    messages = fitted(Habits(family="test", echo="must", echo_as="text"), messages=[USER, turn])["messages"]
    assert isinstance(messages, list)
    assert messages[1]["content"] == [{"type": "text", "text": "<think>\nWell\n</think>\n\n"}, *turn["content"]]


@pytest.mark.parametrize(
    "turn",
    ["reasoning", {"role": "user", "content": "x", "reasoning": 5}, {"role": "assistant", "reasoning": {"a": 1}}],
)
def test_a_turn_that_makes_no_sense_is_the_providers_to_refuse(turn: object) -> None:
    messages = fitted(Habits(family="test", echo="must"), messages=[USER, turn])["messages"]
    assert isinstance(messages, list)
    assert len(messages) == 2
    assert not isinstance(messages[1], dict) or "reasoning" not in messages[1]
