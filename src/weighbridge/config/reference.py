"""Every setting in a row, for the reference page and for `weighbridge doctor`."""

from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, fields
from typing import get_type_hints

from weighbridge.config.kinds import expected
from weighbridge.config.settings import (
    SECTIONS,
    AliasSettings,
    AutoModel,
    PresetSettings,
    ProviderModel,
    ProviderSettings,
)
from weighbridge.config.sources import CONFIG_VARIABLE, PREFIX, short, variable_of

_HOME_MEANING = "The data directory; unset: $XDG_DATA_HOME/weighbridge, else ~/.local/share/weighbridge."


@dataclass(frozen=True, slots=True)
class Described:
    """One setting, for the reference page."""

    key: str
    expected: str
    unit: str | None
    default: str
    variable: str | None
    """None: cannot be set in the environment."""
    meaning: str


def described() -> Iterator[Described]:
    """Every setting there is, in the order of the reference page."""
    yield Described("home", "a path", None, "see meaning", f"{PREFIX}HOME", _HOME_MEANING)
    for name, section in SECTIONS.items():
        for item in fields(section):
            tables = (name, item.name) == ("switch", "auto")
            yield _describe(section, item.name, name, None if tables else variable_of(f"{name}.{item.name}"))
    for item in fields(AutoModel):
        yield _describe(AutoModel, item.name, "switch.auto", None)
    for item in fields(ProviderSettings):
        variable = None if item.name == "models" else variable_of(f"providers.<id>.{item.name}")
        yield _describe(ProviderSettings, item.name, "providers.<id>", variable)
    for item in fields(ProviderModel):
        yield _describe(ProviderModel, item.name, "providers.<id>.models", None)
    for name, of in (("aliases", AliasSettings), ("presets", PresetSettings)):
        for item in fields(of):
            yield _describe(of, item.name, f"{name}.<name>", None)


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Those of `names` that begin like a setting's and are none of ours: a slip of the pen, perhaps."""
    known = {item.variable for item in described()} | {CONFIG_VARIABLE}
    known |= {short(name) for name in known if name}
    known |= {f"{PREFIX}BASE_URL", f"{PREFIX}API_KEY"}  # of `weighbridge chat`, as a client
    providers = f"{PREFIX}PROVIDERS_"
    return sorted(n for n in names if n.startswith(PREFIX) and n not in known and not n.startswith(providers))


def _describe(cls: type, name: str, section: str, variable: str | None) -> Described:
    item = next(each for each in fields(cls) if each.name == name)
    hint = get_type_hints(cls, include_extras=True)[name]
    meta = item.metadata
    default = "required" if item.default is MISSING else _shown(item.default)
    return Described(f"{section}.{name}", expected(hint), meta["unit"], default, variable, meta["meaning"])


def _shown(default: object) -> str:
    if default is None:
        return "unset"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return "[" + ", ".join(f'"{each}"' for each in default) + "]"
    return f'"{default}"' if isinstance(default, str) else str(default)
