"""GET /v1/market/…: the market's figures, their charts and sources, as `weighbridge market` prints them.

They are public data: any valid key may ask. Figures are worked out in a thread, two at a time, and kept by what they
rest on; a request for answers of models never waits for them longer than for the lock of an interpreter.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import fields

from weighbridge.accounts.keys import Key
from weighbridge.errors import BadRequest, MarketError, NotFound
from weighbridge.gateway import answers
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.document import documented, figure_list, source_list
from weighbridge.market.figures import Change, Figures, changed
from weighbridge.market.recipes.figure import Figure
from weighbridge.market.recipes.recipe import Choices, no_figure, recipes
from weighbridge.market.report.language import Language, language
from weighbridge.market.report.picture import picture
from weighbridge.transport.message import Reply, Request

_PREFIX: Final = "/v1/market/figures/"
_SVG: Final = ((b"content-type", b"image/svg+xml; charset=utf-8"), (b"x-content-type-options", b"nosniff"))

FigureQuery = msgspec.defstruct(
    "FigureQuery",
    [*((each.name, each.type, None) for each in fields(Choices)), ("lang", str, "en")],
    kw_only=True,
)
"""Any choice of the figure's definition; `lang` is of a chart."""


@dataclass(slots=True)
class Market:
    """The handler of all of them."""

    open: Callable[[Request], Key]
    """The key a request came with. Raises Unauthorized."""
    known: Figures

    async def figures(self, request: Request, reply: Reply) -> None:
        """All recipes, and what data they lack here. Raises Unauthorized."""
        self.open(request)
        answers.document(reply, await asyncio.to_thread(figure_list, self.known.store))

    async def sources(self, request: Request, reply: Reply) -> None:
        """All sources, and what was taken in of them. Raises Unauthorized."""
        self.open(request)
        answers.document(reply, await asyncio.to_thread(source_list, self.known.store))

    async def figure(self, request: Request, reply: Reply) -> None:
        """One of them. Raises Unauthorized, NotFound, BadRequest."""
        found, _ = await self._asked_for(request, request.path.removeprefix(_PREFIX))
        answers.document(reply, await asyncio.to_thread(documented, found))

    async def svg(self, request: Request, reply: Reply) -> None:
        """One's chart. Raises Unauthorized, NotFound, BadRequest."""
        found, tongue = await self._asked_for(request, request.path.removeprefix(_PREFIX).removesuffix(".svg"))
        drawing = await asyncio.to_thread(_svg, found, tongue)
        reply.send(200, _SVG, drawing.encode())

    async def _asked_for(self, request: Request, name: str) -> tuple[Figure, Language]:
        self.open(request)
        if name not in recipes():
            raise NotFound(no_figure(name))
        change, tongue = _asked(request)
        return await self._figure(name, change), tongue

    async def _figure(self, name: str, change: Change) -> Figure:
        try:
            return await self.known.figure(name, change)
        except MarketError as exc:
            raise BadRequest(str(exc)) from exc
        except PackageMissing as exc:
            raise NotFound(f"figures cannot be worked out on this machine: {exc}") from exc


def _asked(request: Request) -> tuple[Change, Language]:
    """Raises BadRequest that names the field."""
    query = {name: text for name, text in request.query.items() if name != "lang"}
    try:
        change = changed(query)
    except MarketError as exc:
        raise BadRequest(exc.message, param=exc.param) from exc
    try:
        return change, language(request.query.get("lang", "en"))
    except MarketError as exc:
        raise BadRequest(str(exc), param="lang") from exc


def _svg(found: Figure, tongue: Language) -> str:
    drawing = picture(found, tongue)
    if drawing is None:
        raise NotFound(f"there is nothing to draw in {found.name} by these choices; see {_PREFIX}{found.name}")
    return drawing
