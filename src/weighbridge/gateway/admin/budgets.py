"""/v1/admin/budgets: set, list and remove budgets and limits, with what is used of each."""

import functools
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from weighbridge.accounts import keys
from weighbridge.accounts.admins import Admin, place_of
from weighbridge.accounts.roles import Action
from weighbridge.accounts.tree import EVERYWHERE, Place
from weighbridge.db import Connection, microseconds
from weighbridge.errors import BadRequest, NotFound
from weighbridge.gateway import answers
from weighbridge.gateway.admin.desk import Caller, Desk, id_in, read
from weighbridge.gateway.admin.shapes import BudgetList, BudgetSetting, BudgetUse, ListedBudget, RemovedBudget
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import EACH, Budget, Unit, check, dollars
from weighbridge.ledger.budgets.uses import Most, Use, standing, subject_among
from weighbridge.ledger.cost import SMALLEST, plain
from weighbridge.ledger.users import Users
from weighbridge.transport.message import Reply, Request

_PATH: Final = "/v1/admin/budgets/"
_MOST: Final = 10**15
MOST_SUBJECTS: Final = 100
"""Of a budget for each: the most used are listed."""


@dataclass(frozen=True, slots=True)
class AdminBudgets:
    """The handlers."""

    desk: Desk

    async def list(self, request: Request, reply: Reply) -> None:
        """Those that the admin key sees, oldest first, as `?subject=` stands in each. Raises Forbidden."""
        await self.desk.open(request)
        subject = request.query.get("subject")
        named = None if not subject else functools.partial(subject_among, users=self.desk.users, subject=subject)

        def work(connection: Connection, caller: Caller) -> BudgetList:
            seen = visible(connection, caller.admin)
            found = standing(connection, seen, microseconds(caller.now), most=MOST_SUBJECTS, named=named)
            return BudgetList([listed(budget, found[budget.id]) for budget in seen])

        answers.document(reply, await self.desk.do(request, reply, work))

    async def set(self, request: Request, reply: Reply) -> None:
        """Set one; of the same scope, name, unit and period there is one only. Raises BadRequest, Forbidden."""
        await self.desk.open(request)
        wanted = read(request.body, BudgetSetting)

        def work(connection: Connection, caller: Caller) -> ListedBudget:
            kept = put(connection, caller, wanted, self.desk.users)
            found = standing(connection, [kept], microseconds(caller.now), most=MOST_SUBJECTS)
            return listed(kept, found[kept.id])

        answers.document(reply, await self.desk.do(request, reply, work))

    async def remove(self, request: Request, reply: Reply) -> None:
        """Take one away. Raises Forbidden, NotFound."""
        await self.desk.open(request)
        id_ = id_in(request, _PATH)

        def work(connection: Connection, caller: Caller) -> None:
            take_away(connection, caller, id_)

        await self.desk.do(request, reply, work)
        answers.document(reply, RemovedBudget(id_))


def visible(connection: Connection, admin: Admin) -> list[Budget]:
    """All that the admin key sees, oldest first. Raises Forbidden."""
    admin.may("budget.read")
    return [each for each in table.listing(connection) if reaches(connection, admin, "budget.read", each)]


def put(connection: Connection, caller: Caller, wanted: BudgetSetting, users: Users) -> Budget:
    """Set a budget, in a transaction; as it is kept. Raises BadRequest, Forbidden."""
    amount, name = amount_of(wanted.unit, wanted.amount), wanted.name
    if wanted.scope == "user" and name not in ("", EACH):
        name = users.of_budget(name)
    kinds = (wanted.scope, name, wanted.unit, wanted.period)
    more = wanted.organisation, wanted.shorten_to
    budget = Budget("", *kinds, amount, caller.now, wanted.soft, wanted.hard, *more)
    try:
        check(budget)
    except ValueError as exc:
        raise BadRequest(str(exc)) from exc
    _require(connection, caller, budget)
    return table.enter(connection, budget, by=caller.by)


def take_away(connection: Connection, caller: Caller, id_: str) -> Budget:
    """Remove a budget, in a transaction; as it was. Raises Forbidden, NotFound."""
    budget = next((each for each in visible(connection, caller.admin) if each.id == id_), None)
    if budget is None:
        raise NotFound(f"there is no budget {id_[:100]!r} that this admin key sees; see GET /v1/admin/budgets")
    _require(connection, caller, budget)
    table.strike(connection, id_, now=caller.now, by=caller.by)
    return budget


def listed(budget: Budget, found: Most) -> ListedBudget:
    """A budget as it is shown, with how it stands in its period."""
    return ListedBudget(
        id=budget.id,
        scope=budget.scope,
        organisation=budget.organisation,
        name=budget.name,
        unit=budget.unit,
        period=budget.period,
        amount=_shown(budget.unit, budget.amount),
        soft=budget.soft,
        hard=budget.hard,
        shorten_to=budget.shorten_to,
        created=budget.created,
        uses=[_use(budget, use) for use in found.uses],
        others=found.others,
    )


def _use(budget: Budget, use: Use) -> BudgetUse:
    left = max(0, budget.amount - use.used - use.granted)
    shown = (_shown(budget.unit, each) for each in (use.used, use.granted, left))
    return BudgetUse(use.claim.subject, *shown)


def _shown(unit: Unit, amount: int) -> str | int:
    return plain(amount * SMALLEST) if unit == "usd" else amount


def amount_of(unit: Unit, given: int | Decimal) -> int:
    """So much as a budget has it. Raises BadRequest for what is no amount."""
    if not Decimal(given).is_finite() or abs(Decimal(given)) > _MOST:
        raise BadRequest(f"amount: a number up to {_MOST:,}", param="amount")
    if unit == "usd":
        return dollars(Decimal(given))
    if given != int(given):
        raise BadRequest(f"amount: a whole number of {unit}", param="amount")
    return int(given)


def _place(connection: Connection, budget: Budget) -> tuple[Place, bool]:
    """Where in the tree it binds, and whether it is for what lies below: for a key, or each project of an organisation.

    What binds users, tags, or each of another kind, binds everywhere.
    """
    if budget.name == EACH:
        return Place(budget.organisation), budget.organisation is not None
    match budget.scope:
        case "organisation":
            return Place(budget.name), False
        case "project":
            return Place(budget.organisation, budget.name), False
        case "key":
            key = keys.find(connection, budget.name)
            if key is not None:
                return place_of(key), True
    return EVERYWHERE, False


def reaches(connection: Connection, admin: Admin, action: Action, budget: Budget) -> bool:
    """Whether the admin key may do this to the budget."""
    place, is_below = _place(connection, budget)
    return admin.reaches(action, place, is_key=is_below)


def _require(connection: Connection, caller: Caller, budget: Budget) -> None:
    place, is_below = _place(connection, budget)
    if budget.scope == "key" and budget.name != EACH and not is_below:
        raise BadRequest(f"name: there is no key {budget.name[:100]!r}; give its id", param="name")
    caller.admin.require("budget.set", place, is_key=is_below)
