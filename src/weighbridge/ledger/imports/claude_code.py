"""Claude Code's logs of its sessions: `~/.claude/projects/**/*.jsonl`.

Their shape, and the traps in it, as the open-source tool ccusage knows them (github.com/ryoppippi/ccusage,
rust/crates/ccusage/src/adapter/claude/): a message is in several lines while it is written, the last has all its
tokens; sessions that were resumed have copies of it in another file; a side conversation (`isSidechain`) repeats its
parent's messages under other request ids. So a message counts once by its id and its request's, a side conversation's
only where the parent's is nowhere. Lines of other types, and those of the tool itself (`<synthetic>`), are no usage.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec

from weighbridge.ledger.imports.outside import NO_USAGE, OURS, Bad, Found, Outside, Passed
from weighbridge.ledger.rows import Source, Unreadable, moment
from weighbridge.wire.usage import Usage

_OWN = "<synthetic>"


class _Created(msgspec.Struct):
    ephemeral_1h_input_tokens: int = 0


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation: _Created | None = None


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    usage: _Usage | None = None


class _Line(msgspec.Struct):
    type: str | None = None
    timestamp: str | None = None
    uuid: str | None = None
    requestId: str | None = None
    isSidechain: bool | None = None
    isApiErrorMessage: bool | None = None
    message: msgspec.Raw = msgspec.Raw()


_line = msgspec.json.Decoder(_Line)
_message = msgspec.json.Decoder(_Message)


def read(source: Source) -> Iterator[Found]:
    """All that a log has."""
    for number, text in enumerate(source.data.splitlines(), start=1):
        if not text.strip():
            continue
        place = f"{source.name}:{number}"
        try:
            line = _line.decode(text)
            found = _found(line, place) if line.type == "assistant" and bytes(line.message) else None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            yield Bad(f"{place}: {error}")
        except Unreadable as error:
            yield Bad(str(error))
        else:
            if found is not None:
                yield found


def _found(line: _Line, place: str) -> Found:
    message = _message.decode(line.message)
    usage = message.usage
    if usage is None or message.model == _OWN or line.isApiErrorMessage:
        return Passed(NO_USAGE)
    if line.requestId is not None and line.requestId.startswith("wbr-"):
        return Passed(OURS)
    name = message.id or line.uuid
    if line.timestamp is None or message.model is None or name is None:
        return Bad(f"{place}: a message with tokens has no {'timestamp' if line.timestamp is None else 'model or id'}")
    counts = (usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens, usage.output_tokens)
    if min(counts) < 0:
        return Bad(f"{place}: a count of tokens is below zero")
    fresh, written, cached, output = counts
    if not any(counts):
        return Passed(NO_USAGE)
    hour = 0 if usage.cache_creation is None else usage.cache_creation.ephemeral_1h_input_tokens
    return Outside(
        place=place,
        id=f"{name}\n{line.requestId or ''}",
        at=moment(line.timestamp, place, "timestamp"),
        provider="anthropic" if message.model.startswith("claude") else None,
        model=message.model,
        usage=Usage(prompt=fresh + written + cached, completion=output, cached=cached, written=written),
        for_an_hour=min(max(0, hour), written),
        request=line.requestId,
        copy=bool(line.isSidechain),
    )


def merge(found: Iterable[Outside]) -> Iterator[Outside]:
    """Each message once: the line with the most tokens, and of a side conversation only what its parent has not."""
    best: dict[str, Outside] = {}
    for one in found:
        other = best.get(one.id, one)
        fuller = one if (not one.copy, _total(one)) > (not other.copy, _total(other)) else other
        # dated by its first line, as a later one may not be written yet when this is read
        best[one.id] = replace(fuller, at=min(one.at, other.at))
    parents = {_message_id(one) for one in best.values() if not one.copy}
    seen: set[str] = set()
    for one in best.values():
        name = _message_id(one)
        if one.copy and (name in parents or name in seen):
            continue
        seen.add(name)
        yield one


def _message_id(one: Outside) -> str:
    return one.id.partition("\n")[0]


def _total(one: Outside) -> int:
    return one.usage.prompt + one.usage.completion
