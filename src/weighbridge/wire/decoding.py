"""JSON from outside, which may be anything."""

from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises on bytes from outside: no JSON or another shape, text that is not UTF-8, nested without end."""
_any: Final = msgspec.json.Decoder(msgspec.Raw)


def readable(document: bytes) -> bool:
    """Whether it is JSON to its end."""
    try:
        _any.decode(document)
    except UNREADABLE:
        return False
    return True
