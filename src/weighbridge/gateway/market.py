"""GET /v1/market/…: the market's figures, their charts and sources, as `weighbridge market` prints them.

They are public data: any valid key may ask. Figures are worked out in a thread, two at a time, and kept by what they
rest on; a request for answers of models never waits for them longer than for the lock of an interpreter.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec.structs import fields

from weighbridge.accounts.keys import Key
from weighbridge.errors import BadRequest, MarketError, NotFound
from weighbridge.gateway import answers
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.document import documented, figure_list, source_list
from weighbridge.market.recipes.figure import Figure, figure
from weighbridge.market.recipes.recipe import Choices, recipes
from weighbridge.market.report.chart import chart, pictured
from weighbridge.market.report.language import Language, language
from weighbridge.market.store import Store
from weighbridge.transport.message import Reply, Request

_AT_ONCE: Final = 2
_KEPT: Final = 256
_PREFIX: Final = "/v1/market/figures/"
_SVG: Final = ((b"content-type", b"image/svg+xml; charset=utf-8"), (b"x-content-type-options", b"nosniff"))
Change = dict[str, str | int | None]

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
    store: Store
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    _kept: OrderedDict[bytes, Figure] = field(default_factory=OrderedDict)

    async def figures(self, request: Request, reply: Reply) -> None:
        """All recipes, and what data they lack here. Raises Unauthorized."""
        self.open(request)
        answers.document(reply, await asyncio.to_thread(figure_list, self.store))

    async def sources(self, request: Request, reply: Reply) -> None:
        """All sources, and what was taken in of them. Raises Unauthorized."""
        self.open(request)
        answers.document(reply, await asyncio.to_thread(source_list, self.store))

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
            raise NotFound(f"there is no figure {name[:50]!r}; there are {', '.join(recipes())}")
        change, tongue = _asked(request)
        return await self._figure(name, change), tongue

    async def _figure(self, name: str, change: Change) -> Figure:
        try:
            async with self._room:
                place = await asyncio.to_thread(self._place, name, change)
                found = self._kept.get(place)
                if found is None:
                    found = await asyncio.to_thread(figure, self.store, name, change)
                    self._kept[place] = found
        except MarketError as exc:
            raise BadRequest(str(exc)) from exc
        except PackageMissing as exc:
            raise NotFound(f"figures cannot be worked out on this machine: {exc}") from exc
        self._kept.move_to_end(place)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def _place(self, name: str, change: Change) -> bytes:
        """What a figure depends on: the question, and its inputs' hashes."""
        sources = recipes()[name].sources
        inputs = [each.sha256 for each in self.store.payloads() if each.source in sources]
        return msgspec.json.encode([name, change, inputs], order="sorted")


def _asked(request: Request) -> tuple[Change, Language]:
    """Raises BadRequest that names the field."""
    change: Change = {}
    known = {each.name: each.type for each in fields(Choices)}
    for name, text in request.query.items():
        if name == "lang":
            continue
        if name not in known:
            raise BadRequest(f"{name[:50]}: there is no such choice; there are {', '.join(known)}", param=name[:50])
        try:
            change[name] = msgspec.convert(text, known[name], strict=False)
        except msgspec.ValidationError as exc:
            raise BadRequest(f"{name}: {exc}", param=name) from exc
    try:
        return change, language(request.query.get("lang", "en"))
    except MarketError as exc:
        raise BadRequest(str(exc), param="lang") from exc


def _svg(found: Figure, tongue: Language) -> str:
    said = ", ".join(f"{tongue.term(each.name)} {tongue.value(each)}" for each in found.measured.values)
    texts = tongue.figures.get(found.name)
    title = found.title if texts is None else texts.title
    line = " ".join(found.attribution)
    drawing = chart(pictured(found, tongue), title, f"{said}. {line}", tongue)
    if drawing is None:
        raise NotFound(f"there is nothing to draw in {found.name} by these choices; see {_PREFIX}{found.name}")
    return drawing
