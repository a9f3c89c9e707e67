"""What others call providers, from data/slugs.toml: their clients name them so in requests."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import msgspec

from weighbridge.errors import CatalogError


class _Elsewhere(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    names: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    same: dict[str, str]
    elsewhere: _Elsewhere


@dataclass(frozen=True, slots=True)
class Slugs:
    """Names in `plain` form."""

    same: Mapping[str, str]
    """Other names of providers that are known here, with their id."""
    elsewhere: frozenset[str]
    """Providers that there are, and that are not known here."""


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """A provider's name without what people write differently: `Z.AI`, `z-ai` and `zai` are one."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


@cache
def slugs() -> Slugs:
    """The installed list. Raises CatalogError where it cannot be read."""
    found = files("weighbridge.catalog") / "data" / "slugs.toml"
    try:
        read = msgspec.convert(tomllib.loads(found.read_text(encoding="utf-8")), _File)
    except (ValueError, msgspec.ValidationError) as error:
        raise CatalogError(f"{found.name}: {error}") from error
    same = {plain(name): id_ for name, id_ in read.same.items()}
    return Slugs(same, frozenset(map(plain, read.elsewhere.names.split())))
