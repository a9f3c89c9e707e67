"""Fetching what a source says today, as one payload, which is then taken in as any file is.

The hub's list is asked for as `huggingface_hub` asks (`list_models` with `expand`; a test holds the two together), and
its limits are read by that library; but its generator gives out no cursor, and an hour of pages is to be gone on with.
"""

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.live.address import Addresses, Live
from weighbridge.market.live.asking import Asking, Wait
from weighbridge.market.live.files import Progress, download
from weighbridge.market.live.pages import Each, Links, Numbered, Offsets, Once, collect, next_link
from weighbridge.market.sources.source import Payload


@dataclass(frozen=True, slots=True)
class Fetching:
    """What all fetches of a run have in common."""

    addresses: Addresses
    directory: Path
    """Where a fetch of the same day goes on."""
    today: date
    wait: Wait
    progress: Progress = lambda done, of: None


def fetch(name: str, fetching: Fetching, *, key: str | None = None, day: date | None = None) -> Payload:
    """A source's payload of today, or of a day for one that has earlier ones. Raises MarketError, OSError."""
    live = fetching.addresses.live(name)
    host = fetching.addresses.hosts[live.host]
    if live.needs_key and key is None:
        raise MarketError(f"{name} is given to those with a key only: put yours into {host.key}")
    if day is not None and live.path == _dated(live.path, day):
        raise MarketError(f"{name} says what is so today; it has no earlier days to ask for")
    asking = Asking(name, host, key, fetching.wait)
    of = _newest(live, asking, day) if live.way == "newest" else day or fetching.today
    fetching.directory.mkdir(parents=True, exist_ok=True)
    path = fetching.directory / live.file.replace("{day}", f"{of}")
    if not path.exists():
        _fetch(live, asking, path, of, fetching)
    return Payload(path, path.name, of)


def _fetch(live: Live, asking: Asking, path: Path, of: date, fetching: Fetching) -> None:
    asked = _dated(live.path, of)
    url = asking.host.url + asked
    match live.way:
        case "page":
            collect(Once(url), asking, path)
        case "list":
            collect(Links(url), asking, path)
        case "offsets":
            collect(Offsets(asking.host.url, live, asked), asking, path)
        case "numbered":
            collect(Numbered(asking.host.url, asked), asking, path)
        case "each":
            listed = fetch(live.of or "", fetching)
            collect(Each(asking.host.url, asked, list(_ids(listed.path, asking.name))), asking, path)
        case "file" | "newest":
            download(asking, url, path, fetching.progress)


def _dated(path: str, day: date) -> str:
    yesterday = day - timedelta(days=1)
    days = {
        "day": day,
        "yesterday": yesterday,
        "week": yesterday - timedelta(days=6),
        "year": day.replace(year=day.year - 1, day=min(day.day, 28)),
    }
    for name, each in days.items():
        path = path.replace(f"{{{name}}}", f"{each}")
    return path


def _newest(live: Live, asking: Asking, day: date | None) -> date:
    """The newest day that has a folder in a listing, or the day asked for, where it has one."""
    url: str | None = asking.host.url + (live.listing or "")
    days: set[date] = set()
    while url is not None:
        body, headers = asking.page(url)
        try:
            rows = msgspec.json.decode(body, type=list[dict[str, Any]])  # Any: JSON
        except msgspec.DecodeError as error:
            raise MarketError(f"{asking.name}: its listing is of another form by now: {error}") from error
        days |= set(_days(rows))
        url = next_link(headers)
    if day is not None and day not in days:
        near = sorted(days, key=lambda each: abs((each - day).days))[:2]
        raise MarketError(f"{asking.name} has no {day}; nearest are {', '.join(str(each) for each in near) or 'none'}")
    if not days:
        raise MarketError(f"{asking.name}: its listing has no day; its form has changed, and nothing was taken")
    return day or max(days)


def _days(rows: list[dict[str, Any]]) -> Iterator[date]:  # Any: JSON
    for row in rows:
        try:
            yield date.fromisoformat(str(row.get("path", "")).rsplit("/", maxsplit=1)[-1])
        except ValueError:
            continue


def _ids(path: Path, name: str) -> Iterator[str]:
    """Of a list of models, as OpenRouter gives it; what is chosen when asked has no endpoints of its own."""
    rows = msgspec.json.decode(path.read_bytes(), type=dict[str, Any]).get("data")  # Any: JSON
    for row in rows if isinstance(rows, list) else ():
        model = row.get("id") if isinstance(row, dict) else None
        if isinstance(model, str) and "/" in model and not model.startswith("openrouter/"):
            yield urllib.parse.unquote(model)
    if not rows:
        raise MarketError(f"{name}: the list of models is empty; nothing was asked")
