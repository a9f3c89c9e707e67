"""What providers say of their rate limits, in headers and in errors: values in, seconds out.

Each provider has names of its own, and writes a time as a number, a duration, a date or an instant since 1970. Instants
are held against the `date` that the provider sends with them, so that neither our clock nor its jumps matter.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NamedTuple

import msgspec

from weighbridge.wire.decoding import UNREADABLE

_LONGEST: Final = 86_400.0
_SHORTEST: Final = 0.05
"""Seconds: nobody waits for less."""
_A_REQUEST: Final = 0.05
"""The part of a minute's tokens that a request is taken to need, where a bucket of tokens is empty."""
_MILLISECONDS: Final = 1e11
_EPOCH: Final = 1e8
"""A number over this is an instant in seconds, over the other one in milliseconds; under both, seconds to wait."""
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_WORDS: Final = re.compile(rb"(?:try again|retry) in ((?:\d+h)?(?:\d+m(?!s))?(?:\d+(?:\.\d+)?m?s)?)", re.IGNORECASE)


class Meter(NamedTuple):
    """One thing that is limited, and the headers that tell of it."""

    remaining: bytes
    reset: bytes | None = None
    """None: it is not told when there is more."""
    limit: bytes | None = None
    fills: Literal["requests", "tokens", "at once"] = "at once"
    """A bucket that fills steadily has what one request needs long before it is full, which is what `reset` tells;
    a window has all of it at once."""


def _metered(prefix: str, *, fills: Literal["requests", "tokens", "at once"], suffix: str) -> Meter:
    return Meter(
        f"{prefix}-remaining-{suffix}".encode(),
        f"{prefix}-reset-{suffix}".encode(),
        f"{prefix}-limit-{suffix}".encode(),
        fills,
    )


def _anthropic(what: str, fills: Literal["requests", "tokens"]) -> Meter:
    prefix = f"anthropic-ratelimit-{what}"
    return Meter(f"{prefix}-remaining".encode(), f"{prefix}-reset".encode(), f"{prefix}-limit".encode(), fills)


METERS: Final = (
    # OpenAI, "Rate limits in headers": https://platform.openai.com/docs/guides/rate-limits; also Azure, xAI, DeepInfra
    # Groq: https://console.groq.com/docs/rate-limits (requests a day, tokens a minute)
    _metered("x-ratelimit", fills="requests", suffix="requests"),
    _metered("x-ratelimit", fills="tokens", suffix="tokens"),
    # Cerebras: https://inference-docs.cerebras.ai/support/rate-limits
    _metered("x-ratelimit", fills="requests", suffix="requests-day"),
    _metered("x-ratelimit", fills="tokens", suffix="tokens-minute"),
    # Anthropic, "Response headers": https://docs.anthropic.com/en/api/rate-limits
    _anthropic("requests", "requests"),
    _anthropic("tokens", "tokens"),
    _anthropic("input-tokens", "tokens"),
    _anthropic("output-tokens", "tokens"),
    # Mistral, as its clients read it: https://rdrr.io/cran/tidyllm/src/R/api_mistral.R
    Meter(b"x-ratelimitbysize-remaining-minute", b"ratelimitbysize-reset"),
    # OpenRouter: https://openrouter.ai/docs/api-reference/limits; Together: https://docs.together.ai/docs/rate-limits
    Meter(b"x-ratelimit-remaining", b"x-ratelimit-reset"),
    Meter(b"x-tokenlimit-remaining", b"x-ratelimit-reset"),
    # Fireworks tells no time: https://docs.fireworks.ai/serverless/rate-limits
    Meter(b"x-ratelimit-remaining-tokens-prompt"),
    Meter(b"x-ratelimit-remaining-tokens-generated"),
    # The draft that Hugging Face and Cloudflare follow: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers
    Meter(b"ratelimit-remaining", b"ratelimit-reset"),
)
"""DeepSeek, Gemini, Ollama, vLLM and llama.cpp send none of them."""
_REMAINING: Final = frozenset(meter.remaining for meter in METERS)


def exhausted(headers: Mapping[bytes, bytes], now: datetime | None = None) -> float | None:
    """Seconds for which the provider has nothing left for us; None: it has, or does not say.

    `now` is aware; it counts only where the answer has no date of its own.
    """
    told = _REMAINING.intersection(headers)
    if not told or not any(headers[name].startswith((b"0", b"-")) for name in told):
        return None
    waits = [wait for wait in _waits(headers, _date(headers) or now or datetime.now(UTC)) if wait is not None]
    longest = max(waits, default=0.0)
    return min(_LONGEST, longest) if longest >= _SHORTEST else None


def retry_after(headers: Mapping[bytes, bytes], text: bytes, now: datetime) -> float | None:
    """Seconds after which a refused request may be sent again, a day at most; None where that is not said.

    Looked at are `retry-after-ms`, `retry-after`, what the error's document says of it, the meters that are empty, and
    the error's words, in this order.
    """
    at = _date(headers) or now
    for wait in _told(headers, text, at):
        if wait is not None:
            return max(0.0, min(_LONGEST, wait))
    return None


def _told(headers: Mapping[bytes, bytes], text: bytes, now: datetime) -> Iterator[float | None]:
    milliseconds = _number(headers.get(b"retry-after-ms"))  # OpenAI and Azure; their SDKs prefer it
    yield None if milliseconds is None else milliseconds / 1000
    yield _wait(headers.get(b"retry-after"), now)
    yield _in_document(text, now)
    yield exhausted(headers, now)
    words = _WORDS.search(text)
    yield None if words is None else _duration(words[1].decode())


def _waits(headers: Mapping[bytes, bytes], now: datetime) -> Iterator[float | None]:
    for meter in METERS:
        left = _number(headers.get(meter.remaining))
        if left is None or left > 0 or meter.reset is None:
            continue
        wait = _wait(headers.get(meter.reset), now)
        if wait is not None and meter.fills != "at once":
            limit = None if meter.limit is None else _number(headers.get(meter.limit))
            wait *= _A_REQUEST if meter.fills == "tokens" else 1 / limit if limit else 1
        yield wait


def _date(headers: Mapping[bytes, bytes]) -> datetime | None:
    value = headers.get(b"date")
    return None if value is None else _http_date(value.decode("latin-1"))


def _number(value: bytes | None) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if number == number and number >= 0 else None  # noqa: PLR0124 - NaN is no number


def _wait(value: bytes | None, now: datetime) -> float | None:
    """Seconds, however they are written; None where there are none."""
    if value is None:
        return None
    number = _number(value)
    if number is not None:
        since = now.timestamp()
        return number / 1000 - since if number > _MILLISECONDS else number - since if number > _EPOCH else number
    text = value.decode("latin-1").strip()
    wait = _duration(text)
    if wait is not None:
        return wait
    at = _http_date(text) or _iso_date(text)
    return None if at is None else (at - now).total_seconds()


def _duration(text: str) -> float | None:
    """`1s`, `6m0s`, `12ms`, `1h2m3.5s`."""
    found = _DURATION.fullmatch(text) if text else None
    if found is None:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _iso_date(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


class _Detail(msgspec.Struct, rename="camel"):
    retry_delay: str | None = None


class _Metadata(msgspec.Struct):
    headers: dict[str, str | int | float | None] | None = None


class _Error(msgspec.Struct):
    details: list[_Detail] | None = None
    """Gemini's `google.rpc.RetryInfo`: https://cloud.google.com/apis/design/errors#error_details"""
    metadata: _Metadata | None = None
    """OpenRouter's, with the headers of the provider behind it: https://openrouter.ai/docs/api-reference/errors"""


class _Document(msgspec.Struct):
    error: _Error


_documents: Final = msgspec.json.Decoder(_Document | list[_Document])


def _in_document(text: bytes, now: datetime) -> float | None:
    try:
        document = _documents.decode(text)
    except UNREADABLE:
        return None
    if isinstance(document, list):  # Gemini's own format wraps its errors so
        if not document:
            return None
        document = document[0]
    error = document.error
    for detail in error.details or ():
        if detail.retry_delay is not None:
            return _duration(detail.retry_delay)
    told = None if error.metadata is None else error.metadata.headers
    if told is None:
        return None
    headers = {name.lower().encode(): str(value).encode("latin-1", "replace") for name, value in told.items()}
    after = _wait(headers.get(b"retry-after"), now)
    return exhausted(headers, now) if after is None else after
