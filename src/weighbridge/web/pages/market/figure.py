"""One figure: its value, its chart, its definition, the choices it can be had by, and how it is cited."""

import asyncio
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from weighbridge.app.market import own_of
from weighbridge.errors import MarketError
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.figures import comes_to_nothing, days_here
from weighbridge.market.live.address import installed
from weighbridge.market.recipes.figure import Figure
from weighbridge.market.recipes.measures.known import MEASURES
from weighbridge.market.recipes.own import Own
from weighbridge.market.report import saying
from weighbridge.market.report.picture import picture
from weighbridge.web.pages.market.asked import Asked, asked
from weighbridge.web.pages.market.listing import lacking_here
from weighbridge.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of it."""

    figure: Figure | None
    lacking: str | None = None
    """What is to be installed."""
    error: str | None = None
    """Why there is none, in English."""
    is_nothing: bool = False
    """Whether the data here have no answer to what is asked."""
    days: tuple[date, date] | None = None
    """Of the data, then."""


async def one(visit: Visit) -> Response:
    """GET /market/{name}"""
    wanted = asked(visit)
    worked = await worked_out(visit, wanted)
    own, own_error = await _own(visit, wanted)
    found, language = worked.figure, wanted.language
    return visit.page(
        "market/figure.html",
        status=200 if wanted.error is None else 422,
        asked=wanted,
        controls=wanted.controls(visit.tongue),
        worked=worked,
        figure=found,
        language=language,
        saying=saying,
        title=saying.title(wanted.name, wanted.recipe, language),
        shown=None if found is None else saying.shown(found.measured),
        drawing=None if found is None else picture(found, language, alone=False),
        sync=_sync(wanted),
        asks_own=may_ask_own(visit, wanted),
        own=own,
        own_error=own_error,
    )


async def worked_out(visit: Visit, wanted: Asked) -> Worked:
    """The figure by what is asked, or by the recipe's own choices where that cannot be."""
    lacking = await lacking_here(visit)
    if lacking is not None:
        return Worked(None, lacking)
    figures = visit.parts.market.figures
    try:
        found = await figures.figure(wanted.name, wanted.change)
        if not comes_to_nothing(found):
            return Worked(found)
        days = await asyncio.to_thread(days_here, figures.store, found)
        return Worked(found, is_nothing=True, days=days)
    except PackageMissing as error:
        return Worked(None, str(error))
    except MarketError as error:
        return Worked(None, error=error.message)


def may_ask_own(visit: Visit, wanted: Asked) -> bool:
    """Whether the ledger has an answer to it, and it is all theirs to see."""
    return MEASURES[wanted.recipe.measure].tables == ("usage",) and visit.sees_all("usage.read")


async def _own(visit: Visit, wanted: Asked) -> tuple[Own | None, str | None]:
    if visit.query("own") != "on" or not may_ask_own(visit, wanted):
        return None, None
    try:
        return await visit.read(lambda connection: own_of(connection, wanted.name, wanted.change)), None
    except (MarketError, PackageMissing) as error:
        return None, str(error)


def _sync(wanted: Asked) -> list[str]:
    """The sources of a figure that can be asked for what they say today."""
    live = installed().sources
    return [name for name, each in live.items() if (each.gives or name) in wanted.recipe.sources]
