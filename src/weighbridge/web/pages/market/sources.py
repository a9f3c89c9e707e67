"""The market's sources: what was taken in of each, of which day, and what was wrong with it."""

import asyncio

from starlette.responses import Response

from weighbridge.market.document import source_list
from weighbridge.market.live.address import installed
from weighbridge.web.pages.market.listing import lacking_here
from weighbridge.web.visit import Visit


async def sources(visit: Visit) -> Response:
    """GET /market/sources"""
    lacking = await lacking_here(visit)
    listed = await asyncio.to_thread(source_list, visit.parts.market.figures.store)
    here = [each for each in listed.data if each.payloads]
    away = [each for each in listed.data if not each.payloads]
    live = {each.gives or name: name for name, each in installed().sources.items()}
    return visit.page("market/sources.html", taken_in=here, away=away, live=live, lacking=lacking)
