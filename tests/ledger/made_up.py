"""Entries for tests, and strategies for any there may be."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from hypothesis import strategies as st

from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.entry import Attempt, Charge, Decided, Ending, Entry
from weighbridge.wire.usage import Source, Usage

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

_numbers = itertools.count(1)


def entry(**more: object) -> Entry:
    """A complete answer with an id of its own; `more` are other values for its fields."""
    made = Entry(
        id=f"wbr-{next(_numbers):032x}",
        at=NOW,
        key="key-1",
        asked_model="qwen/tiny",
        model="qwen/tiny",
        provider="near",
        upstream_model="tiny",
        upstream_request=None,
        ending="complete",
        status=200,
        error=None,
        streamed=False,
        charge=charge(),
        first_byte=0.125,
        duration=0.25,
        attempts=(Attempt("near", "tiny", None, 0.25),),
    )
    return msgspec.structs.replace(made, **more)


def charge(cost: str | None = "0.00001", usage: Usage | None = None, counted_by: Source = "provider") -> Charge:
    """What an answer cost."""
    amount = None if cost is None else Decimal(cost)
    return Charge(usage or Usage(12, 5), counted_by, amount, "list:near/tiny", "list 1.0", "2026-09-10")


# without NUL: PostgreSQL keeps another character in its place, see test_store.py
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_maybe_texts = st.none() | _texts
_tokens = st.integers(0, 10**9)
_seconds = st.integers(0, 10**10).map(lambda microseconds: microseconds / 1e6)
_began = st.none() | st.integers(10**5, 10**10).map(lambda microseconds: microseconds / 1e6)
"""Those below are written down as none where nothing else is to be said."""
_endings: st.SearchStrategy[Ending] = st.sampled_from(
    ("complete", "client_left", "upstream_broke", "refused", "stopped")
)
_sources: st.SearchStrategy[Source] = st.sampled_from(("provider", "engine", "estimate"))

usages = st.builds(
    Usage,
    prompt=_tokens,
    completion=_tokens,
    cached=st.none() | _tokens,
    written=st.none() | _tokens,
    reasoning=st.none() | _tokens,
)
costs = st.integers(0, 9_000_000 * 10**12).map(lambda smallest: smallest * SMALLEST)
charges = st.builds(
    Charge,
    usage=usages,
    counted_by=_sources,
    cost=st.none() | costs,
    price_id=_maybe_texts,
    price_source=_maybe_texts,
    price_since=_maybe_texts,
)
_tags = st.lists(_texts, max_size=3).map(tuple)
entries = st.builds(
    Entry,
    id=st.uuids().map(lambda unique: f"wbr-{unique.hex}"),
    at=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(lambda when: when.replace(tzinfo=UTC)),  # noqa: DTZ001 - hypothesis wants them bare
    key=_texts,
    asked_model=_maybe_texts,
    model=_maybe_texts,
    provider=_maybe_texts,
    upstream_model=_maybe_texts,
    upstream_request=_maybe_texts,
    ending=_endings,
    status=st.integers(100, 599),
    error=_maybe_texts,
    streamed=st.booleans(),
    charge=st.none() | charges,
    first_byte=st.none() | _seconds,
    duration=_seconds,
    attempts=st.lists(
        st.builds(Attempt, _texts, _texts, _maybe_texts, _seconds, st.none() | charges, _maybe_texts, _began),
        max_size=3,
    ).map(tuple),
    organisation=_maybe_texts,
    project=_maybe_texts,
    tags=_tags,
    key_tags=_tags,
    decided=st.none() | st.builds(Decided, policy=_texts, rule=_texts, facts=_maybe_texts),
    user=_maybe_texts,
    corrects=_maybe_texts,
    imported=_maybe_texts,
)


def later(days: float) -> datetime:
    """So many days after NOW."""
    return NOW + timedelta(days=days)
