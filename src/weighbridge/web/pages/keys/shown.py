"""A key as its pages show it: its state, what it has used this month, and the budgets that are set for it alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from weighbridge.accounts.admins import Admin, place_of
from weighbridge.accounts.keys import Key
from weighbridge.accounts.roles import Action
from weighbridge.db import Connection
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import EACH
from weighbridge.ledger.spending import Used, used_by_keys
from weighbridge.web.pages.budgets.standing import Standing, standings
from weighbridge.web.visit import Visit

State = Literal["open", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the list."""

    key: Key
    state: State
    used: Used | None
    """Since the month began; None while that is added up for the first time."""
    budgets: Sequence[Standing]

    @property
    def nearest(self) -> Standing | None:
        """Of its budgets that one of which the greatest share is used."""
        return max(self.budgets, key=lambda each: each.share, default=None)


def state_of(key: Key, now: datetime) -> State:
    """Whether it opens anything."""
    if key.disabled is not None:
        return "revoked"
    return "expired" if key.expires is not None and key.expires <= now else "open"


def month_of(now: datetime) -> datetime:
    """When the month began."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


Past = Mapping[str, Used] | None
"""What keys have used this month before today; None while that is added up for the first time."""


async def past(visit: Visit) -> Past:
    """See there: a month of a busy gateway takes too long for each visit."""
    return await visit.parts.lately.used(visit.now.astimezone(UTC).date())


def shown(connection: Connection, found: Sequence[Key], admin: Admin, now: datetime, before: Past) -> list[Shown]:
    """Keys with what is known of them; `before` is their `past`. Raises db.Error."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    used = used_by_keys(connection, [key.id for key in found], today)
    budgets = _budgets(connection, found, admin, now)
    nothing = Used()

    def together(key: Key) -> Used | None:
        return None if before is None else before.get(key.id, nothing) + used.get(key.id, nothing)

    return [Shown(key, state_of(key, now), together(key), budgets.get(key.id, ())) for key in found]


def _budgets(connection: Connection, found: Sequence[Key], admin: Admin, now: datetime) -> Mapping[str, list[Standing]]:
    """Those of each key itself, for whoever may see budgets. Not those of all keys or of its project: see /budgets."""
    if admin.role == "member":
        return {}
    ids = {key.id for key in found}
    own = [each for each in table.listing(connection) if each.scope == "key" and each.name in ids and each.name != EACH]
    by_key: dict[str, list[Standing]] = {}
    for each in standings(connection, own, now):
        by_key.setdefault(each.budget.name, []).append(each)
    return by_key


def able(admin: Admin, action: Action, key: Key) -> bool:
    """Whether the admin may do this to the key."""
    return admin.reaches(action, place_of(key), member=key.member, is_key=True)
