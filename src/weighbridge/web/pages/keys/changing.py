"""/keys/ID/change: give a key another name, models, end, labels or defaults."""

from starlette.responses import Response

from weighbridge.accounts.keys import Key
from weighbridge.gateway.admin import keys as deeds
from weighbridge.web.filled import MENDED, Filled
from weighbridge.web.pages.keys import form
from weighbridge.web.pages.keys.choices import choices
from weighbridge.web.pages.keys.one import found
from weighbridge.web.visit import Visit


async def asked(visit: Visit) -> Response:
    """The form as the key is."""
    key = await found(visit)
    return await _form(visit, key, Filled(visit.tongue.gettext, form.begun(key)))


async def _form(visit: Visit, key: Key, filled: Filled, status: int = 200) -> Response:
    return visit.page("keys/change.html", status, key=key, form=filled, choices=await choices(visit))


async def change(visit: Visit) -> Response:
    """Do it."""
    key = await found(visit)
    filled = Filled.of(visit)
    wanted = form.change(filled, key)
    if wanted is None:
        return await _form(visit, key, filled, 422)
    try:
        await visit.do(lambda connection, caller: deeds.alter(connection, caller, key.id, wanted))
    except MENDED as error:
        filled.refused(error, form.FIELDS)
        return await _form(visit, key, filled, 422)
    return visit.back(f"/keys/{key.id}", visit.tongue.gettext("The key is changed. It counts within a second."))
