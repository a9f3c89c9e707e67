"""Countries and the groups of them that facts and policies name, such as `EU`; from data/places.toml."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files

import msgspec

from weighbridge.errors import CatalogError


class _Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    countries: str
    as_of: date
    source: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    countries: str
    countries_source: str
    meant: dict[str, str]
    groups: dict[str, _Group]


@dataclass(frozen=True, slots=True)
class Places:
    """Country codes, and groups of them by name."""

    countries: frozenset[str]
    groups: Mapping[str, frozenset[str]]
    meant: Mapping[str, str] = field(default_factory=dict)
    """What people write for a code that is another, such as `UK`."""

    def countries_in(self, place: str) -> frozenset[str] | None:
        """The countries that a place may be: of a country itself, of a group its members; None: no such place."""
        if place in self.countries:
            return frozenset((place,))
        return self.groups.get(place)

    def nearest(self, place: str) -> str:
        """The end of a complaint: what was probably meant."""
        upper = place.upper()
        meant = upper if self.countries_in(upper) else self.meant.get(upper)
        close = [meant] if meant else difflib.get_close_matches(upper, self.groups, 1)
        return f"; did you mean {close[0]!r}?" if close else f"; groups are {', '.join(sorted(self.groups))}"


@cache
def places() -> Places:
    """The installed list. Raises CatalogError where a group names a country that there is not."""
    found = files("weighbridge.catalog") / "data" / "places.toml"
    try:
        read = msgspec.convert(tomllib.loads(found.read_text(encoding="utf-8")), _File)
    except (ValueError, msgspec.ValidationError) as error:
        raise CatalogError(f"{found.name}: {error}") from error
    countries = frozenset(read.countries.split())
    groups = {name: frozenset(group.countries.split()) for name, group in read.groups.items()}
    for name, members in groups.items():
        if unknown := members - countries:
            raise CatalogError(f"{found.name}, {name!r}: {min(unknown)!r} is no country's code")
    return Places(countries, groups, read.meant)
