"""/budgets: all that the admin sees, with what is used of each in its period, and left."""

from collections.abc import Sequence

from starlette.responses import Response

from weighbridge.accounts import keys
from weighbridge.db import Connection
from weighbridge.gateway.admin.budgets import reaches, visible
from weighbridge.ledger.budgets.budget import SCOPES
from weighbridge.web.pages.budgets.standing import Standing, standings
from weighbridge.web.visit import Visit


def names_of(connection: Connection, found: Sequence[Standing]) -> dict[str, str]:
    """What keys are called, by id: of those that budgets name, and that have used some of a budget for each."""
    of_keys = [each for each in found if each.budget.scope == "key"]
    ids = {name for each in of_keys for name in (each.budget.name, *(share.subject for share in each.shares))}
    return {id_: key.name for id_ in sorted(ids) if (key := keys.find(connection, id_)) is not None}


async def listing(visit: Visit) -> Response:
    """Those near their end first, then by whom they are for."""

    def work(connection: Connection) -> tuple[list[Standing], dict[str, str], set[str]]:
        seen = visible(connection, visit.admin)
        found = standings(connection, seen, visit.now)
        able = {each.id for each in seen if reaches(connection, visit.admin, "budget.set", each)}
        return found, names_of(connection, found), able

    found, names, able = await visit.read(work)
    return visit.page(
        "budgets/list.html",
        standings=sorted(found, key=lambda each: (not each.is_near, SCOPES.index(each.budget.scope))),
        near=sum(each.is_near for each in found),
        names=names,
        able=able,
        may_set=visit.may("budget.set"),
    )
