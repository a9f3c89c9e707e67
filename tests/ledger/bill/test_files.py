"""A month in Parquet files gives the bill and the comparisons of the ledger that they were exported from."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.bill.made_up import price, target
from tests.ledger.made_up import charge, entry
from weighbridge import db
from weighbridge.catalog.model import Rate
from weighbridge.catalog.tokenizers import Ratio
from weighbridge.ledger import parquet, store
from weighbridge.ledger.bill.book import Apart, Book, InLedger
from weighbridge.ledger.bill.files import InFiles
from weighbridge.ledger.bill.modelled import Seen, Traits
from weighbridge.ledger.bill.recorded import Bill
from weighbridge.ledger.bill.recount import Recount
from weighbridge.ledger.bill.tally import Dimension
from weighbridge.ledger.bill.targets import cuts
from weighbridge.ledger.entry import Entry
from weighbridge.wire.usage import Usage

MONTH = datetime(2026, 11, 1, tzinfo=UTC)
NEXT = datetime(2026, 12, 1, tzinfo=UTC)
MODELS = ("qwen/tiny", "lab/here", "lab/there", None)
TIERS = Rate(Decimal(2), ((1000, Decimal(3)),))
PRICES = (
    replace(price("1", "4"), id="first"),
    replace(price("2", "9", "0.5", since=date(2026, 11, 10)), id="second", input=TIERS),
    replace(price("0.5", "1", hours=(time(2, tzinfo=UTC), time(8, tzinfo=UTC)), since=date(2026, 11, 20)), id="night"),
)
_nothing = {"progress": lambda done, total: None}


def recounts(book: Book, by: tuple[Dimension, ...], *, reasons: bool | None) -> list[Recount]:
    """Two models: one at prices that change by day, hour and length, offered for a part of a month; and a dear one."""
    seen = book.seen_of(["lab/there", "qwen/tiny"])
    ratios: dict[str | None, Ratio] = {name: Ratio(Decimal("1.5"), Decimal("0.75"), Decimal(2)) for name in MODELS}
    there = target(*PRICES, ratios=ratios, traits=Traits("there", reasons), seen=seen["lab/there"], context=2500)
    there = replace(there, endpoint=replace(there.endpoint, since=date(2026, 11, 4), until=date(2026, 11, 28)))
    tiny = target(price("30", "60"), model="qwen/tiny", provider="near", ratios=ratios, seen=seen["qwen/tiny"])
    known: dict[str | None, Traits] = {"lab/here": Traits("here", reasons=True), "lab/there": Traits("there", reasons)}
    return [Recount(each, by, known) for each in (there, tiny)]


def counted(book: Book, by: tuple[Dimension, ...], *, reasons: bool | None, apart: tuple[Apart, ...] = ()) -> Any:  # noqa: ANN401 - to be compared
    """All that is said of the month, by a book."""
    found = recounts(book, by, reasons=reasons)
    bill = Bill(by)
    at = cuts(each.target for each in found)
    every = (*by, "model", "provider", *apart)
    for tally in book.tallies(replace(at, days=None) if "day" in by else at, every, **_nothing):
        bill.add(tally)
        for each in found:
            each.add(tally)
    compared = [(asdict(each.total), each.segments, each.gaps, each.rests, each.prices) for each in found]
    return compared, bill.lines


@pytest.fixture
def books(tmp_path: Path) -> Iterator["Written"]:
    with closing(db.connect(Path(":memory:"))) as connection:
        db.migrate(connection)
        yield Written(connection, tmp_path / "files")


class Written:
    """A ledger, and the files that it is exported to."""

    def __init__(self, connection: db.Connection, directory: Path) -> None:
        self.connection, self.directory = connection, directory

    def both(self, entries: list[Entry]) -> tuple[Book, Book]:
        store.add(self.connection, entries)
        parquet.export(self.connection, self.directory)
        return InLedger(self.connection, MONTH, NEXT), InFiles(self.directory, MONTH, NEXT)


_tokens = st.none() | st.integers(0, 3000)
_usages = st.builds(Usage, st.integers(0, 3000), st.integers(0, 900), _tokens, st.none() | st.integers(0, 9), _tokens)
_entries = st.builds(
    lambda minutes, usage, cost, by, **more: entry(
        at=MONTH + timedelta(minutes=minutes), charge=charge(cost, usage, by), **more
    ),
    st.integers(-100, 30 * 24 * 60 + 100),
    _usages,
    st.none() | st.integers(0, 10**15).map(lambda smallest: f"{smallest}E-12"),
    st.sampled_from(("provider", "estimate", "engine", "cache")),
    model=st.sampled_from(MODELS),
    provider=st.sampled_from(("near", "far")),
    key=st.sampled_from(("key-1", "key-2")),
    user=st.sampled_from((None, "ann")),
    project=st.sampled_from((None, "search")),
    tags=st.sampled_from(((), ("a", "b"))),
    imported=st.sampled_from((None, "codex")),
    corrects=st.sampled_from((None, None, "wbr-1")),
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(_entries, min_size=1, max_size=30),
    st.sampled_from([*((each,) for each in get_args(Dimension)), ("model", "key", "day")]),
    st.sampled_from((True, False, None)),
)
def test_the_month_is_the_same_from_files_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry], by: tuple[Dimension, ...], reasons: bool | None
) -> None:
    with closing(db.connect(Path(":memory:"))) as connection:
        db.migrate(connection)
        ledger, files = Written(connection, tmp_path_factory.mktemp("ledger") / "files").both(entries)
        assert counted(files, by, reasons=reasons) == counted(ledger, by, reasons=reasons)
        assert set(files.models()) <= set(ledger.models())


def test_who_asked_is_told_where_a_policy_goes_by_it(books: Written) -> None:
    _, files = books.both([entry(at=MONTH, project="search", tags=("a", "b"), key_tags=("b",), organisation="acme")])
    (told,) = files.tallies(cuts(()), ("key", "project", "organisation", "tags"), **_nothing)
    assert (told.key, told.project, told.organisation, told.tags, told.key_tags) == (
        "key-1", "search", "acme", ("a", "b"), ("b",)
    )  # fmt: skip
    (bare,) = files.tallies(cuts(()), (), **_nothing)
    assert (bare.key, bare.project, bare.model, bare.tags, bare.cost) == ("", None, None, (), told.cost)


def test_what_was_seen_of_models_is_that_of_all_files(books: Written) -> None:
    usage = Usage(100, 40, cached=25, reasoning=30)
    many = [entry(at=MONTH - timedelta(days=n % 40), charge=charge(usage=usage)) for n in range(120)]
    ledger, files = books.both([*many, entry(model="lab/here", at=MONTH), entry(at=MONTH, imported="a file")])
    names = ["qwen/tiny", "lab/here", "lab/nobody"]
    found: Mapping[str, Seen] = files.seen_of(names)
    assert found == ledger.seen_of(names)
    assert found["qwen/tiny"].reasoning is not None
    assert found["lab/nobody"] == Seen()


def test_entries_alike_but_for_their_reasoning_are_counted_each_by_its_own(books: Written) -> None:
    """So that a sum is what its entries are alone, and taking one out of it leaves the others as they were."""
    thought = entry(at=MONTH, charge=charge(usage=Usage(10, 100, reasoning=90)))
    spoke = entry(at=MONTH, charge=charge(usage=Usage(10, 100, reasoning=0)))
    silent = entry(at=MONTH, charge=charge(usage=Usage(10, 100)))
    for book in books.both([thought, spoke, silent]):
        assert sorted(each.reasoning for each in book.tallies(cuts(()), (), **_nothing)) == [0, 0, 90]
