"""Brings one alert to the one address that the settings name. Redirects are not followed, and TLS is verified."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from weighbridge.alerts import signature
from weighbridge.errors import WeighbridgeError
from weighbridge.transport.client import Origin, Pool

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, "Deliverability":
# an example of a schedule, over about three days.
WAITS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
_JITTER: Final = 0.1
_LONGEST_WAIT: Final = timedelta(days=1)
_TOLD: Final = 200
"""Bytes of a refusal that are shown."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a try came to."""

    trouble: str | None = None
    """Why it was not taken; None: it was."""
    wait: float | None = None
    """Seconds that the receiver asks for."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where alerts go, and what they are signed with."""

    url: str
    keys: Sequence[bytes]
    pool: Pool

    async def deliver(self, id_: str, body: bytes, now: datetime) -> Outcome:
        """Send it, signed. Never raises but to be cancelled."""
        try:
            exchange = await self.pool.exchange([self._request(id_, body, now)])
        except WeighbridgeError as exc:
            return Outcome(exc.message)
        try:
            if 200 <= exchange.status < 300:
                return Outcome()
            said = ""
            if not 300 <= exchange.status < 400:
                said = (await exchange.read())[:_TOLD].decode(errors="replace").strip()
            return Outcome(_refusal(exchange.status, said), _seconds(exchange.headers.get(b"retry-after", b"")))
        except WeighbridgeError as exc:
            return Outcome(exc.message)
        finally:
            exchange.close()

    def _request(self, id_: str, body: bytes, now: datetime) -> bytes:
        parts = urlsplit(self.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "host": parts.netloc,
            "user-agent": "weighbridge",
            "content-type": "application/json",
            "content-length": str(len(body)),
            **signature.headers(self.keys, id_, now, body),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


def origin(url: str) -> Origin:
    """Where an address is."""
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    return Origin("the webhook", parts.hostname or "localhost", parts.port or (443 if is_tls else 80), is_tls)


def again(tries: int, outcome: Outcome, now: datetime) -> datetime | None:
    """When to try again after so many tries in vain; None: no more."""
    if tries > len(WAITS):
        return None
    wait = WAITS[tries - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - the jitter of waits is no secret
    asked = timedelta(seconds=outcome.wait or 0)
    return now + min(max(wait, asked), _LONGEST_WAIT)


def _refusal(status: int, said: str) -> str:
    if 300 <= status < 400:
        return f"the webhook answered {status}, and redirects are not followed: set alerts.url to where it really is"
    return f"the webhook answered {status}{f': {said}' if said else ''}"


def _seconds(header: bytes) -> float | None:
    return float(header) if re.fullmatch(rb"\d{1,9}", header) else None
