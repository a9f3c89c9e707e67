"""What is on offer: labs, licences, models, and the endpoints that serve them at a price.

Values only: frozen, without I/O. `load.py` makes them; everything else reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Literal

LicenceClass = Literal["permissive", "restricted", "non-commercial", "proprietary"]
Modality = Literal["text", "image", "audio", "video", "file", "embedding"]


@dataclass(frozen=True, slots=True)
class Lab:
    """Who made a model. `country` is ISO 3166-1 alpha-2 of its seat."""

    slug: str
    name: str
    country: str
    source: str


@dataclass(frozen=True, slots=True)
class Licence:
    """`id` is the SPDX id where one exists, else `LicenseRef-…`."""

    id: str
    name: str
    licence_class: LicenceClass
    source: str


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars for a million tokens; above a tier's start (prompt tokens) the whole prompt pays its price."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Price:
    """One row of a price list, in force from `since`, at `hours` (UTC) if not always."""

    id: str
    source: str
    """Where the row was read, with its version."""
    input: Rate
    output: Rate
    cache_read: Rate | None = None
    """None: cached prompt tokens pay `input`."""
    cache_write: Rate | None = None
    per_request: Decimal = Decimal(0)
    """US dollars for one request."""
    since: date | None = None
    hours: tuple[time, time] | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model as one provider serves it. `prices` is empty where the price is unknown (never zero by guess)."""

    provider: str
    upstream_model: str
    model: str
    prices: tuple[Price, ...] = ()
    quantisation: str | None = None
    region: str | None = None
    context: int | None = None

    def price_at(self, when: datetime) -> Price | None:
        """The price row in force at `when` (aware, UTC): the last one listed whose date and hours match."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Model:
    """A model and who serves it. `None` is unknown, everywhere."""

    id: str
    name: str | None = None
    lab: Lab | None = None
    licence: Licence | None = None
    open_weights: bool | None = None
    total_params: int | None = None
    active_params: int | None = None
    context: int | None = None
    max_output: int | None = None
    input_modalities: tuple[Modality, ...] | None = None
    output_modalities: tuple[Modality, ...] | None = None
    tools: bool | None = None
    reasoning: bool | None = None
    released: date | None = None
    base_model: str | None = None
    source: str | None = None
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """One immutable snapshot. `models` by id; `aliases` maps other accepted names to an id."""

    models: Mapping[str, Model]
    aliases: Mapping[str, str] = field(default_factory=dict)
