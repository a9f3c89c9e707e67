"""What is found is what a look at every entry finds, page by page, newest first, whenever patience ends."""

import itertools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines import Fresh
from tests.ledger.made_up import NOW, charge, entry
from weighbridge import db
from weighbridge.db import microseconds
from weighbridge.ledger import search as looked
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.search import Wanted, adjusting, search

_numbers = itertools.count()


def made(hours_ago: float, **more: object) -> Entry:
    """An entry with an id of its time."""
    at = NOW - timedelta(hours=hours_ago)
    id_ = f"wbr-{microseconds(at) // 1000:012x}00000000ab{next(_numbers):010x}"
    return entry(id=id_, at=at, **more)


def everything(connection: db.Connection, wanted: Wanted, **bounds: object) -> list[str]:
    """The ids on all pages, in their order."""
    found: list[str] = []
    before: str | None = None
    for _ in range(1000):
        page = search(connection, wanted, before=before, **bounds)  # type: ignore[arg-type] # by their names
        found += [one.id for one in page.entries]
        if page.further is None:
            return found
        assert before is None or page.further < before
        before = page.further
    raise AssertionError("it never ends")


def newest_first(entries: Sequence[Entry]) -> list[str]:
    return sorted((one.id for one in entries), reverse=True)


KEPT = (
    made(1, key="key-2", model="qwen/tiny", asked_model="tiny-alias", user="ann", tags=("ci", "nightly")),
    made(2, key="key-2", provider="far", upstream_model="small", ending="upstream_broke", status=502, error="x"),
    made(3, model="qwen/other", asked_model="qwen/other", tags=("nightly-2",)),
    made(4, ending="refused", status=402, error="budget_spent", charge=None, first_byte=None, duration=0.001),
    made(5, charge=charge(None)),
    made(30, charge=charge("2.5"), duration=70.0, first_byte=3.0),
    made(31 * 24, model="lab_x/a", asked_model="lab_x/a", tags=('odd"one', "100%")),
    made(200 * 24, key="key-3", user="ann"),
)
CASES: dict[str, tuple[Wanted, Callable[[Entry], bool]]] = {
    "anything": (Wanted(), lambda one: True),
    "keys": (Wanted(keys=frozenset(("key-2", "key-9"))), lambda one: one.key == "key-2"),
    "no key at all": (Wanted(keys=frozenset()), lambda one: False),
    "a model": (Wanted(model="qwen/other"), lambda one: one.model == "qwen/other"),
    "the name that was asked for": (Wanted(model="tiny-alias"), lambda one: one.asked_model == "tiny-alias"),
    "a lab": (Wanted(model="qwen/*"), lambda one: (one.model or "").startswith("qwen/")),
    "a lab with a mark in it": (Wanted(model="lab_x/*"), lambda one: one.model == "lab_x/a"),
    "a provider": (Wanted(endpoint="far"), lambda one: one.provider == "far"),
    "an endpoint": (Wanted(endpoint="far/small"), lambda one: one.provider == "far"),
    "not a part of its name": (Wanted(endpoint="far/s"), lambda one: False),
    "a user": (Wanted(user="ann"), lambda one: one.user == "ann"),
    "a user of a key": (Wanted(user="ann", keys=frozenset(("key-3",))), lambda one: one.key == "key-3"),
    "a tag": (Wanted(tag="nightly"), lambda one: "nightly" in one.tags),
    "a tag with quotes": (Wanted(tag='odd"one'), lambda one: 'odd"one' in one.tags),
    "a tag with a wildcard": (Wanted(tag="100%"), lambda one: "100%" in one.tags),
    "a wildcard is no tag": (Wanted(tag="%"), lambda one: False),
    "an ending": (Wanted(ending="refused"), lambda one: one.ending == "refused"),
    "a status": (Wanted(status=(400, 499)), lambda one: 400 <= one.status < 500),
    "an error": (Wanted(error="x"), lambda one: one.error == "x"),
    "any error": (Wanted(error="*"), lambda one: one.error is not None),
    "since": (Wanted(since=NOW - timedelta(hours=3)), lambda one: one.at >= NOW - timedelta(hours=3)),
    "until": (Wanted(until=NOW - timedelta(hours=3)), lambda one: one.at < NOW - timedelta(hours=3)),
    "a day": (
        Wanted(since=NOW - timedelta(hours=48), until=NOW - timedelta(hours=24)),
        lambda one: NOW - timedelta(hours=48) <= one.at < NOW - timedelta(hours=24),
    ),
    "dear": (Wanted(cost=(Decimal("2.5"), None)), lambda one: costs(one) == Decimal("2.5")),
    "cheap": (Wanted(cost=(None, Decimal(1))), lambda one: (cost := costs(one)) is not None and cost <= 1),
    "slow": (Wanted(duration=(60.0, 80.0)), lambda one: one.duration == 70.0),
    "quick": (Wanted(duration=(None, 0.01)), lambda one: one.duration < 0.01),
    "slow to begin": (Wanted(first_byte=(1.0, None)), lambda one: (one.first_byte or 0) > 1),
    "what is nowhere": (Wanted(model="no/such"), lambda one: False),
}


def costs(one: Entry) -> Decimal | None:
    return None if one.charge is None else one.charge.cost


@pytest.mark.parametrize("case", CASES)
def test_a_filter_finds_what_it_says(connection: db.Connection, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looked, "_FIRST_LOOK", 2)  # so that the rest is looked for as in a large ledger
    store.add(connection, KEPT)
    wanted, fits = CASES[case]
    expected = newest_first([one for one in KEPT if fits(one)])
    assert everything(connection, wanted, limit=1) == everything(connection, wanted, limit=50) == expected


_hours = st.lists(st.integers(0, 5000), min_size=1, max_size=60)


@settings(max_examples=25, deadline=None)
@given(hours=_hours, data=st.data())
def test_pages_are_whole_and_in_order_wherever_patience_ends(
    fresh: Fresh, hours: list[int], data: st.DataObject
) -> None:
    keys = data.draw(st.lists(st.sampled_from(["key-1", "key-2", "key-3"]), min_size=len(hours), max_size=len(hours)))
    entries = [made(ago / 10, key=key) for ago, key in zip(hours, keys, strict=True)]
    wanted = data.draw(
        st.sampled_from(
            [
                Wanted(),
                Wanted(keys=frozenset(("key-2",))),
                Wanted(cost=(Decimal("0.000001"), None)),
                Wanted(since=NOW - timedelta(hours=200), keys=frozenset(("key-1", "key-2"))),
            ]
        )
    )
    clock = itertools.count()
    with fresh() as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(looked, "_FIRST_LOOK", data.draw(st.integers(1, 20)))
        store.add(connection, entries)
        found = everything(
            connection,
            wanted,
            limit=data.draw(st.integers(1, 20)),
            patience=data.draw(st.integers(3, 40)),
            seconds=lambda: float(next(clock)),
        )
    since = wanted.since or datetime.min.replace(tzinfo=NOW.tzinfo)
    assert found == newest_first(
        [one for one in entries if (wanted.keys is None or one.key in wanted.keys) and one.at >= since]
    )


def test_where_patience_ended_is_told(connection: db.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looked, "_FIRST_LOOK", 2)
    entries = [made(hour) for hour in range(20)]
    store.add(connection, entries)
    ticks = itertools.count()
    page = search(connection, Wanted(user="nobody"), patience=4, seconds=lambda: float(next(ticks)))
    assert page.entries == ()
    assert page.further is not None
    assert page.reached is not None
    assert NOW - timedelta(hours=19) < page.reached < NOW
    assert entries[1].at >= page.reached


def test_a_full_page_is_found_at_one_look(connection: db.Connection) -> None:
    store.add(connection, [made(hour) for hour in range(60)])
    page = search(connection, Wanted(ending="complete"))
    assert (len(page.entries), page.looks, page.reached) == (50, 1, None)
    assert page.further == page.entries[-1].id


def test_a_kind_that_there_is_little_of_is_looked_for_in_its_hours_alone(
    connection: db.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looked, "_FIRST_LOOK", 10)
    old = made(1000, key="key-old")
    store.add(connection, [*(made(hour / 3) for hour in range(2900)), old])
    page = search(connection, Wanted(keys=frozenset(("key-old",))))
    assert [one.id for one in page.entries] == [old.id]
    assert page.further is None
    assert page.looks < 5


def test_what_puts_a_receipt_right_is_found(connection: db.Connection) -> None:
    first, other = made(1), made(1)
    delta = msgspec.structs.replace(first, id=f"{first.id[:26]}f123456789", corrects=first.id)
    store.add(connection, [first, other, delta])
    assert adjusting(connection, first.id) == [delta]
    assert adjusting(connection, other.id) == []
    assert adjusting(connection, "wbr-none") == []
