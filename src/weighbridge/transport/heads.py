"""A head that a client sends again.

On a connection that stays, a client says the same head with every request, but for the length of the body: SDKs send
fifteen lines and more. One that was read before is compared, not parsed. Whatever differs by a byte, or brings more
than its own body, is the parser's, which alone judges what a request is.
"""

import re
from typing import Final

from weighbridge.transport.message import Request

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n", re.IGNORECASE)
_NEVER: Final = frozenset((b"transfer-encoding", b"trailer", b"expect", b"upgrade"))
"""Headers whose meaning lies beyond the head."""
_DIGITS: Final = 16
"""A length has fewer."""


class Head:
    """One head, taken apart around the length of its body."""

    __slots__ = ("_after", "_before", "_headers", "_method", "_start", "_target")

    def __init__(self, before: bytes, after: bytes | None, request: Request) -> None:
        """`after` is None where the head says no length: there is no body."""
        self._before = before
        self._after = after
        self._start = len(before)
        self._method = request.method
        self._target = request.target
        self._headers = request.headers.copy()

    @classmethod
    def of(cls, data: bytes, request: Request, size: int) -> "Head | None":
        """That of a request with which these bytes begin, and so much of its body as follows in them and ends them.

        None where it must be parsed each time. The request is of HTTP/1.1, and more may follow it on its connection.
        """
        end = data.find(b"\r\n\r\n") + 4
        headers = request.headers
        if len(data) - end != size or end < 4 or not _NEVER.isdisjoint(headers):
            return None
        length = headers.get(b"content-length")
        if length is None:
            return None if size else cls(data, None, request)
        place = _LENGTH.search(data, 0, end)
        if place is None or place[1] != length:
            return None
        return cls(data[: place.start(1)], data[place.end(1) : end], request)

    def again(self, data: bytes, most: int) -> tuple[Request, int] | None:
        """The request that these bytes are, if they are this head and its body, or the beginning of it, and no more.

        With it comes how many bytes of the body are still to follow; it has at most `most`. Otherwise None.
        """
        before, after, start = self._before, self._after, self._start
        if not data.startswith(before):
            return None
        if after is None:
            whole = len(data) == start
            return (Request(self._method, self._target, self._headers.copy()), 0) if whole else None
        end = data.find(b"\r", start, start + _DIGITS)
        length = data[start:end]
        if end < 0 or not length.isdigit() or not data.startswith(after, end):
            return None
        begin, size = end + len(after), int(length)
        missing = size - (len(data) - begin)
        if missing < 0 or size > most:
            return None
        headers = self._headers.copy()
        headers[b"content-length"] = length
        return Request(self._method, self._target, headers, data[begin:]), missing
