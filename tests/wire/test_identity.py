"""Two requests are one where only order and blanks differ, and in no other case."""

import json
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from weighbridge.wire.calls import ChatCall
from weighbridge.wire.chat.surface import CHAT
from weighbridge.wire.identity import Likeness, canonical, digest, likeness, parts
from weighbridge.wire.messages.surface import MESSAGES, MessagesSurface
from weighbridge.wire.openrouter.surface import OpenRouterSurface
from weighbridge.wire.responses.read import Earlier
from weighbridge.wire.responses.surface import ResponsesSurface
from weighbridge.wire.surface import Surface

Json = Any  # any JSON value

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3).map(float)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
READ = {field.encode_name for field in msgspec.structs.fields(ChatCall)}
"""Names whose values must be of a kind, or are no part of what is asked."""
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda name: name.lower() not in READ
)
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""On a machine that has other work, too."""
FIELDS = st.dictionaries(NAMES, VALUES, max_size=5)
ASKED: dict[str, Json] = {"model": "near/tiny", "messages": [{"role": "user", "content": "Say hello."}]}


def shuffled(value: Json, chance: Random) -> Json:
    """The same with every object's names in another order."""
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name], chance) for name in names}
    return [shuffled(each, chance) for each in value] if isinstance(value, list) else value


def same(one: Json, other: Json) -> bool:
    """Whether two values are one, their types too: 1 is not true, and 1 is not 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def asked(fields: Json) -> tuple[bytes, ...]:
    return parts(CHAT.read(json.dumps({**ASKED, **fields}).encode()))


@UNHURRIED
@given(FIELDS, st.integers(0, 2**32), st.booleans(), st.none() | st.integers(0, 3))
def test_order_blanks_and_escapes_do_not_matter(
    fields: dict[str, Json], seed: int, escaped: bool, indent: int | None
) -> None:
    other = shuffled({**ASKED, **fields}, Random(seed))
    again = json.dumps(other, ensure_ascii=escaped, indent=indent)
    assert parts(CHAT.read(again.encode())) == asked(fields)


@UNHURRIED
@given(FIELDS, FIELDS)
def test_whatever_else_differs_does_matter(fields: dict[str, Json], others: dict[str, Json]) -> None:
    assume(not same(fields, others))
    assert asked(fields) != asked(others)


@UNHURRIED
@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), st.data())
def test_one_value_that_changes_anywhere_makes_another_request(fields: dict[str, Json], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(fields)))
    value = data.draw(VALUES)
    assume(not same(fields[name], value))
    assert asked(fields) != asked({**fields, name: value})
    assert asked(fields) != asked({each: fields[each] for each in fields if each != name})


def test_how_an_answer_is_sent_does_not_matter() -> None:
    assert asked({"stream": True, "stream_options": {"include_usage": True}}) == asked({}) == asked({"stream": False})
    inside = {"metadata": {"stream": True}}
    assert asked(inside) != asked({"metadata": {}})


DIFFERENT = {
    "a number with another zero": (b'{"a":0.10}', b'{"a":0.1}'),
    "a whole number and one that is none": (b'{"a":1}', b'{"a":1.0}'),
    "beyond 64 bits": (b'{"a":18446744073709551617}', b'{"a":18446744073709551618}'),
    "a name that is there twice": (b'{"a":1,"a":2}', b'{"a":2}'),
    "a name that is there twice, inside": (b'{"b":[{"a":1,"a":2}]}', b'{"b":[{"a":2}]}'),
    "a name that is there twice, in another order": (b'{"a":1,"a":2}', b'{"a":2,"a":1}'),
    "null and absent": (b'{"a":null}', b"{}"),
    "composed and decomposed letters": (b'{"a":"\\u00e9"}', b'{"a":"e\\u0301"}'),
    "half a character": (b'{"a":"\\ud800"}', b'{"a":"\\ud801"}'),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_nothing_is_lost_on_the_way(case: str) -> None:
    one, other = DIFFERENT[case]
    assert canonical(one) != canonical(other)


def test_digits_stay_as_they_are() -> None:
    assert canonical(b'{"b":12345678901234567890123,"a":0.10}') == b'{"a":0.10,"b":12345678901234567890123}'
    assert Decimal("0.10") == Decimal("0.1")  # and yet they were written differently


def test_where_one_field_ends_counts() -> None:
    assert digest(b"d", b"ab", b"c") != digest(b"d", b"a", b"bc") != digest(b"e", b"a", b"bc")
    assert len(digest(b"d")) == 32


def responses() -> Surface:
    return ResponsesSurface("resp_1", lambda: 0, Earlier(), may_store=False)


MESSAGE = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
RESPONSE = {"model": "m", "input": "Hi"}
DIALECTS: dict[str, tuple[Surface, Json, Json]] = {
    "messages, system": (MESSAGES, MESSAGE, {"system": "Be brief."}),
    "messages, tools": (MESSAGES, MESSAGE, {"tools": [{"name": "f", "input_schema": {"type": "object"}}]}),
    "messages, temperature": (MESSAGES, MESSAGE, {"temperature": 0.5}),
    "messages, natively": (MessagesSurface(natively=True), MESSAGE, {"unknown_field": 1}),
    "responses, instructions": (responses(), RESPONSE, {"instructions": "Be brief."}),
    "responses, reasoning": (responses(), RESPONSE, {"reasoning": {"effort": "low"}}),
    "openrouter, reasoning": (OpenRouterSurface(), ASKED, {"reasoning": {"max_tokens": 2000}}),
    "openrouter, earlier thoughts": (
        OpenRouterSurface(),
        {**ASKED, "messages": [*ASKED["messages"], {"role": "assistant", "content": "x", "reasoning": "a"}]},
        {"messages": [*ASKED["messages"], {"role": "assistant", "content": "x", "reasoning": "b"}]},
    ),
}


@pytest.mark.parametrize("case", DIALECTS)
def test_every_dialect_tells_requests_apart_by_all_that_a_provider_may_hear(case: str) -> None:
    surface, plain, more = DIALECTS[case]

    def told(body: Json) -> tuple[bytes, ...]:
        return parts(surface.read(json.dumps(body).encode()))

    assert told(plain) == told(dict(reversed(plain.items()))) != told({**plain, **more})
    assert told({**plain, "stream": True}) == told(plain)


def found(content: Json, surface: Surface = CHAT, **more: Json) -> Likeness | None:
    body = {"model": "m", "messages": [{"role": "user", "content": content}], **more}
    return likeness(surface.read(json.dumps(body).encode()))


def like(content: Json, surface: Surface = CHAT, **more: Json) -> tuple[bytes, ...]:
    likely = found(content, surface, **more)
    assert likely is not None
    return likely.parts


def test_only_the_question_may_differ_in_a_likeness() -> None:
    assert like("How are you?") == like("How do you do?") != like("How are you?", temperature=1)
    likely = found("How are you?")
    assert likely is not None
    assert likely.question == "How are you?"


def test_numbers_are_not_left_to_likeness() -> None:
    assert like("What is 1 + 1?") != like("What is 1 + 2?")
    assert like("What is 1 + 2?") == like("What do 1 and 2 make?")


def test_a_picture_beside_the_question_must_be_the_same() -> None:
    def with_picture(url: str, text: str) -> tuple[bytes, ...]:
        return like([{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}])

    assert with_picture("data:a", "What is it?") == with_picture("data:a", "What may it be?")
    assert with_picture("data:a", "What is it?") != with_picture("data:b", "What is it?")


NO_LIKENESS: dict[str, Json] = {
    "two texts": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
    "no text": [{"type": "image_url", "image_url": {"url": "data:a"}}],
    "empty": "",
    "a question that stands elsewhere too": "m",
}


@pytest.mark.parametrize("case", NO_LIKENESS)
def test_where_the_question_has_no_single_place_there_is_no_likeness(case: str) -> None:
    assert found(NO_LIKENESS[case]) is None


@pytest.mark.parametrize("surface", [MESSAGES, MessagesSurface(natively=True), OpenRouterSurface()])
def test_every_dialect_has_likenesses(surface: Surface) -> None:
    assert like("How are you?", surface, max_tokens=9) == like("How do you do?", surface, max_tokens=9)
