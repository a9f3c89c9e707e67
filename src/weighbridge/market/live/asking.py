"""One request of a source: its key to its own address only, with waits where it asks for them.

A source that says 429 is waited for as long as it asks (`Retry-After`, or `t` of its `RateLimit` header), one that
fails a little longer each time. Where it sends elsewhere is followed to domains that its row names, without the key.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import IO, Final
from urllib.parse import urlsplit

from weighbridge.errors import MarketError
from weighbridge.market.live.address import Host

TRIES: Final = 5
_LONGEST_WAIT: Final = 900.0
_LARGEST_PAGE: Final = 64 << 20
_SECONDS: Final = 60.0
_AGAIN: Final = (408, 429, 500, 502, 503, 504)

Wait = Callable[[float], None]
"""Told for how many seconds to leave a source alone."""
BROKEN: Final = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)
"""What a connection that broke off raises."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, host: Host) -> None:
        self._host = host

    def redirect_request(  # noqa: PLR0917 - as its parent has it
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        there, here = urlsplit(newurl), urlsplit(req.full_url)
        if there.netloc == here.netloc and there.scheme == here.scheme:
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        name = there.hostname or ""
        known = any(name == domain or name.endswith(f".{domain}") for domain in self._host.passes_to)
        if not known or (here.scheme == "https" and there.scheme != "https"):
            raise MarketError(f"{req.host} sends elsewhere, to {there.netloc!r}; nothing was fetched")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and self._host.header:
            request.remove_header(self._host.header.capitalize())
        return request


class Asking:
    """A host, asked with a key. Errors say the source's name."""

    def __init__(self, name: str, host: Host, key: str | None, wait: Wait) -> None:
        self.name, self.host, self.wait = name, host, wait
        self._opener = urllib.request.build_opener(_Redirects(host))
        self._headers = {"User-Agent": "weighbridge", "Accept-Encoding": "identity"}
        if key is not None and host.header:
            self._headers[host.header] = f"{host.prefix}{key}"

    def page(self, url: str) -> tuple[bytes, Mapping[str, str]]:
        """An answer of at most 64 MiB and its headers, by small letters. Raises MarketError."""
        for tried in range(1, TRIES + 1):
            try:
                with self.opened(url, tried=tried) as answer:
                    if answer is None:
                        continue
                    body = answer.read(_LARGEST_PAGE + 1)
                    told = lowered(answer.headers)
                if len(body) > _LARGEST_PAGE:
                    raise MarketError(f"{self.name}: a page has over {_LARGEST_PAGE >> 20} MiB")
                if told.get("content-length", f"{len(body)}") != f"{len(body)}":
                    raise http.client.IncompleteRead(body)  # read(amount) does not tell
                return body, told
            except BROKEN as error:
                self.again(url, error, tried)
        raise AssertionError  # each try returns or raises

    @contextmanager
    def opened(
        self, url: str, headers: Mapping[str, str] | None = None, *, tried: int
    ) -> Iterator[http.client.HTTPResponse | None]:
        """An answer as it begins; None where it was waited for, and is to be asked again. Raises MarketError."""
        self.check(url)
        request = urllib.request.Request(url, headers={**self._headers, **(headers or {})})  # noqa: S310 - a host of ours
        try:
            answer = self._opener.open(request, timeout=_SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 416:
                    raise
                if error.code not in _AGAIN or tried == TRIES:
                    raise self._refused(error) from error
                own = 15.0 * tried if error.code == 429 else 2.0**tried  # OpenRouter's limits are by the minute
                self.wait(_asked(lowered(error.headers)) or own)
            yield None
            return
        with answer:
            yield answer

    def again(self, url: str, error: Exception, tried: int) -> None:
        """Wait after a connection that broke off. Raises MarketError after too many."""
        if tried >= TRIES:
            raise MarketError(
                f"{self.name}: {urlsplit(url).netloc} cannot be reached, or breaks off ({error}); "
                "what is here is kept: run it again"
            ) from error
        self.wait(2.0**tried)

    def check(self, url: str) -> None:
        """That an address is the host's own. Raises MarketError."""
        own, asked = urlsplit(self.host.url), urlsplit(url)
        if (own.scheme, own.netloc) != (asked.scheme, asked.netloc):
            raise MarketError(f"{own.netloc} names {asked.netloc!r} for what comes next; nothing is asked there")

    def _refused(self, error: urllib.error.HTTPError) -> MarketError:
        key = f"; give it a key, in {self.host.key}" if self.host.key else ""
        advice = {401: key, 403: "; the key may not do that", 429: "; wait, and run it again: it goes on"}
        return MarketError(f"{self.name}: it answered {error.code}{advice.get(error.code, '')}")


def lowered(headers: Message) -> dict[str, str]:
    """Headers by their names in small letters."""
    return {name.lower(): value for name, value in headers.items()}


def spent(headers: Mapping[str, str]) -> float | None:
    """The seconds to the next window, where the limit of this one is spent: `"api";r=0;t=55`."""
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]  # noqa: PLC0415

    limit = parse_ratelimit_headers(dict(headers))
    return None if limit is None or limit.remaining > 0 else min(float(limit.reset_in_seconds), _LONGEST_WAIT)


def _asked(headers: Mapping[str, str]) -> float | None:
    """For how long a source asks to be left alone: seconds, a time, or what is left of its window."""
    after = headers.get("retry-after", "")
    seconds = float(after) if after.isdecimal() else _until(after) or spent(headers)
    return None if seconds is None else min(seconds, _LONGEST_WAIT)


def _until(time: str) -> float | None:
    """Seconds to an HTTP date; None where it is none, or has passed."""
    try:
        left = (parsedate_to_datetime(time) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):  # TypeError: it has no zone
        return None
    return left if left > 0 else None
