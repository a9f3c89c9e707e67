"""Codex's logs of its sessions: `~/.codex/sessions/**/*.jsonl`.

Their shape, and the traps in it, as the open-source tool ccusage knows them (github.com/ryoppippi/ccusage,
rust/crates/ccusage/src/adapter/codex/): a `turn_context` names the model of the turns behind it; a `token_count` has
the session's totals and what was added last, and is written again, unchanged, when limits are shown. A sub-agent's file
begins with its parent's counts, all in one second; a session that was forked has them too. So what is added counts only
where the total grew, and once for each time, model and set of figures. Input tokens hold the cached ones, and output
tokens the reasoning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.ledger.imports.outside import NO_USAGE, Bad, Found, Outside, Passed
from weighbridge.ledger.rows import Source, Unreadable, moment
from weighbridge.wire.usage import Usage

REPEATED: Final = "the session's totals again, with nothing added"
REPLAYED: Final = "the parent session's counts, at the beginning of a sub-agent's"
_SPAWNED: Final = b"thread_spawn"
_HEAD: Final = 16 * 1024
"""Bytes in which a sub-agent's file says that it is one."""
_SECOND: Final = len("2026-11-22T12:00:00")


class _Counts(msgspec.Struct, frozen=True):
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = 0

    def less(self, other: "_Counts | None") -> "_Counts":
        """What was added since; all of it where the session began anew."""
        if other is None or self.input_tokens < other.input_tokens or self.output_tokens < other.output_tokens:
            return self
        return _Counts(
            self.input_tokens - other.input_tokens,
            max(0, self.cached_input_tokens - other.cached_input_tokens),
            self.output_tokens - other.output_tokens,
            max(0, self.reasoning_output_tokens - other.reasoning_output_tokens),
        )

    @property
    def cells(self) -> tuple[int, int, int, int]:
        return self.input_tokens, self.cached_input_tokens, self.output_tokens, self.reasoning_output_tokens


class _Info(msgspec.Struct):
    total_token_usage: _Counts | None = None
    last_token_usage: _Counts | None = None


class _Payload(msgspec.Struct):
    type: str | None = None
    model: str | None = None
    model_provider: str | None = None
    info: _Info | None = None


class _Line(msgspec.Struct):
    type: str | None = None
    timestamp: str | None = None
    payload: msgspec.Raw = msgspec.Raw()


_line = msgspec.json.Decoder(_Line)
_payload = msgspec.json.Decoder(_Payload)
_READ: Final = frozenset(("turn_context", "session_meta", "event_msg"))


@dataclass(slots=True)
class _Session:
    """What was read of a file so far."""

    replayed: str | None
    """The second whose counts are the parent's."""
    model: str | None = None
    provider: str = "openai"
    total: _Counts | None = None


def read(source: Source) -> Iterator[Found]:
    """All that a log has."""
    lines = source.data.splitlines()
    session = _Session(_replayed(lines) if _SPAWNED in source.data[:_HEAD] else None)
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        place = f"{source.name}:{number}"
        try:
            line = _line.decode(text)
            found = _found(line, session, place) if line.type in _READ and bytes(line.payload) else None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            yield Bad(f"{place}: {error}")
        except Unreadable as error:
            yield Bad(str(error))
        else:
            if found is not None:
                yield found


def _replayed(lines: list[bytes]) -> str | None:
    """The second of the first two counts, where they have one: nobody answers so fast."""
    seconds: list[str] = []
    for text in lines:
        if b'"token_count"' not in text:
            continue
        try:
            line = _line.decode(text)
        except msgspec.MsgspecError:
            continue  # told when it is read
        seconds.append((line.timestamp or "")[:_SECOND])
        if len(seconds) == 2:
            return seconds[0] if seconds[0] == seconds[1] else None
    return None


def _found(line: _Line, session: _Session, place: str) -> Found | None:
    payload = _payload.decode(line.payload)
    if line.type == "session_meta":
        session.provider = payload.model_provider or session.provider
        return None
    if line.type == "turn_context":
        session.model = payload.model or session.model
        return None
    if payload.type != "token_count":
        return None
    info = payload.info
    if info is None or (info.total_token_usage is None and info.last_token_usage is None):
        return Passed(NO_USAGE)
    before, session.total = session.total, info.total_token_usage or session.total
    if line.timestamp is not None and line.timestamp[:_SECOND] == session.replayed:
        return Passed(REPLAYED)
    session.replayed = None
    if info.total_token_usage is not None and info.total_token_usage == before:
        return Passed(REPEATED)
    added = info.last_token_usage or (info.total_token_usage or _Counts()).less(before)
    return _outside(line, added, session, place)


def _outside(line: _Line, added: _Counts, session: _Session, place: str) -> Found:
    if not any(added.cells):
        return Passed(NO_USAGE)
    if line.timestamp is None or session.model is None:
        lacks = "no timestamp" if line.timestamp is None else "no model: no turn_context stands before it"
        return Bad(f"{place}: a count of tokens has {lacks}")
    if min(added.cells) < 0:
        return Bad(f"{place}: a count of tokens is below zero")
    usage = Usage(
        prompt=added.input_tokens,
        completion=added.output_tokens,
        cached=min(added.cached_input_tokens, added.input_tokens),
        reasoning=min(added.reasoning_output_tokens, added.output_tokens),
    )
    return Outside(
        place=place,
        id="\n".join((line.timestamp, session.model, *map(str, added.cells))),
        at=moment(line.timestamp, place, "timestamp"),
        provider=session.provider,
        model=session.model,
        usage=usage,
    )
