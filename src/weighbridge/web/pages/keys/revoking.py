"""/keys/ID/revoke: disable a key for good, when it was said twice."""

from starlette.responses import Response

from weighbridge.db import Connection
from weighbridge.gateway.admin import keys as deeds
from weighbridge.gateway.admin.keys import visible
from weighbridge.web.pages.keys.shown import Shown, month_of, past, shown
from weighbridge.web.visit import Visit


async def asked(visit: Visit) -> Response:
    """What it would mean, and the button."""
    id_ = visit.request.path_params["id"]

    before = await past(visit)

    def work(connection: Connection) -> Shown:
        return shown(connection, [visible(connection, visit.admin, id_)], visit.admin, visit.now, before)[0]

    return visit.page("keys/revoke.html", line=await visit.read(work), month=month_of(visit.now))


async def revoke(visit: Visit) -> Response:
    """Do it."""
    id_ = visit.request.path_params["id"]
    await visit.do(lambda connection, caller: deeds.disable(connection, caller, id_))
    return visit.back(f"/keys/{id_}", visit.tongue.gettext("The key is revoked. Within a second it opens nothing."))
