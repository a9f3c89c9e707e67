"""/budgets/ID/remove: take a budget away."""

from starlette.responses import Response

from weighbridge.gateway.admin import budgets as deeds
from weighbridge.web.pages.budgets.setting import standing_of
from weighbridge.web.visit import Visit


async def asked(visit: Visit) -> Response:
    """What it would mean, and the button."""
    standing, names = await standing_of(visit)
    return visit.page("budgets/remove.html", standing=standing, names=names)


async def remove(visit: Visit) -> Response:
    """Do it."""
    id_ = visit.request.path_params["id"]
    await visit.do(lambda connection, caller: deeds.take_away(connection, caller, id_))
    return visit.back("/budgets", visit.tongue.gettext("The budget is removed. It binds nobody any more."))
