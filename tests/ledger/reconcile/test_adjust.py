"""What the ledger has of a provider, and entries that put it right: once, and so that all sums are right."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from tests.ledger.reconcile.lists import Asked, openrouter_csv, priced
from weighbridge import db
from weighbridge.db import Connection
from weighbridge.ledger import store
from weighbridge.ledger.entry import Attempt, Charge, Entry
from weighbridge.ledger.reconcile import openrouter
from weighbridge.ledger.reconcile.adjust import adjustments
from weighbridge.ledger.reconcile.compare import compare
from weighbridge.ledger.reconcile.line import Comparison
from weighbridge.ledger.reconcile.ours import ours_of
from weighbridge.ledger.reconcile.terms import Terms
from weighbridge.wire.usage import Usage

AT = datetime(2026, 11, 3, 12, tzinfo=UTC)
FRINGE = timedelta(days=1)


def entry(number: int, usage: Usage, **more: object) -> Entry:
    """Of a request to OpenRouter, and of its id `gen-NUMBER`."""
    at = AT + timedelta(minutes=number)
    made = Entry(
        id=f"wbr-{int(at.timestamp() * 1000):012x}0123456789{number:010x}",
        at=at,
        key="key-1",
        asked_model="lab/gpt-4.1",
        model="openai/gpt-4.1",
        provider="openrouter",
        upstream_model="lab/gpt-4.1",
        upstream_request=f"gen-{number}",
        ending="complete",
        status=200,
        error=None,
        streamed=True,
        charge=Charge(usage, "provider", priced(usage), "list:one", "a list 1", "2026-01-01"),
        first_byte=0.1,
        duration=2.0,
        attempts=(Attempt("openrouter", "lab/gpt-4.1", None, 2.0),),
        project="web",
        user="ann",
    )
    return msgspec.structs.replace(made, **more)


def said(number: int, usage: Usage, cost: Decimal | None = None) -> Asked:
    return Asked(f"gen-{number}", AT + timedelta(minutes=number), "gpt-4.1", usage, cost or priced(usage))


@pytest.fixture
def ledger(place: db.Place) -> Iterator[Connection]:
    with closing(db.connect(place)) as connection:
        yield connection


def reconciled(ledger: Connection, theirs: list[Asked]) -> tuple[Comparison, list[Entry]]:
    entries = {each.id: each for each in store.between(ledger, AT - FRINGE, AT + FRINGE)}
    found = compare(openrouter.read(openrouter_csv(theirs)), ours_of(entries.values(), "openrouter"), Terms())
    return found, list(adjustments(found, entries, Terms().reprice))


def test_an_adjustment_makes_the_sums_theirs_and_is_written_once(ledger: Connection) -> None:
    right, wrong, guess = Usage(100, 10, 0), Usage(200, 20, 0), Usage(400, 40)
    store.add(
        ledger,
        [entry(1, right), entry(2, wrong), entry(3, guess, charge=Charge(guess, "estimate", None, None, None, None))],
    )
    theirs = [said(1, right), said(2, Usage(210, 25, 5, None, 3)), said(3, Usage(390, 60), Decimal("0.005"))]
    found, adjusting = reconciled(ledger, theirs)
    assert {each.cause for each in found.differences} == {"tokens", "estimated"}
    assert [(one.corrects, one.at, one.attempts) for one in adjusting] == [
        (entry(number, wrong).id, entry(number, wrong).at, ()) for number in (2, 3)
    ]
    first = adjusting[0].charge
    assert first is not None
    assert (first.usage, first.cost) == (Usage(10, 5, 5, None, 3), priced(theirs[1].usage) - priced(wrong))
    assert (adjusting[0].key, adjusting[0].project, adjusting[0].user) == ("key-1", "web", "ann")

    store.add_once(ledger, adjusting)
    store.add_once(ledger, adjusting)
    assert len(store.entries(ledger)) == 5
    rows = ledger.execute("SELECT sum(prompt_tokens), sum(completion_tokens), sum(cost) FROM entry").fetchone()
    assert rows[:2] == (700, 95)
    assert rows[2] == int(sum(one.cost for one in theirs) * 10**12)
    kept = ledger.execute("SELECT sum(requests), sum(adjustments), sum(prompt_tokens) FROM rollup").fetchone()
    assert kept == (3, 2, 700)

    again, nothing = reconciled(ledger, theirs)
    assert (again.differences, nothing) == ((), [])


def test_figures_that_change_again_are_put_right_again(ledger: Connection) -> None:
    usage = Usage(100, 10, 0)
    store.add(ledger, [entry(1, usage)])
    for theirs in (Usage(100, 12, 0), usage, Usage(100, 12, 0)):
        _, adjusting = reconciled(ledger, [said(1, theirs)])
        assert len(adjusting) == 1
        store.add_once(ledger, adjusting)
    assert ledger.execute("SELECT count(*), sum(completion_tokens) FROM entry").fetchone() == (4, 12)


def test_what_is_not_certain_is_not_put_right(ledger: Connection) -> None:
    usage = Usage(100, 10, 0)
    store.add(ledger, [entry(1, usage, upstream_request=None), entry(2, usage)])
    found, adjusting = reconciled(ledger, [said(1, usage, Decimal(1)), said(9, usage)])
    assert {each.cause for each in found.differences} == {"price", "past_gateway", "not_billed"}
    assert adjusting == []


def test_each_endpoint_that_worked_is_one_of_ours_and_imported_usage_is_none() -> None:
    half, whole = Usage(100, 5), Usage(100, 10)
    broke = Charge(half, "estimate", priced(half), "list:one", None, None)
    rest = Charge(whole, "provider", priced(whole), "list:one", None, None)
    tries = (
        Attempt("openrouter", "lab/gpt-4.1", "upstream_busy", 0.1),
        Attempt("openrouter", "lab/gpt-4.1", "upstream_timeout", 9.0),
        Attempt("elsewhere", "gpt-4.1", "upstream_error", 1.0, rest),
        Attempt("openrouter", "lab/gpt-4.1", "upstream_error", 1.0, broke),
        Attempt("openrouter", "lab/gpt-4.1", None, 2.0, rest, "lab/gpt-4.1-mini"),
    )
    entries = [
        entry(1, whole, attempts=tries),
        entry(2, whole, imported="openrouter"),
        entry(3, whole, provider="near"),
    ]
    found = ours_of(entries, "openrouter")
    assert [(one.usage, one.request, one.counted_by, one.model) for one in found] == [
        (None, None, "provider", "lab/gpt-4.1"),
        (half, None, "estimate", "lab/gpt-4.1"),
        (whole, "gen-1", "provider", "lab/gpt-4.1-mini"),
    ]


def test_an_entry_that_was_cut_off_before_an_answer_is_ours() -> None:
    usage = Usage(100, 0)
    cut = entry(1, usage, attempts=(), ending="client_left", charge=Charge(usage, "estimate", None, None, None, None))
    (one,) = ours_of([cut], "openrouter")
    assert (one.usage, one.left, one.counted_by) == (usage, True, "estimate")
