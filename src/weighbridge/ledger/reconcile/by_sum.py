"""A list of sums over days or hours, held against ours summed in the same way."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from weighbridge.ledger.reconcile.boundary import Cell, Grid, Shifted, Window, shifted
from weighbridge.ledger.reconcile.line import (
    MEASURES,
    NOTHING,
    TOKENS,
    Amounts,
    Cause,
    Comparison,
    Difference,
    Line,
    Measure,
    Ours,
    Statement,
)
from weighbridge.ledger.reconcile.names import plain
from weighbridge.ledger.reconcile.terms import Terms, guessed
from weighbridge.ledger.rows import Unreadable

_DAY: Final = timedelta(days=1)
_COUNTED: Final = frozenset(MEASURES) - {"cost"}


_WHOLE: Final[frozenset[Cause]] = frozenset(("past_gateway", "not_billed", "uncharged_attempt"))
"""Causes of which whole requests are on one side alone."""
_SURENESS: Final[tuple[Cause, ...]] = ("bound", "estimated", "client_left")
"""The least sure first."""


@dataclass(slots=True)
class _Side:
    """What is in one cell, on both sides."""

    lines: list[Line] = field(default_factory=list)
    ours: list[Ours] = field(default_factory=list)
    uncharged: list[Ours] = field(default_factory=list)


def compared(statement: Statement, ours: Sequence[Ours], terms: Terms) -> Comparison:
    """To be called with a context of decimals that rounds nothing."""
    counted = _grid(statement, terms, _COUNTED)
    costed = _grid(statement, terms, frozenset(("cost",)))
    shift = shifted(counted if counted.measures else costed, ours)
    tokens = list(_tokens(statement, counted, ours, shift))
    found: list[Difference] = []
    had, there = NOTHING, dict[Cell, Amounts]()
    for grid in (costed, counted):
        real = grid.sums(ours, {})
        there = grid.sums(ours, shift.when) if shift.when else real
        found += _moved(real, there, shift.why)
        had += _all(real.values())
    found += _costs(statement, costed, ours, shift, terms=terms, tokens=tokens)
    return Comparison(
        measures=counted.measures | costed.measures,
        ours=had,
        theirs=_all(map(terms.amounts, statement.lines)),
        differences=tuple(sorted(found, key=lambda each: (each.since, each.model or "", each.cause))),
        matched=sum(cell in there for cell in counted.theirs),
    )


def _all(many: Iterable[Amounts]) -> Amounts:
    return sum(many, NOTHING)


def _grid(statement: Statement, terms: Terms, measures: frozenset[Measure]) -> Grid:
    """What the list says of these measures, by time and model. Raises Unreadable where its times overlap."""
    lines = [line for line in statement.lines if terms.measures(line) & measures]
    own: frozenset[Measure] = frozenset().union(*(terms.measures(line) & measures for line in lines))
    windows = sorted({(line.since, line.until) for line in lines})
    for one, other in itertools.pairwise(windows):
        if other[0] < one[1]:
            places = [next(line.place for line in lines if (line.since, line.until) == each) for each in (one, other)]
            raise Unreadable(f"{places[0]} and {places[1]} are sums over times that overlap; give one kind of file")
    unnamed = frozenset((line.since, line.until) for line in lines if line.model is None)
    theirs: defaultdict[Cell, Amounts] = defaultdict(lambda: NOTHING)
    for line in lines:
        theirs[_cell_of(line, unnamed)] += terms.amounts(line).only(own)
    gaps = _gaps(windows, statement.covered) if own else []
    return Grid(tuple(sorted([*windows, *gaps])), dict(theirs), own, unnamed)


def _cell_of(line: Line, unnamed: frozenset[Window]) -> Cell:
    window = line.since, line.until
    return window, None if line.model is None or window in unnamed else plain(line.model)


def _gaps(windows: Sequence[Window], covered: Sequence[Window]) -> list[Window]:
    """The times that the list covers and has no line in, by the day in UTC."""
    free: list[Window] = []
    ends = datetime.min.replace(tzinfo=UTC)
    for since, until in sorted(covered):
        begin = max(since, ends)
        ends = max(ends, until)
        for start, end in sorted(each for each in windows if each[0] < until and each[1] > begin):
            free.append((begin, start))
            begin = max(begin, end)
        free.append((begin, until))
    return [day for gap in free if gap[0] < gap[1] for day in _days(*gap)]


def _days(since: datetime, until: datetime) -> Iterator[Window]:
    while since < until:
        midnight = since.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        yield since, min(midnight, until)
        since = midnight


def _sides(grid: Grid, lines: Iterable[Line], ours: Iterable[Ours], shift: Shifted) -> dict[Cell, _Side]:
    sides: defaultdict[Cell, _Side] = defaultdict(_Side)
    for line in lines:
        sides[_cell_of(line, grid.unnamed)].lines.append(line)
    for one in ours:
        cell = grid.cell(shift.when.get(id(one), one.at), one.model)
        if cell is not None:
            side = sides[cell]
            (side.uncharged if one.usage is None else side.ours).append(one)
    return dict(sorted(sides.items(), key=lambda each: (each[0][0], each[0][1] or "")))


def _moved(real: Mapping[Cell, Amounts], there: Mapping[Cell, Amounts], why: str) -> Iterator[Difference]:
    """What is in another cell with them: it goes from one to the other, or to a time outside the list."""
    if real is there:
        return
    for cell in sorted({*real, *there}, key=lambda each: (each[0], each[1] or "")):
        amounts = there.get(cell, NOTHING) - real.get(cell, NOTHING)
        if amounts != NOTHING:
            yield _difference("boundary", why, amounts, cell)


def _difference(cause: Cause, why: str, amounts: Amounts, cell: Cell, side: _Side | None = None) -> Difference:
    lines = [] if side is None else side.lines
    one = side.ours[0] if side is not None and len(side.ours) == 1 and not lines else None
    return Difference(
        cause=cause,
        why=why,
        amounts=amounts,
        since=cell[0][0],
        until=cell[0][1],
        model=lines[0].model if lines else cell[1],
        receipt=None if one is None else one.receipt,
        place=lines[0].place if lines else None,
    )


def _tokens(
    statement: Statement, grid: Grid, ours: Sequence[Ours], shift: Shifted
) -> Iterator[tuple[Cell, _Side, Difference]]:
    """By what requests and tokens differ, once what is across an edge has been put there. Without their cost."""
    lines = [line for line in statement.lines if line.measures & grid.measures]
    for cell, side in _sides(grid, lines, ours, shift).items():
        had = _all(one.amounts for one in side.ours).only(grid.measures)
        apart = grid.theirs.get(cell, NOTHING) - had
        if apart != NOTHING:
            cause, why = _cause(apart, side, grid)
            yield cell, side, _difference(cause, why, apart, cell, side)


_TRIED: Final = "{} trials of ours gave no answer then, and nothing is entered for them"


def _cause(apart: Amounts, side: _Side, grid: Grid) -> tuple[Cause, str]:
    tried, theirs = len(side.uncharged), len(side.lines)
    more = apart.requests if "requests" in grid.measures else None
    if theirs and (not side.ours or (more or 0) > 0):
        if tried and (more is None or more <= tried):
            return "uncharged_attempt", _TRIED.format(tried)
        said = f"{more} requests more than we sent" if more else "we sent nothing to that model then"
        return "past_gateway", said
    if side.ours and (not theirs or (more or 0) < 0):
        said = f"{-more} of our requests are not in their list" if more and theirs else "their list has nothing of it"
        return "not_billed", said
    guesses = [cause for one in side.ours if (cause := guessed(one)) is not None]
    if guesses:
        return min(
            guesses, key=_SURENESS.index
        ), f"the tokens of {len(guesses)} of {len(side.ours)} requests were not reported to us"
    return _of_alike(apart, more, tried)


def _of_alike(apart: Amounts, more: int | None, tried: int) -> tuple[Cause, str]:
    """Where both have the model then, and all our tokens were reported to us."""
    if more == 0 or apart.prompt == 0:
        return "tokens", "the same requests, and they count other tokens than their answers reported"
    if apart.prompt > 0 and apart.completion > 0:
        if tried:
            return "uncharged_attempt", _TRIED.format(tried)
        return "past_gateway", "more tokens than their answers to us reported, in and out"
    if apart.prompt < 0 and apart.completion < 0:
        return "not_billed", "fewer tokens than their answers to us reported, in and out"
    return "unknown", "their list does not say how many requests it counts"


def _costs(
    statement: Statement,
    grid: Grid,
    ours: Sequence[Ours],
    shift: Shifted,
    *,
    terms: Terms,
    tokens: Sequence[tuple[Cell, _Side, Difference]],
) -> Iterator[Difference]:
    """All that is left: the differences in tokens with what each costs, and what of the costs they do not explain."""
    if not grid.measures:
        yield from (told for _, _, told in tokens)
        return
    lines = [line for line in statement.lines if "cost" in terms.measures(line)]
    sides = _sides(grid, lines, ours, shift)
    within: defaultdict[Cell, list[tuple[_Side, Difference]]] = defaultdict(list)
    for cell, side, told in tokens:
        window = grid.window(cell[0][0])
        if window is None:
            yield told
        else:
            within[window, None if window in grid.unnamed else cell[1]].append((side, told))
    for cell in sorted({*sides, *within}, key=lambda each: (each[0], each[1] or "")):
        side = sides.get(cell) or _Side()
        had = _all(one.amounts for one in side.ours).cost
        yield from _cost(cell, side, grid.theirs.get(cell, NOTHING).cost - had, within.get(cell, []), terms)


def _cost(
    cell: Cell, side: _Side, rest: Decimal, tokens: Sequence[tuple[_Side, Difference]], terms: Terms
) -> Iterator[Difference]:
    priced: list[Difference] = []
    unexplained = None
    for there, told in tokens:
        explained = _of_tokens(there, told, terms)
        if explained is None and unexplained is None:
            unexplained = len(priced)
        rest -= explained or Decimal(0)
        priced.append(replace(told, amounts=told.amounts + Amounts(cost=explained or Decimal(0))))
    rounded = sum(map(terms.rounds, side.lines), terms.tolerance)
    if unexplained is not None and abs(rest) > rounded:
        told = priced[unexplained]
        priced[unexplained] = replace(told, amounts=told.amounts + Amounts(cost=rest))
        rest = Decimal(0)
    yield from priced
    if rest:
        cause, why = _of_price(side, rest, rounded)
        yield _difference(cause, why, Amounts(cost=rest), cell, side)


def _of_tokens(side: _Side, told: Difference, terms: Terms) -> Decimal | None:
    """What a difference in tokens costs by the price that all of ours there have; None: they have not one."""
    apart = told.amounts.only(TOKENS)
    if not apart.has_tokens:
        return Decimal(0)
    if not side.lines and side.ours:  # it is all ours
        return -_all(one.amounts for one in side.ours).cost
    if not side.ours or len({one.price_id for one in side.ours}) > 1:
        return None
    if told.cause in _WHOLE and not any(line.cached is not None for line in side.lines):
        return None  # how many of theirs were cached is not known, so neither is what these cost
    one, had = side.ours[0], _all(each.amounts for each in side.ours)
    before, after = terms.reprice(one, had.usage), terms.reprice(one, (had + apart).usage)
    return None if before is None or after is None else after - before


def _of_price(side: _Side, rest: Decimal, rounded: Decimal) -> tuple[Cause, str]:
    if abs(rest) <= rounded:
        return "rounding", f"{len(side.lines)} lines of theirs are rounded"
    if not side.ours:
        return "past_gateway", "they charge for what we sent nothing to then"
    if not side.lines:
        return "not_billed", "their list has no cost for it"
    if any(line.currency != "USD" for line in side.lines):
        return "currency", f"they charge in {side.lines[0].currency}"
    if unknown := sum(one.cost is None for one in side.ours):
        return "unpriced", f"our price list has no price for {unknown} of {len(side.ours)} requests"
    rows = sorted({one.price_id or "no known price" for one in side.ours})
    return "price", f"the same tokens cost otherwise by {', '.join(rows)}"
