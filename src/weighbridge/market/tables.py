"""The market's long tables: what a row of each says, in which units, and what tells rows apart.

Every row ends with where it came from (`source`) and the day on which that was published (`as_of`): what a source
restates later is a row beside the old one, and a reader takes the newest (`engine.Engine.table`). Unknown is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, NamedTuple, get_type_hints

Grain = Literal["day", "week", "month"]


class Downloads(NamedTuple):
    """Counters of a repository of a hub, as read on a day; never differences, which measures make."""

    model: str
    """The hub's id, as written there."""
    day: date
    last_30_days: int | None
    in_all: int | None
    source: str
    as_of: date


class Usage(NamedTuple):
    """Tokens (prompt and answer) of one model in one period."""

    model: str
    """The source's own name; `other` is what it does not tell apart."""
    day: date
    """The first of the period."""
    grain: Grain
    category: str | None
    tokens: int
    source: str
    as_of: date


class Price(NamedTuple):
    """US dollars for a million tokens, from a day on; amounts as decimal digits, so that they stay exact."""

    model: str
    provider: str
    tier: str
    """`base`, or a condition of the price such as `prompt>200000` or `hours=16:30-00:30`."""
    since: date | None
    input: str | None
    output: str | None
    cache_read: str | None
    cache_write: str | None
    source: str
    as_of: date


class Organisation(NamedTuple):
    """What a source says of who publishes models; ours, reviewed, is `identity/`."""

    organisation: str
    name: str | None
    place: str | None
    """As the source says it: a country, several, or a region of its own."""
    kind: str | None
    source: str
    as_of: date


class Model(NamedTuple):
    """What a source says of a model."""

    model: str
    organisation: str | None
    released: date | None
    open_weights: bool | None
    licence: str | None
    total_params: int | None
    active_params: int | None
    modality: str | None
    source: str
    as_of: date


class Alias(NamedTuple):
    """That a source itself says two names to be one model, such as OpenRouter's `hugging_face_id`."""

    model: str
    scheme: str
    """Whose name `other` is, as in `identity/`."""
    other: str
    source: str
    as_of: date


class Edge(NamedTuple):
    """A model that its publisher says to be made from another."""

    model: str
    base: str
    relation: str
    source: str
    as_of: date


class Openness(NamedTuple):
    """What a framework found of one dimension of a model's, or a company's, openness."""

    subject: str
    framework: str
    dimension: str
    found: str
    """In the framework's own words: `open`, `III`, `1`."""
    evidence: str | None
    source: str
    as_of: date


class Rating(NamedTuple):
    """A model's place on a board, on the day of the board's publication."""

    model: str
    board: str
    day: date
    organisation: str | None
    licence: str | None
    rank: int | None
    rank_style_controlled: int | None
    rating: float
    votes: int | None
    source: str
    as_of: date


class Training(NamedTuple):
    """What is estimated of a training run."""

    model: str
    organisation: str | None
    published: date | None
    chip: str | None
    chips: int | None
    chip_hours: float | None
    cost: float | None
    """US dollars of 2023."""
    method: str | None
    """What the cost takes in, such as `cloud` or `capex+energy`; `as listed` where the source does not say."""
    source: str
    as_of: date


class ChipPrice(NamedTuple):
    """What a chip cost on a day, to buy or by the hour."""

    chip: str
    day: date
    vendor: str | None
    terms: str
    """`purchase`, `release`, or an hour: `on-demand`, `1-year`, `3-year`."""
    dollars: float
    source: str
    as_of: date


class PublisherMonth(NamedTuple):
    """Downloads of a publisher's own repositories in a month, as a source worked them out."""

    publisher: str
    """A namespace of the hub."""
    month: date
    """Its first day."""
    task: str
    downloads: int
    share: float
    """Of all downloads for this task, of 1."""
    exact: bool
    """Whether from differences of counters, rather than estimated."""
    source: str
    as_of: date


class HubMonth(NamedTuple):
    """The whole hub's downloads in a month, as a source worked them out; shares of 1."""

    month: date
    downloads: int
    active_models: int
    share_top10: float
    share_top100: float
    share_top1000: float
    share_derivatives: float
    share_quantised: float
    exact: bool
    source: str
    as_of: date


class Member(NamedTuple):
    """That a source says a model to be of a family."""

    model: str
    family: str
    source: str
    as_of: date


class TaskShare(NamedTuple):
    """What part of the use that a source classified is for one task, or of that task's by one model; shares of 1."""

    task: str
    area: str
    """What the task is one of, such as `code`."""
    model: str | None
    """None: of all models, and the share is of all that was classified; else of this task's."""
    day: date
    """The last of the window."""
    days: int
    requests: float | None
    tokens: float | None
    source: str
    as_of: date


class AppUsage(NamedTuple):
    """Tokens (prompt and answer) of one app in a window."""

    app: str
    """The source's own number; names change."""
    name: str
    category: str | None
    """None: of all apps; else of those of one category. An app may be in several."""
    since: date
    day: date
    """The last of the window, counted in."""
    tokens: int
    requests: int
    source: str
    as_of: date


class SessionCost(NamedTuple):
    """What half of the sessions of one app with one model cost at most, by how many turns they had."""

    app: str
    model: str
    turns: str
    """As the source has it, such as `10-49-turns`."""
    day: date
    """The last of the window."""
    days: int
    dollars: float
    source: str
    as_of: date


class Offer(NamedTuple):
    """What an endpoint of a model had on a day, beside its price."""

    model: str
    provider: str
    day: date
    quantisation: str | None
    context: int | None
    max_output: int | None
    uptime: float | None
    """Of 1, as the source says it."""
    first_token: float | None
    """Seconds to the first token, the median."""
    speed: float | None
    """Tokens of answer a second, the median."""
    source: str
    as_of: date


Row = (
    AppUsage
    | Member
    | Offer
    | SessionCost
    | TaskShare
    | ChipPrice
    | HubMonth
    | PublisherMonth
    | Downloads
    | Usage
    | Price
    | Organisation
    | Model
    | Alias
    | Edge
    | Openness
    | Rating
    | Training
)


@dataclass(frozen=True, slots=True)
class Table:
    """How a table is stored."""

    row: type[Row]
    key: tuple[str, ...]
    """Two rows of these and one source say the same thing; that of the later `as_of` is in force."""
    month: str | None = None
    """The day by whose month its files are parted."""

    @property
    def columns(self) -> Mapping[str, type]:
        """Python types by name, in the order of the row; optional ones without their None."""
        hints: dict[str, Any] = get_type_hints(self.row)  # Any: types, unions and Literals
        return {name: _plain(hint) for name, hint in hints.items()}


def _plain(hint: Any) -> type:  # noqa: ANN401 - as above
    for kind in (bool, int, float, str, date):
        if hint is kind or hint == kind | None:
            return kind
    return str  # a Literal of texts


TABLES: Final[Mapping[str, Table]] = {
    "downloads": Table(Downloads, ("model", "day"), month="day"),
    "usage": Table(Usage, ("model", "day", "grain", "category"), month="day"),
    "price": Table(Price, ("model", "provider", "tier", "since")),
    "organisation": Table(Organisation, ("organisation",)),
    "model": Table(Model, ("model",)),
    "alias": Table(Alias, ("model", "scheme", "other")),
    "edge": Table(Edge, ("model", "base", "relation")),
    "openness": Table(Openness, ("subject", "framework", "dimension")),
    "rating": Table(Rating, ("model", "board", "day"), month="day"),
    "training": Table(Training, ("model", "chip", "method")),
    "publisher_month": Table(PublisherMonth, ("publisher", "month", "task")),
    "hub_month": Table(HubMonth, ("month",)),
    "chip_price": Table(ChipPrice, ("chip", "day", "vendor", "terms")),
    "member": Table(Member, ("model",)),
    "task_share": Table(TaskShare, ("task", "model", "day", "days"), month="day"),
    "app_usage": Table(AppUsage, ("app", "category", "since", "day"), month="day"),
    "session_cost": Table(SessionCost, ("app", "model", "turns", "day"), month="day"),
    "offer": Table(Offer, ("model", "provider", "day"), month="day"),
}
NAMES: Final[Mapping[type, str]] = {table.row: name for name, table in TABLES.items()}
