"""Strategies for inner calls and answers as a dialect can say them: what comes back is the same to the byte."""

import itertools
import json
from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st

from weighbridge.wire.inner import (
    Answer,
    Call,
    Document,
    Finish,
    Format,
    Likely,
    Message,
    Part,
    Picture,
    Reasoning,
    Refusal,
    Sound,
    Text,
    Thought,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from weighbridge.wire.usage import Usage

TRAPS = ("[DONE]", '"error"', '"usage":{', "data: x\n\nevent: error", '"message_stop"', "🎈", "\u2028", "\r\n", "\\")
words = st.one_of(st.text(min_size=1, max_size=12), st.sampled_from(TRAPS)).filter(lambda text: bool(text.strip()))
ids = st.text("abcXYZ019_-", min_size=1, max_size=12)
base64 = st.sampled_from(("AA==", "SGkh", "JVBERi0xLjc="))
urls = st.sampled_from(("https://x/y.png", "http://x/?a=b&c"))
caches = st.sampled_from(
    (None, None, msgspec.Raw(b'{"type":"ephemeral"}'), msgspec.Raw(b'{"type":"ephemeral","ttl":"1h"}'))
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(st.text(max_size=4), values, max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False)
)
schemas = st.sampled_from((b'{"type":"object"}', b'{"type": "object", "properties": {"a": {"type": "string"}}}'))
texts = st.builds(lambda text, cache: Text(text=text, cache=cache), words, caches)
uses = st.builds(lambda id_, name, given: ToolUse(id=id_, name=name, arguments=given), ids, ids, objects)


def _picture(inline: bool, url: str, data: str, cache: msgspec.Raw | None) -> Picture:
    return Picture(media_type="image/png", data=data, cache=cache) if inline else Picture(url=url, cache=cache)


def _file(kind: int, url: str, data: str, name: str | None, cache: msgspec.Raw | None) -> Document:
    match kind:
        case 0:
            return Document(media_type="application/pdf", data=data, name=name, cache=cache)
        case 1:
            return Document(url=url, name=name, cache=cache)
        case _:
            return Document(file_id="file_1", name=name, cache=cache)


pictures = st.builds(_picture, st.booleans(), urls, base64, caches)
files = st.builds(_file, st.integers(0, 2), urls, base64, st.none() | words, caches)
_signed = st.builds(lambda text, signature: Thought(text=text, signature=signature), st.just("") | words, ids)
_sealed = st.builds(lambda data: Thought(sealed=data), ids)
_results = st.builds(
    lambda id_, parts, failed, cache: ToolResult(id=id_, parts=parts, failed=failed, cache=cache),
    ids,
    st.lists(st.one_of(texts, pictures, files), max_size=2),
    st.booleans(),
    caches,
)


@st.composite
def messages_calls(draw: st.DrawFn, *, model: str, budgets: bool) -> Call:
    """Calls that a Messages request can say; `budgets` for a model that thinks for so many tokens."""
    call = Call(
        model, [Message("system", draw(st.lists(texts, min_size=1, max_size=2)))] if draw(st.booleans()) else []
    )
    shown = st.lists(st.one_of(texts, pictures, files), min_size=1, max_size=2)
    for _ in range(draw(st.integers(0, 2))):
        results: list[Part] = list(draw(st.lists(_results, max_size=2)))
        call.messages.append(Message("user", [*results, *draw(shown)]))
        said = st.lists(st.one_of(texts, uses, _signed, _sealed), min_size=1, max_size=3)
        call.messages.append(Message("assistant", list(draw(said))))
    call.messages.append(Message("user", list(draw(shown))))
    call.max_tokens = draw(st.integers(2000, 9000))
    named = any(isinstance(part, ToolUse) for message in call.messages for part in message.parts)
    call.tools = draw(st.lists(_tools, min_size=1 if named else 0, max_size=2))
    call.reasoning = draw(_budgeted if budgets else _adaptive)
    thinks = call.reasoning is not None and call.reasoning.on is not False
    if draw(st.booleans()) and call.tools:
        call.tool_choice = draw(st.sampled_from(_LEFT if thinks else (*_LEFT, *_FORCED)))
        call.parallel_tools = False if call.tool_choice.mode != "none" and draw(st.booleans()) else None
    if not thinks:
        call.temperature = draw(st.none() | st.floats(0, 1))
        call.top_k = draw(st.none() | st.integers(0, 99))
    call.top_p = draw(st.none() | st.floats(0.95, 0.99))
    call.stop = draw(st.lists(words, max_size=2))
    call.format = draw(st.none() | schemas.map(lambda raw: Format("schema", schema=msgspec.Raw(raw), strict=True)))
    call.stream = draw(st.booleans())
    call.user = draw(st.none() | ids)
    call.service_tier = draw(st.sampled_from((None, "default")))
    return call


_tools = st.builds(
    lambda name, about, schema, strict, cache: Tool(name, about, msgspec.Raw(schema), strict=strict, cache=cache),
    ids,
    st.none() | words,
    schemas,
    st.sampled_from((None, True)),
    caches,
)
_LEFT = (ToolChoice("auto"), ToolChoice("none"))
_FORCED = (ToolChoice("required"), ToolChoice("tool", "f"))
_off = st.sampled_from((None, Reasoning(on=False), Reasoning(on=False, effort="high")))
_efforts = st.sampled_from((None, "low", "medium", "high", "max"))
_adaptive = _off | st.builds(lambda effort: Reasoning(effort=effort), _efforts)
_budgeted = _off | st.builds(
    lambda most, effort: Reasoning(on=True, budget=most, effort=effort), st.integers(1024, 1999), _efforts
)


@st.composite
def chat_calls(draw: st.DrawFn) -> Call:
    """Calls that a chat request can say."""
    call = Call(draw(ids), [])
    names = st.none() | ids
    if draw(st.booleans()):
        call.messages.append(Message("system", [Text(text=draw(st.text()))]))
    for _ in range(draw(st.integers(0, 2))):
        call.messages.append(Message("user", draw(_user), draw(names)))
        said: list[Part] = [Text(text=draw(words))] if draw(st.booleans()) else []
        if draw(st.booleans()):
            said.append(Refusal(text=draw(words)))
        call.messages.append(Message("assistant", [*said, *draw(st.lists(uses, max_size=2))]))
        if results := draw(st.lists(_answers, max_size=2)):
            call.messages.append(Message("user", list(results)))
    call.messages.append(Message("user", draw(_user)))
    call.tools = draw(st.lists(_functions, max_size=2))
    call.tool_choice = draw(st.sampled_from((None, *_LEFT, *_FORCED)))
    call.parallel_tools = draw(st.sampled_from((None, True, False)))
    call.max_tokens = draw(st.none() | st.integers(1, 9000))
    call.temperature = draw(st.none() | st.floats(0, 2))
    call.top_p = draw(st.none() | st.floats(0, 1))
    call.top_k = draw(st.none() | st.integers(0, 99))
    call.stop = draw(st.lists(st.text(), max_size=2))
    call.seed = draw(st.none() | st.integers(0, 99))
    call.presence_penalty = draw(st.none() | st.floats(-2, 2))
    call.frequency_penalty = draw(st.none() | st.floats(-2, 2))
    call.top_logprobs = draw(st.none() | st.integers(0, 20))
    call.format = draw(st.sampled_from((None, Format("json"))) | _formats)
    call.reasoning = draw(st.none() | st.builds(lambda effort: Reasoning(effort=effort), ids))
    call.stream = draw(st.booleans())
    call.user = draw(st.none() | ids)
    call.metadata = draw(st.dictionaries(ids, ids, max_size=2))
    call.service_tier = draw(st.sampled_from((None, "auto", "flex")))
    if draw(st.booleans()):
        call.also = {"n": msgspec.Raw(b"2"), "verbosity": msgspec.Raw(b'"low"'), "x": msgspec.Raw(b'{"a": [1]}')}
    return call


_shown = st.one_of(
    st.builds(lambda text: Text(text=text), st.text()),
    st.builds(lambda url, detail: Picture(url=url, detail=detail), urls, st.sampled_from((None, "low"))),
    st.builds(lambda data: Picture(media_type="image/png", data=data), base64),
    st.builds(lambda data, name: Document(media_type="application/pdf", data=data, name=name), base64, ids),
    st.builds(lambda id_, name: Document(file_id=id_, name=name), ids, st.none() | ids),
    st.builds(lambda data: Sound(data=data, format="wav"), base64),
)


def _one_text(parts: Sequence[Part]) -> bool:
    return len(parts) == 1 or not all(isinstance(part, Text) for part in parts)


_user = st.lists(_shown, min_size=1, max_size=3).filter(_one_text)
_answers = st.builds(lambda id_, text: ToolResult(id=id_, parts=[Text(text=text)]), ids, st.text())
_functions = st.builds(
    lambda name, about, schema, strict: Tool(name, about, schema, strict=strict),
    ids,
    st.none() | words,
    st.none() | schemas.map(msgspec.Raw),
    st.sampled_from((None, True, False)),
)
_formats = st.builds(
    lambda name, schema, strict, about: Format("schema", name, schema, strict, about),
    ids,
    st.none() | schemas.map(msgspec.Raw),
    st.sampled_from((None, True, False)),
    st.none() | words,
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Counts that fit each other."""
    some = st.none() | st.integers(0, 50)
    cached, written, reasoning = draw(some), draw(some), draw(some)
    prompt = draw(st.integers(0, 99)) + (cached or 0) + (written or 0)
    completion = draw(st.integers(0, 99)) + (reasoning or 0)
    return Usage(prompt, completion, cached=cached, written=written, reasoning=reasoning)


_thoughts = st.one_of(st.builds(lambda text: Thought(text=text), words), _signed, _sealed)
_plain = st.builds(lambda text: Text(text=text), words)


def _told_apart(parts: Sequence[Part]) -> bool:
    """Whether no two neighbours would be one."""
    for one, next_ in itertools.pairwise(parts):
        if isinstance(one, Text) and isinstance(next_, Text):
            return False
        going_on = isinstance(one, Thought) and one.signature is None and one.sealed is None
        if going_on and isinstance(next_, Thought) and next_.sealed is None:
            return False
    return True


@st.composite
def messages_answers(draw: st.DrawFn) -> Answer:
    """Answers that a message can say."""
    parts = draw(st.lists(st.one_of(_plain, _thoughts, uses), max_size=5).filter(_told_apart))
    finish: Finish = draw(st.sampled_from(("stop", "stop_sequence", "length", "tool_use", "refusal", "pause")))
    sequence = draw(words) if finish == "stop_sequence" else None
    return Answer(f"msg_{draw(ids)}", draw(ids), list(parts), finish, 0, sequence, draw(usages()))


_likelies = st.builds(
    lambda token, value, units: Likely(token, value, units, [Likely(token, value)]),
    words,
    st.floats(-9, 0),
    st.none() | st.lists(st.integers(0, 255), max_size=3),
)


@st.composite
def chat_answers(draw: st.DrawFn) -> Answer:
    """Answers that a chat completion can say."""
    parts: list[Part] = list(draw(st.lists(_thoughts, max_size=3).filter(_told_apart)))
    if draw(st.booleans()):
        parts.append(Text(text=draw(words), logprobs=draw(st.none() | st.lists(_likelies, min_size=1, max_size=2))))
    if draw(st.booleans()):
        parts.append(Refusal(text=draw(words)))
    called = draw(st.lists(uses, max_size=2))
    by_itself: tuple[Finish, ...] = ("tool_use",) if called else ("stop", "stop_sequence")
    finish: Finish = draw(st.sampled_from((*by_itself, "length", "filter")))
    sequence = draw(words) if finish == "stop_sequence" else None
    created = draw(st.integers(1, 2_000_000_000))
    return Answer(draw(ids), draw(ids), [*parts, *called], finish, created, sequence, draw(usages()))
