"""How answers look from outside: the headers all share, and the one place that writes an error."""

import math
from typing import Final

import msgspec

from weighbridge.errors import WeighbridgeError
from weighbridge.transport.message import Headers, Reply
from weighbridge.wire.chat.surface import CHAT
from weighbridge.wire.surface import Surface

JSON: Final = (b"content-type", b"application/json")
RECEIPT: Final = b"x-weighbridge-receipt"
COST: Final = b"x-weighbridge-cost"
CACHE: Final = b"x-weighbridge-cache"
SOURCE: Final = b"x-weighbridge-cache-receipt"
SIMILARITY: Final = b"x-weighbridge-cache-similarity"
SHORTENED: Final = b"x-weighbridge-max-tokens"
SAVED: Final = b"x-weighbridge-saved"
SWITCH: Final = b"x-weighbridge-switch"
EXPOSED: Final = (RECEIPT, COST, CACHE, SOURCE, SIMILARITY, SAVED, SHORTENED, SWITCH, b"age", b"retry-after")
"""What a page of an allowed origin may read."""


def error(
    reply: Reply,
    exc: WeighbridgeError,
    surface: Surface = CHAT,
    *,
    status: int | None = None,
    receipt: str | None = None,
    headers: Headers = (),
) -> None:
    """Answer with an error: as the whole answer, or as the last event of a stream that has begun.

    `status` is given where one error stands for several.
    """
    exc.receipt = receipt
    if reply.started:
        reply.end(surface.error_event(exc))
        return
    if exc.retry_after is not None:
        headers = (*headers, (b"retry-after", str(max(1, math.ceil(exc.retry_after))).encode()))
    if receipt is not None:
        headers = (*headers, (RECEIPT, receipt.encode()))
    reply.send(exc.status if status is None else status, (JSON, *headers), surface.error(exc))


def document(reply: Reply, value: object, *, status: int = 200) -> None:
    """Answer with a value as JSON."""
    reply.send(status, (JSON,), msgspec.json.encode(value))
