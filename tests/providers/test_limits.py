"""What each provider says of its limits, as its documentation shows it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.providers.limits import METERS, exhausted, retry_after

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
Headers = dict[bytes, bytes]


def openai(what: str, left: str, reset: str, limit: str = "60") -> Headers:
    """OpenAI's three headers for requests or tokens."""
    told = {"limit": limit, "remaining": left, "reset": reset}
    return {f"x-ratelimit-{name}-{what}".encode(): value.encode() for name, value in told.items()}


def anthropic(what: str, left: str, reset: str, limit: str = "50") -> Headers:
    """Anthropic's."""
    told = {"limit": limit, "remaining": left, "reset": reset}
    return {f"anthropic-ratelimit-{what}-{name}".encode(): value.encode() for name, value in told.items()}


def window(left: str, reset: object) -> Headers:
    """OpenRouter's and others'."""
    return {b"x-ratelimit-remaining": left.encode(), b"x-ratelimit-reset": str(reset).encode()}


EXHAUSTED: dict[str, tuple[Headers, float | None]] = {
    "nothing is said": ({b"content-type": b"application/json"}, None),
    "OpenAI, much is left": (openai("requests", "59", "1s"), None),
    "OpenAI, no request is left: one is there long before all are": (openai("requests", "0", "1m0s"), 1.0),
    "OpenAI, no token is left": (openai("tokens", "0", "6m0s", "150000"), 18.0),
    "OpenAI, for milliseconds": (openai("requests", "0", "12ms"), None),
    "Groq, the day's requests": (openai("requests", "0", "24h0m0s", "14400"), 6.0),
    "Cerebras": (openai("tokens-minute", "0", "11.38"), 0.569),
    "Anthropic, a date": (anthropic("requests", "0", "2026-11-22T12:01:00Z"), 1.2),
    "Anthropic, tokens of the prompt": (
        anthropic("requests", "40", "2026-11-22T12:01:00Z") | anthropic("input-tokens", "0", "2026-11-22T12:01:00Z"),
        3.0,
    ),
    "Anthropic, by its own date and not by our clock": (
        anthropic("requests", "0", "2026-11-22T15:01:00Z") | {b"date": b"Sun, 22 Nov 2026 15:00:00 GMT"},
        1.2,
    ),
    "Mistral": ({b"x-ratelimitbysize-remaining-minute": b"0", b"ratelimitbysize-reset": b"22"}, 22.0),
    "OpenRouter, milliseconds since 1970": (window("0", EPOCH * 1000 + 30_000), 30.0),
    "seconds since 1970": (window("0", EPOCH + 30), 30.0),
    "Together, seconds": (window("0", 1), 1.0),
    "Together, tokens": ({b"x-tokenlimit-remaining": b"0", b"x-ratelimit-reset": b"2"}, 2.0),
    "Fireworks, which tells no time": ({b"x-ratelimit-remaining-tokens-prompt": b"0"}, None),
    "the draft": ({b"ratelimit-remaining": b"0", b"ratelimit-reset": b"50"}, 50.0),
    "the longest of several": ({b"ratelimit-remaining": b"0", b"ratelimit-reset": b"5"} | window("0", 9), 9.0),
    "past": (window("0", EPOCH - 30), None),
    "a year": (window("0", 31_536_000), 86_400.0),
    "no number": (window("none", "soon"), None),
    "no time": (window("0", "soon"), None),
}


@pytest.mark.parametrize("case", EXHAUSTED)
def test_how_long_nothing_is_left(case: str) -> None:
    headers, seconds = EXHAUSTED[case]
    assert exhausted(headers, NOW) == pytest.approx(seconds)


GEMINI = b"""{"error": {"code": 429, "message": "Please retry in 34.07s.", "status": "RESOURCE_EXHAUSTED",
"details": [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.074824224s"}]}}"""
OPENROUTER = b"""{"error": {"message": "Rate limit exceeded: free-models", "code": 429, "metadata": {"headers":
{"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "%d"}}}}""" % (EPOCH * 1000 + 12_000)
BEHIND = (
    b'{"error": {"message": "busy", "code": 429, "metadata": {"headers": {"Retry-After": 7}, "provider_name": "x"}}}'
)
OPENAI = (
    b'{"error": {"message": "Rate limit reached for gpt-4o. Please try again in 1m2.5s. Visit ...", "code": "rate"}}'
)

REFUSED: dict[str, tuple[Headers, bytes, float | None]] = {
    "nothing is said": ({}, b"{}", None),
    "not even JSON": ({}, b"<html>", None),
    "no object": ({}, b"[]", None),
    "another error": ({}, b'{"error": "busy"}', None),
    "seconds": ({b"retry-after": b"17"}, b"", 17.0),
    "parts of a second": ({b"retry-after": b"0.5"}, b"", 0.5),
    "milliseconds come first": ({b"retry-after": b"2", b"retry-after-ms": b"1400"}, b"", 1.4),
    "a date": ({b"retry-after": b"Sun, 22 Nov 2026 12:00:20 GMT"}, b"", 20.0),
    "a date, by the provider's clock": (
        {b"retry-after": b"Sun, 22 Nov 2026 15:00:20 GMT", b"date": b"Sun, 22 Nov 2026 15:00:00 GMT"},
        b"",
        20.0,
    ),
    "a date that is past": ({b"retry-after": b"Sun, 22 Nov 2026 11:00:00 GMT"}, b"", 0.0),
    "a month": ({b"retry-after": b"2592000"}, b"", 86_400.0),
    "less than nothing": ({b"retry-after": b"-5"}, b"", None),
    "nonsense": ({b"retry-after": b"later"}, b"", None),
    "a date of no calendar": ({b"retry-after": b"Mon, 01 Jan 99999999999 00:00:00 GMT"}, b"", None),
    "a date in no zone": ({b"retry-after": b"Mon, 01 Jan 2024 00:00:00 +99999999999999"}, b"", None),
    "Gemini's RetryInfo": ({}, GEMINI, 34.074824224),
    "Gemini's own format, a list": ({}, b"[" + GEMINI + b"]", 34.074824224),
    "OpenRouter's metadata": ({}, OPENROUTER, 12.0),
    "a provider behind OpenRouter": ({}, BEHIND, 7.0),
    "an empty meter": (window("0", 3), b"", 3.0),
    "OpenAI's words": ({}, OPENAI, 62.5),
    "headers before words": ({b"retry-after": b"2"}, OPENAI, 2.0),
}


@pytest.mark.parametrize("case", REFUSED)
def test_when_a_refused_request_may_be_sent_again(case: str) -> None:
    headers, text, seconds = REFUSED[case]
    assert retry_after(headers, text, NOW) == pytest.approx(seconds)


VALUES = st.binary(max_size=20) | st.sampled_from([b"0", b"1e400", b"nan", b"9" * 300, b"2026-11-22", b"6m0s", b""])
NAMES = st.sampled_from(
    [b"retry-after", b"retry-after-ms", b"date"]
    + [name for meter in METERS for name in (meter.remaining, meter.reset, meter.limit) if name is not None]
)


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.binary(max_size=80) | st.just(GEMINI))
def test_whatever_a_provider_sends_it_is_a_time_within_a_day_or_none(headers: Headers, text: bytes) -> None:
    for found in (exhausted(headers, NOW), retry_after(headers, text, NOW)):
        assert found is None or 0 <= found <= 86_400
