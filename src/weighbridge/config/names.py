"""`[aliases]` and `[presets.<name>]`: names of your own for models, with what is asked of them."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final, get_type_hints

from weighbridge.config.converting import convert, nearest
from weighbridge.config.settings import AliasSettings, ConfigError, PresetSettings
from weighbridge.config.sources import Given, table

_ALIAS: Final = re.compile(r"[^\s@]{1,200}")
_PRESET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def aliases(given: Given | None) -> Mapping[str, tuple[AliasSettings, ...]]:
    """Each alias with its rows. Raises ConfigError."""
    if given is None:
        return {}
    found: dict[str, tuple[AliasSettings, ...]] = {}
    for name, value in table(given.value, "aliases", given.place).items():
        key = f"aliases.{name}"
        if not _ALIAS.fullmatch(name):
            raise ConfigError(f"{given.place}: {key}: an alias has no blanks and no @ in it")
        _refuse_twice(name, found, given, "aliases")
        found[name] = _rows(replace(given, value=value), key)
    return found


def presets(given: Given | None, taken: Mapping[str, object]) -> Mapping[str, PresetSettings]:
    """Each preset; `taken` are the aliases. Raises ConfigError."""
    if given is None:
        return {}
    found: dict[str, PresetSettings] = {}
    for name, value in table(given.value, "presets", given.place).items():
        key = f"presets.{name}"
        if not _PRESET.fullmatch(name):
            raise ConfigError(f"{given.place}: {key}: a preset's name has letters, digits, '.', '_' and '-' alone")
        _refuse_twice(name, {**found, **taken}, given, "presets")
        found[name] = _preset(replace(given, value=value), key)
    return found


def _refuse_twice(name: str, known: Mapping[str, object], given: Given, section: str) -> None:
    same = next((each for each in known if each.lower() == name.lower()), None)
    if same is not None:
        raise ConfigError(f"{given.place}: {section}.{name}: the name is taken, as {same!r}; case does not matter")


def _rows(raw: Given, key: str) -> tuple[AliasSettings, ...]:
    value = raw.value
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        rows = tuple(_row(replace(raw, value=each), f"{key}[{at}]") for at, each in enumerate(value))
        dates = [row.since for row in rows]
        again = next((each for at, each in enumerate(dates) if each in dates[:at]), 0)
        if again != 0:
            raise ConfigError(f"{raw.place}: {key}: two rows begin {again or 'with no date'}; one `since` each")
        return rows
    return (AliasSettings(models=_models(raw, key)),)


def _row(raw: Given, key: str) -> AliasSettings:
    given = table(raw.value, key, raw.place)
    _refuse_unknown(given, {"model", "since"}, key, raw)
    if "model" not in given:
        raise ConfigError(f"{raw.place}: {key}.model: expected a model's id, or a list of them")
    since: date | None = convert(replace(raw, value=given.get("since")), f"{key}.since", date | None)
    return AliasSettings(models=_models(replace(raw, value=given["model"]), f"{key}.model"), since=since)


def _models(raw: Given, key: str) -> tuple[str, ...]:
    """One id, or a list of them."""
    listed = [raw.value] if isinstance(raw.value, str) else raw.value
    if not isinstance(listed, list) or not listed or not all(isinstance(each, str) and each for each in listed):
        raise ConfigError(f"{raw.place}: {key}: expected a model's id, or a list of them")
    return tuple(listed)


def _preset(raw: Given, key: str) -> PresetSettings:
    hints = get_type_hints(PresetSettings, include_extras=True)
    given = table(raw.value, key, raw.place)
    _refuse_unknown(given, set(hints), key, raw)
    values: dict[str, object] = {}
    for name, value in given.items():
        one = replace(raw, value=value)
        if name == "models":
            values[name] = _models(one, f"{key}.models")
        elif name == "provider":
            values[name] = table(value, f"{key}.provider", raw.place)
        else:
            values[name] = convert(one, f"{key}.{name}", hints[name])
    return PresetSettings(**values)  # type: ignore[arg-type]  # converted by its hints, name by name


def _refuse_unknown(given: Mapping[str, object], known: set[str], key: str, raw: Given) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(f"{raw.place}: {key}.{name} is not a setting{nearest(name, known)}")
