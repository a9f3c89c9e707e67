"""Usage from outside becomes entries: marked, priced by the list of its day, and never twice."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from weighbridge import db
from weighbridge.catalog.dated import DatedPrices
from weighbridge.catalog.load import load
from weighbridge.db import Connection
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.imports.entries import Owner, entry_of, take
from weighbridge.ledger.imports.outside import Outside
from weighbridge.ledger.imports.passed_through import through_us
from weighbridge.wire.usage import Usage

AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
ONE = Outside(
    place="a.jsonl:1",
    id="msg_1\nreq_1",
    at=AT,
    provider="anthropic",
    model="claude-sonnet-4-5-20250929",
    usage=Usage(prompt=6010, completion=120, cached=5000, written=1000),
    for_an_hour=400,
    request="req_1",
    tags=("Mine",),
)
OWNER = Owner("key-1", "acme", "web", ("team-a",))


@pytest.fixture(scope="module")
def prices() -> DatedPrices:
    return DatedPrices(
        load(("anthropic", "openai", "deepseek"), when=AT), {"anthropic": "anthropic", "openai": "openai"}
    )


@pytest.fixture
def ledger(place: db.Place) -> Iterator[Connection]:
    with closing(db.connect(place)) as connection:
        yield connection


def made(one: Outside, prices: DatedPrices) -> Entry:
    return entry_of(one, named="claude-code", owner=OWNER, prices=prices)


def test_it_is_marked_and_belongs_to_the_key_it_is_entered_for(prices: DatedPrices) -> None:
    entry = made(ONE, prices)
    assert (entry.imported, entry.corrects, entry.key, entry.upstream_request) == (
        "claude-code",
        None,
        "key-1",
        "req_1",
    )
    assert (entry.organisation, entry.project, entry.tags, entry.key_tags) == (
        "acme", "web", ("mine", "team-a"), ("team-a",),
    )  # fmt: skip
    assert (entry.model, entry.asked_model) == ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5-20250929")
    assert entry.id.startswith(f"wbr-{int(AT.timestamp() * 1000):012x}")
    assert len(entry.id) == 36


def test_tokens_that_are_cached_for_an_hour_pay_twice_the_input(prices: DatedPrices) -> None:
    """By $3 in, $15 out, $3.75 written, $0.30 read: 10 x 3 + 600 x 3.75 + 400 x 6 + 5000 x 0.3 + 120 x 15."""
    charge = made(ONE, prices).charge
    assert charge is not None
    assert charge.cost == Decimal("0.00798")
    assert charge.price_id == "genai-prices:anthropic/claude-sonnet-4-5"


def test_what_was_paid_comes_before_the_list(prices: DatedPrices) -> None:
    charge = made(replace(ONE, paid=Decimal("0.5")), prices).charge
    assert charge is not None
    assert (charge.cost, charge.price_id) == (Decimal("0.5"), "paid:claude-code")


@pytest.mark.parametrize(
    ("provider", "model"), [(None, ONE.model), ("anthropic", "nobody-knows-this"), ("no-such-provider", ONE.model)]
)
def test_a_price_that_is_not_known_is_none_and_not_zero(provider: str | None, model: str, prices: DatedPrices) -> None:
    charge = made(replace(ONE, provider=provider, model=model), prices).charge
    assert charge is not None
    assert (charge.cost, charge.price_id) == (None, None)


def test_a_second_time_adds_nothing_to_the_entries_nor_to_their_sums(ledger: Connection, prices: DatedPrices) -> None:
    entries = [made(replace(ONE, id=f"msg_{number}"), prices) for number in range(1201)]
    first = take(ledger, entries)
    assert (first.new, first.there, first.cost) == (1201, 0, Decimal("0.00798") * 1201)
    sums = ledger.execute(
        "SELECT sum(requests), sum(prompt_tokens), sum(cost_high), sum(cost_low) FROM rollup"
    ).fetchone()
    second = take(ledger, entries)
    assert (second.new, second.there, second.changed, second.tokens) == (0, 1201, [], 0)
    store.add_once(ledger, entries)  # as one that ran at the same time
    again = ledger.execute(
        "SELECT sum(requests), sum(prompt_tokens), sum(cost_high), sum(cost_low) FROM rollup"
    ).fetchone()
    assert again == sums
    assert sums[:2] == (1201, 1201 * 6010)
    assert len(store.entries(ledger)) == 1201


def test_what_the_source_says_otherwise_now_is_told_and_left(ledger: Connection, prices: DatedPrices) -> None:
    take(ledger, [made(ONE, prices)])
    grown = made(replace(ONE, usage=Usage(prompt=6010, completion=900, cached=5000, written=1000)), prices)
    taken = take(ledger, [grown])
    assert (taken.new, taken.there, taken.changed) == (0, 1, [grown.id])
    kept = store.find(ledger, grown.id)
    assert kept is not None
    assert kept.charge == made(ONE, prices).charge


def test_a_dry_run_writes_nothing(ledger: Connection, prices: DatedPrices) -> None:
    assert take(ledger, [made(ONE, prices)], dry=True).new == 1
    assert store.entries(ledger) == []


def test_two_of_a_name_are_told_apart_by_the_names_they_are_given(prices: DatedPrices) -> None:
    other = entry_of(ONE, named="laptop", owner=OWNER, prices=prices)
    assert other.id != made(ONE, prices).id


def test_only_requests_of_our_own_make_outside_usage_ours(ledger: Connection, prices: DatedPrices) -> None:
    mine = msgspec.structs.replace(made(ONE, prices), imported=None, duration=4.0)
    assert not through_us(ledger, [ONE])(ONE)
    take(ledger, [made(ONE, prices)])
    assert not through_us(ledger, [ONE])(ONE)
    store.add(ledger, [msgspec.structs.replace(mine, id=f"{mine.id[:-1]}x")])
    is_ours = through_us(ledger, [ONE])
    assert is_ours(ONE)
    assert is_ours(replace(ONE, request=None, at=AT + timedelta(seconds=4)))
    assert not is_ours(replace(ONE, request=None, at=AT + timedelta(seconds=40)))
    assert not is_ours(replace(ONE, request=None, usage=Usage(6010, 121)))
