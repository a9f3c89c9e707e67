"""GET /v1/usage: what a key has used; GET /v1/admin/usage: what all keys have that an admin key sees.

The same questions as `weighbridge usage` answers. Each dimension is a field of the query as well, to ask for one of its
groups: `?by=model,day&country=CN`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, get_args

import msgspec

from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.keys import Key
from weighbridge.accounts.tree import Place
from weighbridge.catalog.model import Catalog
from weighbridge.db import Connection
from weighbridge.errors import BadRequest, LedgerUnavailable
from weighbridge.gateway import answers
from weighbridge.gateway.admin.desk import Caller, Desk, narrowed
from weighbridge.ledger import measures
from weighbridge.ledger.measures import MEASURES, Unit
from weighbridge.ledger.questions import By, Known, Question, answer, read_by
from weighbridge.ledger.tally import Column, Tally
from weighbridge.transport.message import Reply, Request

_UNITS: Final[Mapping[Unit, object]] = {"count": int, "usd": str, "seconds": float | None}
_GROUPS: Final = [(by, str | None, msgspec.UNSET) for by in get_args(By)]
_FIGURES: Final = [(name, _UNITS[each.unit]) for name, each in MEASURES.items()]

UsageFigures = msgspec.defstruct("UsageFigures", _FIGURES)
"""Sums over requests. Money is US dollars in digits, times are seconds; null is unknown."""
UsageGroup = msgspec.defstruct(
    "UsageGroup",
    [*_FIGURES, *_GROUPS, ("name", str | None, msgspec.UNSET), ("sources", list[str], msgspec.UNSET)],
    kw_only=True,
)
"""A group: a field for each dimension that was asked by, and its sums."""
UsageList = msgspec.defstruct(
    "UsageList",
    [
        ("object", Literal["list"]),
        ("by", list[str]),
        ("since", datetime | None),
        ("until", datetime | None),
        ("data", list[UsageGroup]),  # type: ignore[valid-type] # a type that is made of a table
        ("total", UsageFigures),
    ],
)
"""The groups, the dearest first, and what all requests sum up to."""
UsageQuery = msgspec.defstruct(
    "UsageQuery",
    [
        ("by", str, "model"),
        ("since", datetime | None, None),
        ("until", datetime | None, None),
        ("top", int | None, None),
        *((by, str | None, None) for by in get_args(By)),
    ],
)
"""A question; `by` is one or more dimensions with commas between."""

_MOST: Final = 1000
"""Groups in an answer, where no fewer are asked for: all others are one."""
Tallied = Callable[[Question, Mapping[Column, str | None]], Awaitable[list[Tally]]]
"""Reads what a question needs, of entries with these values only. Raises db.Error."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The handler for keys."""

    open: Callable[[Request], Key]
    tallied: Tallied
    catalog: Callable[[], Catalog]

    async def __call__(self, request: Request, reply: Reply) -> None:
        """What the key has used, and no other. Raises BadRequest, LedgerUnavailable."""
        key = self.open(request)
        question = asked(request.query)
        found = await _read(self.tallied, question, {**question.only, "key": key.id})
        own = [tally for tally in found if tally.key == key.id]
        await _answer(reply, own, question, Known(self.catalog()), {key.id: key.name})


@dataclass(frozen=True, slots=True)
class AdminUsage:
    """The handler for admin keys."""

    desk: Desk
    tallied: Tallied
    catalog: Callable[[], Catalog]

    async def __call__(self, request: Request, reply: Reply) -> None:
        """What the keys have used that the admin key sees; a member, its own. Raises BadRequest, Forbidden."""
        await self.desk.open(request)
        query = request.query
        question = asked(query)

        def work(connection: Connection, caller: Caller) -> tuple[Place, dict[str, str], frozenset[str] | None]:
            place = narrowed(caller.admin, "usage.read", query.get("organisation"), query.get("project"))
            every = keys.listing(connection)
            names = {key.id: key.name for key in every if place.has(key.labels.organisation, key.labels.project)}
            if caller.admin.role != "member":
                return place, names, None
            return place, names, frozenset(key.id for key in every if key.member == caller.admin.id)

        place, names, own = await self.desk.do(request, reply, work)
        found = await _read(self.tallied, question, question.only)
        seen = [
            tally
            for tally in found
            if place.has(tally.organisation, tally.project) and (own is None or tally.key in own)
        ]
        await _answer(reply, seen, question, Known(self.catalog()), names)


def asked(query: Mapping[str, str]) -> Question:
    """The question of a query. Raises BadRequest that names the field."""
    groups: tuple[By, ...] = get_args(By)
    unknown = next((name for name in query if name not in ("by", "since", "until", "top", *groups)), None)
    if unknown is not None:
        known = f"by, since, until, top, {', '.join(groups)}"
        raise BadRequest(f"{unknown[:50]}: there is nothing of that name to ask; there are {known}", param=unknown[:50])
    try:
        by = read_by(query.get("by", "model"))
    except ValueError as exc:
        raise BadRequest(f"by: {exc}", param="by") from exc
    since, until = _time(query, "since"), _time(query, "until")
    if since is not None and until is not None and until <= since:
        raise BadRequest("until: it is not after `since`", param="until")
    where = tuple((name, query[name]) for name in groups if name in query)
    return Question(by, since=since, until=until, where=where, top=_top(query))


def _time(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadRequest(f"{name}: {text[:50]!r} is no time, such as 2026-12-01T00:00:00Z", param=name) from exc
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when


def _top(query: Mapping[str, str]) -> int:
    text = query.get("top", str(_MOST))
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= _MOST):
        raise BadRequest(f"top: a number from 1 to {_MOST}", param="top")
    return int(text)


async def _read(tallied: Tallied, question: Question, only: Mapping[Column, str | None]) -> list[Tally]:
    try:
        return await tallied(question, only)
    except db.Error as exc:
        raise LedgerUnavailable(f"the ledger cannot be read: {exc}") from exc


async def _answer(
    reply: Reply, tallies: list[Tally], question: Question, known: Known, names: Mapping[str, str]
) -> None:
    """Grouped in a thread: thousands of tallies take a moment, and streams are under way."""
    answers.document(reply, await asyncio.to_thread(_document, tallies, question, known, names))


def _document(tallies: list[Tally], question: Question, known: Known, names: Mapping[str, str]) -> dict[str, object]:
    found = answer(tallies, question, known)
    return {
        "object": "list",
        "by": question.by,
        "since": question.since,
        "until": question.until,
        "data": [measures.document(found, row, names) for row in found.rows],
        "total": measures.documented(found.total),
    }
