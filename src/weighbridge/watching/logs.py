"""How a process says what happens to it: as text for people, or as JSON for whoever gathers logs; one line each.

A line has no prompt, no answer and no key in it. What our own parts say is worded so; what others' errors quote is gone
over once more here, and whatever looks like a key is taken out.
"""

import contextlib
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

import msgspec

from weighbridge.ledger.cost import plain
from weighbridge.ledger.entry import Entry

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]
ACCESS: Final = "weighbridge.access"
"""The logger of the lines of requests."""

_KEYS: Final = re.compile(
    r"(?i)\b(bearer|basic)(\s+)[^\s\"',;]+"  # what follows the scheme of an Authorization header
    r"|\b(wba?-|whsec_|sk-|gsk_|xai-|hf_|nvapi-|AIza)[\w.-]{8,}"  # ours, and as providers begin theirs
    r"|((?:x-api-key|api[-_]?key|authorization)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;]+"
)
_PLAIN: Final = re.compile(r"[\w./:@+~-]+")
_ATTRIBUTE: Final = "request"


class Line(msgspec.Struct, omit_defaults=True):
    """One line of JSON."""

    at: datetime
    level: str
    logger: str
    message: str
    process: int | None = None
    exception: str | None = None
    request: "Access | None" = None


class _Said(msgspec.Struct):
    """What every line of JSON of ours has."""

    level: str
    message: str


class Access(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request, as its entry has it; what is not known is left out."""

    receipt: str
    key: str
    """The key's id."""
    status: int
    ending: str
    ms: float
    operation: str = ""
    model: str | None = None
    provider: str | None = None
    error: str | None = None
    streamed: bool = False
    attempts: int = 0
    first_byte_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: str | None = None
    """In digits, as in the ledger."""


def begin(format_: Format, level: Level, stream: TextIO | None = None) -> None:
    """Say everything from this level on so, on standard error if no other stream is given."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if format_ == "json" else TextLines())
    root = logging.getLogger()
    for before in root.handlers[:]:
        root.removeHandler(before)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.getLogger(ACCESS).setLevel(logging.INFO)  # asked for by a setting of its own


def told(entry: Entry, operation: str) -> None:
    """Say a line of a settled request."""
    access = _access(entry, operation)
    _access_log.info("%s", access.receipt, extra={_ATTRIBUTE: access})


_access_log: Final = logging.getLogger(ACCESS)


def redacted(text: str) -> str:
    """The text without what looks like a key."""
    return _KEYS.sub(_without, text)


def _without(found: re.Match[str]) -> str:
    scheme, blank, prefix, name = found.groups()
    if scheme is not None:
        return f"{scheme}{blank}…"
    return f"{prefix or name}…"


class TextLines(logging.Formatter):
    """`LEVEL logger: message`, and a traceback after it where there is one."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """See Formatter.format."""
        access = getattr(record, _ATTRIBUTE, None)
        if isinstance(access, Access):
            fields = msgspec.to_builtins(access)
            return f"{record.levelname} {record.name}: " + " ".join(f"{k}={_word(v)}" for k, v in fields.items())
        return redacted(super().format(record))


class JsonLines(logging.Formatter):
    """A `Line` each."""

    def format(self, record: logging.LogRecord) -> str:
        """See Formatter.format."""
        access = getattr(record, _ATTRIBUTE, None)
        line = Line(
            at=datetime.fromtimestamp(record.created, UTC),
            level=record.levelname.lower(),
            logger=record.name,
            message="request" if isinstance(access, Access) else redacted(record.getMessage()),
            process=record.process,
            exception=None if record.exc_info is None else redacted(self.formatException(record.exc_info)),
            request=access if isinstance(access, Access) else None,
        )
        return encoded(line)


def said_by(name: str, said: str, now: datetime) -> str:
    """What a process said, as a line of JSON: as it is where it is one, else as the message of one."""
    if said.startswith("{"):
        with contextlib.suppress(msgspec.DecodeError, UnicodeError):
            msgspec.json.decode(said, type=_Said)
            return said
    return encoded(Line(now, "info", name, redacted(said)))


def encoded(line: Line) -> str:
    """A line as JSON; what is no text in it is replaced."""
    try:
        return msgspec.json.encode(line).decode()
    except UnicodeEncodeError:  # a lone surrogate
        said = line.message.encode(errors="replace").decode()
        return msgspec.json.encode(msgspec.structs.replace(line, message=said, exception=None)).decode()


def _access(entry: Entry, operation: str) -> Access:
    charge, first = entry.charge, entry.first_byte
    usage = None if charge is None else charge.usage
    return Access(
        receipt=entry.id,
        key=entry.key,
        status=entry.status,
        ending=entry.ending,
        ms=round(entry.duration * 1000, 3),
        operation=operation,
        model=None if entry.model is None else entry.model[:200],
        provider=entry.provider,
        error=entry.error,
        streamed=entry.streamed,
        attempts=len(entry.attempts),
        first_byte_ms=None if first is None else round(first * 1000, 3),
        input_tokens=None if usage is None else usage.prompt,
        output_tokens=None if usage is None else usage.completion,
        cached_tokens=None if usage is None else usage.cached,
        cost_usd=None if charge is None or charge.cost is None else plain(charge.cost),
    )


def _word(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else msgspec.json.encode(text).decode()
