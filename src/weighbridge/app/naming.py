"""The names of the settings, checked as far as no catalogue is needed."""

from collections.abc import Mapping
from typing import Final

import msgspec

from weighbridge.cache.wish import read_wish
from weighbridge.config import ConfigError, PresetSettings, Settings
from weighbridge.errors import BadRequest
from weighbridge.routing.names import Dated, Names, Preset
from weighbridge.wire.defaults import Defaults
from weighbridge.wire.preferences import Preferences

_DEFAULTS: Final = Defaults.__struct_fields__


def names(settings: Settings) -> Names:
    """The aliases and presets. Raises ConfigError where a preset asks of its providers what cannot be asked."""
    return Names(
        {name: [Dated(row.models, row.since) for row in rows] for name, rows in settings.aliases.items()},
        {name: _preset(name, preset, settings) for name, preset in settings.presets.items()},
    )


def _preset(name: str, given: PresetSettings, settings: Settings) -> Preset:
    try:
        if given.cache is not None:
            read_wish(given.cache)
    except BadRequest as error:
        raise ConfigError(f"{settings.file}: presets.{name}.cache: {error.message}") from error
    defaults = {field: getattr(given, field) for field in _DEFAULTS}
    defaults["stop"] = None if given.stop is None else list(given.stop)
    return Preset(
        name,
        given.models,
        None if given.provider is None else _provider(f"presets.{name}.provider", given.provider, settings),
        Defaults(**defaults) if any(value is not None for value in defaults.values()) else None,
        given.priority,
        given.cache,
        given.resume,
        given.hedge,
    )


def _provider(key: str, given: Mapping[str, object], settings: Settings) -> Preferences:
    try:
        return msgspec.convert(given, Preferences)
    except msgspec.ValidationError as error:
        fields = ", ".join(Preferences.__struct_fields__)
        raise ConfigError(f"{settings.file}: {key}: {error}; the fields are those of OpenRouter: {fields}") from error
