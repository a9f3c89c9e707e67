"""Plans, made of shortlists that are remembered: what many requests have in common is worked out once."""

from collections.abc import Hashable, Iterator
from datetime import datetime
from typing import Final, Literal

import msgspec

from weighbridge.catalog.model import Model, Price
from weighbridge.routing.arrange import Group
from weighbridge.routing.asking import Asking
from weighbridge.routing.candidate import Candidate, Excluded
from weighbridge.routing.health import Snapshot
from weighbridge.routing.policy.law import Law
from weighbridge.routing.shortlist import Cost, Shortlist, shortlist
from weighbridge.wire.preferences import Sorted

_MOST_REMEMBERED: Final = 50_000
"""Candidates in all shortlists together, a few megabytes."""
_BYTES_A_CANDIDATE: Final = 64
"""Of preferences, which clients may make long, and each time others."""
_MOST_ALONE: Final = 10_000
"""Models of one endpoint: who asks for made-up names at a provider makes one each."""
FIGURES_SECONDS: Final = 10.0
"""How long the figures of a snapshot (not who is well, which is looked up each time) stand in a shortlist."""
_STEPS: Final = 2
"""Bits of a size that count behind the first: four steps from one power of two to the next."""


class Plan(msgspec.Struct, frozen=True, eq=False):
    """Whom to ask, in which order. The same shortlist, snapshot and seed give the same order."""

    shortlist: Shortlist
    snapshot: Snapshot
    seed: int

    def __iter__(self) -> Iterator[Candidate]:
        """Those that are well in the order of the shortlist, then those that are not, the soonest well first."""
        alone = self.shortlist.alone
        return self._ordered() if alone is None else iter(alone)

    def _ordered(self) -> Iterator[Candidate]:
        closed: list[tuple[float, int, Candidate]] = []
        most = self.shortlist.most
        given: list[str] = []
        states, at = self.snapshot.states, self.snapshot.at
        for group in self.shortlist.groups:
            for one in group.ordered(self.seed):
                state = states.get(one.endpoint.id)
                if state is not None and state.closed_until is not None and state.closed_until > at:
                    closed.append((state.closed_until, len(closed), one))
                elif most is None:
                    yield one
                elif given.count(one.model.id) < most:
                    given.append(one.model.id)
                    yield one
        for _, _, one in sorted(closed):
            if most is None or given.count(one.model.id) < most:
                given.append(one.model.id)
                yield one

    @property
    def law(self) -> Law | None:
        """What the policy in force says to the request."""
        return self.shortlist.asking.law

    @property
    def excluded(self) -> tuple[Excluded, ...]:
        """Who may not answer, and why."""
        return self.shortlist.excluded


class Planner:
    """Makes plans. `cost` is the ledger's arithmetic; `sort` holds for requests that do not say how to sort."""

    def __init__(self, cost: Cost, sort: Sorted | Literal["spread"] = "spread") -> None:
        self.cost = cost
        self.sort: Sorted | None = None if sort == "spread" else sort
        self._alone: dict[str, tuple[Model, Price | None, Shortlist]] = {}
        self._known: dict[Hashable, Shortlist] = {}
        self._candidates = 0
        self._figures: Snapshot | None = None

    def alone(self, model: Model, when: datetime, snapshot: Snapshot) -> Plan:
        """The plan of a request that asks nothing of its provider, for a model of one endpoint and without a law."""
        endpoint = model.endpoints[0]
        price = endpoint.price_at(when)
        known = self._alone.get(model.id)
        if known is None or known[0] is not model or known[1] is not price:
            one = (Candidate(model, endpoint, price),)
            if len(self._alone) >= _MOST_ALONE:
                self._alone.clear()
            known = self._alone[model.id] = (
                model,
                price,
                Shortlist(Asking((model,), when), (Group(one),), (), alone=one),
            )
        return Plan(known[2], snapshot, 0)

    def plan(self, asking: Asking, snapshot: Snapshot, seed: int) -> Plan:
        """The plan of a request. Raises BadRequest, NoEndpoint or PolicyRefused, naming what left nobody."""
        figures = self._figures
        if figures is None or not 0 <= snapshot.at - figures.at < FIGURES_SECONDS:
            self._forget()
            figures = self._figures = snapshot
        asking = rounded(asking)
        key = _key(asking)
        known = self._known.get(key)
        if known is None:
            known = shortlist(asking, figures, self.cost, self.sort)
            self._remember(key, known)
        return Plan(known, snapshot, seed)

    def _remember(self, key: Hashable, made: Shortlist) -> None:
        self._candidates += sum(len(group.candidates) for group in made.groups) + len(made.excluded)
        wanted = made.asking.preferences
        if wanted is not None:
            self._candidates += len(msgspec.json.encode(wanted)) // _BYTES_A_CANDIDATE
        if self._candidates > _MOST_REMEMBERED:
            self._forget()
        self._known[key] = made

    def _forget(self) -> None:
        self._known = {}
        self._candidates = 0


def rounded(asking: Asking) -> Asking:
    """The same with sizes rounded up by a quarter at most, and the time cut to its minute: what a plan goes by."""
    most = asking.most_tokens
    return Asking(
        asking.models,
        asking.when.replace(second=0, microsecond=0),
        asking.preferences,
        _step(asking.prompt_bytes),
        None if most is None else _step(most),
        asking.parameters,
        asking.law,
        asking.hosts,
    )


def _step(size: int) -> int:
    shift = max(0, size.bit_length() - 1 - _STEPS)
    return -(-size >> shift << shift)


def _key(asking: Asking) -> Hashable:
    """Equal for askings to which the same shortlist answers. Its models are held by it, so their places are theirs."""
    wanted = asking.preferences
    return (
        tuple(map(id, asking.models)),
        asking.when,
        None if wanted is None else msgspec.json.encode(wanted),
        asking.prompt_bytes,
        asking.most_tokens,
        asking.parameters if wanted is not None and wanted.require_parameters else None,
        None if asking.law is None else asking.law.identity,
        id(asking.hosts),
    )
