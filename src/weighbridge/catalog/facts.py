"""The data files as typed rows, checked one by one and against each other.

What a row may say is the Struct of its name; a field none of them has is an error, as is a model whose lab or licence
is not in its file. Every complaint is a CatalogError that names the file and the row.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import msgspec

from weighbridge.catalog.model import Cap, Lab, Licence, LicenceClass, Modality, OutputUse
from weighbridge.errors import CatalogError

_T = TypeVar("_T")


class LabRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """labs.toml, by slug: the part of a model's id before the `/`."""

    name: str
    country: str
    source: str


class LicenceRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"licence_class": "class"}):
    """licences.toml, by id. The clauses as in `Licence`; `read` is the day on which its text was read for them."""

    name: str
    licence_class: LicenceClass
    source: str
    user_cap: Cap | None = None
    revenue_cap: Cap | None = None
    attribution: bool | None = None
    output_use: OutputUse | None = None
    use_limits: bool | None = None
    read: date | None = None

    def licence(self, id_: str) -> Licence:
        """The licence of this id."""
        return Licence(
            id_,
            self.name,
            self.licence_class,
            self.source,
            user_cap=self.user_cap,
            revenue_cap=self.revenue_cap,
            attribution=self.attribution,
            output_use=self.output_use,
            use_limits=self.use_limits,
        )


class ModelRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """models/*.toml, by id `lab/slug`. What is not known is left out."""

    name: str
    licence: str | None = None
    open_weights: bool | None = None
    source: str
    aliases: tuple[str, ...] = ()
    """Other names of the same weights: the maker's repository, the API's own name."""
    total_params: int | None = None
    active_params: int | None = None
    context: int | None = None
    max_output: int | None = None
    input: tuple[Modality, ...] | None = None
    output: tuple[Modality, ...] | None = None
    tools: bool | None = None
    reasoning: bool | None = None
    released: date | None = None
    base_model: str | None = None
    base_country: str | None = None
    """The country of the lab at the foot of its bases, where these are in no row."""
    from_scratch: bool = False
    """Its makers say that they trained it from the beginning, on no other model's weights."""


class EndpointRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an endpoints file says of one upstream model; a bare string there is its `model`."""

    model: str
    quantisation: str | None = None
    region: str | None = None
    context: int | None = None
    since: date | None = None
    until: date | None = None
    """The first day on which the provider no longer serves it."""


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """endpoints/PROVIDER.toml: which models a provider serves, by its own names for them."""

    source: str
    read: date
    """The day on which `source` said so."""
    price_provider: str | None = None
    """The provider's id in genai-prices."""
    own_machine: bool = False
    """Served by the embedded engine: every price is zero."""
    models: dict[str, str | EndpointRow]

    def rows(self, when: date | None) -> Iterator[tuple[str, EndpointRow]]:
        """(upstream model, row) of what is served on that day; None: of what was ever listed."""
        for upstream, listed in self.models.items():
            row = EndpointRow(model=listed) if isinstance(listed, str) else listed
            if when is None or ((row.since is None or row.since <= when) and (row.until is None or when < row.until)):
                yield upstream, row


class RateRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rate that depends on the prompt's length; a bare amount is a rate that does not."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...]

    def __post_init__(self) -> None:
        if list(self.tiers) != sorted(self.tiers):
            raise ValueError("tiers are given in ascending order")


class PriceRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """prices.toml: a price that genai-prices lacks. US dollars for a million tokens."""

    provider: str
    upstream_model: str
    since: date | None = None
    hours: tuple[time, time] | None = None
    """From the first to just before the second, each day, UTC; over midnight if the second is the earlier."""
    input: Decimal | RateRow
    output: Decimal | RateRow
    cache_read: Decimal | RateRow | None = None
    cache_write: Decimal | RateRow | None = None
    source: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All data files, checked. Listings are read by provider, when asked for."""

    labs: Mapping[str, Lab]
    licences: Mapping[str, Licence]
    models: Mapping[str, ModelRow]
    prices: Mapping[tuple[str, str], tuple[PriceRow, ...]]
    """By provider and upstream model, in the order of the file."""


def read_facts(data: Traversable) -> Facts:
    """Labs, licences, models and our own prices.

    Raises CatalogError.
    """
    lab_rows = read_table(data / "labs.toml", LabRow)
    labs = {slug: Lab(slug, row.name, row.country, row.source) for slug, row in lab_rows.items()}
    licences = {id_: row.licence(id_) for id_, row in read_table(data / "licences.toml", LicenceRow).items()}
    return Facts(labs, licences, _models(data / "models", labs, licences), _prices(data / "prices.toml"))


def read_listing(data: Traversable, provider: str, models: Mapping[str, ModelRow]) -> Listing | None:
    """What `provider` serves, or None if there is no file of that name.

    Raises CatalogError, also where a row names a model that `models` lacks.
    """
    file = data / "endpoints" / f"{provider}.toml"
    if not file.is_file():
        return None
    listing = read_file(file, Listing)
    for upstream, listed in listing.models.items():
        model = listed if isinstance(listed, str) else listed.model
        if model not in models:
            raise _wrong(file, upstream, f"model {model!r} is in no file of models/")
    return listing


def listed_providers(data: Traversable) -> tuple[str, ...]:
    """The providers that have a file in endpoints/, in alphabetical order."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in toml_files(data / "endpoints")))


def _models(folder: Traversable, labs: Mapping[str, Lab], licences: Mapping[str, Licence]) -> Mapping[str, ModelRow]:
    models: dict[str, ModelRow] = {}
    for file in toml_files(folder):
        for id_, row in read_table(file, ModelRow).items():
            if id_ in models:
                raise _wrong(file, id_, "another file has the same id")
            _check_model(file, id_, row, labs, licences)
            models[id_] = row
    _check_aliases(folder, models)
    return models


def _check_model(
    file: Traversable, id_: str, row: ModelRow, labs: Mapping[str, Lab], licences: Mapping[str, Licence]
) -> None:
    lab, _, slug = id_.partition("/")
    if not slug or id_ != id_.lower():
        raise _wrong(file, id_, "an id is `lab/slug` in lower case")
    if lab not in labs:
        raise _wrong(file, id_, f"lab {lab!r} is not in labs.toml")
    if row.licence is not None:
        _check_licence(file, id_, row, licences.get(row.licence))
    if row.total_params is not None and row.active_params is not None and row.active_params > row.total_params:
        raise _wrong(file, id_, "more active than total parameters")
    if row.base_model == id_:
        raise _wrong(file, id_, "a model is not its own base")
    if row.base_model is not None and row.from_scratch:
        raise _wrong(file, id_, "`base_model` and `from_scratch` contradict each other")


def _check_licence(file: Traversable, id_: str, row: ModelRow, licence: Licence | None) -> None:
    if licence is None:
        raise _wrong(file, id_, f"licence {row.licence!r} is not in licences.toml")
    if row.open_weights != (licence.licence_class != "proprietary"):
        stated = {True: "open", False: "closed", None: "unknown"}[row.open_weights]
        raise _wrong(file, id_, f"licence {licence.id!r} and {stated} weights contradict each other")


def _check_aliases(folder: Traversable, models: Mapping[str, ModelRow]) -> None:
    claimed: dict[str, str] = {}
    for id_, row in models.items():
        for alias in row.aliases:
            owner = alias.lower() if alias.lower() in models else claimed.setdefault(alias.lower(), id_)
            if owner != id_:
                raise _wrong(folder, id_, f"alias {alias!r} is taken by {owner!r}")


def _prices(file: Traversable) -> Mapping[tuple[str, str], tuple[PriceRow, ...]]:
    prices: dict[tuple[str, str], tuple[PriceRow, ...]] = {}
    for number, raw in enumerate(_parse(file).get("price", []), start=1):
        row = _convert(file, f"price {number}", raw, PriceRow)
        key = row.provider, row.upstream_model
        prices[key] = (*prices.get(key, ()), row)
    return prices


def toml_files(folder: Traversable) -> list[Traversable]:
    """The data files of a folder, in the order of their names."""
    return sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)


def read_table(file: Traversable, shape: type[_T]) -> dict[str, _T]:
    """A file's tables by their keys, each checked. Raises CatalogError."""
    return {key: _convert(file, key, raw, shape) for key, raw in _parse(file).items()}


def read_file(file: Traversable, shape: type[_T]) -> _T:
    """A file that is one value, checked. Raises CatalogError."""
    return _convert(file, "the file", _parse(file), shape)


def _parse(file: Traversable) -> dict[str, Any]:  # Any: what a TOML file holds, before it has a type
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogError(f"{file.name}: {error}") from error


def _convert(file: Traversable, row: str, raw: object, shape: type[_T]) -> _T:
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise _wrong(file, row, str(error)) from error


def _wrong(file: Traversable, row: str, complaint: str) -> CatalogError:
    return CatalogError(f"{file.name}, {row!r}: {complaint}")
