"""Requests whose text was kept: counted by the tokenizers themselves, in the place of a ratio. Pure."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from weighbridge.ledger.bill.tally import Measured, Tally
from weighbridge.ledger.entry import Entry

Count = Callable[[str], int]
"""How many tokens a tokenizer makes of a text."""


def tally_of(entry: Entry) -> Tally | None:
    """The tally of one entry alone; None where nothing was used for it."""
    charge = entry.charge
    if charge is None:
        return None
    usage = charge.usage
    cached, written, reasoning = usage.cached or 0, usage.written or 0, usage.reasoning or 0
    fresh = usage.prompt - cached - written
    return Tally(
        at=entry.at,
        model=entry.model or entry.asked_model,
        provider=entry.provider,
        key=entry.key,
        organisation=entry.organisation,
        project=entry.project,
        user=entry.user,
        tags=entry.tags,
        key_tags=entry.key_tags,
        counted_by=charge.counted_by,
        price_id=charge.price_id,
        price_since=charge.price_since,
        imported=entry.imported,
        adjusts=entry.corrects is not None,
        priced=charge.cost is not None,
        prompt=usage.prompt,
        completion=usage.completion,
        fresh=fresh if entry.corrects is not None else max(0, fresh),
        cached=cached,
        written=written,
        reasoning=reasoning if entry.corrects is not None else min(reasoning, usage.completion),
        untold=usage.completion if usage.reasoning is None else 0,
        cost=charge.cost or Decimal(0),
        longest=usage.prompt,
        longest_whole=usage.prompt + usage.completion,
    )


def taken_out(tally: Tally) -> Tally:
    """What takes the tally out of a sum that it is in."""
    return replace(
        tally,
        entries=-tally.entries,
        prompt=-tally.prompt,
        completion=-tally.completion,
        fresh=-tally.fresh,
        cached=-tally.cached,
        written=-tally.written,
        reasoning=-tally.reasoning,
        untold=-tally.untold,
        cost=-tally.cost,
    )


def measured(tally: Tally, prompt: str, answer: str, *, other: Count, own: Count | None) -> Measured | None:
    """How many tokens the other tokenizer makes of these texts for one recorded; None where there is nothing to go by.

    Both tokenizers count the text alone, which is why their counts are compared. Where the recorded model's own is not
    at hand, the other's count stands for the whole prompt: without the marks around messages, which are few.
    """
    of_prompt = _ratio(other(prompt), own(prompt) if own is not None else tally.prompt)
    of_answer = _ratio(other(answer), own(answer) if own is not None else tally.completion - tally.reasoning)
    if of_prompt is None:
        return None
    return Measured(of_prompt, of_prompt if of_answer is None else of_answer)


def _ratio(other: int, own: int) -> Decimal | None:
    return Decimal(other) / own if other > 0 and own > 0 else None
