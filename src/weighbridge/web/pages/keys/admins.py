"""/keys/admins: the keys that open the window and the admin API: who has them, as what, and for which part."""

from typing import Final, get_args

from starlette.responses import Response

from weighbridge.accounts import admins
from weighbridge.accounts.admins import ROLES, Admin
from weighbridge.accounts.roles import Role
from weighbridge.db import Connection
from weighbridge.gateway.admin import admins as deeds
from weighbridge.gateway.admin.desk import narrowed
from weighbridge.gateway.admin.shapes import AdminKeyCreation
from weighbridge.web.filled import MENDED, Filled
from weighbridge.web.pages.keys.choices import choices
from weighbridge.web.pages.keys.shown import State
from weighbridge.web.tongue import N_
from weighbridge.web.visit import Visit

NAMED: Final[dict[Role, str]] = {
    "owner": N_("owner"),
    "admin": N_("admin"),
    "auditor": N_("auditor"),
    "member": N_("member"),
}
MEANT: Final[dict[Role, str]] = {
    "owner": N_("Everything, policies and admins too. Of the whole gateway only."),
    "admin": N_("Keys, projects, budgets and limits of its organisation or project, or of all."),
    "auditor": N_("Reads all of that, the audit log and the usage, and changes nothing."),
    "member": N_("Its own keys and their usage."),
}
_FIELDS: Final = ("name", "role", "organisation", "project", "makes_keys", "expires")


def state_of(admin: Admin, visit: Visit) -> State:
    """Whether it opens anything."""
    if admin.disabled is not None:
        return "revoked"
    return "expired" if admin.expires is not None and admin.expires <= visit.now else "open"


async def listing(visit: Visit) -> Response:
    """All that the admin sees."""

    def work(connection: Connection) -> list[Admin]:
        return admins.listing(connection, narrowed(visit.admin, "admin.read", None, None))

    found = await visit.read(work)
    return visit.page(
        "keys/admins.html",
        lines=[(admin, state_of(admin, visit)) for admin in found],
        roles=NAMED,
        meant=MEANT,
        is_owner=visit.admin.role == "owner",
    )


async def asked(visit: Visit) -> Response:
    """The empty form."""
    return await _form(visit, Filled(visit.tongue.gettext, role="admin"))


async def _form(visit: Visit, filled: Filled, status: int = 200) -> Response:
    return visit.page(
        "keys/admin_new.html", status, form=filled, roles=NAMED, meant=MEANT, choices=await choices(visit)
    )


async def make(visit: Visit) -> Response:
    """Make one, and show it this once."""
    filled = Filled.of(visit)
    name, role = filled.text("name", required=True), _role(filled)
    organisation, project = filled.optional("organisation"), filled.optional("project")
    expires = filled.moment("expires")
    if role is None or filled.errors:
        return await _form(visit, filled, 422)
    wanted = AdminKeyCreation(name, role, organisation, project, filled.checked("makes_keys"), expires)
    try:
        admin, secret = await visit.do(lambda connection, caller: deeds.make(connection, caller, wanted))
    except MENDED as error:
        filled.refused(error, _FIELDS)
        return await _form(visit, filled, 422)
    return visit.page("keys/admin_made.html", made=admin, secret=secret, url=visit.parts.gateway.base_url, roles=NAMED)


def _role(filled: Filled) -> Role | None:
    chosen = filled.choice("role", ROLES)
    if chosen is None:
        filled.wrong("role", filled.say("Choose one of the list."))
    return next((each for each in get_args(Role) if each == chosen), None)


async def sure(visit: Visit) -> Response:
    """What revoking one would mean, and the button."""
    id_ = visit.request.path_params["id"]
    found = await visit.read(lambda connection: deeds.visible(connection, visit.admin, id_))
    return visit.page("keys/admin_revoke.html", found=found, roles=NAMED, own=found.id == visit.admin.id)


async def revoke(visit: Visit) -> Response:
    """Do it."""
    id_ = visit.request.path_params["id"]
    await visit.do(lambda connection, caller: deeds.disable(connection, caller, id_))
    return visit.back("/keys/admins", visit.tongue.gettext("The admin key is revoked. It opens nothing any more."))
