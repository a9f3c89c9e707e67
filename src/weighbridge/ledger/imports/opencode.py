"""opencode's stored messages: `~/.local/share/opencode/storage/message/**/*.json`, a document each.

Their shape as the open-source tool ccusage knows it (github.com/ryoppippi/ccusage,
rust/crates/ccusage/src/adapter/opencode/): input tokens are without those read from or written to a cache; reasoning
is beside the output, or, where `total` says so, within it.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from weighbridge.ledger.imports.outside import NO_USAGE, Bad, Found, Outside, Passed
from weighbridge.ledger.rows import Source, moment
from weighbridge.wire.usage import Usage


class _Cache(msgspec.Struct):
    read: int = 0
    write: int = 0


class _Tokens(msgspec.Struct):
    input: int = 0
    output: int = 0
    reasoning: int = 0
    total: int | None = None
    cache: _Cache = msgspec.field(default_factory=_Cache)


class _Time(msgspec.Struct):
    created: float
    completed: float | None = None


class _Message(msgspec.Struct):
    id: str
    role: str | None = None
    providerID: str | None = None
    modelID: str | None = None
    time: _Time | None = None
    tokens: _Tokens | None = None


_message = msgspec.json.Decoder(_Message)
_SAME: Final[Mapping[str, str]] = {"moonshotai": "moonshot", "zai-coding-plan": "zai", "kimi-for-coding": "moonshot"}


def read(source: Source) -> Iterator[Found]:
    """The one message of a file."""
    try:
        message = _message.decode(source.data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        yield Bad(f"{source.name}: {error}")
        return
    tokens = message.tokens
    if message.role != "assistant" or tokens is None:
        return
    cells = (tokens.input, tokens.cache.read, tokens.cache.write, tokens.output, tokens.reasoning)
    if not any(cells):
        yield Passed(NO_USAGE)
        return
    if message.modelID is None or message.time is None or min(cells) < 0:
        yield Bad(f"{source.name}: a message with tokens has no modelID or time, or a count below zero")
        return
    prompt = tokens.input + tokens.cache.read + tokens.cache.write
    within = tokens.total == prompt + tokens.output
    ended = message.time.completed
    yield Outside(
        place=source.name,
        id=message.id,
        at=moment(int(message.time.created), source.name, "time.created"),
        provider=_SAME.get(message.providerID or "", message.providerID),
        model=message.modelID,
        usage=Usage(
            prompt=prompt,
            completion=tokens.output if within else tokens.output + tokens.reasoning,
            cached=tokens.cache.read,
            written=tokens.cache.write,
            reasoning=tokens.reasoning,
        ),
        seconds=0.0 if ended is None else max(0.0, (ended - message.time.created) / 1000),
    )
