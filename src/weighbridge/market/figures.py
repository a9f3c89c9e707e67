"""Figures as many ask for them at once: worked out in a thread, a few at a time, and kept by what they rest on.

One of these stands in each process that serves figures: in a worker of the gateway, and in the window.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec
from msgspec.structs import fields

from weighbridge.errors import MarketError
from weighbridge.market.recipes.figure import Figure, figure
from weighbridge.market.recipes.recipe import Choices, check_choice, recipe
from weighbridge.market.store import Store

_AT_ONCE: Final = 2
_KEPT: Final = 256
Change = dict[str, str | int | None]
"""Choices that are made otherwise than a recipe makes them; None makes none."""


class Figures:
    """All that were asked for of late."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._kept: OrderedDict[bytes, Figure] = OrderedDict()

    async def figure(self, name: str, change: Change) -> Figure:
        """One of them, worked out where it is not known. Raises MarketError, PackageMissing."""
        async with self._room:
            place = await asyncio.to_thread(self._place, name, change)
            found = self._kept.get(place)
            if found is None:
                found = self._kept[place] = await asyncio.to_thread(figure, self.store, name, change)
        self._kept.move_to_end(place)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def _place(self, name: str, change: Change) -> bytes:
        """What a figure depends on: the question, and its inputs' hashes."""
        sources = recipe(name).sources
        inputs = [each.sha256 for each in self.store.payloads() if each.source in sources]
        return msgspec.json.encode([name, change, inputs], order="sorted")


def comes_to_nothing(found: Figure) -> bool:
    """Whether none of its values is known, or none is more than nothing."""
    return all(not each.value for each in found.measured.values)


def days_here(store: Store, found: Figure) -> tuple[date, date] | None:
    """The first and the last day of the data that a figure rests on; None: they have no days."""
    inputs = {each.sha256 for each in found.inputs}
    days = [day for kept in store.payloads() if kept.sha256 in inputs for span in kept.days.values() for day in span]
    return (min(days), max(days)) if days else None


def changed(query: Mapping[str, str]) -> Change:
    """The choices that a query makes. Raises MarketError that names the field."""
    change: Change = {}
    known = {each.name: each.type for each in fields(Choices)}
    for name, text in query.items():
        if name not in known:
            raise MarketError(f"{name[:50]}: there is no such choice; there are {', '.join(known)}", param=name[:50])
        try:
            value = msgspec.convert(text, int, strict=False) if known[name] == (int | None) else text
            check_choice(name, value)
        except (msgspec.ValidationError, MarketError) as exc:
            raise MarketError(str(exc) if name in str(exc) else f"{name}: {exc}", param=name) from exc
        change[name] = value
    return change
