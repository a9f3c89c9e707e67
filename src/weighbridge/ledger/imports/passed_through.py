"""Usage from outside that did pass through us: the log of an agent, or of a router, has that too.

It is known by the provider's own id of the request; and, as an agent is not told that, by its tokens at its time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from weighbridge.db import Connection, microseconds, moment
from weighbridge.ledger.imports.outside import Outside

_AROUND: Final = timedelta(days=1)
"""How long a request may take, at the most that is looked at."""
_NEAR: Final = timedelta(seconds=5)
"""How far apart two clocks may be."""

_SQL: Final = """
    SELECT upstream_request, at, duration, prompt_tokens, completion_tokens
    FROM entry JOIN kind ON kind.id = entry.kind
    WHERE entry.id >= ? AND entry.id < ? AND corrects IS NULL AND imported IS NULL AND prompt_tokens IS NOT NULL
"""


def through_us(connection: Connection, usage: Sequence[Outside]) -> Callable[[Outside], bool]:
    """Whether a request is in the ledger as one of our own. Raises db.Error."""
    if not usage:
        return lambda one: False
    times = [one.at for one in usage]
    span = (min(times) - _AROUND, max(times) + _AROUND)
    low, high = (f"wbr-{max(0, microseconds(each)) // 1000:012x}" for each in span)
    requests: set[str] = set()
    answered: defaultdict[tuple[int, int], list[tuple[datetime, datetime]]] = defaultdict(list)
    for request, at, duration, prompt, completion in connection.execute(_SQL, (low, high)):
        if request is not None:
            requests.add(request)
        begun = moment(at)
        answered[prompt, completion].append((begun - _NEAR, begun + timedelta(microseconds=duration) + _NEAR))

    def is_ours(one: Outside) -> bool:
        if one.request is not None and one.request in requests:
            return True
        return _within(one, answered.get((one.usage.prompt, one.usage.completion), ()))

    return is_ours


def _within(one: Outside, spans: Iterable[tuple[datetime, datetime]]) -> bool:
    ends = one.at + timedelta(seconds=one.seconds)
    return any(begun <= ends and one.at <= ended for begun, ended in spans)
