"""Live clients: pages of a source's API as one payload, which is then taken in as any file is.

Pages are kept as they come, so that a fetch that was cut off goes on where it stopped. A source that says 429 is
waited for as long as it asks (Retry-After, or `t` of its RateLimit header); nearly spent, the limit is waited out too.
Only hosts that a row names are asked, redirects included; a key goes to its own host only.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.sources.source import Payload

_TRIES: Final = 5
_LONGEST_WAIT: Final = 900.0
_LARGEST_PAGE: Final = 64 << 20
_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Live:
    """A source that can be asked."""

    name: str
    """The payload's: a day and the ending come after it."""
    url: str
    """Its first page; `{day}` stands for today, `{since}` for a year before."""
    key: str | None = None
    """The header that carries the user's key, where it needs one."""
    key_prefix: str = ""
    lines: bool = False
    """Whether a page is a list, and the payload its items, one a line; else there is one page, kept as it is."""


LIVE: Final[Mapping[str, Live]] = {
    "hub": Live(
        "hub-api",
        "https://huggingface.co/api/models?limit=1000&sort=createdAt&direction=-1&expand[]=author&expand[]=createdAt"
        "&expand[]=downloads&expand[]=downloadsAllTime&expand[]=pipeline_tag&expand[]=safetensors&expand[]=tags",
        key="Authorization",
        key_prefix="Bearer ",
        lines=True,
    ),
    "openrouter-rankings": Live(
        "rankings-daily",
        "https://openrouter.ai/api/v1/datasets/rankings-daily?start_date={since}&end_date={day}",
        key="Authorization",
        key_prefix="Bearer ",
    ),
    "openrouter-models": Live("openrouter-models", "https://openrouter.ai/api/v1/models"),
    "models.dev": Live("models.dev-api", "https://models.dev/api.json"),
    "models.dev-models": Live("models.dev-models", "https://models.dev/models.json"),
}
"""By the name under which they are asked for. Pages: huggingface.co/docs/hub/api, openrouter.ai/docs (Data API)."""

Wait = Callable[[float], None]


class _State(msgspec.Struct):
    """How far a fetch has come: bytes of whole pages, and the page after them."""

    size: int
    next: str | None


class _SameHost(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0917 - as its parent has it
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            raise MarketError(f"{req.host} sends elsewhere, to {urlsplit(newurl).netloc!r}; nothing was fetched")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(live: Live, directory: Path, *, today: date, wait: Wait, key: str | None = None) -> Payload:
    """All pages as one payload, in a directory where a fetch of the same day goes on. Raises MarketError, OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{live.name}_{today}.{'jsonl' if live.lines else 'json'}"
    note, unfinished = path.with_suffix(".state"), path.with_suffix(".unfinished")
    if path.exists():
        return Payload(path, path.name, today)
    first = live.url.format(day=today, since=today.replace(year=today.year - 1, day=min(today.day, 28)))
    state = msgspec.json.decode(note.read_bytes(), type=_State) if note.exists() else _State(0, first)
    with unfinished.open("r+b" if unfinished.exists() else "w+b") as file:
        file.truncate(state.size)
        file.seek(state.size)
        for page, after in _pages(live, state.next, wait, key):
            file.write(page)
            file.flush()
            note.write_bytes(msgspec.json.encode(_State(file.tell(), after)))
    unfinished.rename(path)
    note.unlink(missing_ok=True)
    return Payload(path, path.name, today)


def _pages(live: Live, url: str | None, wait: Wait, key: str | None) -> Iterator[tuple[bytes, str | None]]:
    host = urlsplit(live.url).netloc
    while url is not None:
        if urlsplit(url).netloc != host:
            raise MarketError(f"{host} names {urlsplit(url).netloc!r} for its next page; nothing is asked there")
        body, headers = _page(live, url, wait, key)
        after = _next(headers) if live.lines else None
        yield (_as_lines(body, host) if live.lines else body), after
        url = after
        if after is not None and (seconds := _spent(headers)):
            wait(seconds)


def _page(live: Live, url: str, wait: Wait, key: str | None) -> tuple[bytes, Mapping[str, str]]:
    opener = urllib.request.build_opener(_SameHost)
    headers = {"Accept": "application/json", "User-Agent": "weighbridge"}
    if live.key is not None and key is not None:
        headers[live.key] = f"{live.key_prefix}{key}"
    for tried in range(1, _TRIES + 1):
        try:
            with opener.open(urllib.request.Request(url, headers=headers), timeout=_SECONDS) as answer:  # noqa: S310 - https, or a test's loopback
                body = answer.read(_LARGEST_PAGE + 1)
                if len(body) > _LARGEST_PAGE:
                    raise MarketError(f"{live.name}: a page has over {_LARGEST_PAGE >> 20} MiB")
                return body, {name.lower(): value for name, value in answer.headers.items()}
        except urllib.error.HTTPError as error:
            if error.code not in (429, 500, 502, 503, 504) or tried == _TRIES:
                raise _refused(live, error) from error
            told = {name.lower(): value for name, value in error.headers.items()}
            wait(_asked(told) or 2.0**tried)
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            if tried == _TRIES:
                raise MarketError(f"{live.name}: {urlsplit(url).netloc} cannot be reached ({error})") from error
            wait(2.0**tried)
    raise AssertionError  # each try returns or raises


def _refused(live: Live, error: urllib.error.HTTPError) -> MarketError:
    advice = {401: "; give it a key", 403: "; the key may not do that", 429: "; wait, and run it again: it goes on"}
    return MarketError(f"{live.name}: it answered {error.code}{advice.get(error.code, '')}")


def _asked(headers: Mapping[str, str]) -> float | None:
    """For how long a source asks to be left alone; a date in Retry-After is not read."""
    after = headers.get("retry-after", "")
    seconds = float(after) if after.isdecimal() else _spent(headers)
    return None if seconds is None else min(seconds, _LONGEST_WAIT)


def _spent(headers: Mapping[str, str]) -> float | None:
    """The seconds to the next window, where the limit of this one is spent: `"api";r=0;t=55`."""
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]  # noqa: PLC0415

    limit = parse_ratelimit_headers(dict(headers))
    return None if limit is None or limit.remaining > 0 else min(float(limit.reset_in_seconds), _LONGEST_WAIT)


def _next(headers: Mapping[str, str]) -> str | None:
    """The page after, as `Link: <…>; rel="next"` has it."""
    for link in headers.get("link", "").split(","):
        target, _, relation = link.partition(";")
        if 'rel="next"' in relation:
            return target.strip().removeprefix("<").removesuffix(">")
    return None


def _as_lines(body: bytes, host: str) -> bytes:
    try:
        items: Any = msgspec.json.decode(body, type=list[msgspec.Raw])  # Any: Raw has no length in its type
    except msgspec.DecodeError as error:
        raise MarketError(f"{host} gave no list of models: {error}") from error
    return b"".join(bytes(item).replace(b"\n", b" ") + b"\n" for item in items)
