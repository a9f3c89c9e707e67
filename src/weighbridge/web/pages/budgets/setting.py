"""/budgets/new and /budgets/ID/change: set a budget; of the same subject, unit and time there is one only."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from weighbridge.accounts import tree
from weighbridge.app.texts import users_of
from weighbridge.db import Connection
from weighbridge.errors import NotFound
from weighbridge.gateway.admin import budgets as deeds
from weighbridge.gateway.admin.shapes import BudgetSetting
from weighbridge.ledger.budgets.budget import EACH, SCOPES, Scope
from weighbridge.web.filled import MENDED, Filled
from weighbridge.web.pages.budgets import form
from weighbridge.web.pages.budgets.listing import names_of
from weighbridge.web.pages.budgets.standing import Standing, standings
from weighbridge.web.seeing import keys_seen
from weighbridge.web.tongue import N_
from weighbridge.web.visit import Visit

SUBJECTS: Final[Mapping[str, str]] = {
    "all": N_("The whole gateway, all together"),
    "organisation": N_("One organisation"),
    "each-organisation": N_("Each organisation, by itself"),
    "project": N_("One project"),
    "each-project": N_("Each project, by itself"),
    "key": N_("One key"),
    "each-key": N_("Each key, by itself"),
    "user": N_("One user of the clients"),
    "each-user": N_("Each user of the clients, by itself"),
    "tag": N_("One tag"),
    "each-tag": N_("Each tag, by itself"),
}
"""Whom a budget may be for."""


async def asked(visit: Visit) -> Response:
    """The empty form; `?scope=key&name=ID` says whom it is for."""
    begun = {**form.BEGUN, "subject": visit.query("scope") or "all", "name": visit.query("name")}
    if begun["subject"] == "key":
        begun |= {"key": begun["name"], "name": ""}
    return await _form(visit, Filled(visit.tongue.gettext, begun))


async def _form(visit: Visit, filled: Filled, status: int = 200) -> Response:
    scope = visit.admin.scope

    def work(connection: Connection) -> tuple[list[tuple[str, str]], list[str], list[str]]:
        seen = [key for key in keys_seen(connection, visit.admin).values() if key.disabled is None]
        known = [each.place.organisation for each in tree.organisations(connection)]
        projects = [each.place for each in tree.projects(connection)]
        return (
            [(key.id, f"{key.name} (…{key.hint})") for key in sorted(seen, key=lambda key: key.name.casefold())],
            [each for each in known if each is not None and scope.organisation in (None, each)],
            sorted({each.project for each in projects if each.project and scope.has(each.organisation, each.project)}),
        )

    of_keys, organisations, projects = await visit.read(work)
    return visit.page(
        "budgets/new.html",
        status,
        form=filled,
        budget=form,
        subjects=SUBJECTS,
        keys=of_keys,
        organisations=organisations,
        projects=projects,
    )


async def put(visit: Visit) -> Response:
    """Set it."""
    filled = Filled.of(visit)
    wanted = _wanted(filled)
    if wanted is None:
        return await _form(visit, filled, 422)
    users = users_of(visit.parts.settings)
    try:
        kept = await visit.do(lambda connection, caller: deeds.put(connection, caller, wanted, users))
    except MENDED as error:
        filled.refused(error, form.FIELDS)
        return await _form(visit, filled, 422)
    return visit.back(f"/budgets#{kept.id}", visit.tongue.gettext("The budget is set. It counts within a second."))


def _wanted(filled: Filled) -> BudgetSetting | None:
    chosen = filled.choice("subject", list(SUBJECTS)) or "all"
    named: Mapping[str, Scope] = {scope: scope for scope in SCOPES}
    scope = named.get(chosen.removeprefix("each-"), "all")
    organisation = filled.optional("organisation") if scope == "project" else None
    if chosen.startswith("each-"):
        name = EACH
    elif scope == "all":
        name = ""
    elif scope == "key":
        name = filled.text("key", required=True)
    elif scope == "organisation":
        name = filled.text("organisation", required=True)
    else:
        name = filled.text("name", required=True)
        if scope == "tag":
            name = name.lower()
    return form.asked(filled, scope, name, organisation, required=True)


async def standing_of(visit: Visit) -> tuple[Standing, dict[str, str]]:
    """The budget of the address, and the names of keys. Raises NotFound."""
    id_ = visit.request.path_params["id"]

    def work(connection: Connection) -> tuple[Standing, dict[str, str]]:
        found = [each for each in deeds.visible(connection, visit.admin) if each.id == id_]
        if not found:
            raise NotFound(f"there is no budget {id_[:100]!r} that this admin key sees")
        told = standings(connection, found, visit.now)
        return told[0], names_of(connection, told)

    return await visit.read(work)


async def asked_again(visit: Visit) -> Response:
    """The form of one that is there: whom it is for, of what and when stay."""
    standing, names = await standing_of(visit)
    return _again(visit, standing, names, Filled(visit.tongue.gettext, form.begun(standing.budget)))


def _again(visit: Visit, standing: Standing, names: dict[str, str], filled: Filled, status: int = 200) -> Response:
    return visit.page("budgets/change.html", status, form=filled, standing=standing, names=names, budget=form)


async def change(visit: Visit) -> Response:
    """Do it."""
    standing, names = await standing_of(visit)
    budget, filled = standing.budget, Filled.of(visit)
    filled.values |= {"budget-unit": budget.unit, "budget-period": budget.period}
    wanted = form.asked(filled, budget.scope, budget.name, budget.organisation, required=True)
    if wanted is None:
        return _again(visit, standing, names, filled, 422)
    users = users_of(visit.parts.settings)
    try:
        await visit.do(lambda connection, caller: deeds.put(connection, caller, wanted, users))
    except MENDED as error:
        filled.refused(error, form.FIELDS)
        return _again(visit, standing, names, filled, 422)
    return visit.back(
        f"/budgets#{budget.id}", visit.tongue.gettext("The budget is changed. It counts within a second.")
    )
