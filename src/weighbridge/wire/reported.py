"""What an answer, or a chunk of it, reports in OpenAI's formats: its tokens, how much it says, what went wrong."""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from weighbridge.wire import splice
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.usage import Usage

MOST_TOKENS: Final = 1_000_000_000
"""More than this in one answer is no count."""
_Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)]


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: _Count | None = None
    cache_write_tokens: _Count | None = None


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: _Count | None = None


class _PlainUsage(msgspec.Struct, gc=False):
    """Usage as OpenAI's own servers and most others report it; whatever does not fit is read field by field."""

    prompt_tokens: _Count
    completion_tokens: _Count | None = None
    """Absent where nothing is made: embeddings."""
    total_tokens: _Count | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: msgspec.UnsetType | msgspec.Raw = msgspec.UNSET
    cached_tokens: msgspec.UnsetType | msgspec.Raw = msgspec.UNSET

    def inner(self) -> Usage | None:
        """None where it takes a closer look."""
        prompt, completion, total = self.prompt_tokens, self.completion_tokens, self.total_tokens
        if completion is None:
            return Usage(prompt, 0) if total == prompt else None
        if self.prompt_cache_hit_tokens is not msgspec.UNSET or self.cached_tokens is not msgspec.UNSET:
            return None
        if total is not None and total != prompt + completion:
            return None
        read, made = self.prompt_tokens_details, self.completion_tokens_details
        cached = None if read is None else read.cached_tokens
        written = None if read is None else read.cache_write_tokens
        reasoning = None if made is None else made.reasoning_tokens
        if (cached or 0) + (written or 0) > prompt or (reasoning or 0) > completion:
            return None
        return Usage(prompt, completion, cached=cached, written=written, reasoning=reasoning)


class _WithPlainUsage(msgspec.Struct, gc=False):
    usage: _PlainUsage | None = None


class _WithUsage(msgspec.Struct):
    usage: dict[str, object] | None = None
    choices: list[msgspec.Raw] | None = None
    x_groq: msgspec.Raw = msgspec.Raw()


class _Delta(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw()
    reasoning_content: msgspec.Raw = msgspec.Raw()
    reasoning: msgspec.Raw = msgspec.Raw()
    tool_calls: msgspec.Raw = msgspec.Raw()


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    text: msgspec.Raw = msgspec.Raw()
    """Of a completion that is no chat."""
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None


class _Fault(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


class _Failed(msgspec.Struct):
    error: msgspec.Raw = msgspec.Raw()
    message: object = None
    detail: msgspec.Raw = msgspec.Raw()


_with_plain_usage: Final = msgspec.json.Decoder(_WithPlainUsage)
_with_usage: Final = msgspec.json.Decoder(_WithUsage)
_chunks: Final = msgspec.json.Decoder(_Chunk)
_failures: Final = msgspec.json.Decoder(_Failed)
_words: Final = msgspec.json.Decoder(_Fault | str)


def usage_in(document: bytes) -> Usage | None:
    """The usage an answer or a chunk reports; None where it reports none, or none that can be read."""
    at = document.rfind(b'"usage"')
    if at < 0:
        return None
    try:
        # What stands from a field on is an object by itself only if the field is the document's own, not one of its
        # parts': so the text before it, which is long, need not be read.
        plain = _with_plain_usage.decode(b"{" + document[at:]).usage
        usage = None if plain is None else plain.inner()
    except UNREADABLE:
        usage = None
    return usage or _usage_anywhere(document)


def _usage_anywhere(document: bytes) -> Usage | None:
    found = _read_usage(document)
    if found is None:
        return None
    if found.usage is not None:
        return _usage(found.usage)
    elsewhere = (found.x_groq, *(found.choices or ()))  # Groq's own place, Moonshot's own place
    reported = (_read_usage(place) for place in elsewhere if b'"usage"' in bytes(place))
    return next((_usage(one.usage) for one in reported if one is not None and one.usage is not None), None)


def _read_usage(document: bytes | msgspec.Raw) -> _WithUsage | None:
    try:
        return _with_usage.decode(document)
    except UNREADABLE:
        return None


def _usage(reported: Mapping[str, object]) -> Usage | None:
    """Field by field, so that one that makes no sense does not take the others with it."""
    prompt, completion = _count(reported, "prompt_tokens"), _count(reported, "completion_tokens")
    total = _count(reported, "total_tokens")
    if prompt is None or (completion is None and total is None):
        return None
    # Gemini and Grok leave what was thought out of the completion and have it in the total
    completion = max(completion or 0, 0 if total is None else total - prompt)
    read = _details(reported, "prompt_tokens_details")
    cached = _first(
        _count(read, "cached_tokens"),
        _count(reported, "prompt_cache_hit_tokens"),  # DeepSeek
        _count(reported, "cached_tokens"),  # Moonshot
    )
    cached = _at_most(prompt, cached)
    written = _at_most(prompt - (cached or 0), _count(read, "cache_write_tokens"))
    reasoning = _count(_details(reported, "completion_tokens_details"), "reasoning_tokens")
    return Usage(prompt, completion, cached=cached, written=written, reasoning=_at_most(completion, reasoning))


def _details(reported: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = reported.get(name)
    return value if isinstance(value, dict) else {}


def _count(reported: Mapping[str, object], name: str) -> int | None:
    value = reported.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MOST_TOKENS else None


def _at_most(most: int, count: int | None) -> int | None:
    return None if count is None else min(count, most)


def _first(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)


def only_usage(document: bytes) -> bool:
    """Whether a chunk carries nothing but usage, so that it is there only because somebody asked for it."""
    found = _read_usage(document)
    return found is not None and found.choices == []


def with_cost(document: bytes, cost: str) -> bytes:
    """The document with `cost` (US dollars) as the first field of its usage object, in the place of any it has."""
    usages = splice.places(document, "usage")
    if not usages or document[usages[-1][0] : usages[-1][0] + 1] != b"{":
        return document
    start = usages[-1][0]
    if known := splice.places(document, "cost", start):  # OpenRouter's own
        return splice.replaced(document, known, cost.encode())
    comma = b"" if document[start + 1 :].lstrip()[:1] == b"}" else b","
    return document[: start + 1] + b'"cost":' + cost.encode() + comma + document[start + 1 :]


def said(document: bytes) -> tuple[int, bool]:
    """What a chunk or an answer says: bytes of text, reasoning and tool calls as JSON; and whether it is finished."""
    try:
        choices = _chunks.decode(document).choices or ()
    except UNREADABLE:
        return 0, False
    parts = [part for choice in choices if (part := choice.delta or choice.message) is not None]
    texts = sum(_text_length(bytes(choice.text)) for choice in choices)
    return texts + sum(map(_length, parts)), any(choice.finish_reason for choice in choices)


def _length(delta: _Delta) -> int:
    texts = map(bytes, (delta.content, delta.reasoning_content, delta.reasoning, delta.tool_calls))
    return sum(map(_text_length, texts))


def _text_length(text: bytes) -> int:
    return 0 if text in (b"", b"null", b'""') else len(text) - 2


def fault_in(document: bytes) -> str | None:
    """What an error body or an error chunk says, in the shapes providers use; None where it is none."""
    try:
        failed = _failures.decode(document)
    except UNREADABLE:
        return None
    error = bytes(failed.error)
    if error not in (b"", b"null", b"false", b'""'):
        return _said_by(error)
    if isinstance(failed.message, str) and failed.message:
        return failed.message
    detail = bytes(failed.detail)
    return None if detail in (b"", b"null") else _said_by(detail)


def _said_by(error: bytes) -> str:
    """The words of an error, or it itself where it has none that we know to find."""
    try:
        read = _words.decode(error)
    except UNREADABLE:
        read = ""
    said = read if isinstance(read, str) else read.message or str(read.code or read.type or "")
    return said or error.decode(errors="replace")[:500]
