"""Server-sent events as they arrive: bytes in, whole events out, however the bytes were cut.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import re
from collections.abc import Iterator
from typing import Final

MAX_EVENT: Final = 8 * 1024 * 1024
"""Bytes of one event; a longer one is no event but a broken upstream."""

_END: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n")
_LINE: Final = re.compile(rb"\r\n|\n|\r")


class TooLong(ValueError):
    """An event over MAX_EVENT bytes."""


class Splitter:
    """Cuts a stream after its last whole event and keeps the rest for the next time."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> bytes:
        """All whole events so far, as they came, or `b""`."""
        rest = self._rest
        if not rest and data.endswith(b"\n\n"):
            return data
        searched = max(0, len(rest) - 3)
        rest += data
        end = _last_end(rest, searched)
        whole = bytes(rest[:end])
        del rest[:end]
        if len(rest) > MAX_EVENT:
            raise TooLong(f"an event of over {MAX_EVENT:,} bytes")
        return whole

    @property
    def rest(self) -> bytes:
        """What came after the last whole event."""
        return bytes(self._rest)


def _last_end(data: bytearray, start: int) -> int:
    """The index after the last blank line that ends at or after `start`; 0 where there is none."""
    lines = data.rfind(b"\n\n", start), data.rfind(b"\n\r\n", start), data.rfind(b"\r\r", start)
    return max((at + length for at, length in zip(lines, (2, 3, 2), strict=True) if at >= 0), default=0)


def events(data: bytes) -> Iterator[bytes]:
    """Each whole event with its blank line, as it came."""
    at = 0
    for end in _END.finditer(data):
        yield data[at : end.end()]
        at = end.end()
    if at < len(data):
        yield data[at:]


def documents(data: bytes) -> list[bytes]:
    """The `data` of each of these whole events that has any."""
    returns = data.find(b"\r") >= 0
    if not returns and data.count(b"\n") == 2 and data.startswith(b"data:") and data.endswith(b"\n\n"):
        return [data[5:].strip()]  # one event on one line, as nearly always
    if returns:
        return [text for event in events(data) if (text := document(event)) is not None]
    found = []
    for event in data.split(b"\n\n"):
        if event.startswith(b"data:") and event.find(b"\n") < 0:
            found.append(event[5:].strip())
        elif (text := document(event)) is not None:
            found.append(text)
    return found


def document(event: bytes) -> bytes | None:
    """The `data` of an event, its lines joined; None where it has none (a comment, a keep-alive)."""
    if event.startswith(b"data:") and event.endswith(b"\n") and event.find(b"\n") == len(event) - 2:
        return event[5:].strip()
    lines = [line[5:].removeprefix(b" ") for line in _LINE.split(event) if line.startswith(b"data:")]
    return b"\n".join(lines).strip() if lines else None
