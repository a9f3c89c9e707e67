"""The part of the OpenAI chat format that we read; all else passes through untouched, byte for byte."""

import re
from typing import Annotated, Final

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire.usage import Usage

_Count = Annotated[int, msgspec.Meta(ge=0)]
_Limit = Annotated[int, msgspec.Meta(ge=1)]


class StreamOptions(msgspec.Struct):
    """`stream_options` of a request."""

    include_usage: bool | None = None


class ChatCall(msgspec.Struct):
    """The fields of a chat completion request that decide where it goes and what it may cost."""

    model: str
    messages: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: _Limit | None = None
    max_completion_tokens: _Limit | None = None
    n: _Limit | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether the client asked for the usage chunk at the end of its stream."""
        return self.stream_options is not None and self.stream_options.include_usage is True

    @property
    def prompt_bytes(self) -> int:
        """Bytes of the messages as JSON, pictures and files sent inline not counted."""
        return sum(len(_INLINE.sub(b"", bytes(message))) for message in self.messages)

    @property
    def most_tokens(self) -> int | None:
        """The most tokens the answer may have by the client's own word, over all choices."""
        limit = self.max_completion_tokens or self.max_tokens
        return None if limit is None else limit * (self.n or 1)


class _PromptDetails(msgspec.Struct):
    cached_tokens: _Count | None = None
    cache_write_tokens: _Count | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: _Count | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: _Count
    completion_tokens: _Count = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: _Count | None = None  # DeepSeek
    cached_tokens: _Count | None = None  # Moonshot

    def inner(self) -> Usage:
        details = self.prompt_tokens_details or _PromptDetails()
        answer = self.completion_tokens_details or _CompletionDetails()
        cached = details.cached_tokens
        if cached is None:
            cached = self.cached_tokens if self.prompt_cache_hit_tokens is None else self.prompt_cache_hit_tokens
        return Usage(
            prompt=self.prompt_tokens,
            completion=self.completion_tokens,
            cached=None if cached is None else min(cached, self.prompt_tokens),
            written=details.cache_write_tokens,
            reasoning=answer.reasoning_tokens,
        )


class _WithUsage(msgspec.Struct):
    usage: _Usage | None = None
    choices: list[msgspec.Raw] | None = None


class _Delta(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw()
    reasoning_content: msgspec.Raw = msgspec.Raw()
    reasoning: msgspec.Raw = msgspec.Raw()
    tool_calls: msgspec.Raw = msgspec.Raw()


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None


class _Fault(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


class _Failed(msgspec.Struct):
    error: _Fault | str | None = None
    message: str | None = None
    detail: msgspec.Raw = msgspec.Raw()


_calls: Final = msgspec.json.Decoder(ChatCall)
_with_usage: Final = msgspec.json.Decoder(_WithUsage)
_chunks: Final = msgspec.json.Decoder(_Chunk)
_failures: Final = msgspec.json.Decoder(_Failed)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MODEL: Final = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_USAGE: Final = re.compile(rb'"usage"\s*:\s*\{')
_TOP: Final = re.compile(rb'\s*("(?:[^"\\]|\\.)*")\s*:\s*')
_PATH: Final = re.compile(r" - at `\$?\.?(.+)`$")


def read_chat(body: bytes) -> ChatCall:
    """The fields we need of a request. Raises BadRequest naming the field at fault."""
    try:
        if not body.isascii():
            body.decode()
        return _calls.decode(body)
    except UnicodeDecodeError as exc:
        raise BadRequest(f"the body is not UTF-8 (byte {exc.start})") from exc
    except msgspec.ValidationError as exc:
        raise _named(str(exc)) from exc
    except msgspec.DecodeError as exc:
        raise BadRequest(f"the body is not valid JSON: {exc}") from exc


def _named(fault: str) -> BadRequest:
    where = _PATH.search(fault)
    missing = re.search(r"missing required field `(\w+)`", fault)
    if where is None:
        return BadRequest(fault, param=missing[1] if missing else None)
    param = where[1].removeprefix("[...]")
    return BadRequest(f"{param}: {fault[: where.start()]}", param=param)


def for_upstream(body: bytes, call: ChatCall, model: str, *, ask_usage: bool) -> bytes:
    """The request for an endpoint that calls the model `model`, every other byte as it came.

    With `ask_usage` a stream is made to end with its usage, whether or not the client asked for it.
    """
    if model != call.model:
        body = _with_field(body, b"model", msgspec.json.encode(model))
    if ask_usage and call.stream and not call.wants_usage:
        options = _fields.decode(body).get("stream_options")
        if options is None:
            start = body.index(b"{") + 1
            return body[:start] + b'"stream_options":{"include_usage":true},' + body[start:]
        known = {} if bytes(options) == b"null" else _fields.decode(options)
        known["include_usage"] = msgspec.Raw(b"true")
        body = _with_field(body, b"stream_options", msgspec.json.encode(known))
    return body


def _with_field(body: bytes, name: bytes, value: bytes) -> bytes:
    """The same object with another value for a field it has; what is not that value stays as it is."""
    if name == b"model" and body.count(b'"model"') == 1 and (only := _MODEL.search(body)):
        return body[: only.start(1)] + value + body[only.end(1) :]
    spans = _spans(body)
    for start, end in reversed([span for field, span in spans if field == name.decode()]):
        body = body[:start] + value + body[end:]
    return body


def _spans(body: bytes) -> list[tuple[str, tuple[int, int]]]:
    """The name of each top-level field and where its value stands; `body` is an object known to be valid."""
    spans: list[tuple[str, tuple[int, int]]] = []
    at = body.index(b"{") + 1
    while key := _TOP.match(body, at):
        end = _value_end(body, key.end())
        spans.append((msgspec.json.decode(key[1], type=str), (key.end(), end)))
        comma = re.compile(rb"\s*,").match(body, end)
        if comma is None:
            break
        at = comma.end()
    return spans


_INLINE: Final = re.compile(rb'"data:[^"]*"|"data"\s*:\s*"[^"]*"')
_SKIP: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')
_SCALAR: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\s,}\]]+')


def _value_end(body: bytes, at: int) -> int:
    """Where the value that starts at `at` ends."""
    if body[at : at + 1] not in (b"{", b"["):
        scalar = _SCALAR.match(body, at)
        return at if scalar is None else scalar.end()
    depth = 0
    for token in _SKIP.finditer(body, at):
        first = token[0][:1]
        depth += (first in (b"{", b"[")) - (first in (b"}", b"]"))
        if depth == 0:
            return token.end()
    return len(body)


def usage_in(document: bytes) -> Usage | None:
    """The usage an answer or a chunk reports; None where it reports none, or none that can be read."""
    try:
        found = _with_usage.decode(document).usage
    except msgspec.DecodeError:
        return None
    return None if found is None else found.inner()


def only_usage(document: bytes) -> bool:
    """Whether a chunk carries nothing but usage, so that it is there only because somebody asked for it."""
    try:
        return _with_usage.decode(document).choices == []
    except msgspec.DecodeError:
        return False


def with_cost(document: bytes, cost: str) -> bytes:
    """The document with `cost` (US dollars) as the first field of its usage object."""
    places = list(_USAGE.finditer(document))
    if not places:
        return document
    found = places[-1]  # the document's own: what a text quotes is escaped, what a choice holds stands before it
    comma = b"" if document[found.end() :].lstrip()[:1] == b"}" else b","
    return document[: found.end()] + b'"cost":' + cost.encode() + comma + document[found.end() :]


def said(document: bytes) -> tuple[int, bool]:
    """What a chunk or an answer says: bytes of text, reasoning and tool calls as JSON; and whether it is finished."""
    try:
        choices = _chunks.decode(document).choices or ()
    except msgspec.DecodeError:
        return 0, False
    parts = [part for choice in choices if (part := choice.delta or choice.message) is not None]
    return sum(map(_length, parts)), any(choice.finish_reason for choice in choices)


def _length(delta: _Delta) -> int:
    texts = map(bytes, (delta.content, delta.reasoning_content, delta.reasoning, delta.tool_calls))
    return sum(len(text) - 2 for text in texts if text not in (b"", b"null", b'""'))


def fault_in(document: bytes) -> str | None:
    """What an error body or an error chunk says, in the shapes providers use; None where it is none."""
    try:
        failed = _failures.decode(document)
    except msgspec.DecodeError:
        return None
    if isinstance(failed.error, str):
        return failed.error
    if failed.error is not None:
        return failed.error.message or str(failed.error.code or failed.error.type or "an error without words")
    if failed.message:
        return failed.message
    return bytes(failed.detail).decode(errors="replace")[:500] or None
