"""A list that has the provider's own ids, held against ours request by request."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from weighbridge.ledger.reconcile.line import (
    NOTHING,
    TOKENS,
    Amounts,
    Cause,
    Comparison,
    Difference,
    Line,
    Measure,
    Ours,
    Settled,
    Statement,
)
from weighbridge.ledger.reconcile.names import plain
from weighbridge.ledger.reconcile.terms import Terms, guessed

_NEAR: Final = timedelta(seconds=5)
"""How far apart two clocks may be."""


def compared(statement: Statement, ours: Sequence[Ours], terms: Terms) -> Comparison:
    """To be called with a context of decimals that rounds nothing."""
    return _Books(statement, ours, terms).closed()


class _Books:
    def __init__(self, statement: Statement, ours: Sequence[Ours], terms: Terms) -> None:
        self._statement = statement
        self._terms = terms
        self._measures: frozenset[Measure] = frozenset().union(*map(terms.measures, statement.lines))
        self._by_id = {one.request: one for one in ours if one.request is not None}
        self._unnamed = {id(one): one for one in ours if one.request is None or one is not self._by_id[one.request]}
        self._ours = self._theirs = NOTHING
        self._found: list[Difference] = []
        self._settled: list[Settled] = []
        self._matched = 0

    def closed(self) -> Comparison:
        strange = self._named()
        for line in self._unmatched(strange):
            self._not_in_ours(line)
        self._not_in_theirs()
        return Comparison(
            self._measures, self._ours, self._theirs, tuple(self._found), self._matched, settled=tuple(self._settled)
        )

    def _named(self) -> list[Line]:
        """Match by id. What is left of their list."""
        strange, seen = [], set[str]()
        for line in sorted(self._statement.lines, key=lambda each: (each.since, each.place)):
            amounts = self._terms.amounts(line)
            self._theirs += amounts
            if line.request is None or line.request in seen:
                why = f"the request {line.request!r} is in their list more than once"
                self._differ("billed_twice", why, amounts, line)
                continue
            seen.add(line.request)
            one = self._by_id.pop(line.request, None)
            if one is None:
                strange.append(line)
            else:
                self._match(line, one)
        return strange

    def _match(self, line: Line, one: Ours) -> None:
        self._matched += 1
        measures = self._terms.measures(line)
        self._ours += one.amounts.only(measures)
        wrong = list(_differing(line, one, self._terms))
        for cause, why, amounts in wrong:
            self._differ(cause, why, amounts, line, one)
        if one.request is not None and any(cause != "rounding" for cause, _, _ in wrong):
            self._settled.append(Settled(one, line))

    def _unmatched(self, strange: list[Line]) -> list[Line]:
        """Match what has no id with us: by model, tokens and time, then estimates by model and time. What is left."""
        left = strange
        for key_of_line, key_of_ours in _KEYS:
            pool: defaultdict[object, list[Ours]] = defaultdict(list)
            for one in self._unnamed.values():
                if (key := key_of_ours(one)) is not None:
                    pool[key].append(one)
            still = []
            for line in left:
                alike = pool.get(key_of_line(line), [])
                place = next((place for place, one in enumerate(alike) if _same_time(line, one)), None)
                if place is None:
                    still.append(line)
                    continue
                one = alike.pop(place)
                del self._unnamed[id(one)]
                self._match(line, one)
            left = still
        return left

    def _not_in_ours(self, line: Line) -> None:
        amounts = self._terms.amounts(line)
        tried = next((one for one in self._unnamed.values() if one.usage is None and _same_time(line, one)), None)
        if tried is None:
            self._differ("past_gateway", f"no request of ours has the id {line.request!r}", amounts, line)
            return
        del self._unnamed[id(tried)]
        self._differ("uncharged_attempt", _UNCHARGED, amounts, line, tried)

    def _not_in_theirs(self) -> None:
        covered = self._statement.covered
        for one in (*self._by_id.values(), *self._unnamed.values()):
            if one.usage is None or not any(since <= one.at <= until for since, until in covered):
                continue
            amounts = one.amounts.only(self._measures)
            self._ours += amounts
            said = "no request of theirs has its id" if one.request else "we have no id of it, and none of theirs fits"
            self._found.append(
                Difference(
                    cause="not_billed",
                    why=said,
                    amounts=NOTHING - amounts,
                    since=one.at,
                    until=one.at,
                    model=one.model,
                    receipt=one.receipt,
                    request=one.request,
                )
            )

    def _differ(self, cause: Cause, why: str, amounts: Amounts, line: Line, one: Ours | None = None) -> None:
        same = one is not None and one.request == line.request
        self._found.append(
            Difference(
                cause=cause,
                why=why,
                amounts=amounts,
                since=line.since,
                until=line.until,
                model=line.model,
                receipt=None if one is None else one.receipt,
                request=line.request if one is None or same else None,
                place=line.place,
            )
        )


def _same_time(line: Line, one: Ours) -> bool:
    return one.at - _NEAR <= line.since <= one.until + _NEAR and plain(line.model or "") == plain(one.model)


def _by_tokens(one: Ours) -> object:
    return None if one.usage is None else (plain(one.model), one.usage.prompt, one.usage.completion)


def _by_model(one: Ours) -> object:
    return plain(one.model) if one.usage is not None and guessed(one) is not None else None


_KEYS: Final[tuple[tuple[Callable[[Line], object], Callable[[Ours], object]], ...]] = (
    (lambda line: (plain(line.model or ""), line.prompt, line.completion), _by_tokens),
    (lambda line: plain(line.model or ""), _by_model),
)
"""What a line and one of ours have in common that are the same, the surest first."""
_UNCHARGED: Final = "a trial of ours gave no answer then, and they charge for it"


def _differing(line: Line, one: Ours, terms: Terms) -> Iterable[tuple[Cause, str, Amounts]]:
    """By what one request differs: its tokens, with what they cost by our price, and then what is left of the cost."""
    measures = terms.measures(line)
    apart = terms.amounts(line) - one.amounts.only(measures)
    if one.usage is None:
        yield "uncharged_attempt", _UNCHARGED, apart
        return
    tokens = apart.only(TOKENS)
    rest = apart.cost
    if tokens.has_tokens:
        cause = guessed(one) or "tokens"
        explained = _of_tokens(line, one, terms) if "cost" in measures else Decimal(0)
        if explained is None:
            explained = rest
        yield cause, f"{_WHY[cause]}: {_counts(line, one)}", tokens + Amounts(cost=explained)
        rest -= explained
    if rest:
        cause, why = _of_price(line, one, rest, terms)
        yield cause, why, Amounts(cost=rest)


_WHY: Final[dict[Cause, str]] = {
    "tokens": "they count other tokens than their answer reported",
    "estimated": "no tokens were reported to us, and we estimated them",
    "bound": "its worker died, and the most that it could have been is entered",
    "client_left": "the client left before tokens were reported, and we estimated them",
}


def _counts(line: Line, one: Ours) -> str:
    usage = one.usage
    had = "none" if usage is None else f"{usage.prompt} in, {usage.completion} out"
    return f"{line.prompt} in, {line.completion} out against our {had}"


def _of_tokens(line: Line, one: Ours, terms: Terms) -> Decimal | None:
    """What the difference in tokens costs by our price."""
    if one.cost is None or one.usage is None:
        return None
    ours = one.amounts
    said = {name: getattr(line, name) for name in TOKENS if getattr(line, name) is not None}
    theirs = Amounts(**{**{name: getattr(ours, name) for name in TOKENS}, **said})
    before, after = terms.reprice(one, one.usage), terms.reprice(one, theirs.usage)
    return None if before is None or after is None else after - before


def _of_price(line: Line, one: Ours, rest: Decimal, terms: Terms) -> tuple[Cause, str]:
    if one.cost is None:
        return "unpriced", "our price list has no price for it"
    if abs(rest) <= terms.rounds(line) + terms.tolerance:
        return "rounding", f"they round to {line.digits} digits"
    if line.currency != "USD":
        return "currency", f"they charge {line.cost} {line.currency}"
    priced = "no known price" if one.price_id is None else one.price_id
    return "price", f"the same tokens cost {line.cost} there and {one.cost} by {priced}"
