"""Tallies, prices and models for tests of bills, and strategies for any there may be."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

from weighbridge.catalog.model import Endpoint, Price, Rate
from weighbridge.catalog.tokenizers import Ratio
from weighbridge.ledger.bill.modelled import Seen, Target, Traits
from weighbridge.ledger.bill.tally import Tally
from weighbridge.ledger.cost import cost
from weighbridge.wire.usage import Usage

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def price(input_: str = "2.5", output: str = "10", cache_read: str | None = None, **more: object) -> Price:
    """A row; US dollars for a million tokens."""
    read = None if cache_read is None else Rate(Decimal(cache_read))
    return Price("list:row", "a list", Rate(Decimal(input_)), Rate(Decimal(output)), read, **more)  # type: ignore[arg-type] # whatever fields


def tally(usage: Usage, row: Price, *, entries: int = 1, **more: object) -> Tally:
    """So many requests of one usage, as the ledger would sum them, at what they cost."""
    prompt, cached, written = usage.prompt, usage.cached or 0, usage.written or 0
    made = Tally(
        at=NOON,
        model="lab/here",
        provider="near",
        key="key-1",
        counted_by="provider",
        entries=entries,
        prompt=entries * prompt,
        completion=entries * usage.completion,
        fresh=entries * max(0, prompt - cached - written),
        cached=entries * cached,
        written=entries * written,
        reasoning=entries * (usage.reasoning or 0),
        untold=entries * usage.completion if usage.reasoning is None else 0,
        cost=entries * cost(usage, row),
        longest=prompt,
        longest_whole=prompt + usage.completion,
    )
    return made if not more else replaced(made, **more)


def replaced(made: Tally, **more: object) -> Tally:
    """The same with other values."""
    return replace(made, **more)  # type: ignore[arg-type] # whatever fields


def target(*prices: Price, model: str = "lab/there", provider: str = "far", **more: object) -> Target:
    """A model at one endpoint, with a tokenizer that makes the same tokens."""
    ratios: dict[str | None, Ratio] = {"lab/here": Ratio(Decimal(1), Decimal("0.9"), Decimal("1.2"))}
    given = {"ratios": ratios, "traits": Traits("there"), "seen": Seen(), **more}
    return Target(model, Endpoint(provider, model, model, prices), **given)  # type: ignore[arg-type] # whatever fields


_tokens = st.integers(0, 2_000_000)
usages = st.builds(
    lambda prompt, completion, cached, written, reasoning: Usage(
        prompt, completion, min(cached, prompt), min(written, prompt - min(cached, prompt)), min(reasoning, completion)
    ),
    _tokens,
    _tokens,
    _tokens,
    _tokens,
    _tokens,
)
_amounts = st.integers(0, 10**8).map(lambda micro: Decimal(micro).scaleb(-6))
_rates = st.one_of(
    _amounts.map(Rate),
    st.builds(lambda base, start, dear: Rate(base, ((start, dear),)), _amounts, st.integers(1, 300_000), _amounts),
)
prices = st.builds(
    Price,
    id=st.just("list:row"),
    source=st.just("a list"),
    input=_rates,
    output=_rates,
    cache_read=st.none() | _rates,
    cache_write=st.none() | _rates,
    per_request=_amounts,
)
