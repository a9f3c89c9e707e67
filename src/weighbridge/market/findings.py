"""What is wrong with what a source gave: kept raw, reported, and never averaged away. Values; who finds it reads.

A row that cannot be read is left out and found; a row that can be read and contradicts another is kept and found.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

Kind = Literal[
    "unreadable-row",
    "misspelt-key",
    "unknown-column",
    "changed-schema",
    "truncated-file",
    "impossible-date",
    "imprecise-date",
    "undated",
    "counter-backwards",
    "counter-stalled",
    "gap",
    "duplicate-snapshot",
    "duplicate-row",
    "restated",
    "contradictory-flags",
    "contradictory-prices",
    "unknown-organisation",
    "renamed-organisation",
    "deleted-organisation",
    "several-countries",
]

KINDS: Final[Mapping[Kind, str]] = {
    "unreadable-row": "A row lacks a value that it must have, or has one of another kind; it is left out.",
    "misspelt-key": "A key is nearly one that is known; what it says is left out.",
    "unknown-column": "A column or key that the importer does not know; what it says is left out.",
    "changed-schema": "Columns or keys are not those the importer was written for; nothing is read.",
    "truncated-file": "The file ends before it should; nothing is read.",
    "impossible-date": "A date before there was such a thing, such as 1970-01-01; it is taken for unknown.",
    "imprecise-date": "A date without its day, or a doubtful one; the first of its month, or it as it is, stands.",
    "undated": "Nothing says when the payload was published; its file's day stands for it.",
    "counter-backwards": "A counter that only grows got smaller; the days between have no difference.",
    "counter-stalled": "A counter stood still and then leapt; the leap is of all these days.",
    "gap": "Days are missing at the source; nothing is put in their place.",
    "duplicate-snapshot": "Two days' counters are the same to the last digit; the later is a copy.",
    "duplicate-row": "Rows of one payload speak of the same thing; the first is kept.",
    "restated": "A source now says something else of the same thing; both are kept, the newer is in force.",
    "contradictory-flags": "Rows of one model contradict each other; what they say is unknown.",
    "contradictory-prices": "Sources give one price differently; each stays under its source.",
    "unknown-organisation": "A publisher is in no reviewed row; it counts as unknown.",
    "renamed-organisation": "A publisher goes by a new name; both are one where a reviewed row says so.",
    "deleted-organisation": "Publishers that were in the snapshot before are in it no more; their rows stay.",
    "several-countries": "A source puts one organisation in several countries; a recipe says how it counts.",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing found."""

    kind: Kind
    subject: str
    """What it is about: a row's number, a model, a column."""
    said: str
    """What was found there, for people."""
