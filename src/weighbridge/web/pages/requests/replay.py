"""A request as a command that sends it again. Pure; it may be pasted into a shell, whatever a prompt has in it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.ledger.entry import Entry
from weighbridge.texts.text import Dialect, Text

_PATHS: Final[Mapping[Dialect, str]] = {
    "chat": "/v1/chat/completions",
    "openrouter": "/api/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "compact": "/v1/responses/compact",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
    "rerank": "/v1/rerank",
}
_LONGEST: Final = 60_000
"""Bytes of an argument; a longer one is no argument to many systems."""
_FENCE: Final = "WEIGHBRIDGE"
_SPACES: Final = frozenset("\n\r\t ")


@dataclass(frozen=True, slots=True)
class Replay:
    """A command, and what it is."""

    command: str
    is_whole: bool
    """Whether it is the request as it was; else a template."""


def replay(entry: Entry, origin: str, text: Text | None = None) -> Replay | None:
    """How to send it again to the gateway at `origin` (`http://127.0.0.1:8080`); None: it was no request of ours.

    `text` is what was asked, where it is kept and may be seen.
    """
    if entry.corrects is not None or entry.imported is not None:
        return None
    body = None if text is None else _as_typed(text.request)
    dialect: Dialect = "chat" if text is None else text.dialect
    own = [tag for tag in entry.tags if tag not in entry.key_tags and not tag.startswith("switch:")]
    headers = {"content-type": "application/json"}
    if dialect == "messages":
        headers["anthropic-version"] = "2023-06-01"
    if text is not None:
        headers.update({name: value for name, value in text.headers.items() if _is_plain(name) and _is_plain(value)})
    if own:
        headers["x-weighbridge-tags"] = ",".join(own)
    return Replay(_command(f"{origin}{_PATHS[dialect]}", headers, body or _template(entry)), body is not None)


def _command(url: str, headers: Mapping[str, str], body: str) -> str:
    lines = [f"curl {shlex.quote(url)}", '-H "Authorization: Bearer $WEIGHBRIDGE_API_KEY"']
    lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    if len(body.encode()) <= _LONGEST:
        return " \\\n  ".join([*lines, f"-d {shlex.quote(body)}"])
    fence = _fence(body.splitlines())
    return " \\\n  ".join([*lines, f"--data-binary @- <<'{fence}'"]) + f"\n{body}\n{fence}"


def _fence(lines: Sequence[str]) -> str:
    """What no line of it is."""
    fence = _FENCE
    while fence in lines:
        fence += "_"
    return fence


def _as_typed(body: bytes) -> str | None:
    """JSON with every character that cannot be seen, or turns the direction, written as an escape; None: it is none."""
    try:
        msgspec.json.decode(body)
        text = body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return "".join(each if each.isprintable() or each in _SPACES else _escaped(each) for each in text)


def _escaped(each: str) -> str:
    """In a text of JSON alone can there be such a character."""
    units = each.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _template(entry: Entry) -> str:
    asked: dict[str, object] = {
        "model": entry.asked_model or "MODEL",
        "messages": [{"role": "user", "content": "…"}],
    }
    if entry.streamed:
        asked["stream"] = True
    typed = _as_typed(msgspec.json.format(msgspec.json.encode(asked), indent=2))
    return typed or "{}"
