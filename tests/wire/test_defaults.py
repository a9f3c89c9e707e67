"""What a request is to say where its client said nothing: spliced in, every byte of the client's kept."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import BadRequest
from weighbridge.wire.chat.surface import CHAT
from weighbridge.wire.defaults import Defaults, Dialect, with_defaults, with_limit
from weighbridge.wire.messages.surface import MESSAGES
from weighbridge.wire.openrouter.surface import OpenRouterSurface
from weighbridge.wire.responses.read import Earlier
from weighbridge.wire.responses.surface import ResponsesSurface
from weighbridge.wire.surface import Surface
from weighbridge.wire.tasks.completions import COMPLETIONS

USER = {"role": "user", "content": "Hi."}
BODIES: dict[Dialect, dict[str, Any]] = {
    "chat": {"model": "m", "messages": [USER]},
    "openrouter": {"model": "m", "messages": [USER]},
    "messages": {"model": "m", "messages": [USER], "max_tokens": 9},
    "responses": {"model": "m", "input": "Hi."},
    "completions": {"model": "m", "prompt": "Hi"},
}
ALL = Defaults(
    system="Be brief.",
    temperature=0.2,
    top_p=0.9,
    max_tokens=77,
    stop=["END"],
    seed=7,
    frequency_penalty=0.5,
    presence_penalty=-0.5,
    reasoning="low",
)
SAID: dict[Dialect, dict[str, object]] = {
    "chat": {
        "messages": [{"role": "system", "content": "Be brief."}, USER],
        "temperature": 0.2,
        "top_p": 0.9,
        "max_tokens": 77,
        "stop": ["END"],
        "seed": 7,
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
        "reasoning_effort": "low",
    },
    "openrouter": {
        "messages": [{"role": "system", "content": "Be brief."}, USER],
        "temperature": 0.2,
        "top_p": 0.9,
        "max_tokens": 77,
        "stop": ["END"],
        "seed": 7,
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
        "reasoning": {"effort": "low"},
    },
    "messages": {
        "system": "Be brief.",
        "temperature": 0.2,
        "top_p": 0.9,
        "max_tokens": 9,
        "stop_sequences": ["END"],
        "output_config": {"effort": "low"},
    },
    "responses": {
        "instructions": "Be brief.",
        "temperature": 0.2,
        "top_p": 0.9,
        "max_output_tokens": 77,
        "reasoning": {"effort": "low"},
    },
    "completions": {
        "temperature": 0.2,
        "top_p": 0.9,
        "max_tokens": 77,
        "stop": ["END"],
        "seed": 7,
        "frequency_penalty": 0.5,
        "presence_penalty": -0.5,
    },
}
UNSAYABLE: dict[Dialect, set[str]] = {
    "chat": set(),
    "openrouter": set(),
    "messages": {"seed", "frequency_penalty", "presence_penalty"},
    "responses": {"stop", "seed", "frequency_penalty", "presence_penalty"},
    "completions": {"system", "reasoning"},
}
SURFACES: dict[Dialect, Surface] = {
    "chat": CHAT,
    "openrouter": OpenRouterSurface(),
    "messages": MESSAGES,
    "responses": ResponsesSurface("resp_1", lambda: 0, Earlier(), may_store=False),
    "completions": COMPLETIONS,
}
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)


def only(*names: str) -> Defaults:
    return Defaults(**{name: getattr(ALL, name) for name in names})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dialect_is_told_in_its_own_words(dialect: Dialect) -> None:
    names = [name for name in Defaults.__struct_fields__ if name not in UNSAYABLE[dialect]]
    body = with_defaults(json.dumps(BODIES[dialect]).encode(), only(*names), dialect, "the preset 'x'")
    assert json.loads(body) == BODIES[dialect] | SAID[dialect]
    SURFACES[dialect].read(body)


@pytest.mark.parametrize(("dialect", "name"), [(d, n) for d in DIALECTS for n in sorted(UNSAYABLE[d])])
def test_what_a_dialect_has_no_word_for_is_refused(dialect: Dialect, name: str) -> None:
    with pytest.raises(BadRequest, match=f"the preset 'x' sets {name}, which a"):
        with_defaults(json.dumps(BODIES[dialect]).encode(), only(name), dialect, "the preset 'x'")


CLIENTS: list[tuple[Dialect, dict[str, object]]] = [
    ("chat", {"temperature": 1}),
    ("chat", {"temperature": 0}),
    ("chat", {"max_completion_tokens": 5}),
    ("chat", {"max_tokens": 5}),
    ("chat", {"messages": [{"role": "developer", "content": "Be long."}, USER]}),
    ("chat", {"messages": [USER, {"role": "system", "content": "Be long."}]}),
    ("openrouter", {"reasoning": {"max_tokens": 5}}),
    ("openrouter", {"reasoning_effort": "high"}),
    ("messages", {"thinking": {"type": "disabled"}}),
    ("messages", {"output_config": {"effort": "high"}}),
    ("messages", {"system": ""}),
    ("responses", {"instructions": "Be long.", "reasoning": {}, "max_output_tokens": 1}),
]


@pytest.mark.parametrize(("dialect", "said"), CLIENTS)
def test_what_the_client_says_stays(dialect: Dialect, said: dict[str, object]) -> None:
    body = json.dumps(BODIES[dialect] | said).encode()
    names = [name for name in Defaults.__struct_fields__ if name not in UNSAYABLE[dialect]]
    found = json.loads(with_defaults(body, only(*names), dialect, "x"))
    assert {name: found[name] for name in said} == said
    if "max_completion_tokens" in said:
        assert "max_tokens" not in found
    if "thinking" in said:
        assert "output_config" not in found
    if "reasoning_effort" in said:
        assert "reasoning" not in found


def test_a_null_is_no_word_and_is_written_over_in_its_place() -> None:
    body = b'{"temperature": null ,"model":"m", "messages":[{"role":"user","content":"Hi."}]}'
    assert with_defaults(body, only("temperature"), "chat", "x") == body.replace(b"null", b"0.2")


@pytest.mark.parametrize(
    ("effort", "said"),
    [("none", {"thinking": {"type": "disabled"}}), ("minimal", {"output_config": {"effort": "low"}})],
)
def test_a_message_is_told_of_efforts_that_its_maker_does_not_know(effort: str, said: dict[str, object]) -> None:
    defaults = Defaults(reasoning=effort)  # type: ignore[arg-type]  # of the literals
    found = json.loads(with_defaults(json.dumps(BODIES["messages"]).encode(), defaults, "messages", "x"))
    assert found == BODIES["messages"] | said


@pytest.mark.parametrize("messages", ["{}", "[]", "[1]", '"text"', "null"])
def test_messages_that_are_none_are_left_to_whoever_reads_them(messages: str) -> None:
    body = b'{"model":"m","messages":' + messages.encode() + b"}"
    assert with_defaults(body, only("system"), "chat", "x") == body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=12), JSON, max_size=6), st.booleans())
def test_whatever_else_the_client_says_is_kept(others: dict[str, object], is_ascii: bool) -> None:
    request = others | {"model": "m", "messages": [USER]}
    body = json.dumps(request, ensure_ascii=is_ascii, indent=1).encode()
    found = json.loads(with_defaults(body, only("temperature", "system"), "chat", "x"))
    kept = {name: value for name, value in found.items() if name not in ("temperature", "messages")}
    assert kept == {name: value for name, value in request.items() if name not in ("temperature", "messages")}
    assert found["temperature"] == (0.2 if others.get("temperature") is None else others["temperature"])
    assert found["messages"] == [{"role": "system", "content": "Be brief."}, USER]


@pytest.mark.parametrize(
    ("dialect", "said", "expected"),
    [
        ("chat", {}, {"max_tokens": 7}),
        ("chat", {"max_tokens": None}, {"max_tokens": 7}),
        ("chat", {"max_completion_tokens": 90}, {"max_completion_tokens": 7}),
        (
            "openrouter",
            {"max_tokens": 90, "max_completion_tokens": 80},
            {"max_tokens": 7, "max_completion_tokens": 7},
        ),
        ("messages", {"max_tokens": 90}, {"max_tokens": 7}),
        ("responses", {"max_output_tokens": 90}, {"max_output_tokens": 7}),
        ("completions", {"max_tokens": 90}, {"max_tokens": 7}),
    ],
)
def test_a_limit_takes_the_place_of_what_was_said(
    dialect: Dialect, said: dict[str, object], expected: dict[str, object]
) -> None:
    body = {**BODIES[dialect], **said}
    assert json.loads(with_limit(json.dumps(body).encode(), dialect, 7)) == {**body, **expected}
