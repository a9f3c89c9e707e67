"""Which providers can be called with the settings there are, and what the others lack."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from weighbridge.config import ConfigError, ProviderSettings, Secret, Settings
from weighbridge.providers.rows import Row, Spoken

Lack = Literal["off", "key", "base URL"]


@dataclass(frozen=True, slots=True)
class Connection:
    """One provider as the settings have it. `lack` is None where it can be called."""

    row: Row
    base_url: str | None
    key: Secret | None
    speaks: tuple[Spoken, ...]
    lack: Lack | None

    @property
    def id(self) -> str:
        """The provider's id."""
        return self.row.id


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
    base_url = _base_url(settings, row)
    key = settings.provider_key(row.id, row.key_env)
    lack: Lack | None = None
    if not own.enabled:
        lack = "off"
    elif base_url is None:
        lack = "base URL"
    elif key is None and row.key_env and row.id not in settings.providers:
        lack = "key"
    return Connection(row, base_url, key, own.speaks or row.speaks, lack)


def _base_url(settings: Settings, row: Row) -> str | None:
    """Where a provider is: the settings' own, else the variable of its row, else the row's."""
    own = settings.providers.get(row.id)
    if own is not None and own.base_url is not None:
        return own.base_url
    said = None if row.base_url_env is None else settings.secrets.get(row.base_url_env)
    return row.base_url if said is None else said.reveal()
