"""From raw values to checked settings."""

import os
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import TypeVar, get_origin, get_type_hints

from weighbridge.config.converting import convert, nearest
from weighbridge.config.kinds import Hint, Secret, Text, Url, expected
from weighbridge.config.names import aliases as own_aliases
from weighbridge.config.names import presets as own_presets
from weighbridge.config.settings import (
    AdmissionSettings,
    AlertsSettings,
    AutoModel,
    CacheSettings,
    ConfigError,
    DatabaseSettings,
    LedgerSettings,
    LocalSettings,
    LoggingSettings,
    MarketSettings,
    PolicySettings,
    ProviderModel,
    ProviderSettings,
    ResponsesSettings,
    RoutingSettings,
    Secrets,
    ServerSettings,
    Settings,
    SharedSettings,
    SwitchSettings,
    TelemetrySettings,
    TextsSettings,
    UpstreamSettings,
    WindowSettings,
)
from weighbridge.config.sources import Given, default_home, find_file, from_environ, from_file, keys, table, user_home

T = TypeVar("T")

_PROVIDER_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read(
    flags: Mapping[str, object],
    environ: Mapping[str, str] | None = None,
    *,
    file: Path | None = None,
    here: Path | None = None,
) -> Settings:
    """The settings, from `flags` (by key, such as `server.port`; None is unset), the environment and the file.

    `environ` stands for the process's environment and `here` for the current directory, where they are not given;
    `file` is the one named by `--config`. Raises ConfigError.
    """
    environ = os.environ if environ is None else environ  # noqa: TID251 - the one reader of the environment
    here = Path.cwd() if here is None else here
    path = find_file(file, environ, here)
    given = {
        **(from_file(path) if path else {}),
        **from_environ(environ, here),
        **{key: Given(value, "command line", here) for key, value in flags.items() if value is not None},
    }
    _refuse_unknown(given)
    return Settings(
        home=_path(given["home"], "home", environ) if "home" in given else default_home(environ),
        server=_section(ServerSettings, "server", given, environ),
        upstream=_section(UpstreamSettings, "upstream", given, environ),
        routing=_section(RoutingSettings, "routing", given, environ),
        policy=_section(PolicySettings, "policy", given, environ),
        alerts=_section(AlertsSettings, "alerts", given, environ),
        admission=_section(AdmissionSettings, "admission", given, environ),
        local=_section(LocalSettings, "local", given, environ),
        database=_section(DatabaseSettings, "database", given, environ),
        ledger=_section(LedgerSettings, "ledger", given, environ),
        cache=_section(CacheSettings, "cache", given, environ),
        shared=_section(SharedSettings, "shared", given, environ),
        responses=_section(ResponsesSettings, "responses", given, environ),
        telemetry=_section(TelemetrySettings, "telemetry", given, environ),
        logging=_section(LoggingSettings, "logging", given, environ),
        texts=_section(TextsSettings, "texts", given, environ),
        market=_section(MarketSettings, "market", given, environ),
        switch=_section(SwitchSettings, "switch", given, environ),
        window=_section(WindowSettings, "window", given, environ),
        providers={
            name: _section(ProviderSettings, f"providers.{name}", given, environ) for name in _provider_names(given)
        },
        aliases=(aliases := own_aliases(given.get("aliases"))),
        presets=own_presets(given.get("presets"), aliases),
        secrets=Secrets(environ),
        file=path,
    )


def _refuse_unknown(given: Mapping[str, Given]) -> None:
    of_provider = {item.name for item in fields(ProviderSettings)}
    for key, raw in given.items():
        head, _, rest = key.partition(".")
        provider = rest.rpartition(".")[0]
        if head == "providers" and provider:
            if not _PROVIDER_ID.fullmatch(provider):
                raise ConfigError(f"{raw.place}: {provider!r} is not a provider's id: expected a-z, 0-9 and hyphens")
            known = {f"providers.{provider}.{each}" for each in of_provider}
        else:
            known = {*keys(), "aliases", "presets"}
        if key not in known:
            raise ConfigError(f"{raw.place}: {key} is not a setting{nearest(key, known)}")


def _provider_names(given: Mapping[str, Given]) -> list[str]:
    return sorted({key.split(".")[1] for key in given if key.startswith("providers.")})


def _section(cls: type[T], name: str, given: Mapping[str, Given], environ: Mapping[str, str]) -> T:
    hints = get_type_hints(cls, include_extras=True)
    present = {field_name: f"{name}.{field_name}" for field_name in hints if f"{name}.{field_name}" in given}
    return cls(
        **{field_name: _value(given[key], key, hints[field_name], environ) for field_name, key in present.items()}
    )


def _value(raw: Given, key: str, hint: Hint, environ: Mapping[str, str]) -> object:
    if hint == Path | None:
        return _path(raw, key, environ)
    if hint == Secret | None:
        return Secret(convert(raw, key, Text, shown=False))
    if hint == tuple[ProviderModel, ...]:
        return _models(raw, key)
    if hint == tuple[AutoModel, ...]:
        return tuple(_auto(each, place) for each, place in _tables(raw, key))
    if hint == Url | None:
        return convert(raw, key, Url, shown=False)  # a refused one may have a password in it
    origin: object = get_origin(hint)
    if origin is tuple and isinstance(raw.value, str) and not raw.from_file:
        parts = tuple(part.strip() for part in raw.value.split(",") if part.strip())
        raw = replace(raw, value=parts)
    return convert(raw, key, hint)


def _path(raw: Given, key: str, environ: Mapping[str, str]) -> Path:
    path = Path(convert(raw, key, Text))
    if path.parts[0] == "~":
        path = user_home(environ).joinpath(*path.parts[1:])
    return raw.base / path


def _models(raw: Given, key: str) -> tuple[ProviderModel, ...]:
    return tuple(_model(each, place) for each, place in _tables(raw, key))


def _tables(raw: Given, key: str) -> list[tuple[Given, str]]:
    """Each of them, and what it is called."""
    if not isinstance(raw.value, list):
        raise ConfigError(f"{raw.place}: {key}: expected tables, as in [[{key}]]")
    return [(replace(raw, value=each), f"{key}[{i}]") for i, each in enumerate(raw.value)]


def _fields(raw: Given, key: str, hints: Mapping[str, Hint]) -> Mapping[str, object]:
    given = table(raw.value, key, raw.place)
    for name in given:
        if name not in hints:
            raise ConfigError(f"{raw.place}: {key}.{name} is not a setting{nearest(name, set(hints))}")
    return given


def _auto(raw: Given, key: str) -> AutoModel:
    hints = get_type_hints(AutoModel, include_extras=True)
    given = _fields(raw, key, hints)
    lacking = next((name for name in ("model", "quality", "source") if name not in given), None)
    if lacking is not None:
        raise ConfigError(f"{raw.place}: {key}.{lacking}: expected {expected(hints[lacking])}")
    values = {name: convert(replace(raw, value=value), f"{key}.{name}", hints[name]) for name, value in given.items()}
    return AutoModel(**values)


def _model(raw: Given, key: str) -> ProviderModel:
    hints = get_type_hints(ProviderModel, include_extras=True)
    given = _fields(raw, key, hints)
    if "id" not in given:
        raise ConfigError(f"{raw.place}: {key}.id: expected the model's name at the provider")
    if ("input" in given) != ("output" in given):
        raise ConfigError(f"{raw.place}: {key}: expected `input` and `output` together, or neither")
    values = {name: convert(replace(raw, value=value), f"{key}.{name}", hints[name]) for name, value in given.items()}
    for name, value in values.items():
        if isinstance(value, Decimal) and not (value.is_finite() and value >= 0):
            raise ConfigError(f"{raw.place}: {key}.{name}: expected {expected(hints[name])}, got {str(value)!r}")
    return ProviderModel(**values)
