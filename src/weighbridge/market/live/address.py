"""Where each source is asked, and how: `addresses.toml`, with hosts that the settings put in another's place."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from weighbridge.errors import MarketError

Way = Literal["page", "list", "offsets", "numbered", "each", "file", "newest"]
"""`page`: one answer. `list`: pages by `Link`. `offsets`, `numbered`: pages by number. `each`: one for each model of
another source. `file`: one of any size. `newest`: the file of the newest day that a listing has."""


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is asked. The key goes to this address only."""

    url: str
    key: str | None = None
    """The environment variable with the user's key."""
    header: str = ""
    """That carries it, after `prefix`."""
    prefix: str = ""
    passes_to: tuple[str, ...] = ()
    """Domains to which it may send on; the key does not go there."""


class Live(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A source that can be asked. In `path`, `{day}` is today or the day asked for, `{yesterday}`, `{week}` and
    `{year}` are days before it; `{offset}`, `{page}`, `{over}` and `{id}` are filled page by page.
    """

    host: str
    way: Way
    path: str
    file: str
    """The payload's name, with its day."""
    documented: str
    gives: str | None = None
    """The source that its payload is of, where that has another name."""
    needs_key: bool = False
    over: tuple[str, ...] = ("",)
    """Asked one after another, each page by page."""
    step: int = 0
    """Rows of a full page; one of fewer is the last."""
    most: int = 0
    """The largest offset that is allowed."""
    of: str | None = None
    """The source whose models are asked for."""
    listing: str | None = None


class Addresses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them."""

    hosts: Mapping[str, Host]
    sources: Mapping[str, Live]

    def live(self, name: str) -> Live:
        """Raises MarketError that says which there are."""
        if name not in self.sources:
            raise MarketError(f"{name!r} cannot be asked; there are {', '.join(self.sources)}")
        return self.sources[name]


@cache
def installed() -> Addresses:
    """As the project has them. Raises MarketError where they name no host."""
    text = (files("weighbridge.market.live") / "addresses.toml").read_text(encoding="utf-8")
    try:
        found = msgspec.convert(tomllib.loads(text), Addresses)
    except (ValueError, msgspec.ValidationError) as error:
        raise MarketError(f"market/live/addresses.toml: {error}") from error
    for name, live in found.sources.items():
        if live.host not in found.hosts or (live.of is not None and live.of not in found.sources):
            raise MarketError(f"market/live/addresses.toml, {name!r}: {live.of or live.host!r} is in no row")
    return found


def addresses(others: Sequence[str] = ()) -> Addresses:
    """With other addresses in hosts' places, as NAME=URL. Raises MarketError that names the one at fault."""
    own = installed()
    hosts = dict(own.hosts)
    for each in others:
        name, equals, url = each.partition("=")
        parts = urlsplit(url)
        if not equals or parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise MarketError(f"market.hosts: {each!r} is not NAME=URL, such as hub=https://mirror.example.org")
        if name not in hosts:
            raise MarketError(f"market.hosts: there is no host {name!r}; there are {', '.join(hosts)}")
        hosts[name] = msgspec.structs.replace(hosts[name], url=url.rstrip("/"))
    return Addresses(hosts, own.sources)
