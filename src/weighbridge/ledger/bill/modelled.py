"""How many tokens a request would have taken on another model: what is known, what is measured, what is assumed.

Three answers at a time: with every assumption at its cheapest, as expected, and at its dearest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

from weighbridge.catalog.model import Endpoint
from weighbridge.catalog.tokenizers import SAME, Ratio
from weighbridge.ledger.bill.tally import Tally, Triple

ADDED_REASONING: Final[Triple] = (Decimal(0), Decimal(2), Decimal(5))
"""Reasoning tokens for one of the answer, by a model that reasons in the place of one that does not: it may be told not
to; reasoning models take three to five times the tokens, on hard questions more.
https://nousresearch.com/measuring-thinking-efficiency-in-reasoning-models-the-missing-benchmark"""
OTHER_REASONING: Final[Triple] = (Decimal("0.5"), Decimal(1), Decimal(4))
"""Reasoning tokens for one by another model that reasons; open ones were seen to take 1.5 to 4 times a closed one's
(same source)."""
NO_RATE: Final[Triple] = (Decimal(1), Decimal("0.5"), Decimal(0))
"""Of the prompt tokens that were read from a cache, how many would have been from another provider's."""

Basis = Literal["same", "measured", "ratio", "assumed", "kept", "seen", "default", "dropped", "unknown", "none"]
"""Where a figure has come from."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What this ledger has seen of a model."""

    requests: int = 0
    reasoning: Triple | None = None
    """Reasoning tokens for one of the answer; None: not seen often enough."""
    cached: Mapping[str, Triple] = field(default_factory=dict)
    """By provider: the share of the prompt that came from its cache."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a model that was asked. None is unknown."""

    family: str | None = None
    """Its tokenizer."""
    reasons: bool | None = None
    embeds: bool = False
    """It answers with vectors, not with text."""


@dataclass(frozen=True, slots=True)
class Target:
    """Another model at one endpoint."""

    model: str
    endpoint: Endpoint
    traits: Traits = Traits()
    context: int | None = None
    """Tokens of a prompt with its answer; None: not known, so nothing is taken to be too long."""
    ratios: Mapping[str | None, Ratio] = field(default_factory=dict)
    """Its tokens for one of each recorded model's, by that model."""
    seen: Seen = Seen()

    def ratio(self, model: str | None) -> Ratio:
        """Its tokens for one of a recorded model's."""
        if model == self.model:
            return SAME
        return self.ratios[model]


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens of a tally's requests, were they asked of the target."""

    fresh: Decimal
    cached: Decimal
    written: Decimal
    completion: Decimal
    longest: Decimal
    """The longest prompt."""


@dataclass(frozen=True, slots=True)
class Bases:
    """Where the three parts of a count have come from."""

    text: Basis
    reasoning: Basis
    cache: Basis


def counts(tally: Tally, target: Target, recorded: Traits) -> tuple[tuple[Counts, Counts, Counts], Bases]:
    """The tokens of the tally's requests on the target, and on what each part rests."""
    texts, of_text = _texts(tally, target)
    reasoning, of_reasoning = _reasoning(tally, target, recorded)
    cached, of_cache = _cached(tally, target)

    def each(scenario: int) -> Counts:
        prompt, answer = texts[0][scenario], texts[1][scenario]
        written = tally.written * prompt
        hits = cached[scenario] * prompt
        fresh = (tally.fresh + tally.cached) * prompt - hits
        completion = (tally.completion - tally.reasoning) * answer + reasoning[scenario] * answer
        return Counts(fresh, hits, written, completion, tally.longest * prompt)

    return (each(0), each(1), each(2)), Bases(of_text, of_reasoning, of_cache)


def as_recorded(tally: Tally) -> Counts:
    """The tokens as they are in the ledger."""
    known = (tally.fresh, tally.cached, tally.written, tally.completion, tally.longest)
    return Counts(*map(Decimal, known))


def too_long(tally: Tally, target: Target) -> bool:
    """Whether its requests are longer than the target can read and answer, as expected."""
    ratio = target.ratio(tally.model).middle if tally.measured is None else tally.measured.prompt
    return target.context is not None and tally.longest_whole * ratio > target.context


def _texts(tally: Tally, target: Target) -> tuple[tuple[Triple, Triple], Basis]:
    """Tokens for one, of the prompt and of the answer."""
    if tally.measured is not None:
        prompt, answer = tally.measured.prompt, tally.measured.answer
        return ((prompt, prompt, prompt), (answer, answer, answer)), "kept"
    ratio = target.ratio(tally.model)
    both = (ratio.low, ratio.middle, ratio.high)
    return (both, both), "same" if ratio == SAME else "ratio" if ratio.measured else "assumed"


def _reasoning(tally: Tally, target: Target, recorded: Traits) -> tuple[Triple, Basis]:
    """Tokens of reasoning, as the recorded model would count them."""
    told = Decimal(tally.reasoning)
    if tally.model == target.model:
        return (told, told, told), "same"
    answer = Decimal(tally.completion - tally.reasoning)
    if target.seen.reasoning is not None:
        return _times(answer, target.seen.reasoning), "seen"
    if target.traits.reasons is None:
        return (Decimal(0), Decimal(0), told), "unknown"
    if not target.traits.reasons:
        return (Decimal(0), Decimal(0), Decimal(0)), "dropped" if told else "none"
    if told:
        return _times(told, OTHER_REASONING), "default"
    if recorded.reasons and tally.untold:  # some of the answer is reasoning, and nobody says how much
        return (Decimal(0), Decimal(0), answer * (OTHER_REASONING[2] - 1)), "default"
    return _times(answer, ADDED_REASONING), "default"


def _cached(tally: Tally, target: Target) -> tuple[Triple, Basis]:
    """Tokens from a cache, as the recorded model would count them."""
    known = Decimal(tally.cached)
    if tally.model == target.model and tally.provider == target.endpoint.provider:
        return (known, known, known), "same"
    rate = target.seen.cached.get(target.endpoint.provider)
    if rate is not None:
        return _times(Decimal(tally.fresh + tally.cached), rate), "seen"
    return _times(known, NO_RATE), "default" if known else "none"


def _times(amount: Decimal, triple: Triple) -> Triple:
    return amount * triple[0], amount * triple[1], amount * triple[2]
