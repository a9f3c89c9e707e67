"""What the reference answered in an earlier plan is not asked again: a new candidate pays for its own answers only."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from weighbridge.db import Connection
from weighbridge.switch import planned, replayed, store
from weighbridge.switch.case import Answer, Case
from weighbridge.switch.cases import Skipped
from weighbridge.switch.sources import Found, Ref, Source

Answered = Callable[[str], Answer | None]
"""An answer by its receipt, where its text is kept."""
_WHOLE: Final = ("stop", "tool_calls")


class Remembered:
    """A source whose cases have the reference's answer, where an earlier plan asked for it and its text is kept."""

    def __init__(self, source: Source, connection: Connection, reference: str, answered: Answered) -> None:
        """`reference` is the model's id. Raises db.Error."""
        self._source, self._answered = source, answered
        self._rows = _answers(connection, reference)

    def each(self) -> Iterator[Found | Skipped]:
        """See Source."""
        for found in self._source.each():
            if isinstance(found, Found):
                yield msgspec.structs.replace(found, case=self._with_answer(found.case))
            else:
                yield found

    def again(self, ref: Ref) -> Case:
        """See Source."""
        return self._with_answer(self._source.again(ref))

    def _with_answer(self, case: Case) -> Case:
        row = None if case.reference is not None else self._rows.get(case.id)
        answer = None if row is None or row.receipt is None else self._answered(row.receipt)
        if answer is None or row is None:
            return case
        known = msgspec.structs.replace(
            answer,
            receipt=row.receipt,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            seconds=row.seconds,
        )
        return msgspec.structs.replace(case, reference=known)


def _answers(connection: Connection, reference: str) -> dict[str, replayed.Replayed]:
    """The newest whole answer of the reference to each case that was ever replayed."""
    found: dict[str, replayed.Replayed] = {}
    for plan in reversed(store.plans(connection)):
        try:
            if planned.decode(plan.document).reference != reference:
                continue
            for each in store.replays(connection, plan.id):
                row = replayed.decode(each.document) if each.arm == store.REFERENCE else None
                if row is not None and row.state == "done" and row.error is None and row.finish in _WHOLE:
                    found[each.case] = row
        except msgspec.MsgspecError:  # of another release: its answers are asked for again
            continue
    return found
