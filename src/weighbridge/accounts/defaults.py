"""What a key asks for where its requests say nothing."""

from typing import Annotated, Final

import msgspec

from weighbridge.wire.preferences import Preferences, Priority


class Defaults(msgspec.Struct, frozen=True, omit_defaults=True):
    """None is no word. What a request says itself comes first, then its preset, then these."""

    preset: str | None = None
    """The preset of requests that name none."""
    priority: Priority | None = None
    most_priority: Priority | None = None
    """The highest that its requests get, whatever they ask for."""
    cache: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Seconds in which an answer may be given again; None: it never is, unless the request asks for that."""
    provider: Preferences | None = None
    """What is asked of the providers."""


NO_DEFAULTS: Final = Defaults()

_stored: Final = msgspec.json.Decoder(Defaults)


def facts(defaults: Defaults) -> dict[str, object]:
    """What was set of them."""
    found: dict[str, object] = msgspec.to_builtins(defaults)
    given = found.get("provider")
    return found | ({"provider": {k: v for k, v in given.items() if v is not None}} if isinstance(given, dict) else {})


def written(defaults: Defaults) -> str | None:
    """As the table holds them."""
    return None if defaults == NO_DEFAULTS else msgspec.json.encode(defaults).decode()


def read(stored: str | None) -> Defaults:
    """The reverse of `written`."""
    return NO_DEFAULTS if stored is None else _stored.decode(stored)
