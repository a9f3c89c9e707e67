"""What OpenAI's formats take as text: a text, a list of token ids, or a list of either."""

from typing import Final

import msgspec

from weighbridge.errors import BadRequest
from weighbridge.wire.decoding import UNREADABLE

_BYTES_OF_A_TOKEN: Final = 4
"""As an estimate has it, so that a list of so many tokens is estimated at so many."""
_any: Final = msgspec.json.Decoder()


def count(texts: msgspec.Raw, *, field: str = "input") -> int:
    """How many texts stand there. Raises BadRequest naming the field where none can."""
    if bytes(texts)[:1] == b'"':
        return 1
    try:
        found = _any.decode(texts)
    except UNREADABLE as exc:
        raise BadRequest(f"{field}: {exc}", param=field) from exc
    if not isinstance(found, list) or not found:
        raise BadRequest(f"{field}: a text, or a list of texts or token ids, with something in it", param=field)
    return 1 if _is_number(found[0]) else len(found)


def size(texts: msgspec.Raw) -> int:
    """Bytes of text that the model is to read; pictures and files sent inline are not counted."""
    total = 0
    left = [_any.decode(texts)]
    while left:  # no recursion: it may be nested as deep as the parser lets it
        found = left.pop()
        if isinstance(found, str):
            total += 0 if found.startswith("data:") else len(found.encode())
        elif isinstance(found, list):
            left += found
        elif isinstance(found, dict):
            left += found.values()
        elif _is_number(found):
            total += _BYTES_OF_A_TOKEN
    return total


def _is_number(found: object) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)
