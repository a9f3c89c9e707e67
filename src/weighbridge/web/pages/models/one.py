"""GET /models/{id}: a model's endpoints with prices and health, how its price came to be, its descent, terms, files."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.responses import RedirectResponse, Response

from weighbridge.app.live import live
from weighbridge.catalog import history
from weighbridge.catalog.model import Catalog, Endpoint, Host, Model, Price
from weighbridge.errors import GatewayAway, NotFound
from weighbridge.gateway.route_health import EndpointHealth, RouteHealthList
from weighbridge.routing.listing import cheapest_first
from weighbridge.web.pages.models.drawn import price_chart
from weighbridge.web.pages.models.running import how_to_run
from weighbridge.web.pages.models.words import CAUSES, CLASSES, KINDS, clauses, country
from weighbridge.web.tongue import N_
from weighbridge.web.visit import Visit

_MOST_CHANGES: Final = 30
_MOST_CHILDREN: Final = 30
STATES: Final[Mapping[str, tuple[str, str]]] = {
    "well": ("good", N_("well")),
    "on_trial": ("warn", N_("on trial")),
    "left_alone": ("bad", N_("left alone")),
}
"""How an endpoint is: its kind of badge, and the word."""
REASONS: Final[Mapping[str, str]] = {
    "breaker": N_("It kept failing."),
    "rate_limit": N_("It asked to be left alone: too many requests."),
    "outlier": N_("It is far slower than others of this model."),
}


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint of the model."""

    endpoint: Endpoint
    price: Price | None
    by_the_hour: list[Price]
    host: Host
    is_here: bool
    health: EndpointHealth | None
    """None: nobody has asked it since the gateway began."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the gateway says of all endpoints."""

    by_id: Mapping[str, EndpointHealth]
    away: str | None = None
    """Why it says nothing."""


async def one(visit: Visit) -> Response:
    """The page. Raises NotFound, with the names that are most alike."""
    name = visit.request.path_params["id"]
    catalog = visit.parts.catalog()
    model = catalog.find(name)
    if model is None:
        alike = catalog.nearest(name)
        said = f"; most alike: {', '.join(alike)}" if alike else ""
        raise NotFound(f"the catalogue has no model {name[:200]!r}{said}")
    if model.id != name:
        return RedirectResponse(f"/models/{model.id}", 303)
    health = await _health(visit)
    ever = visit.parts.ever().models.get(model.id, model)
    steps = history.steps(ever, visit.now.date())
    say = visit.tongue.gettext
    return visit.page(
        "models/one.html",
        model=model,
        served=await asyncio.to_thread(_served, visit, catalog, model, health),
        health=health,
        steps=steps,
        changes=history.changes(ever)[:_MOST_CHANGES],
        chart=price_chart(ever, steps, visit.now.date(), visit.tongue),
        causes={cause: say(text) for cause, text in CAUSES.items()},
        ancestors=_ancestors(catalog, model),
        children=_children(catalog, model),
        classes={each: say(text) for each, text in CLASSES.items()},
        kinds=KINDS,
        clauses=[] if model.licence is None else list(clauses(visit.tongue, model.licence)),
        run=how_to_run(visit.parts.settings, model),
        country=lambda code: country(visit.tongue, code),
        states=STATES,
        reasons=REASONS,
        may_see_health=visit.sees_all("usage.read"),
    )


def _served(visit: Visit, catalog: Catalog, model: Model, health: Health) -> list[Served]:
    here = live(visit.parts.settings)
    return [
        Served(
            endpoint,
            price,
            history.by_the_hour(endpoint, visit.now.date()),
            catalog.host(endpoint.provider),
            here.serves(endpoint),
            health.by_id.get(endpoint.id),
        )
        for endpoint, price in cheapest_first(model, visit.now)
    ]


async def _health(visit: Visit) -> Health:
    """As this machine's own key is told; for those who see all usage."""
    if visit.parts.key is None or not visit.sees_all("usage.read"):
        return Health({})
    try:
        said = await visit.parts.gateway.get("/v1/route/health", visit.parts.key)
        if said.status != 200:
            return Health({}, f"the gateway answers with status {said.status}")
        found = msgspec.json.decode(said.body, type=RouteHealthList).data
    except GatewayAway as away:
        return Health({}, away.message)
    except msgspec.MsgspecError as error:
        return Health({}, f"what the gateway says cannot be read: {error}")
    return Health({each.id: each for each in found})


def _ancestors(catalog: Catalog, model: Model) -> list[tuple[str, Model | None]]:
    """What it was made from, the nearest first; None for what the catalogue does not have."""
    found: list[tuple[str, Model | None]] = []
    base = model.base_model
    while base is not None and base not in {model.id, *(id_ for id_, _ in found)}:
        known = catalog.models.get(base)
        found.append((base, known))
        base = None if known is None else known.base_model
    return found


def _children(catalog: Catalog, model: Model) -> list[Model]:
    made = [each for each in catalog.models.values() if each.base_model == model.id]
    return sorted(made, key=lambda each: each.id)[:_MOST_CHILDREN]
