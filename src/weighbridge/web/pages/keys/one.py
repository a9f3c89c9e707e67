"""/keys/ID: what is known of a key."""

from typing import Final

from starlette.responses import Response

from weighbridge import audit_log
from weighbridge.accounts import admins
from weighbridge.accounts.keys import Key
from weighbridge.audit_log import Row, Wanted
from weighbridge.db import Connection
from weighbridge.gateway.admin.keys import visible
from weighbridge.web.pages.keys.history import ACTIONS
from weighbridge.web.pages.keys.shown import Shown, able, month_of, past, shown
from weighbridge.web.visit import Visit

_CHANGES: Final = 10


async def found(visit: Visit) -> Key:
    """The key of the address. Raises NotFound where the admin sees none of this id."""
    id_ = visit.request.path_params["id"]
    return await visit.read(lambda connection: visible(connection, visit.admin, id_))


async def one(visit: Visit) -> Response:
    """The page of one key."""
    id_ = visit.request.path_params["id"]

    before = await past(visit)

    def work(connection: Connection) -> tuple[Shown, list[Row], dict[str, str]]:
        key = visible(connection, visit.admin, id_)
        (line,) = shown(connection, [key], visit.admin, visit.now, before)
        reads = visit.admin.reaches("audit.read", visit.admin.scope)
        rows = audit_log.rows(connection, Wanted(target=id_, newest_first=True, limit=_CHANGES)) if reads else []
        return line, rows, {each.id: each.name for each in admins.listing(connection)}

    line, rows, names = await visit.read(work)
    key = line.key
    return visit.page(
        "keys/one.html",
        line=line,
        rows=rows,
        member=names.get(key.member or ""),
        actors=names,
        words=ACTIONS,
        month=month_of(visit.now),
        may={
            "change": able(visit.admin, "key.change", key),
            "rotate": able(visit.admin, "key.rotate", key),
            "revoke": able(visit.admin, "key.revoke", key),
        },
    )
