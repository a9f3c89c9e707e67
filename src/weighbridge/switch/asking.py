"""Replays go through our own gateway, over HTTP: so every cent is in the ledger, and the policy holds.

What goes wrong is one of these, and only the first says something of the model that was asked:

- `fails`    the model cannot do it: the request is invalid for it, too long, or its answer was refused by a filter
- `again`    whoever serves it did not answer (unreachable, broke off, too slow): it is tried again later
- `waits`    too much was asked at once, here or there: the same in some seconds
- `closed`   it may not be asked at all: the policy, the key's models, nobody serves it
- `passes`   this one request may not go there: none of the providers that it allows serves the model
- `stops`    nothing more can be asked: the key is refused, a budget is spent, no gateway answers
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from weighbridge.errors import WeighbridgeError
from weighbridge.switch.answers import answer_of
from weighbridge.switch.case import Answer
from weighbridge.transport.client import Exchange, Pool
from weighbridge.wire.decoding import UNREADABLE

Trouble = Literal["fails", "again", "waits", "closed", "passes", "stops"]

PATH: Final = "/chat/completions"
_BY_CODE: Final[Mapping[str, Trouble]] = {
    "invalid_api_key": "stops",
    "budget_spent": "stops",
    "not_allowed": "closed",
    "policy_refused": "closed",
    "model_not_found": "closed",
    "no_endpoint": "passes",
    "limit_reached": "waits",
    "upstream_busy": "waits",
    "overloaded": "waits",
    "draining": "waits",
    "ledger_unavailable": "waits",
    "texts_unavailable": "waits",
    "engine_unavailable": "waits",
    "not_cached": "again",
    "internal_error": "again",
}
LONGEST_WAIT: Final = 60.0
"""Seconds, whatever is asked for."""
_TELLS: Final = 300
"""Characters of a message that are shown."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer."""

    trouble: Trouble
    code: str
    why: str
    wait: float | None = None
    """Seconds that are asked for."""
    receipt: str | None = None
    sent: bool = True
    """Whether the gateway may have begun to work on it."""


NOT_SENT: Final = Failed("passes", "not_sent", "there was no need to", sent=False)


@dataclass(frozen=True, slots=True)
class Door:
    """Where the gateway is, and the key that opens it."""

    pool: Pool
    base_url: str
    key: str
    tag: str
    """What each request is marked with in the ledger."""

    async def ask(self, body: bytes) -> Answer | Failed:
        """One chat completion: its answer, with its receipt and how long it took. Never raises but to be cancelled."""
        begun = time.monotonic()
        exchange: Exchange | None = None
        try:
            exchange = await self.pool.exchange([self._head(body), body])
            document = await _whole(exchange)
        except WeighbridgeError as error:
            if exchange is None and error.code == "upstream_unreachable":
                return Failed("stops", error.code, error.message, sent=False)
            return Failed("again", error.code, error.message)
        finally:
            if exchange is not None:
                exchange.close()
        return _read(exchange, document, time.monotonic() - begun)

    def _head(self, body: bytes) -> bytes:
        parts = urlsplit(self.base_url)
        headers = {
            "host": parts.netloc,
            "authorization": f"Bearer {self.key}",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "x-weighbridge-tags": self.tag,
            "x-weighbridge-priority": "low",
            "x-weighbridge-cache": "off",
            "x-weighbridge-hedge": "off",
            "x-weighbridge-switch": "off",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {parts.path.rstrip('/')}{PATH} HTTP/1.1\r\n{lines}\r\n".encode()


async def _whole(exchange: Exchange) -> bytes:
    pieces = []
    while piece := await exchange.read():
        pieces.append(piece)
    return b"".join(pieces)


def _read(exchange: Exchange, document: bytes, seconds: float) -> Answer | Failed:
    receipt = exchange.headers.get(b"x-weighbridge-receipt", b"").decode("latin-1") or None
    if exchange.status == 200:
        answer = answer_of(document)
        if answer is None:
            return Failed("again", "upstream_error", "what came is no answer", receipt=receipt)
        return _timed(answer, exchange, receipt, seconds)
    code, why = _told(document)
    wait = _seconds(exchange.headers.get(b"retry-after", b""))
    return Failed(trouble_of(exchange.status, code), code, why[:_TELLS], wait, receipt)


def _timed(answer: Answer, exchange: Exchange, receipt: str | None, seconds: float) -> Answer:
    cost = exchange.headers.get(b"x-weighbridge-cost")
    told = None if cost is None else cost.decode("latin-1")
    return msgspec.structs.replace(answer, receipt=receipt, cost=told, seconds=round(seconds, 3))


class _Fault(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Failure(msgspec.Struct):
    error: _Fault = msgspec.field(default_factory=_Fault)


def _told(document: bytes) -> tuple[str, str]:
    try:
        found = msgspec.json.decode(document, type=_Failure).error
    except UNREADABLE:
        return "unreadable", "the gateway's answer is no document of ours"
    return found.code or "unknown", found.message


def trouble_of(status: int, code: str) -> Trouble:
    """What an error of the gateway is, by its code, else by its status."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status == _BUSY:
        return "waits"
    return "again" if status >= _SERVERS else "fails"


_BUSY: Final = 429
_SERVERS: Final = 500


def _seconds(told: bytes) -> float | None:
    try:
        return min(max(0.0, float(told)), LONGEST_WAIT)
    except ValueError:
        return None
