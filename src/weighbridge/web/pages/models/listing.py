"""GET /models: the catalogue, filtered and sorted; and what only the providers that run here know of."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.responses import Response

from weighbridge.app.live import Live, live
from weighbridge.catalog.choose import select
from weighbridge.catalog.model import Catalog, Model, Price
from weighbridge.errors import GatewayAway
from weighbridge.web.pages.models.wanted import CONTEXTS, SIZE_NAMES, SORTS, Asked, asked, cheapest, sorted_by
from weighbridge.web.pages.models.words import CLASSES, KINDS, country
from weighbridge.web.visit import Visit

_PAGE: Final = 50
_MOST_STRANGERS: Final = 100


class _Named(msgspec.Struct):
    id: str


class _Offered(msgspec.Struct):
    data: list[_Named]


@dataclass(frozen=True, slots=True)
class Row:
    """A model of the list."""

    model: Model
    price: Price | None
    """Of the cheapest endpoint."""
    is_here: bool
    """Whether it can be called with the settings there are."""


async def listing(visit: Visit) -> Response:
    """A page of it."""
    catalog, what = visit.parts.catalog(), asked(dict(visit.request.query_params), visit.tongue.gettext)
    here = await asyncio.to_thread(live, visit.parts.settings)
    found = _found(catalog, here, what, visit)
    page = found[what.start : what.start + _PAGE]
    following = what.start + _PAGE
    return visit.page(
        "models/listing.html",
        status=422 if what.form.errors else 200,
        asked=what,
        form=what.form,
        count=len(found),
        total=len(catalog.models),
        rows=[Row(model, cheapest(model, visit.now), _is_here(model, here)) for model in page],
        next=what.address(following) if following < len(found) else None,
        previous=what.address(max(0, what.start - _PAGE)) if what.start else None,
        options=_options(visit, catalog),
        classes={each: visit.tongue.gettext(text) for each, text in CLASSES.items()},
        kinds=KINDS,
        country=lambda code: country(visit.tongue, code),
        strangers=await _strangers(visit, catalog) if what.is_anything and not what.start else [],
    )


def _found(catalog: Catalog, here: Live, what: Asked, visit: Visit) -> Sequence[Model]:
    passed = select(catalog, what.wanted, when=visit.now)
    if what.only_here:
        passed = [model for model in passed if _is_here(model, here)]
    return sorted_by(what.sort, passed, lambda model: _is_here(model, here), visit.now)


def _is_here(model: Model, here: Live) -> bool:
    return any(here.serves(endpoint) for endpoint in model.endpoints)


def _options(visit: Visit, catalog: Catalog) -> dict[str, list[tuple[object, str]]]:
    """What there is to choose from, by field."""
    say, tongue = visit.tongue.gettext, visit.tongue
    context = say("%(number)s tokens or more")
    return {
        "licence": [("", say("Any licence")), *((each, say(text)) for each, text in CLASSES.items())],
        "origin": [("", say("Any country")), *_countries(visit, catalog)],
        "size": [("", say("Any size")), *((each, say(text)) for each, text in SIZE_NAMES.items())],
        "context": [
            ("", say("Any length")),
            *((length, context % {"number": tongue.tokens(length)}) for length in CONTEXTS),
        ],
        "sort": [(each, say(text)) for each, text in SORTS.items()],
    }


def _countries(visit: Visit, catalog: Catalog) -> list[tuple[str, str]]:
    codes = {model.lab.country for model in catalog.models.values() if model.lab is not None}
    return sorted(((code, country(visit.tongue, code)) for code in codes), key=lambda pair: pair[1])


async def _strangers(visit: Visit, catalog: Catalog) -> list[str]:
    """Models that the gateway offers and the catalogue does not have: a server of one's own may run anything."""
    if visit.parts.key is None or not visit.sees_all("usage.read"):
        return []
    try:
        said = await visit.parts.gateway.get("/v1/models", visit.parts.key)
        offered = msgspec.json.decode(said.body, type=_Offered).data if said.status == 200 else []
    except (GatewayAway, msgspec.MsgspecError):
        return []  # that the gateway is away is said where it matters: the list is the catalogue's
    names = [each.id for each in offered if "/" in each.id and catalog.find(each.id) is None]
    return sorted(names)[:_MOST_STRANGERS]
