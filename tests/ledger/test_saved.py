"""What giving answers again has saved is what they cost the first time, to the last digit."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from weighbridge import db
from weighbridge.ledger import store
from weighbridge.ledger.entry import Charge, Ending, Entry
from weighbridge.ledger.saved import Saved, original, saved
from weighbridge.wire.usage import Usage

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PAID = Entry(
    id="wbr-1",
    at=NOW,
    key="key-1",
    asked_model="tiny",
    model="lab/tiny",
    provider="near",
    upstream_model="tiny",
    upstream_request="up-1",
    ending="complete",
    status=200,
    error=None,
    streamed=False,
    charge=Charge(Usage(12, 5), "provider", Decimal("1234567.000000000001"), "list:tiny", "a list", None),
    first_byte=0.1,
    duration=0.2,
    attempts=(),
)


def again(id_: str, of: str, *, days: int = 0, ending: Ending = "complete") -> Entry:
    charge = Charge(Usage(12, 5), "cache", Decimal(0), "cache", "hit", None)
    return replace(
        PAID, id=id_, at=NOW + timedelta(days=days), provider=None, upstream_request=of, ending=ending, charge=charge
    )


@pytest.fixture
def ledger(place: db.Place) -> Iterator[db.Connection]:
    with closing(db.connect(place)) as connection:
        yield connection


def test_each_time_an_answer_is_given_again_saves_what_it_cost(ledger: db.Connection) -> None:
    assert PAID.charge is not None
    free = replace(PAID, id="wbr-2", charge=replace(PAID.charge, cost=None))
    others = [again("wbr-3", "wbr-1"), again("wbr-4", "wbr-1", days=9), again("wbr-5", "wbr-2"), again("wbr-6", "gone")]
    store.add(ledger, [PAID, free, *others, again("wbr-7", "wbr-1", ending="client_left")])
    assert saved(ledger) == Saved(4, 2, Decimal("2469134.000000000002"))
    assert saved(ledger, since=NOW + timedelta(days=1)) == Saved(1, 0, Decimal("1234567.000000000001"))


def test_without_such_answers_nothing_was_saved(ledger: db.Connection) -> None:
    store.add(ledger, [PAID])
    assert saved(ledger) == Saved(0, 0, Decimal(0))


def test_which_entry_paid(ledger: db.Connection) -> None:
    assert original(PAID) is None
    assert original(replace(PAID, charge=None)) is None
    assert original(again("wbr-2", "wbr-1")) == "wbr-1"
