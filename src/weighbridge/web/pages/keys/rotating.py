"""/keys/ID/rotate: change a key's secret for another, which is shown this once."""

from datetime import timedelta
from typing import Final

from starlette.responses import Response

from weighbridge.accounts.keys import Key
from weighbridge.gateway.admin import keys as deeds
from weighbridge.gateway.admin.shapes import KeyRotation
from weighbridge.web.filled import MENDED, Filled
from weighbridge.web.pages.keys.one import found
from weighbridge.web.pages.keys.trying import tried_with
from weighbridge.web.tongue import N_
from weighbridge.web.visit import Visit

OVERLAPS: Final = {
    "0": N_("not at all"),
    "3600": N_("for one hour more"),
    "86400": N_("for one day more"),
    "604800": N_("for one week more"),
    "2592000": N_("for thirty days more"),
}
"""How long the secret until now opens as well, by seconds."""


async def asked(visit: Visit) -> Response:
    """The form."""
    key = await found(visit)
    return _form(visit, key, Filled(visit.tongue.gettext, overlap="86400", ends_in=key.hint))


def _form(visit: Visit, key: Key, filled: Filled, status: int = 200) -> Response:
    return visit.page("keys/rotate.html", status, key=key, form=filled, overlaps=OVERLAPS)


async def rotate(visit: Visit) -> Response:
    """Do it."""
    key = await found(visit)
    filled = Filled.of(visit)
    if filled["ends_in"] != key.hint:  # sent twice, or somebody else was faster
        return visit.back(f"/keys/{key.id}", visit.tongue.gettext("The key was rotated already."))
    overlap = int(filled.choice("overlap", list(OVERLAPS)) or 0)
    if filled.errors:
        return _form(visit, key, filled, 422)
    wanted = KeyRotation(overlap_seconds=overlap)
    try:
        turned, secret = await visit.do(lambda connection, caller: deeds.turn(connection, caller, key.id, wanted))
    except MENDED as error:
        filled.refused(error)
        return _form(visit, key, filled, 422)
    until = visit.now + timedelta(seconds=overlap) if overlap else None
    return visit.page(
        "keys/made.html",
        key=turned,
        secret=secret,
        budget=None,
        curl=tried_with(visit, turned, secret),
        rotated={"hint": key.hint, "until": until},
    )
