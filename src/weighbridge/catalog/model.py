"""What is on offer: labs, licences, models, and the endpoints that serve them at a price.

Values only: frozen, without I/O. `load.py` makes them; everything else reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Final, Literal, Protocol

from weighbridge.wire.habits.profile import Habits, Prefix

LicenceClass = Literal["permissive", "restricted", "non-commercial", "proprietary"]
Cap = int | Literal["none"]
"""A bound that a licence sets, or that it sets none; where it is not known which, the field is None."""
OutputUse = Literal["free", "conditions", "forbidden"]
"""Whether answers may be used to train other models, such as by distillation."""
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
    """`id` is the SPDX id where one exists, else `LicenseRef-…`. A clause that nobody read is None, unknown."""

    id: str
    name: str
    licence_class: LicenceClass
    source: str
    user_cap: Cap | None = None
    """Monthly active users above which it does not hold, or asks for a licence of one's own."""
    revenue_cap: Cap | None = None
    """US dollars of revenue a month above which it does not hold, or asks for a licence of one's own."""
    attribution: bool | None = None
    """Whether products must show the model's or its maker's name, beyond keeping notices in copies of the weights."""
    output_use: OutputUse | None = None
    use_limits: bool | None = None
    """Whether it limits the field of use: forbidden purposes, places or trades, besides research only."""

    @property
    def non_commercial(self) -> bool | None:
        """Whether the weights are for research or private use only; None for what is no licence of weights."""
        return None if self.licence_class == "proprietary" else self.licence_class == "non-commercial"


@dataclass(frozen=True, slots=True)
class Host:
    """Who serves an endpoint, under whose law and on what terms; by the provider's id. None is unknown."""

    id: str
    name: str
    country: str | None = None
    """Seat of the company that has the data, ISO 3166-1 alpha-2: whose law it is under."""
    region: str | None = None
    """Where its data centre stands: a country, or a group such as `EU` when no more is said."""
    retention_days: int | None = None
    """Days for which prompts and answers are kept without being asked to; 0 is zero data retention."""
    trains: bool | None = None
    """Whether what comes through the API trains models unless its owner objects."""
    data_except: tuple[str, ...] = ()
    """What the provider's names of models begin with for which the two are not known."""
    own_machine: bool = False
    """Nothing leaves the machine: no company has the data, none is kept, nobody trains on it."""
    passes_on: bool = False
    """A router: who serves a request is chosen among others, so nothing is known of where it goes."""
    parameters: frozenset[str] | None = None
    """The fields of a request for text that its API heeds, besides those that every one has."""
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars for a million tokens; above a tier's start (prompt tokens) the whole prompt pays its price."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()
    """(start, price) in ascending order of start."""

    def at(self, prompt_tokens: int | Decimal) -> Decimal:
        """The price of a million tokens when the prompt has so many, cached ones counted."""
        if not self.tiers:
            return self.base
        reached = (price for start, price in reversed(self.tiers) if prompt_tokens > start)
        return next(reached, self.base)


WholePrice = tuple[int, int, int, int, int]
"""Prompt, answer, read from the cache, written to it (each a token) and a request, in 1e-12 US dollars."""


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
    """From the first to just before the second, each day, aware UTC; over midnight if the second is the earlier."""
    whole: "WholePrice | None" = field(init=False, repr=False, compare=False)
    """The same without tiers and in whole numbers, where it can be said so, as most rows can."""

    dated: str | None = field(init=False, repr=False, compare=False)
    """`since` as ISO 8601."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "whole", _whole(self))
        object.__setattr__(self, "dated", None if self.since is None else self.since.isoformat())

    def in_force(self, when: datetime) -> bool:
        """Whether the row's date and hours admit `when` (aware)."""
        at = when.astimezone(UTC)
        if self.since is not None and at.date() < self.since:
            return False
        if self.hours is None:
            return True
        start, end = self.hours
        if end < start:
            return at.timetz() >= start or at.timetz() < end
        return start <= at.timetz() < end


def _whole(price: Price) -> WholePrice | None:
    rates = (price.input, price.output, price.cache_read or price.input, price.cache_write or price.input)
    sums = (*(rate.base.scaleb(6) for rate in rates), price.per_request.scaleb(12))
    if any(rate.tiers for rate in rates) or any(each != each.to_integral_value() for each in sums):
        return None
    prompt, answer, read, written, request = map(int, sums)
    return prompt, answer, read, written, request


def price_id(name: str, since: date | None = None, hours: tuple[time, time] | None = None) -> str:
    """The id of a row of the price list entry `name`, such as `list:provider/model@2026-09-10` or `…#0030-1630`."""
    dated = name if since is None else f"{name}@{since.isoformat()}"
    return dated if hours is None else f"{dated}#{hours[0]:%H%M}-{hours[1]:%H%M}"


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
    habits: Habits | None = None
    """What the model does there in its own way; None: nothing that we know of."""
    since: date | None = None
    """The first day on which it is served; None: since ever, as far as we know."""
    until: date | None = None
    """The first day on which it no longer is."""
    id: str = field(init=False, repr=False, compare=False)
    """`provider/upstream_model`: one endpoint, whatever else is known of it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"{self.provider}/{self.upstream_model}")

    def served_on(self, day: date) -> bool:
        """Whether the provider serves it on that day, by its listing."""
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)

    def price_at(self, when: datetime) -> Price | None:
        """The price row in force at `when` (aware): the last one listed whose date and hours match.

        Where none matches it is the first one listed (as in genai-prices), and None where no price is known.
        """
        if len(self.prices) == 1:
            return self.prices[0]
        in_force = (price for price in reversed(self.prices) if price.in_force(when))
        return next(in_force, self.prices[0] if self.prices else None)


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
    base_country: str | None = None
    """Country of the lab whose model stands at the foot: the base's base and so on, or its own if it has none."""
    source: str | None = None
    endpoints: tuple[Endpoint, ...] = ()


_LONGEST_NAME: Final = 200
"""Characters of a name that is worth comparing: the comparison's time grows with them."""


class HabitsOf(Protocol):
    """Who knows a model's habits."""

    def of(self, provider: str, *names: str) -> Habits | None:
        """The habits of the model that goes by these names at a provider."""
        ...

    def prefix_of(self, provider: str, *names: str) -> Prefix | None:
        """How it is asked there to go on with an answer that was begun; None where that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Catalog:
    """One immutable snapshot. `models` by id; `aliases` maps other accepted names, in lower case, to an id."""

    models: Mapping[str, Model]
    aliases: Mapping[str, str] = field(default_factory=dict)
    habits: HabitsOf | None = None
    hosts: Mapping[str, Host] = field(default_factory=dict)
    """By the provider's id; of one that is not here nothing is known."""

    def find(self, name: str) -> Model | None:
        """The model of this id or alias, whatever its case."""
        exact = self.models.get(name)
        if exact is not None:
            return exact
        lowered = name.lower()
        for id_ in (lowered, self.aliases.get(lowered)):
            if id_ is not None and id_ in self.models:
                return self.models[id_]
        return None

    def host(self, provider: str) -> Host:
        """Who serves the endpoints of this provider; of a stranger nothing is known."""
        return self.hosts.get(provider) or Host(provider, provider)

    def habits_of(self, provider: str, *names: str) -> Habits | None:
        """The habits of the model that goes by these names (an id, a provider's own) at a provider."""
        return None if self.habits is None else self.habits.of(provider, *names)

    def prefix_of(self, endpoint: Endpoint) -> Prefix | None:
        """How the endpoint is asked to go on with an answer that was begun; None where that is not known."""
        names = (endpoint.model, endpoint.upstream_model)
        return None if self.habits is None else self.habits.prefix_of(endpoint.provider, *names)

    def nearest(self, name: str, count: int = 3) -> list[str]:
        """The ids most like `name`, those that some endpoint serves first; fewer or none if nothing is alike."""
        if len(name) > _LONGEST_NAME:
            return []
        wanted = name.lower()
        alike = [(_likeness(wanted, id_), id_) for id_ in self.models]
        kept = sorted((pair for pair in alike if pair[0] >= 0.5), key=lambda pair: (-pair[0], pair[1]))
        ids = [id_ for _, id_ in kept]
        live = [id_ for id_ in ids if self.models[id_].endpoints]
        return [*live, *(id_ for id_ in ids if not self.models[id_].endpoints)][:count]


def _likeness(name: str, id_: str) -> float:
    """0 to 1; a name without a lab is held against the id without its lab."""
    whole = id_.lower()
    other = whole if "/" in name else whole.rpartition("/")[2]
    matcher = SequenceMatcher(None, other, name)
    if name in whole:
        return 0.5 + matcher.ratio() / 2
    return matcher.ratio() if matcher.real_quick_ratio() >= 0.5 and matcher.quick_ratio() >= 0.5 else 0.0
