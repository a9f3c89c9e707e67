"""A budget: so much of a unit, for whom, in which time. Values only."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

import msgspec

from weighbridge.ledger.cost import SMALLEST, plain

Scope = Literal["all", "organisation", "project", "key", "user", "tag"]
Unit = Literal["usd", "tokens", "requests"]
Period = Literal["minute", "day", "week", "month", "total", "at once"]
"""Calendar periods of UTC, weeks from Monday. `at once`: what is under way at one moment, and comes back."""

SCOPES: Final[tuple[Scope, ...]] = ("all", "organisation", "project", "key", "user", "tag")
MOST_USD: Final = 9_000_000
"""US dollars: what 64 bits hold in units of 1e-12."""
EACH: Final = "*"
"""A name that stands for each: every one of them has the budget to itself."""


class Budget(msgspec.Struct, frozen=True):
    """`amount` is in 1e-12 US dollars, tokens or requests."""

    id: str
    scope: Scope
    name: str
    """Whose: the name of the organisation or project, a key's id, the client's word for its user, a tag; `*`: each of
    them has one of its own; `` for `all`."""
    unit: Unit
    period: Period
    amount: int
    created: datetime
    soft: int | None = None
    """The percentage at which it is told; None: it is not."""
    hard: bool = True
    """Whether a request that it can't cover is refused. One that is not hard is only told."""
    organisation: str | None = None
    """Of a project: whose it is; None: a project without an organisation, or, for each, those of any."""
    shorten_to: int | None = None
    """Where an answer as long as it may be is not covered, a shorter one is asked for, of so many tokens at least;
    None: the request is refused."""

    @property
    def is_limit(self) -> bool:
        """Whether what is refused may come again in a moment (429), and not only when it renews (402)."""
        return self.period in ("minute", "at once")

    def shown(self, amount: int) -> str:
        """So much of its unit, for people."""
        if self.unit == "usd":
            return f"{plain(amount * SMALLEST)} USD"
        word = self.unit if amount != 1 else self.unit.removesuffix("s")
        return f"{amount:,} {word}"

    def __str__(self) -> str:
        whose = {"all": "the whole gateway"}.get(self.scope) or f"{self.scope} {self.name!r}"
        if self.name == EACH:
            whose = f"each {self.scope}"
        if self.organisation is not None:
            whose += f" of {self.organisation!r}"
        when = {"total": "in total", "at once": "at once"}.get(self.period) or f"a {self.period}"
        return f"{self.shown(self.amount)} {when} for {whose}"


def dollars(amount: Decimal) -> int:
    """In 1e-12 US dollars."""
    return int(amount / SMALLEST)


def check(budget: Budget) -> None:
    """Raise ValueError, in words for whoever sets it, where the budget makes no sense."""
    if budget.amount <= 0:
        raise ValueError("a budget is more than nothing")
    if budget.unit == "usd" and budget.amount * SMALLEST > MOST_USD:
        raise ValueError(f"a budget is at most {MOST_USD:,} US dollars")
    if budget.period == "at once" and budget.unit != "requests":
        raise ValueError("only requests can be limited at once: give --requests")
    if (budget.scope == "all") != (budget.name == ""):
        raise ValueError("a budget is for somebody, or for all")
    if budget.organisation is not None and budget.scope != "project":
        raise ValueError("only a project is one of an organisation")
    if budget.shorten_to is not None and (budget.shorten_to < 1 or not budget.hard or budget.unit == "requests"):
        raise ValueError("answers are made shorter, to a token at least, for budgets of dollars or tokens that refuse")
    if budget.soft is not None and not 1 <= budget.soft <= 100:
        raise ValueError("what is told at is a percentage from 1 to 100")


class Window(msgspec.Struct, frozen=True, gc=False):
    """One of a budget's periods, in microseconds since 1970; `ends` is the first that is no longer of it."""

    begins: int
    ends: int


_DAY: Final = 86_400_000_000
_MINUTE: Final = 60_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS: Final = Window(0, 2**62)


def window(period: Period, at: int) -> Window:
    """The period in which the time `at`, in microseconds since 1970, lies."""
    if period == "minute":
        begins = at - at % _MINUTE
        return Window(begins, begins + _MINUTE)
    if period == "day":
        begins = at - at % _DAY
        return Window(begins, begins + _DAY)
    if period == "week":  # 1970 began on a Thursday
        begins = at - (at + 3 * _DAY) % (7 * _DAY)
        return Window(begins, begins + 7 * _DAY)
    if period == "month":
        first = (_EPOCH + timedelta(microseconds=at)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = (first + timedelta(days=32)).replace(day=1)
        return Window((first - _EPOCH) // timedelta(microseconds=1), (following - _EPOCH) // timedelta(microseconds=1))
    return _ALWAYS


class Asker(msgspec.Struct, frozen=True):
    """Who asks, as budgets go by it."""

    key: str
    organisation: str | None = None
    project: str | None = None
    user: str | None = None
    tags: tuple[str, ...] = ()


def subject_of(organisation: str | None, project: str) -> str:
    """A project among those of all organisations: `organisation/project`, or its name where it has none.

    A stroke and a percent sign in a name are written as in an address.
    """
    return _written(project) if organisation is None else f"{_written(organisation)}/{_written(project)}"


def _written(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F")


def subjects(budget: Budget, asker: Asker) -> Iterator[str]:
    """For whom of all its subjects the budget binds this request: none, one, or, of tags, several."""
    named: tuple[str | None, ...]
    match budget.scope:
        case "all":
            yield ""
            return
        case "organisation":
            named = (asker.organisation,)
        case "project":
            yield from _project(budget, asker)
            return
        case "key":
            named = (asker.key,)
        case "user":
            named = (asker.user,)
        case "tag":
            named = asker.tags
    for name in named:
        if name is not None and budget.name in (EACH, name):
            yield name


def _project(budget: Budget, asker: Asker) -> Iterator[str]:
    if asker.project is None:
        return
    if budget.name == EACH and budget.organisation in (None, asker.organisation):
        yield subject_of(asker.organisation, asker.project)
    elif (budget.organisation, budget.name) == (asker.organisation, asker.project):
        yield budget.name
