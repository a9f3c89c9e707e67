"""What a bill is made from: entries that are alike, summed. Values only; `reading.py` gets them from the database."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, Literal

Dimension = Literal["model", "provider", "price", "key", "project", "organisation", "user", "day"]
"""What a bill may be told apart by. A day is one of UTC."""
UNKNOWN: Final = "(unreadable)"
"""The model of a request that could not be read."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How many tokens another tokenizer made of these very texts, for one of the model that answered."""

    prompt: Decimal
    answer: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Entries that are alike in all that is named here, and their sums.

    All are at hours and on days of one price, and their prompts are in one tier of every price they are held against.
    Either all of them reasoned or none did, and so with what was read from a cache, and with answers that do not say:
    so it is no matter which others are in the same tally.
    Counts may be below zero: an entry that puts another right has the difference.
    """

    at: datetime
    """The time of one of them, aware."""
    model: str | None
    """The one that answered; where none did, the one that was asked for."""
    provider: str | None = None
    key: str = ""
    organisation: str | None = None
    project: str | None = None
    user: str | None = None
    tags: tuple[str, ...] = ()
    key_tags: tuple[str, ...] = ()
    """Those of the tags that the key put there."""
    counted_by: str | None = None
    """None: nothing was used."""
    price_id: str | None = None
    price_since: str | None = None
    imported: str | None = None
    adjusts: bool = False
    """They put others right, and are no requests."""
    priced: bool = True
    entries: int = 1
    prompt: int = 0
    completion: int = 0
    fresh: int = 0
    """Prompt tokens that were neither read from a cache nor written to it."""
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    untold: int = 0
    """Tokens of those answers that do not say which of them were reasoning."""
    cost: Decimal = Decimal(0)
    """US dollars; of what has no price nothing."""
    longest: int = 0
    """Tokens of the longest prompt."""
    longest_whole: int = 0
    """Tokens of the longest prompt with its answer."""
    measured: Measured | None = None
    """Where the texts were kept and counted."""

    @property
    def requests(self) -> int:
        """How many requests they are."""
        return 0 if self.adjusts else self.entries

    @property
    def day(self) -> date:
        """In UTC."""
        return self.at.astimezone(UTC).date()

    @property
    def given_again(self) -> bool:
        """Whether they are answers that were given before, so that nobody worked."""
        return self.counted_by == "cache"


def named(tally: Tally, dimension: Dimension) -> str:
    """A tally's place in a dimension; what is not known is a dash."""
    match dimension:
        case "model":
            return tally.model or UNKNOWN
        case "day":
            return tally.day.isoformat()
        case "price":
            since = f" since {tally.price_since}" if tally.price_since else ""
            return f"{tally.price_id}{since}" if tally.price_id else "-"
        case "provider":
            return tally.provider or "-"
        case "key":
            return tally.key
        case "project":
            return tally.project or "-"
        case "organisation":
            return tally.organisation or "-"
        case "user":
            return tally.user or "-"


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where entries are told apart that one price would not treat alike. Ascending."""

    hours: tuple[int, ...] = ()
    """Microseconds of the day (UTC) at which some price begins or ends."""
    prompts: tuple[int, ...] = ()
    """Tokens of a prompt up to which it is in one class."""
    wholes: tuple[int, ...] = ()
    """Tokens of a prompt with its answer."""
    days: tuple[date, ...] | None = None
    """Days (UTC) on which some price or offer begins or ends; None: every day is told apart."""


NO_CUTS: Final = Cuts()
Group = tuple[str, ...]
"""A tally's places in several dimensions."""


def group(tally: Tally, by: tuple[Dimension, ...]) -> Group:
    """Its places, in the order of `by`."""
    return tuple(named(tally, dimension) for dimension in by)


Triple = tuple[Decimal, Decimal, Decimal]
"""With every assumption at its cheapest, as expected, at its dearest."""
ZERO: Final[Triple] = (Decimal(0), Decimal(0), Decimal(0))


def plus(one: Triple, other: Triple) -> Triple:
    """Each with its own."""
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]
