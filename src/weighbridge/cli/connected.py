"""Which providers can be called with the settings there are, and what the others lack."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from weighbridge.app import base_url_of
from weighbridge.config import ConfigError, ProviderSettings, Settings
from weighbridge.providers.rows import Row

Lack = Literal["off", "key", "base URL"]


@dataclass(frozen=True, slots=True)
class Connection:
    """One provider as the settings have it. `lack` is None where it can be called."""

    id: str
    name: str
    base_url: str | None
    has_key: bool
    key_variables: tuple[str, ...]
    base_url_variable: str | None
    lack: Lack | None


def connections(settings: Settings, rows: Sequence[Row]) -> list[Connection]:
    """All known providers and those of the settings, in this order.

    Raises ConfigError for a key that can't be one, and for a provider that nobody knows and that has no base URL.
    """
    known = [row.id for row in rows]
    own = [_own_row(name, each, known) for name, each in settings.providers.items() if name not in known]
    return [_connection(settings, row) for row in (*rows, *own)]


def _own_row(name: str, own: ProviderSettings, known: Sequence[str]) -> Row:
    if own.base_url is None:
        close = difflib.get_close_matches(name, known, 1)
        meant = f"; did you mean providers.{close[0]}?" if close else ""
        raise ConfigError(f"providers.{name}: no provider of that id is known, so it needs a base_url{meant}")
    return Row(id=name, name=name, source="your settings", key_env=(own.api_key_env,) if own.api_key_env else ())


def _connection(settings: Settings, row: Row) -> Connection:
    own = settings.providers.get(row.id, ProviderSettings())
    base_url = base_url_of(settings, row)
    key = settings.provider_key(row.id, row.key_env)
    lack: Lack | None = None
    if not own.enabled:
        lack = "off"
    elif base_url is None:
        lack = "base URL"
    elif key is None and row.key_env and row.id not in settings.providers:
        lack = "key"
    return Connection(row.id, row.name, base_url, key is not None, row.key_env, row.base_url_env, lack)
