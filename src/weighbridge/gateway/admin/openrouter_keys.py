"""OpenRouter's key management (`/api/v1/keys`), for those who use its SDK: the same keys, by an admin key.

https://openrouter.ai/docs/api/api-reference/api-keys/list, and the schemas of @openrouter/sdk. `hash` is the key's id,
`limit` a budget of it in US dollars that refuses what it cannot cover, in total or by `limit_reset`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from weighbridge.accounts import keys
from weighbridge.accounts.admins import place_of
from weighbridge.accounts.keys import Key
from weighbridge.db import Connection, microseconds
from weighbridge.errors import BadRequest
from weighbridge.gateway import answers
from weighbridge.gateway.admin.budgets import amount_of
from weighbridge.gateway.admin.desk import Caller, Desk, id_in, narrowed, read
from weighbridge.gateway.admin.keys import alter, disable, make, visible
from weighbridge.gateway.admin.shapes import KeyChange, KeyCreation, Name, When
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import Budget, Period, check
from weighbridge.ledger.budgets.uses import Most, standing
from weighbridge.ledger.cost import SMALLEST, plain
from weighbridge.ledger.spending import spent_by_keys
from weighbridge.transport.message import Reply, Request

_PATH: Final = "/api/v1/keys/"
_LISTED: Final = 100
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

LimitReset = Literal["daily", "weekly", "monthly"]
_PERIODS: Final[Mapping[LimitReset | None, Period]] = {
    None: "total",
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
}
_RESETS: Final = {period: reset for reset, period in _PERIODS.items()}


class OpenRouterKeyCreation(msgspec.Struct):
    """A key to make; what else OpenRouter takes means nothing here."""

    name: Name
    limit: Annotated[float, Meta(gt=0)] | None = None
    """US dollars that it may spend; null: no limit of its own."""
    limit_reset: LimitReset | None = None
    expires_at: When | None = None


class OpenRouterKeyChange(msgspec.Struct):
    """What is to be else; what is left out stays as it is."""

    name: Name | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    """True disables it for good."""
    limit: Annotated[float, Meta(gt=0)] | UnsetType | None = UNSET
    limit_reset: LimitReset | UnsetType | None = UNSET


class OpenRouterManagedKey(msgspec.Struct):
    """A key as OpenRouter shows it. Money is US dollars."""

    hash: str
    name: str
    label: str
    disabled: bool
    limit: float | None
    limit_remaining: float | None
    limit_reset: LimitReset | None
    usage: float
    usage_daily: float
    usage_weekly: float
    usage_monthly: float
    created_at: str
    updated_at: str | None
    expires_at: datetime | None
    creator_user_id: str | None
    external_user: str | None
    workspace_id: str
    """The project of the key."""
    include_byok_in_limit: bool = False
    byok_usage: float = 0
    byok_usage_daily: float = 0
    byok_usage_weekly: float = 0
    byok_usage_monthly: float = 0


class OpenRouterKeyList(msgspec.Struct):
    """Up to a hundred of them, oldest first."""

    data: list[OpenRouterManagedKey]


class OpenRouterOneKey(msgspec.Struct):
    """One of them."""

    data: OpenRouterManagedKey


class OpenRouterNewKey(msgspec.Struct):
    """One that was just made: this once with the key itself."""

    data: OpenRouterManagedKey
    key: str


class OpenRouterDeleted(msgspec.Struct):
    """It opens nothing any more."""

    deleted: Literal[True] = True


class OpenRouterKeyQuery(msgspec.Struct):
    """Which keys."""

    offset: Annotated[int, Meta(ge=0)] = 0
    include_disabled: Literal["true", "false"] = "false"


@dataclass(frozen=True, slots=True)
class OpenRouterKeys:
    """The handlers."""

    desk: Desk

    async def list(self, request: Request, reply: Reply) -> None:
        """A hundred of those that the admin key sees, from `offset` on. Raises BadRequest, Forbidden."""
        await self.desk.open(request)
        offset = request.query.get("offset", "0")
        if not (offset.isascii() and offset.isdecimal() and len(offset) < 10):
            raise BadRequest("offset: a number of keys to leave out", param="offset")
        every = request.query.get("include_disabled", "false") in ("true", "1")

        def work(connection: Connection, caller: Caller) -> OpenRouterKeyList:
            place = narrowed(caller.admin, "key.read", None, None)
            wanted = keys.Wanted(
                within=(place.organisation, place.project),
                member=caller.admin.id if caller.admin.role == "member" else None,
                is_open=not every,
                limit=_LISTED,
                offset=int(offset),
            )
            return OpenRouterKeyList(_shown(connection, keys.listing(connection, wanted), caller.now))

        answers.document(reply, await self.desk.do(request, reply, work))

    async def create(self, request: Request, reply: Reply) -> None:
        """Make one and show it, this once. Raises BadRequest, Forbidden, Conflict."""
        await self.desk.open(request)
        wanted = read(request.body, OpenRouterKeyCreation)
        if wanted.limit is None and wanted.limit_reset is not None:
            raise BadRequest("limit: it takes one for limit_reset to mean something", param="limit")

        def work(connection: Connection, caller: Caller) -> OpenRouterNewKey:
            if wanted.limit is not None:
                caller.admin.may("budget.set")
            key, secret = make(connection, caller, KeyCreation(name=wanted.name, expires=wanted.expires_at))
            if wanted.limit is not None:
                _limit(connection, caller, key, wanted.limit, wanted.limit_reset)
            (shown,) = _shown(connection, [key], caller.now)
            return OpenRouterNewKey(shown, secret)

        made = await self.desk.do(request, reply, work)
        answers.document(reply, made, status=201)

    async def one(self, request: Request, reply: Reply) -> None:
        """One of them. Raises NotFound where the admin key sees none of this id."""
        await self.desk.open(request)
        id_ = id_in(request, _PATH)

        def work(connection: Connection, caller: Caller) -> OpenRouterOneKey:
            (shown,) = _shown(connection, [visible(connection, caller.admin, id_)], caller.now)
            return OpenRouterOneKey(shown)

        answers.document(reply, await self.desk.do(request, reply, work))

    async def change(self, request: Request, reply: Reply) -> None:
        """Give one another name or limit, or disable it. Raises BadRequest, Forbidden, NotFound."""
        await self.desk.open(request)
        id_, wanted = id_in(request, _PATH), read(request.body, OpenRouterKeyChange)

        def work(connection: Connection, caller: Caller) -> OpenRouterOneKey:
            key = alter(connection, caller, id_, KeyChange(name=wanted.name))
            if wanted.disabled is True:
                key = disable(connection, caller, id_)
            elif wanted.disabled is False and key.disabled is not None:
                raise BadRequest("disabled: a key that was disabled stays so; make another", param="disabled")
            if wanted.limit is not UNSET or wanted.limit_reset is not UNSET:
                before = _limits(connection, [key]).get(key.id)
                limit = _dollars(before) if wanted.limit is UNSET else wanted.limit
                kept = None if before is None else _RESETS[before.period]
                _limit(connection, caller, key, limit, kept if wanted.limit_reset is UNSET else wanted.limit_reset)
            (shown,) = _shown(connection, [key], caller.now)
            return OpenRouterOneKey(shown)

        answers.document(reply, await self.desk.do(request, reply, work))

    async def delete(self, request: Request, reply: Reply) -> None:
        """Disable one for good; it stays in the list of the disabled. Raises Forbidden, NotFound."""
        await self.desk.open(request)
        id_ = id_in(request, _PATH)
        await self.desk.do(request, reply, lambda connection, caller: disable(connection, caller, id_))
        answers.document(reply, OpenRouterDeleted())


def _limit(connection: Connection, caller: Caller, key: Key, limit: float | None, reset: LimitReset | None) -> None:
    """Have the key's limit be this one, and no other, in the transaction that makes or changes the key."""
    caller.admin.require("budget.set", place_of(key), is_key=True)
    period = _PERIODS[reset]
    for budget in table.listing(connection):
        if _is_limit(budget) and budget.name == key.id and (limit is None or budget.period != period):
            table.strike(connection, budget.id, now=caller.now, by=caller.by)
    if limit is not None:
        budget = Budget("", "key", key.id, "usd", period, amount_of("usd", Decimal(repr(limit))), caller.now)
        try:
            check(budget)
        except ValueError as exc:
            raise BadRequest(f"limit: {exc}", param="limit") from exc
        table.enter(connection, budget, by=caller.by)


def limit_of(connection: Connection, key: Key, now: datetime) -> tuple[float | None, float | None, LimitReset | None]:
    """What the key may spend in US dollars, what is left of it and how often it begins anew; None: there is no limit.

    Raises db.Error.
    """
    limit = _limits(connection, [key]).get(key.id)
    if limit is None:
        return None, None, None
    return _dollars(limit), _left(limit, standing(connection, [limit], microseconds(now))), _RESETS[limit.period]


def _limits(connection: Connection, shown: Sequence[Key]) -> Mapping[str, Budget]:
    ids = {key.id for key in shown}
    return {each.name: each for each in table.listing(connection) if _is_limit(each) and each.name in ids}


def _is_limit(budget: Budget) -> bool:
    return budget.scope == "key" and budget.unit == "usd" and budget.hard and budget.period in _RESETS


def _shown(connection: Connection, found: Sequence[Key], now: datetime) -> list[OpenRouterManagedKey]:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = (_EVER, today, today - timedelta(days=today.weekday()), today.replace(day=1))
    spent = spent_by_keys(connection, [key.id for key in found], since)
    limits = _limits(connection, found)
    uses = standing(connection, limits.values(), microseconds(now))
    return [_managed(key, spent[key.id], limits.get(key.id), _left(limits.get(key.id), uses)) for key in found]


def _left(budget: Budget | None, uses: Mapping[str, Most]) -> float | None:
    if budget is None:
        return None
    return max(0.0, _dollars(budget, sum(use.used for use in uses[budget.id].uses)) or 0.0)


def _dollars(budget: Budget | None, less: int = 0) -> float | None:
    return None if budget is None else float(plain((budget.amount - less) * SMALLEST))


def _managed(key: Key, spent: Sequence[Decimal], limit: Budget | None, remaining: float | None) -> OpenRouterManagedKey:
    used, daily, weekly, monthly = (float(each) for each in spent)
    return OpenRouterManagedKey(
        hash=key.id,
        name=key.name,
        label=f"{keys.PREFIX}…{key.hint}",
        disabled=key.disabled is not None,
        limit=_dollars(limit),
        limit_remaining=remaining,
        limit_reset=None if limit is None else _RESETS[limit.period],
        usage=used,
        usage_daily=daily,
        usage_weekly=weekly,
        usage_monthly=monthly,
        created_at=key.created.isoformat(),
        updated_at=None,
        expires_at=key.expires,
        creator_user_id=key.member,
        external_user=None,
        workspace_id=key.labels.project or "default",
    )
