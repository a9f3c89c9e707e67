"""Cases in groups of those that are alike; of each group a random sample is what may be replayed."""

import hashlib
import heapq
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from weighbridge.ledger.bill.kept import tally_of
from weighbridge.ledger.bill.tally import Tally
from weighbridge.ledger.entry import Entry
from weighbridge.routing.quality.look import Look, look
from weighbridge.switch.case import Case
from weighbridge.switch.cases import Skipped
from weighbridge.switch.planned import About
from weighbridge.switch.sources import Found, Ref
from weighbridge.wire.usage import estimated_tokens

UNKNOWN_ANSWER: Final = 300
"""Tokens that an answer is taken to have where none was seen."""
_NOW: Final = datetime(2020, 1, 1, tzinfo=UTC)

FindEntry = Callable[[str], Entry | None]
"""The ledger's entry of a receipt."""
Judged = Callable[[Case], bool]
"""Whether only a judge can grade a case."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A case that may be replayed, without its text."""

    ref: Ref
    tally: Tally
    """What it took on the reference, as recorded or as estimated."""
    answered: bool
    judged: bool


@dataclass(slots=True)
class Route:
    """Requests that are alike."""

    id: str
    key: str
    seen: Look
    app: str
    requests: int = 0
    since: datetime | None = None
    until: datetime | None = None
    cost: Decimal = Decimal(0)
    """What those cost of which that is recorded, in US dollars."""
    recorded: int = 0
    """How many they are."""
    tags: set[str] = field(default_factory=set)
    """All that any of them was marked with: a policy may bind by these."""
    images: bool = False
    longest: int = 0
    """Tokens of the longest prompt with its answer."""
    heap: list[tuple[int, int, Sampled]] = field(default_factory=list)

    @property
    def sample(self) -> list[Sampled]:
        """In the order of the draw."""
        return [each for _, _, each in sorted(self.heap, reverse=True)]

    @property
    def a_day(self) -> float | None:
        """Requests a day, over the days from the first to the last; None where times are not known."""
        if self.since is None or self.until is None:
            return None
        return self.requests / max(1.0, (self.until - self.since).total_seconds() / 86_400)

    def about(self, names: Mapping[str, str]) -> About:
        """For people; `names` are those of keys."""
        seen = self.seen
        return About(
            key=names.get(self.key, self.key),
            tools=tuple(seen.tools),
            format=seen.format.partition(":")[0],
            app=self.app,
            instructions=hashlib.sha256(seen.system.encode(errors="replace")).hexdigest()[:4] if seen.system else "",
        )


def grouped(
    found: Iterable[Found | Skipped],
    *,
    seed: str,
    most: int,
    entry: FindEntry,
    judged: Judged,
    reference: str,
    among: Container[str] | None = None,
) -> tuple[dict[str, Route], list[Skipped]]:
    """Routes by their fingerprints, with a sample of at most so many cases each, and what was no case.

    The `seed` decides the sample: each case draws a number from it and its own id, and the lowest are taken; with
    `among` of these cases alone, where the reference's answer is at hand.
    """
    routes: dict[str, Route] = {}
    skipped: list[Skipped] = []
    for number, each in enumerate(found):
        if isinstance(each, Skipped):
            skipped.append(each)
            continue
        seen = look(each.case.body)
        route = routes.setdefault(each.case.route, Route(each.case.route, each.key, seen, each.app))
        tally = _tally(each.case, seen, entry, reference)
        _count(route, each, seen, tally)
        if among is not None and (each.ref.case not in among or each.case.reference is None):
            continue
        drawn = -draw(seed, each.ref.case)  # of a heap the least is at hand, which is the highest that was drawn
        if len(route.heap) < most or drawn > route.heap[0][0]:
            sampled = Sampled(each.ref, tally, each.case.reference is not None, judged(each.case))
            push = heapq.heappush if len(route.heap) < most else heapq.heapreplace
            push(route.heap, (drawn, -number, sampled))
    return routes, skipped


def draw(seed: str, case: str) -> int:
    """The number that a case draws: the same each time, and of no other case's."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{case}".encode()).digest()[:8])


def _count(route: Route, found: Found, seen: Look, tally: Tally) -> None:
    at = found.case.at
    route.requests += 1
    if at is not None:
        route.since = at if route.since is None else min(route.since, at)
        route.until = at if route.until is None else max(route.until, at)
    route.images = route.images or seen.images > 0
    route.longest = max(route.longest, tally.longest_whole)
    route.tags.update(tally.tags)
    if tally.priced and tally.counted_by != "estimate":
        route.cost += tally.cost
        route.recorded += 1


def _tally(case: Case, seen: Look, entry: FindEntry, reference: str) -> Tally:
    """What the ledger has of it; else what its answer says of itself; else about what it will take."""
    recorded = entry(case.id)
    found = None if recorded is None else tally_of(recorded)
    if found is not None and found.model == reference and not found.given_again:
        return found
    answer = case.reference
    prompt = answer.prompt_tokens if answer is not None else None
    completion = answer.completion_tokens if answer is not None else None
    if completion is None:
        completion = UNKNOWN_ANSWER if answer is None else max(1, estimated_tokens(len(answer.text.encode())))
        completion = completion if seen.most_tokens is None else min(completion, seen.most_tokens)
    prompt = estimated_tokens(seen.context_bytes) if prompt is None else prompt
    return Tally(
        at=case.at or _NOW,
        model=reference,
        counted_by="estimate",
        priced=False,
        prompt=prompt,
        completion=completion,
        fresh=prompt,
        longest=prompt,
        longest_whole=prompt + completion,
    )
