"""Whether a provider counts in another day or hour than we: by another time zone, or by when a request ended.

Nothing is taken for a shift that does not make sums agree to the token.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from weighbridge.ledger.reconcile.line import NOTHING, Amounts, Measure, Ours
from weighbridge.ledger.reconcile.names import plain

_NEAR: Final = timedelta(seconds=5)
"""How far apart two clocks may be."""
_STEP: Final = timedelta(minutes=15)
"""Zones are whole numbers of these from UTC."""
_OFFSETS: Final = sorted((step * _STEP for step in range(-14 * 4, 14 * 4 + 1) if step), key=lambda each: abs(each))
_FEWEST: Final = 2
"""Sums that must agree at least for a zone to be believed: one may by chance."""

Window = tuple[datetime, datetime]
Cell = tuple[Window, str | None]
"""A time and a model in its plain form; None: all models."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The times that a list has sums of, in order and apart, and what it says of each model in them."""

    windows: tuple[Window, ...]
    theirs: Mapping[Cell, Amounts]
    measures: frozenset[Measure]
    unnamed: frozenset[Window]
    """Times whose sums are over all models."""

    def window(self, at: datetime) -> Window | None:
        """The one that the moment is in."""
        place = bisect.bisect_right(self.windows, at, key=lambda each: each[0]) - 1
        return self.windows[place] if place >= 0 and at < self.windows[place][1] else None

    def cell(self, at: datetime, model: str) -> Cell | None:
        """Where the list would have a request of then."""
        window = self.window(at)
        return None if window is None else (window, None if window in self.unnamed else plain(model))

    def sums(self, ours: Iterable[Ours], when: Mapping[int, datetime]) -> dict[Cell, Amounts]:
        """Ours in each cell; `when` has, by the id of its object, what is counted at another time than its own."""
        found: defaultdict[Cell, Amounts] = defaultdict(lambda: NOTHING)
        for one in ours:
            cell = self.cell(when.get(id(one), one.at), one.model)
            if cell is not None:
                found[cell] += one.amounts
        return {cell: amounts.only(self.measures) for cell, amounts in found.items()}


@dataclass(frozen=True, slots=True)
class Shifted:
    """What is counted at another time than its own, and why."""

    when: Mapping[int, datetime]
    why: str


def shifted(grid: Grid, ours: Sequence[Ours]) -> Shifted:
    """What has to be counted elsewhere for sums to agree. Nothing where there is no such thing."""
    charged = [one for one in ours if one.usage is not None]
    offset = _zone(grid, charged)
    when = {} if offset is None else {id(one): one.at + offset for one in charged}
    moved = _at_the_edges(grid, charged, when)
    said = [] if offset is None else [f"their days begin {_hours(offset)} of ours"]
    if moved:
        said.append(f"{moved} requests near the turn of a day or hour are on its other side")
    return Shifted(when, "; ".join(said))


def _hours(offset: timedelta) -> str:
    hours = abs(offset) / timedelta(hours=1)
    return f"{hours:g} hours {'before' if offset > timedelta() else 'after'} the start"


def _zone(grid: Grid, ours: Sequence[Ours]) -> timedelta | None:
    """By how much later ours must be for most sums to agree, where they do not as they are."""
    lumps: defaultdict[tuple[datetime, str], Amounts] = defaultdict(lambda: NOTHING)
    for one in ours:
        lumps[one.at - (one.at - _EPOCH) % _STEP, plain(one.model)] += one.amounts
    kept = [(at, model, amounts.only(grid.measures)) for (at, model), amounts in lumps.items()]
    full = [cell for cell, theirs in grid.theirs.items() if theirs != NOTHING]

    def agreeing(offset: timedelta) -> int:
        sums: defaultdict[Cell, Amounts] = defaultdict(lambda: NOTHING)
        for at, model, amounts in kept:
            cell = grid.cell(at + offset, model)
            if cell is not None:
                sums[cell] += amounts
        return sum(sums[cell] == grid.theirs[cell] for cell in full)

    now = agreeing(timedelta())
    if now * 2 > len(full):
        return None
    best, offset = max(((agreeing(each), each) for each in _OFFSETS), key=lambda found: found[0], default=(0, None))
    return offset if best >= _FEWEST and best > now and best * 2 >= len(full) else None


_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")


def _at_the_edges(grid: Grid, ours: Sequence[Ours], when: dict[int, datetime]) -> int:
    """Put across an edge what makes a sum agree there, by adding to `when`; how many that are."""
    edges = sorted({edge for window in grid.windows for edge in window})
    moved = 0
    near: defaultdict[datetime, list[Ours]] = defaultdict(list)
    for one in ours:
        at = when.get(id(one), one.at)
        first = bisect.bisect_left(edges, at - _NEAR)
        for edge in edges[first : bisect.bisect_right(edges, at + (one.until - one.at) + _NEAR)]:
            near[edge].append(one)
    sums = grid.sums(ours, when)
    for edge in edges:
        by_model: defaultdict[str, list[Ours]] = defaultdict(list)
        for one in near[edge]:
            by_model[plain(one.model)].append(one)
        for alike in by_model.values():
            for later in (True, False):
                count = _across(grid, sums, edge, alike, when, later=later)
                moved += count
                if count:
                    break
    return moved


def _across(
    grid: Grid,
    sums: dict[Cell, Amounts],
    edge: datetime,
    alike: Sequence[Ours],
    when: dict[int, datetime],
    *,
    later: bool,
) -> int:
    """Move the nearest to the edge over it, one after another, until a sum on one of its sides agrees."""
    here = [one for one in alike if (when.get(id(one), one.at) < edge) is later]
    here.sort(key=lambda one: when.get(id(one), one.at) + (one.until - one.at if later else timedelta()), reverse=later)
    if not here:
        return 0
    target = edge if later else edge - timedelta(microseconds=1)
    model = here[0].model
    source = grid.cell(target - timedelta(microseconds=1) if later else edge, model)
    goal = grid.cell(target, model)
    before = [cell for cell in (source, goal) if cell is not None and cell in grid.theirs]
    if not before or any(sums.get(cell, NOTHING) == grid.theirs[cell] for cell in before):
        return 0
    carried = NOTHING
    for count, one in enumerate(here, start=1):
        carried += one.amounts.only(grid.measures)
        after = {cell: sums.get(cell, NOTHING) + (carried if cell == goal else NOTHING - carried) for cell in before}
        if any(after[cell] == grid.theirs[cell] for cell in before):
            for each in here[:count]:
                when[id(each)] = target
            for cell in {source, goal} - {None}:
                if cell is not None:
                    sums[cell] = sums.get(cell, NOTHING) + (carried if cell == goal else NOTHING - carried)
            return count
    return 0
