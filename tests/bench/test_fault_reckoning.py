"""A reckoning finds each thing that could be wrong: an entry lost, one too many, a token, a digit of a cost."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from bench.faults.client import Got
from bench.faults.episodes import Episode
from bench.faults.provider import Answered
from bench.faults.reckoning import reckon
from bench.faults.storm import Note, Storm, Weathered, prices
from weighbridge.ledger.entry import Attempt, Charge, Entry
from weighbridge.wire.usage import Usage

ANSWERED = Answered("storm0-1-0", prompt=100, cached=40, completion=10, whole=True)
COST = Decimal("0.000023940")
"""60 x 210, 40 x 51 and 10 x 930 of 1e-9 dollars."""
CHARGE = Charge(Usage(100, 10, cached=40), "provider", COST, None, None, None)
ENTRY = Entry(
    id="wbr-1",
    at=datetime(2026, 1, 1, tzinfo=UTC),
    key="key",
    asked_model="faults/model",
    model="faults/model",
    provider="storm0-1",
    upstream_model="model-at-1",
    upstream_request="storm0-1-0",
    ending="complete",
    status=200,
    error=None,
    streamed=False,
    charge=CHARGE,
    first_byte=0.1,
    duration=0.1,
    attempts=(Attempt("storm0-1", "model-at-1", None, 0.1),),
)
GOT = Got(status=200, receipt="wbr-1", whole=True, error=None, cost="0.00002394", usage=None, seconds=0.1)
BROKEN = replace(GOT, receipt="wbr-2", whole=False, error="upstream_error", status=502, cost=None)
BROKEN_ENTRY = msgspec.structs.replace(
    ENTRY, id="wbr-2", ending="upstream_broke", status=502, charge=None, upstream_request=None
)
STORM = Storm(schedules=[[Episode(1, 9, "dead")], [Episode(1, 9, "dead")]], requests=2, rate=1)
EXACT = Weathered(
    STORM, [Note(0.5, GOT), Note(1.5, BROKEN)], [ENTRY, BROKEN_ENTRY], {"storm0-0": [], "storm0-1": [ANSWERED]}, 2.0
)


def changed(entry: Entry = ENTRY, *, log: Answered = ANSWERED, got: Got = GOT) -> Weathered:
    """The exact outcome with something else in the place of its first request."""
    return replace(
        EXACT, notes=[Note(0.5, got), EXACT.notes[1]], entries=[entry, BROKEN_ENTRY], log={"storm0-1": [log]}
    )


def with_charge(charge: Charge) -> Entry:
    return msgspec.structs.replace(ENTRY, charge=charge)


def test_a_cost_is_worked_out_in_whole_numbers() -> None:
    assert prices(1).cost(ANSWERED) == COST


def test_what_is_exact_is_found_exact() -> None:
    found = reckon(EXACT)
    assert found.exact
    assert (found.requests, found.answered, found.best, found.entries, found.attempts) == (2, 1, 1, 2, 2)
    assert (found.availability, found.behind, found.errors) == (0.5, 0.0, {"upstream_error": 1})
    assert Decimal(found.cost) == COST


TWO_PARTS = msgspec.structs.replace(
    ENTRY,
    charge=msgspec.structs.replace(CHARGE, cost=COST * 3),
    attempts=(
        Attempt("storm0-0", "model-at-0", "upstream_error", 0.1, msgspec.structs.replace(CHARGE, cost=COST * 2)),
        Attempt("storm0-1", "model-at-1", None, 0.1, CHARGE),
    ),
)


def test_an_entry_in_two_parts_is_exact_where_they_add_up() -> None:
    assert reckon(changed(TWO_PARTS, got=replace(GOT, cost="0.00007182"))).exact
    assert not reckon(changed(TWO_PARTS)).exact, "the client was told the cost of one part"
    assert not reckon(changed(msgspec.structs.replace(TWO_PARTS, charge=CHARGE))).exact


INEXACT = {
    "an entry is lost": replace(EXACT, entries=[BROKEN_ENTRY], log={}),
    "an entry is too much": replace(EXACT, entries=[*EXACT.entries, msgspec.structs.replace(BROKEN_ENTRY, id="wbr-3")]),
    "an entry is there twice": replace(EXACT, entries=[*EXACT.entries, ENTRY]),
    "two requests have one receipt": replace(EXACT, notes=[EXACT.notes[0], EXACT.notes[0]]),
    "a request has no receipt": changed(got=replace(GOT, receipt=None, whole=False)),
    "a token is missing": changed(log=msgspec.structs.replace(ANSWERED, completion=11)),
    "the last digit of the cost": changed(with_charge(msgspec.structs.replace(CHARGE, cost=COST + Decimal("1e-12")))),
    "the cost that was told": changed(got=replace(GOT, cost="0.00002395")),
    "an estimate": changed(with_charge(msgspec.structs.replace(CHARGE, counted_by="estimate"))),
    "an answer that nobody paid": replace(
        EXACT, log={"storm0-1": [ANSWERED, msgspec.structs.replace(ANSWERED, id="storm0-1-1")]}
    ),
    "a whole answer, said to be broken": changed(msgspec.structs.replace(ENTRY, ending="upstream_broke")),
    "a broken answer, said to be whole": changed(got=replace(GOT, whole=False)),
}


@pytest.mark.parametrize("case", INEXACT)
def test_what_is_not_exact_is_found(case: str) -> None:
    assert not reckon(INEXACT[case]).exact
