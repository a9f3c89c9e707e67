"""One line of the ledger: who asked for what, who answered, how it ended, what it cost.

The values are msgspec Structs: they are made for every request, and a Struct takes a fifth of the time.
"""

import itertools
import secrets
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from weighbridge.wire.usage import Source, Usage

Ending = Literal["complete", "client_left", "upstream_broke", "refused", "stopped"]
"""How a request ended.

complete        the client was sent the whole answer
client_left     the client closed its connection first
upstream_broke  no endpoint answered, or the one that did broke off
refused         we, or the provider, would not take the request (4xx)
stopped         the gateway was stopped before the answer was whole
"""


class Charge(msgspec.Struct, frozen=True, gc=False):
    """What was used and what that costs; `cost` is None where the price is not known."""

    usage: Usage
    counted_by: Source
    cost: Decimal | None
    """US dollars."""
    price_id: str | None
    price_source: str | None
    price_since: str | None
    """ISO date from which the price row is in force, where the list gives one."""


HEDGE_LOST: Final = "hedge_lost"
"""The code of an attempt that another one was faster than."""


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One endpoint tried. `error` is the stable code of what went wrong; None is success."""

    provider: str
    upstream_model: str
    error: str | None
    seconds: float
    charge: Charge | None = None
    """Its own part, where more than one endpoint has worked on the request: the entry's charge is the sum of them.
    None where it did no work, or where the entry's charge is all its own."""
    answered_as: str | None = None
    """The model that the answer itself names, where that is another than the one that was asked."""
    began: float | None = None
    """When it was asked, in seconds since the request came. None: not known; of one that alone was asked, and answered,
    at once."""


class Decided(msgspec.Struct, frozen=True, gc=False):
    """What the policy in force said to a request."""

    policy: str
    """Its SHA-256."""
    rule: str
    """The rule of it that let the request pass, or kept it out."""
    facts: str | None
    """What was known of each endpoint it was sent to, in the order of the trials: a JSON list; None: it was to none."""


class Claim(msgspec.Struct, frozen=True, gc=False):
    """One subject's budget in one of its periods."""

    budget: str
    subject: str
    """Of a budget for each: which of them."""
    begins: int
    """Microseconds since 1970."""

    @property
    def cells(self) -> tuple[str, str, int]:
        """As the tables have it."""
        return self.budget, self.subject, self.begins


class Draw(msgspec.Struct, frozen=True, gc=False):
    """What is taken of a budget, in its unit."""

    claim: Claim
    amount: int


class Claims(msgspec.Struct, frozen=True):
    """The claims that requests of one kind count against, by the unit that each is in."""

    usd: tuple[Claim, ...] = ()
    tokens: tuple[Claim, ...] = ()
    requests: tuple[Claim, ...] = ()


class Draws(msgspec.Struct, frozen=True):
    """What one entry takes of budgets, or several alike do."""

    claims: Claims
    usd: int
    """1e-12 US dollars."""
    tokens: int
    requests: int = 1

    def each(self) -> Iterator[Draw]:
        """What it takes of each; what nothing is taken of is left out."""
        claims = self.claims
        for those, amount in ((claims.usd, self.usd), (claims.tokens, self.tokens), (claims.requests, self.requests)):
            if amount:
                yield from (Draw(claim, amount) for claim in those)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One request and its ending. Times are aware UTC, durations seconds; None is unknown or not applicable."""

    id: str
    at: datetime
    key: str
    asked_model: str | None
    model: str | None
    provider: str | None
    upstream_model: str | None
    upstream_request: str | None
    ending: Ending
    status: int
    """The HTTP status the client was sent."""
    error: str | None
    streamed: bool
    charge: Charge | None
    """None where no endpoint began to work on the request. Where several have, their sum; the price is then named only
    if it was the same."""
    first_byte: float | None
    duration: float
    attempts: tuple[Attempt, ...]
    organisation: str | None = None
    project: str | None = None
    tags: tuple[str, ...] = ()
    """What the request was marked with, by its key and by its sender; sorted."""
    key_tags: tuple[str, ...] = ()
    """Those of them that its key put there."""
    decided: Decided | None = None
    """None where no policy was in force."""
    user: str | None = None
    """Whom the client named as its own user."""
    corrects: str | None = None
    """The receipt that this one puts right: its figures are to be added to that one's, and no request was made."""
    imported: str | None = None
    """Where the usage was taken over from; None: it is of a request of ours."""
    draws: Draws | None = None
    """What it takes of budgets, which is counted by the transaction that writes it; not kept with it."""


WORKER: Final = slice(16, 26)
"""Where a receipt's id names the worker."""


class Ids:
    """Makes receipt ids: `wbr-` and 32 hexadecimal digits that sort by time and are unique over all workers."""

    def __init__(self) -> None:
        self._worker = secrets.token_hex(5)
        self._count = itertools.count()

    @property
    def worker(self) -> str:
        """What all ids of this worker have in their middle: ten hexadecimal digits."""
        return self._worker

    def next(self) -> str:
        """A new id: 12 digits of milliseconds, 10 of this worker, 10 of a count."""
        return f"wbr-{time.time_ns() // 1_000_000:012x}{self._worker}{next(self._count):010x}"
