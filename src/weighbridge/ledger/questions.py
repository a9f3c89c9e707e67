"""What may be asked of the ledger, and how sums become answers: regrouping of tallies by what is known of them. Pure.

Where the tallies come from is for others: `rollups.py` reads them in the database, `analysis.py` makes them of Parquet.
What is not known of an entry is a group of its own, never left out: every answer's total is that of all its entries.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, Literal, get_args

from weighbridge.catalog.model import Catalog, Model, Price
from weighbridge.ledger.saved import GIVEN_AGAIN
from weighbridge.ledger.tally import BOUNDS, NOTHING, Column, Grain, Sums, Tally, together

By = Literal[
    "model", "asked_model", "lab", "country", "licence", "weights", "provider", "provider_country", "endpoint", "key",
    "organisation", "project", "user", "tag", "tags", "imported", "ending", "error", "counted_by", "hour", "day",
    "month",
]  # fmt: skip

OTHERS: Final = "(others)"
"""The group of all that are not among the first so many."""
_UNKNOWN: Final = "unknown"
_NONE: Final = "none"


@dataclass(frozen=True)
class Known:
    """What is known of models, providers and prices beside the ledger."""

    catalog: Catalog
    priced: Callable[[], Catalog] | None = None
    """The catalogue with all price lists, where `catalog` has them not: to read them takes half a second."""
    _models: dict[str, Model | None] = field(default_factory=dict, init=False, compare=False)

    def model(self, id_: str | None) -> Model | None:
        """The model of an entry."""
        if id_ is None:
            return None
        if id_ not in self._models:
            self._models[id_] = self.catalog.find(id_)
        return self._models[id_]

    @cached_property
    def prices(self) -> Mapping[str, Price]:
        """The rows of the price lists, by id."""
        catalog = self.catalog if self.priced is None else self.priced()
        endpoints = (endpoint for model in catalog.models.values() for endpoint in model.endpoints)
        return {price.id: price for endpoint in endpoints for price in endpoint.prices}


_Facts = tuple[str | None, str | None]
"""What a group is called, and where that was read."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """Something to group by. Its groups are texts; None is unknown, or none."""

    said: str
    """What it is, for people."""
    of: Callable[[Tally, Known], str | None]
    columns: tuple[Column, ...] = ()
    """Those of an entry that it is read from."""
    grain: Grain = "all"
    nothing: str = _NONE
    """What None is called."""
    source: Callable[[Tally, Known], str | None] | None = None
    """Where the fact was read."""


def _lab(tally: Tally, known: Known) -> str | None:
    model = known.model(tally.model)
    return None if model is None or model.lab is None else model.lab.slug


def _country(tally: Tally, known: Known) -> str | None:
    model = known.model(tally.model)
    return None if model is None or model.lab is None else model.lab.country


def _lab_source(tally: Tally, known: Known) -> str | None:
    model = known.model(tally.model)
    return None if model is None or model.lab is None else model.lab.source


def _licence(tally: Tally, known: Known) -> str | None:
    model = known.model(tally.model)
    return None if model is None or model.licence is None else model.licence.licence_class


def _licence_source(tally: Tally, known: Known) -> str | None:
    model = known.model(tally.model)
    return None if model is None or model.licence is None else model.licence.source


def _weights(tally: Tally, known: Known) -> str | None:
    model = known.model(tally.model)
    if model is None or model.open_weights is None:
        return None
    return "open" if model.open_weights else "closed"


def _model_source(tally: Tally, known: Known) -> str | None:
    model = known.model(tally.model)
    return None if model is None else model.source


def _provider_country(tally: Tally, known: Known) -> str | None:
    if tally.provider is None:
        return None
    host = known.catalog.host(tally.provider)
    return "(this machine)" if host.own_machine else host.country


def _host_source(tally: Tally, known: Known) -> str | None:
    return None if tally.provider is None else known.catalog.host(tally.provider).source


def _endpoint(tally: Tally, known: Known) -> str | None:
    return None if tally.provider is None else f"{tally.provider}/{tally.upstream_model or ''}"


def _time(shape: str) -> Callable[[Tally, Known], str | None]:
    def of(tally: Tally, known: Known) -> str | None:
        return None if tally.hour is None else f"{datetime.fromtimestamp(tally.hour * 3600, UTC):{shape}}"

    return of


DIMENSIONS: Final[Mapping[By, Dimension]] = {
    "model": Dimension(
        "the model, or what was asked for where no model goes by that name",
        lambda tally, known: tally.model if tally.model is not None else tally.asked_model,
        ("model", "asked_model"),
        nothing="(unreadable)",
    ),
    "asked_model": Dimension(
        "the name that was asked for",
        lambda tally, known: tally.asked_model,
        ("asked_model",),
        nothing="(unreadable)",
    ),
    "lab": Dimension("who made the model", _lab, ("model",), nothing=_UNKNOWN, source=_lab_source),
    "country": Dimension("the seat of the lab", _country, ("model",), nothing=_UNKNOWN, source=_lab_source),
    "licence": Dimension(
        "the class of the weights' licence", _licence, ("model",), nothing=_UNKNOWN, source=_licence_source
    ),
    "weights": Dimension("open or closed", _weights, ("model",), nothing=_UNKNOWN, source=_model_source),
    "provider": Dimension("who answered", lambda tally, known: tally.provider, ("provider",)),
    "provider_country": Dimension(
        "the seat of who answered", _provider_country, ("provider",), nothing=_UNKNOWN, source=_host_source
    ),
    "endpoint": Dimension("provider/name of the model there", _endpoint, ("provider", "upstream_model")),
    "key": Dimension("the id of the key", lambda tally, known: tally.key, ("key",)),
    "organisation": Dimension("whose key", lambda tally, known: tally.organisation, ("organisation",)),
    "project": Dimension("the key's project", lambda tally, known: tally.project, ("project",)),
    "user": Dimension("whom the client named as its own user", lambda tally, known: tally.user, ("user",)),
    "tag": Dimension(
        "each tag; a request of several is in each of their groups, and once in the total",
        lambda tally, known: tally.tags[0] if tally.tags else None,
        ("tags",),
    ),
    "tags": Dimension(
        "all tags of a request together", lambda tally, known: ",".join(sorted(tally.tags)) or None, ("tags",)
    ),
    "imported": Dimension(
        "where usage that did not pass through the gateway was taken over from",
        lambda tally, known: tally.imported,
        ("imported",),
    ),
    "ending": Dimension("how it ended", lambda tally, known: tally.ending, ("ending",)),
    "error": Dimension("the code of its error", lambda tally, known: tally.error, ("error",)),
    "counted_by": Dimension("who counted the tokens", lambda tally, known: tally.counted_by, ("counted_by",)),
    "hour": Dimension("of the day, UTC", _time("%Y-%m-%dT%H:00Z"), grain="hour"),
    "day": Dimension("UTC", _time("%Y-%m-%d"), grain="day"),
    "month": Dimension("UTC", _time("%Y-%m"), grain="month"),
}  # fmt: skip
_GRAINS: Final[tuple[Grain, ...]] = ("hour", "day", "month")
_TIMES: Final[frozenset[By]] = frozenset(("hour", "day", "month"))
NARROWING: Final[Mapping[By, Column]] = {
    "key": "key",
    "provider": "provider",
    "organisation": "organisation",
    "project": "project",
    "imported": "imported",
    "user": "user",
    "ending": "ending",
}
"""Where a group is what a column says, so that whoever reads the entries may leave out the others at once."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: groups of `by`, over the full hours from `since` to `until`."""

    by: tuple[By, ...]
    since: datetime | None = None
    until: datetime | None = None
    where: tuple[tuple[By, str], ...] = ()
    """Only entries of these groups. Of one dimension any will do, of several each must hold."""
    top: int | None = None
    """Only so many groups, those that cost most; all others are one."""
    latency: bool = True
    """Whether times are wanted; where they cost reading, others leave them out."""
    savings: bool = True
    """Whether what caches saved is wanted, likewise."""

    @property
    def grain(self) -> Grain:
        """How finely time must be told apart."""
        grains = {DIMENSIONS[by].grain for by in self._read}
        return next((grain for grain in _GRAINS if grain in grains), "all")

    @property
    def columns(self) -> tuple[Column, ...]:
        """Of an entry, those that must be told apart."""
        return tuple(dict.fromkeys(column for by in self._read for column in DIMENSIONS[by].columns))

    @property
    def by_user(self) -> bool:
        """Whether users must be told apart."""
        return "user" in self.columns

    @property
    def only(self) -> dict[Column, str | None]:
        """Values of columns that all entries asked for have."""
        once = {by: value for by, value in self.where if [each for each, _ in self.where].count(by) == 1}
        return {
            column: None if once[by] == DIMENSIONS[by].nothing else once[by]
            for by, column in NARROWING.items()
            if by in once
        }

    @property
    def _read(self) -> tuple[By, ...]:
        return (*self.by, *(by for by, _ in self.where))


def read_by(text: str) -> tuple[By, ...]:
    """Dimensions with commas between. Raises ValueError that says which there are."""
    return tuple(dict.fromkeys(_dimension(part.strip()) for part in text.split(",") if part.strip()))


def read_where(text: str) -> tuple[By, str]:
    """`DIM=VALUE`. Raises ValueError that says what would do."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not DIM=VALUE, such as country=CN or tag=personal-data")
    return _dimension(name.strip()), value.strip()


def _dimension(name: str) -> By:
    for by in get_args(By):
        if by == name:
            return by  # type: ignore[no-any-return] # get_args knows no types
    raise ValueError(f"{name!r} is nothing to ask by; there are {', '.join(get_args(By))}")


@dataclass(frozen=True, slots=True)
class Figures:
    """What a group sums up to. Money is in 1e-12 US dollars."""

    sums: Sums = NOTHING
    prompt_cache_saved: int = 0
    """What was paid less because providers had prompts in their caches, less what writing these cost more."""
    prompt_cache_unknown: int = 0
    """Cached tokens of which that is not known: the price's row is not, or it has tiers."""


@dataclass(frozen=True, slots=True)
class Row:
    """One group."""

    group: tuple[str | None, ...]
    figures: Figures
    sources: tuple[str, ...] = ()
    """Where the facts that it is grouped by were read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The groups, and the sum of all: each entry once."""

    question: Question
    rows: list[Row]
    total: Figures


def answer(tallies: Iterable[Tally], question: Question, known: Known) -> Answer:
    """Group tallies as was asked."""
    asked = kept(tallies, question, known)
    groups: defaultdict[tuple[str | None, ...], list[Tally]] = defaultdict(list)
    dimensions = [DIMENSIONS[by] for by in question.by]
    for tally in _each_tag(asked) if "tag" in question.by else asked:
        groups[tuple(each.of(tally, known) for each in dimensions)].append(tally)
    rows = [
        Row(group, figures(members, known), _sources(members, dimensions, known)) for group, members in groups.items()
    ]
    return Answer(question, _ordered(rows, question), figures(asked, known))


def kept(tallies: Iterable[Tally], question: Question, known: Known) -> list[Tally]:
    """Those that were asked for."""
    wanted = _wanted(question, known)
    return [tally for tally in tallies if wanted(tally)]


def figures(tallies: Sequence[Tally], known: Known) -> Figures:
    """The sum of tallies."""
    cached = [tally for tally in tallies if tally.sums.cached_tokens and tally.price_id != GIVEN_AGAIN]
    saved, unknown = 0, 0
    for tally in cached:
        price = known.prices.get(tally.price_id or "")
        if price is None or price.whole is None:
            unknown += tally.sums.cached_tokens
        else:
            fresh, _, read, written, _ = price.whole
            saved += tally.sums.cached_tokens * (fresh - read) + tally.sums.written_tokens * (fresh - written)
    return Figures(together(tally.sums for tally in tallies), saved, unknown)


def _wanted(question: Question, known: Known) -> Callable[[Tally], bool]:
    values: defaultdict[By, set[str]] = defaultdict(set)
    for by, value in question.where:
        values[by].add(value)

    def wanted(tally: Tally) -> bool:
        return all(_groups(tally, by, known) & any_of for by, any_of in values.items())

    return wanted


def _groups(tally: Tally, by: By, known: Known) -> set[str]:
    dimension = DIMENSIONS[by]
    if by == "tag":
        return set(tally.tags) or {dimension.nothing}
    group = dimension.of(tally, known)
    return {dimension.nothing if group is None else group}


def _each_tag(tallies: Iterable[Tally]) -> Iterable[Tally]:
    for tally in tallies:
        if len(tally.tags) < 2:
            yield tally
        else:
            for tag in tally.tags:
                yield replace(tally, tags=(tag, *(each for each in tally.tags if each != tag)))


def _sources(tallies: Sequence[Tally], dimensions: Sequence[Dimension], known: Known) -> tuple[str, ...]:
    named = {each.source(tally, known) for each in dimensions if each.source is not None for tally in tallies}
    return tuple(sorted(source for source in named if source is not None))


def _ordered(rows: list[Row], question: Question) -> list[Row]:
    """By time where it is asked by time first, else by cost; no more than were asked for."""
    rows.sort(key=_dearest)
    if question.top is not None and len(rows) > question.top:
        rows, rest = rows[: question.top], rows[question.top :]
        others = Figures(
            together(row.figures.sums for row in rest),
            sum(row.figures.prompt_cache_saved for row in rest),
            sum(row.figures.prompt_cache_unknown for row in rest),
        )
        rows.append(Row((OTHERS,) * len(question.by), others))
    if question.by and question.by[0] in _TIMES:
        rows.sort(key=lambda row: (row.group[0] == OTHERS, row.group[0] or ""))
    return rows


def _dearest(row: Row) -> tuple[int, int, tuple[str, ...]]:
    sums = row.figures.sums
    return -sums.cost, -sums.requests, tuple(each or "" for each in row.group)


def label(by: By, group: str | None) -> str:
    """What a group is called."""
    return DIMENSIONS[by].nothing if group is None else group


def quantile(buckets: Sequence[int], share: float) -> float | None:
    """Seconds that `share` of the times were no longer than, read from their buckets; None where there are none.

    Within a bucket times are taken for evenly spread. Above the last bound (65.536 s) it is that bound: at least.
    """
    rank = sum(buckets) * share
    if not rank:
        return None
    below = 0
    for bucket, count in enumerate(buckets[:-1]):
        if below + count >= rank:
            low = BOUNDS[bucket - 1] if bucket else 0
            return (low + (BOUNDS[bucket] - low) * (rank - below) / count) / 1e6
        below += count
    return BOUNDS[-1] / 1e6
