"""/keys/new: make a key, with a budget where one is given, and show it this once."""

import secrets
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from weighbridge.accounts import idempotency
from weighbridge.accounts.idempotency import Asked
from weighbridge.accounts.keys import Key
from weighbridge.app.texts import users_of
from weighbridge.db import Connection
from weighbridge.gateway.admin import budgets
from weighbridge.gateway.admin import keys as deeds
from weighbridge.gateway.admin.desk import Caller
from weighbridge.gateway.admin.shapes import BudgetSetting, KeyCreation
from weighbridge.ledger.users import Users
from weighbridge.web.filled import MENDED, Filled
from weighbridge.web.pages.budgets import form as budget_form
from weighbridge.web.pages.budgets.standing import Standing, standings
from weighbridge.web.pages.keys import form
from weighbridge.web.pages.keys.choices import choices
from weighbridge.web.pages.keys.trying import tried_with
from weighbridge.web.visit import Visit

_BEGUN: Final = {"keep-days": "30", **budget_form.BEGUN}


class _Again(Exception):
    """The same form was sent before: nothing is made twice."""

    def __init__(self, made: str) -> None:
        super().__init__(made)
        self.made = made


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the form has."""

    key: KeyCreation
    budget: BudgetSetting | None
    once: str
    """The form's own mark: the same one makes one key."""


async def asked(visit: Visit) -> Response:
    """The empty form."""
    return await _form(visit, Filled(visit.tongue.gettext, _BEGUN, once=secrets.token_urlsafe(16)))


async def _form(visit: Visit, filled: Filled, status: int = 200) -> Response:
    return visit.page("keys/new.html", status, form=filled, choices=await choices(visit), budget=budget_form)


async def make(visit: Visit) -> Response:
    """Make it; a key and its budget are there together, or neither is."""
    filled = Filled.of(visit)
    wanted = form.creation(filled)
    budget = None if visit.admin.role == "member" else budget_form.asked(filled, "key", "", required=False)
    if wanted is None or filled.errors:
        return await _form(visit, filled, 422)

    sent, users = _Asked(wanted, budget, filled["once"]), users_of(visit.parts.settings)
    try:
        key, secret, kept = await visit.do(lambda connection, caller: _made(connection, caller, sent, users))
    except _Again as again:
        said = visit.tongue.gettext("This key was made already. It was shown once; rotate it for another secret.")
        return visit.back(f"/keys/{again.made}", said)
    except MENDED as error:
        filled.refused(error, {**budget_form.FIELDS, **form.FIELDS})
        return await _form(visit, filled, 422)
    return visit.page(
        "keys/made.html", key=key, secret=secret, budget=kept, curl=tried_with(visit, key, secret), rotated=None
    )


def _made(connection: Connection, caller: Caller, asked: _Asked, users: Users) -> tuple[Key, str, Standing | None]:
    key, secret = deeds.make(connection, caller, asked.key)
    # named by the admin alone: no secret is derived of it, as none is to be shown again
    known = idempotency.enter(
        connection, Asked(caller.admin.id, b"", f"window {asked.once}"[:255], b"/keys/new"), key.id, now=caller.now
    )
    if known.again:
        raise _Again(known.made)
    if asked.budget is None:
        return key, secret, None
    asked.budget.name = key.id
    kept = budgets.put(connection, caller, asked.budget, users)
    return key, secret, standings(connection, [kept], caller.now)[0]
