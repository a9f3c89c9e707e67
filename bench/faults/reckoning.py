"""What a storm came to: who was answered, and whether the ledger says exactly that."""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from bench.faults.episodes import served
from bench.faults.provider import Answered
from bench.faults.storm import PATIENCE, Note, Weathered, prices
from weighbridge.ledger.entry import Entry


class Reckoning(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one storm. Durations are seconds, money is US dollars in digits."""

    requests: int
    answered: int
    """Wholly, to the client's eye."""
    best: int
    """That a policy which knows the schedules could have had answered."""
    errors: dict[str, int]
    """Of the others: the codes they were told; `none` where the connection just broke."""
    entries: int
    lost: int
    """Requests without an entry of their own."""
    double: int
    """Entries that belong to no request."""
    wrong: list[str]
    """Answers whose tokens or cost differ between the provider's log, the client and the ledger; at most ten."""
    unpaid: list[str]
    """Answers that the provider gave to their end and that no entry has; at most ten."""
    cost: str
    attempts: int
    p50: float
    p90: float
    p99: float
    slowest: float
    """Of those answered."""
    seconds: float

    @property
    def availability(self) -> float:
        """Share of the requests that were answered."""
        return self.answered / self.requests

    @property
    def behind(self) -> float:
        """By how much the availability is under the best that any policy could have had."""
        return (self.best - self.answered) / self.requests

    @property
    def exact(self) -> bool:
        """One entry for each request, and every cost to the last digit."""
        return not (self.lost or self.double or self.wrong or self.unpaid) and self.entries == self.requests


_MOST = 10


def reckon(after: Weathered) -> Reckoning:
    """Compare what the clients, the ledger and the provider have noted."""
    by_id = {entry.id: entry for entry in after.entries}
    receipts = [note.got.receipt for note in after.notes]
    answers = {each.id: each for log in after.log.values() for each in log}
    durations = sorted(note.got.seconds for note in after.notes if note.got.whole) or [0.0]
    return Reckoning(
        requests=after.storm.requests,
        answered=sum(note.got.whole for note in after.notes),
        best=sum(served(after.storm.schedules, note.at, PATIENCE) for note in after.notes),
        errors=dict(Counter(note.got.error or "none" for note in after.notes if not note.got.whole)),
        entries=len(after.entries),
        lost=sum(receipt not in by_id for receipt in receipts) + len(receipts) - len(set(receipts)),
        double=len(after.entries) - len(by_id) + len(by_id.keys() - set(receipts)),
        wrong=list(_wrong(after.notes, by_id, answers))[:_MOST],
        unpaid=_unpaid(after.entries, answers)[:_MOST],
        cost=f"{sum((_cost(entry) for entry in after.entries), Decimal(0)).normalize():f}",
        attempts=sum(len(entry.attempts) for entry in after.entries),
        p50=round(_quantile(durations, 0.5), 4),
        p90=round(_quantile(durations, 0.9), 4),
        p99=round(_quantile(durations, 0.99), 4),
        slowest=round(durations[-1], 4),
        seconds=round(after.seconds, 1),
    )


def _wrong(notes: Sequence[Note], by_id: dict[str, Entry], answers: dict[str, Answered]) -> Iterator[str]:
    for note in notes:
        entry = by_id.get(note.got.receipt or "")
        if entry is None:
            continue
        parts = [each.charge.cost for each in entry.attempts if each.charge is not None]
        if parts and sum((each or Decimal(0) for each in parts), Decimal(0)) != _cost(entry):
            yield f"{entry.id}: its parts are {parts}, its cost is {_cost(entry)}"
        if note.got.whole != (entry.ending == "complete"):
            yield f"{entry.id}: {entry.ending}, and the client's answer was {'whole' if note.got.whole else 'broken'}"
        elif note.got.whole and (why := _differs(note, entry, answers)) is not None:
            yield f"{entry.id}: {why}"


def _differs(note: Note, entry: Entry, answers: dict[str, Answered]) -> str | None:
    """What is not the same of an answer that its client saw whole."""
    answer = answers.get(entry.upstream_request or "")
    charge = entry.attempts[-1].charge or entry.charge
    if answer is None or charge is None or not answer.whole:
        return f"no whole answer is in the provider's log as {entry.upstream_request}, or it was not charged"
    usage = charge.usage
    used = (usage.prompt, usage.cached or 0, usage.completion)
    if used != (answer.prompt, answer.cached, answer.completion) or charge.counted_by != "provider":
        return f"{used} by the {charge.counted_by}, and the provider's log has {answer}"
    exact = prices(int((entry.provider or "").rpartition("-")[2])).cost(answer)
    if charge.cost != exact or Decimal(note.got.cost or 0) != _cost(entry):
        return f"costs {exact}, and the entry has {charge.cost} and {_cost(entry)}, the answer {note.got.cost}"
    return None


def _unpaid(entries: Sequence[Entry], answers: dict[str, Answered]) -> list[str]:
    paid = {entry.upstream_request for entry in entries if entry.charge is not None}
    return [each.id for each in answers.values() if each.whole and each.id not in paid]


def _cost(entry: Entry) -> Decimal:
    return Decimal(0) if entry.charge is None else entry.charge.cost or Decimal(0)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
