"""How many tokens an answer took: the form every part of the gateway speaks, whatever the dialect on the wire."""

from collections.abc import Sequence
from typing import Literal

import msgspec

Source = Literal["provider", "engine", "estimate", "cache", "bound"]
"""Who counted: the provider's answer, an engine of our own, or we from the text (flagged, and bounded); `cache`: nobody
worked, and the tokens are those of the answer that was given again; `bound`: nobody could, and it is the most that it
can have been."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens. `cached` and `written` are part of `prompt`, `reasoning` is part of `completion`; None is unknown."""

    prompt: int
    completion: int
    cached: int | None = None
    """Prompt tokens read from the provider's cache."""
    written: int | None = None
    """Prompt tokens written to the provider's cache."""
    reasoning: int | None = None


def together(usages: Sequence[Usage]) -> Usage:
    """The sum. A part that some did not tell is summed over those who did; None where nobody told it."""
    return Usage(
        prompt=sum(usage.prompt for usage in usages),
        completion=sum(usage.completion for usage in usages),
        cached=_known_sum([usage.cached for usage in usages]),
        written=_known_sum([usage.written for usage in usages]),
        reasoning=_known_sum([usage.reasoning for usage in usages]),
    )


def _known_sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def estimated_tokens(text_bytes: int) -> int:
    """About how many tokens so many bytes of UTF-8 text make: one for every four, rounded up.

    Four bytes a token holds for English and code within a third with every common tokenizer; it is used
    only where nobody counted, and an entry says so.
    """
    return -(-text_bytes // 4)
