"""What a comparison rests on, in words: each with how much of it does. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from weighbridge.catalog.tokenizers import ASSUMED, Tokenizers
from weighbridge.ledger.bill.modelled import ADDED_REASONING, OTHER_REASONING, Basis
from weighbridge.ledger.bill.recount import Recount
from weighbridge.ledger.bill.tally import UNKNOWN, Triple

_SHORT: Final = Decimal("0.01")


def assumptions(recount: Recount, tokenizers: Tokenizers, kinds: Sequence[str]) -> list[str]:
    """Sentences, in the order of a request's way: prices, text, answers, reasoning, caches."""
    return [
        *_prices(recount),
        *_texts(recount, tokenizers, kinds),
        "The answers say the same: their text is as long as it was, and every request is made once, as it was.",
        *_reasoning(recount),
        *_caches(recount),
    ]


def _prices(recount: Recount) -> Iterator[str]:
    rows = recount.prices
    if rows:
        yield f"Prices are those of {recount.target.endpoint.provider} at the time of each request: {', '.join(rows)}."
    undated = [row for row, dated in rows.items() if not dated]
    if undated:
        yield f"Taken for the whole time, as the list does not say since when they hold: {', '.join(undated)}."


def _texts(recount: Recount, tokenizers: Tokenizers, kinds: Sequence[str]) -> Iterator[str]:
    target = recount.target
    for model, bases in _by_model(recount, "text").items():
        name, ratio = model or UNKNOWN, target.ratio(model)
        if kept := bases.get("kept"):
            yield f"{name}: {many(kept)} counted from their texts, which were kept."
        if of_ratio := bases.get("ratio"):
            yield (
                f"{name}: {ratio.middle:.3f} tokens for one, {ratio.low:.3f} to {ratio.high:.3f}, in "
                f"{many(of_ratio)}: measured on {tokenizers.measured} on {', '.join(kinds)}."
            )
        if same := bases.get("same"):
            yield f"{name}: the same tokenizer, in {many(same)}."
        if assumed := bases.get("assumed"):
            yield (
                f"{name}: assumed {ASSUMED.middle:.1f} tokens for one, range {ASSUMED.low} to {ASSUMED.high}, in "
                f"{many(assumed)}: one of the two tokenizers is not known."
            )


def _reasoning(recount: Recount) -> Iterator[str]:
    target = recount.target
    found = _together(recount, "reasoning")
    if of_seen := found.get("seen"):
        yield (
            f"Reasoning: {_range(target.seen.reasoning)} tokens for one of the answer, as this ledger has seen of "
            f"{target.model}, in {many(of_seen)}."
        )
    if default := found.get("default"):
        yield (
            f"Reasoning, of which this ledger has seen too little: where {target.model} takes the place of a model "
            f"that does not reason, {_range(ADDED_REASONING)} tokens for one of the answer; of one that does, "
            f"{_range(OTHER_REASONING)} for one of its; {many(default)}."
        )
    if dropped := found.get("dropped"):
        yield f"Reasoning: {target.model} does none, so what was recorded of it is left out, in {many(dropped)}."
    if unknown := found.get("unknown"):
        yield (
            f"Reasoning: it is not known whether {target.model} does any; none is expected, and as much as was "
            f"recorded at most, in {many(unknown)}."
        )


def _caches(recount: Recount) -> Iterator[str]:
    target = recount.target
    found = _together(recount, "cache")
    if of_seen := found.get("seen"):
        rate = target.seen.cached[target.endpoint.provider]
        yield (
            f"Prompt cache: {rate[1]:.0%} of the prompt ({rate[2]:.0%} to {rate[0]:.0%}), as this ledger has seen of "
            f"{target.model} at {target.endpoint.provider}, in {many(of_seen)}."
        )
    if default := found.get("default"):
        yield (
            f"Prompt cache: half of what was read from one here, none to all of it, in {many(default)}: this "
            f"ledger has seen too little of {target.model} at {target.endpoint.provider}."
        )


def _by_model(recount: Recount, part: str) -> dict[str | None, dict[Basis, int]]:
    found: defaultdict[str | None, dict[Basis, int]] = defaultdict(dict)
    for (model, bases), rest in recount.rests.items():
        basis: Basis = getattr(bases, part)
        found[model][basis] = found[model].get(basis, 0) + rest.requests
    return found


def _together(recount: Recount, part: str) -> dict[Basis, int]:
    total: defaultdict[Basis, int] = defaultdict(int)
    for bases in _by_model(recount, part).values():
        for basis, requests in bases.items():
            total[basis] += requests
    return total


def _range(triple: Triple | None) -> str:
    if triple is None:
        return "no"
    low, middle, high = (f"{each.quantize(_SHORT).normalize():f}" for each in triple)
    return f"{middle} ({low} to {high})"


def many(count: int) -> str:
    """So many requests, in words."""
    return f"{count:,} {'request' if count == 1 else 'requests'}"
