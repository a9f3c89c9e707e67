"""Where settings come from: the file, the environment, the command line; still as raw values."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path

from weighbridge.config.settings import SECTIONS, ConfigError, ProviderSettings

PREFIX = "WEIGHBRIDGE_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
FILE_NAME = "weighbridge.toml"


@dataclass(frozen=True, slots=True)
class Given:
    """A raw value and where it was found. `base` is where relative paths start."""

    value: object
    place: str
    base: Path
    from_file: bool = False
    """A file has types of its own; elsewhere a text may stand for a number or for true and false."""


def find_file(named: Path | None, environ: Mapping[str, str], here: Path) -> Path | None:
    """The settings file: the one that is named, or the first that is there. Raises ConfigError for a named one gone."""
    variable = environ.get(CONFIG_VARIABLE)
    if named is not None:
        return _must_exist(here / named, "--config")
    if variable:
        return _must_exist(here / variable, CONFIG_VARIABLE)
    usual = (here / FILE_NAME, _xdg(environ, "XDG_CONFIG_HOME", ".config") / "weighbridge" / FILE_NAME)
    return next((path for path in usual if path.is_file()), None)


def _must_exist(path: Path, named_by: str) -> Path:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file, though {named_by} names it; create it or leave {named_by} out")
    return path


def from_file(path: Path) -> dict[str, Given]:
    """The values of a settings file by key, such as `server.port`. Raises ConfigError."""
    try:
        # Decimal, so that a price such as 0.1 is the tenth that was written.
        document = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    return {key: Given(value, str(path), path.parent, from_file=True) for key, value in _flat(document, path)}


def _flat(document: Mapping[str, object], path: Path) -> Iterator[tuple[str, object]]:
    for name, value in document.items():
        if name not in {*SECTIONS, "providers"}:
            yield name, value
            continue
        for field_name, inner in table(value, name, str(path)).items():
            if name != "providers":
                yield f"{name}.{field_name}", inner
                continue
            for provider_field, leaf in table(inner, f"providers.{field_name}", str(path)).items():
                yield f"providers.{field_name}.{provider_field}", leaf


def table(value: object, key: str, place: str) -> Mapping[str, object]:
    """`value` as the table it should be. Raises ConfigError."""
    if not isinstance(value, dict):
        raise ConfigError(f"{place}: {key}: expected a table, such as [{key}]")
    return dict(value)


def from_environ(environ: Mapping[str, str], here: Path) -> dict[str, Given]:
    """The values of the `WEIGHBRIDGE_*` variables by key. Raises ConfigError for a slip in the name of one."""
    found: dict[str, Given] = {}
    variables = {key: variable_of(key) for key in keys()}
    _refuse_slips(environ, set(variables.values()))
    for key, variable in variables.items():
        for name in (short(variable), variable):
            value = environ.get(name, "")
            # Kubernetes gives each pod WEIGHBRIDGE_PORT=tcp://… when a service is called "weighbridge".
            if value.strip() and not value.startswith("tcp://"):
                found[key] = Given(value.strip(), name, here)
    return found | dict(_providers_from(environ, here))


def _refuse_slips(environ: Mapping[str, str], known: set[str]) -> None:
    sections = tuple(f"{PREFIX}{name.upper()}_" for name in SECTIONS)
    for name in environ:
        if name.startswith(sections) and name not in known:
            close = difflib.get_close_matches(name, known, 1)
            raise ConfigError(f"{name}: not a setting" + (f"; did you mean {close[0]}?" if close else ""))


def _providers_from(environ: Mapping[str, str], here: Path) -> Iterator[tuple[str, Given]]:
    names = sorted((item.name for item in fields(ProviderSettings) if item.name != "models"), key=len, reverse=True)
    for variable, value in environ.items():
        rest = variable.removeprefix(f"{PREFIX}PROVIDERS_").lower()
        if not variable.startswith(f"{PREFIX}PROVIDERS_") or not value.strip():
            continue
        name = next((name for name in names if rest.endswith(f"_{name}")), None)
        if name is None:
            raise ConfigError(
                f"{variable}: not a setting; it must end in {', '.join(n.upper() for n in sorted(names))}"
            )
        provider = rest.removesuffix(f"_{name}").replace("_", "-")
        yield f"providers.{provider}.{name}", Given(value.strip(), variable, here)


def keys() -> list[str]:
    """The key of every setting that there is once, such as `server.port`."""
    return ["home", *(f"{name}.{item.name}" for name, section in SECTIONS.items() for item in fields(section))]


def variable_of(key: str) -> str:
    """The variable of the environment that sets `key`."""
    return PREFIX + key.replace(".", "_").upper()


def short(variable: str) -> str:
    """The same variable with the server's section left out; any other as it is."""
    return variable.replace(f"{PREFIX}SERVER_", PREFIX)


def default_home(environ: Mapping[str, str]) -> Path:
    """The data directory where none is set."""
    return _xdg(environ, "XDG_DATA_HOME", ".local/share") / "weighbridge"


def _xdg(environ: Mapping[str, str], variable: str, usual: str) -> Path:
    named = Path(environ.get(variable, ""))
    return named if named.is_absolute() else user_home(environ) / usual  # XDG: relative paths are ignored


def user_home(environ: Mapping[str, str]) -> Path:
    """What `~` stands for."""
    return Path(environ.get("HOME") or Path("~").expanduser())
