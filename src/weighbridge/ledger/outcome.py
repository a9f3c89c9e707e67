"""What became of a group of entries that was to be written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a group: its entries are in the ledger, but for those that are named here by their ids."""

    kept: frozenset[str] = frozenset()
    """Not written now; to be tried again."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Not taken, now or ever, and why."""
    fault: str | None = None
    """Why the ledger cannot be written just now; None when all is well."""


WRITTEN: Final = Outcome()


def together(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of several groups as one."""
    each = list(outcomes)
    return Outcome(
        kept=frozenset().union(*(outcome.kept for outcome in each)),
        refused={id_: why for outcome in each for id_, why in outcome.refused.items()},
        fault=each[-1].fault,
    )


def words(exc: Exception) -> str:
    """What to say of an error."""
    return str(exc) or type(exc).__name__
