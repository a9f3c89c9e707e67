"""LiteLLM's spend logs: its table `LiteLLM_SpendLogs` as CSV, or what `GET /spend/logs` answers, as JSON.

The columns are those of litellm/proxy/schema.prisma in github.com/BerriAI/litellm, times in UTC. Cached and written
tokens are in `metadata.usage_object` or `metadata.additional_usage_values`. `messages` and `response`, which the table
may have, are not read. What its own cache has answered cost nothing, and is passed over.
"""

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

import msgspec

from weighbridge.ledger.imports.outside import NO_USAGE, OURS, Bad, Found, Outside, Passed
from weighbridge.ledger.rows import Row, Source, Unreadable, is_json, moment, table
from weighbridge.wire.usage import Usage

_Kind = TypeVar("_Kind")
FROM_CACHE: Final = "answered from LiteLLM's own cache"
_NEEDED: Final = ("request_id", "starttime", "model", "prompt_tokens", "completion_tokens")
_SAME: Final[Mapping[str, str]] = {
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "moonshotai": "moonshot",
    "nvidia_nim": "nvidia",
    "together_ai": "together",
    "vertex_ai": "google",
}
"""Providers that have another id there."""


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Reasoned(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Counted(msgspec.Struct):
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Reasoned | None = None


class _Metadata(msgspec.Struct):
    usage_object: _Counted | None = None
    additional_usage_values: _Counted | None = None


class _Log(msgspec.Struct):
    request_id: str
    startTime: str
    model: str = ""
    endTime: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    custom_llm_provider: str | None = None
    cache_hit: str | bool | None = None
    end_user: str | None = None
    metadata: _Metadata | str | None = None
    request_tags: list[str] | str | None = None


class _Pages(msgspec.Struct):
    data: list[msgspec.Raw]


_log = msgspec.json.Decoder(_Log)


def read(source: Source) -> Iterator[Found]:
    """All that a file has. Raises Unreadable."""
    for place, log in _logs(source):
        if isinstance(log, Bad):
            yield log
            continue
        try:
            yield _found(log, place)
        except Unreadable as error:
            yield Bad(str(error))


def _logs(source: Source) -> Iterator[tuple[str, _Log | Bad]]:
    if not is_json(source):
        for row in table(source, _NEEDED):
            try:
                yield row.place, _of_row(row)
            except Unreadable as error:
                yield row.place, Bad(str(error))
        return
    for place, text in _texts(source):
        try:
            yield place, _log.decode(text)
        except msgspec.MsgspecError as error:
            yield place, Bad(f"{place}: {error}")


def _texts(source: Source) -> Iterator[tuple[str, bytes | msgspec.Raw]]:
    """The documents of a file: a list, a page of one, or a line each."""
    try:
        whole = msgspec.json.decode(source.data, type=list[msgspec.Raw] | _Pages)
    except msgspec.MsgspecError:
        for number, line in enumerate(source.data.splitlines(), start=1):
            if line.strip():
                yield f"{source.name}:{number}", line
        return
    for number, text in enumerate(whole.data if isinstance(whole, _Pages) else whole):
        yield f"{source.name}:[{number}]", text


def _of_row(row: Row) -> _Log:
    return _Log(
        request_id=row.need("request_id"),
        startTime=row.need("starttime"),
        model=row.text("model") or "",
        endTime=row.text("endtime"),
        prompt_tokens=row.count("prompt_tokens") or 0,
        completion_tokens=row.count("completion_tokens") or 0,
        custom_llm_provider=row.text("custom_llm_provider"),
        cache_hit=row.text("cache_hit"),
        end_user=row.text("end_user"),
        metadata=row.text("metadata"),
        request_tags=row.text("request_tags"),
    )


def _found(log: _Log, place: str) -> Found:
    if str(log.cache_hit).lower() == "true":
        return Passed(FROM_CACHE)
    if log.request_id.startswith("wbr-"):
        return Passed(OURS)
    if log.prompt_tokens < 0 or log.completion_tokens < 0:
        return Bad(f"{place}: a count of tokens is below zero")
    if not log.prompt_tokens and not log.completion_tokens:
        return Passed(NO_USAGE)
    if not log.model:
        return Bad(f"{place}: 'model' is empty")
    at = moment(log.startTime, place, "startTime")
    ended = at if log.endTime is None else moment(log.endTime, place, "endTime")
    maker, _, rest = log.model.partition("/")
    provider = log.custom_llm_provider or (maker if rest else None)
    named = rest if rest and maker == provider else log.model
    return Outside(
        place=place,
        id=log.request_id,
        at=at,
        provider=None if provider is None else _SAME.get(provider, provider),
        model=named,
        usage=_usage(log, place),
        request=log.request_id,
        user=log.end_user or None,
        tags=_tags(log.request_tags, place),
        seconds=max(0.0, (ended - at).total_seconds()),
    )


def _usage(log: _Log, place: str) -> Usage:
    metadata = _of_text(log.metadata, _Metadata, place) if isinstance(log.metadata, str) else log.metadata
    counted = None if metadata is None else metadata.usage_object or metadata.additional_usage_values
    if counted is None:
        return Usage(log.prompt_tokens, log.completion_tokens)
    details, reasoned = counted.prompt_tokens_details, counted.completion_tokens_details
    cached = counted.cache_read_input_tokens
    if cached is None and details is not None:
        cached = details.cached_tokens
    return Usage(
        prompt=log.prompt_tokens,
        completion=log.completion_tokens,
        cached=cached,
        written=counted.cache_creation_input_tokens,
        reasoning=None if reasoned is None else reasoned.reasoning_tokens,
    )


def _tags(given: list[str] | str | None, place: str) -> tuple[str, ...]:
    tags = _of_text(given, list[str], place) if isinstance(given, str) else given
    return tuple(sorted(set(tags or ())))


def _of_text(text: str, kind: type[_Kind], place: str) -> _Kind:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise Unreadable(f"{place}: {error}") from error
