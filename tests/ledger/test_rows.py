"""Cells of others' files become counts, money and times, or an error that says where and why."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from weighbridge.ledger.reconcile.formats import FORMATS
from weighbridge.ledger.rows import Source, Unreadable, count, moment, money, table


@pytest.mark.parametrize(("cell", "number"), [("0", 0), ("12", 12), ("12.0", 12), ("1e3", 1000), (7, 7)])
def test_counts(cell: object, number: int) -> None:
    assert count(cell, "a.csv:2", "tokens") == number


@pytest.mark.parametrize("cell", ["-1", "1.5", "many", "", "nan", "inf", True, "9" * 17])
def test_what_is_no_count(cell: object) -> None:
    with pytest.raises(Unreadable, match=r"^a\.csv:2: 'tokens' is "):
        count(cell, "a.csv:2", "tokens")


@pytest.mark.parametrize(
    ("cell", "amount"),
    [("0.000000000000000000000000000001", "1E-30"), ("$1,234.50", "1234.50"), ("-0.2", "-0.2"), ("3.6e-9", "3.6E-9")],
)
def test_money_keeps_every_digit(cell: str, amount: str) -> None:
    assert money(cell, "a.csv:2", "cost") == Decimal(amount)


@pytest.mark.parametrize("cell", ["free", "nan", "-inf", "1e20", "1.2.3"])
def test_what_is_no_money(cell: str) -> None:
    with pytest.raises(Unreadable, match=r"^a\.csv:2: 'cost' is "):
        money(cell, "a.csv:2", "cost")


@pytest.mark.parametrize(
    "cell",
    [
        "2026-11-02T10:00:00Z",
        "2026-11-02 10:00:00",
        "2026-11-02 10:00:00 UTC",
        "2026-11-02T12:00:00+02:00",
        "2026-11-02T10:00:00.0000004+00:00",
        1793613600,
        "1793613600",
        1793613600000,
    ],
)
def test_times_are_aware_and_in_utc(cell: object) -> None:
    assert moment(cell, "a.csv:2", "at") == datetime(2026, 11, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize("cell", ["20261102", "2026-11-02"])
def test_a_day_is_its_beginning(cell: str) -> None:
    assert moment(cell, "a.csv:2", "at") == datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize("cell", ["soon", "", "2026-13-01", "20269902", "99999999999999999999"])
def test_what_is_no_time(cell: str) -> None:
    with pytest.raises(Unreadable, match=r"^a\.csv:2: 'at' is "):
        moment(cell, "a.csv:2", "at")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a,b\n1,2,3\n", r"^a\.csv:2: it has 3 cells under 2 heads"),
        (b"a,c\n1,2\n", r"^a\.csv:1: it has no column 'b'"),
        (b'a,b\n"1,2\n', r"^a\.csv:"),
        (b"a,b\n\xff\xfe,1\n", r"^a\.csv: it is not UTF-8"),
        (b"", r"^a\.csv:1: it has no column 'b'"),
    ],
)
def test_a_table_that_is_none_says_where(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        list(table(Source("a.csv", data), ("b",)))


def test_a_table_may_have_a_mark_windows_lines_tabs_and_quoted_cells() -> None:
    rows = list(table(Source("a.csv", b'\xef\xbb\xbfA,B\r\n"x, y",\r\n\r\nnull,2\r\n'), ("a",)))
    assert [(row.place, dict(row.cells)) for row in rows] == [
        ("a.csv:2", {"a": "x, y", "b": None}),
        ("a.csv:4", {"a": None, "b": "2"}),
    ]
    assert [dict(row.cells) for row in table(Source("a.tsv", b"a\tb\n1,5\t2\n"))] == [{"a": "1,5", "b": "2"}]


@pytest.mark.parametrize("provider", FORMATS)
@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"{", b"a,b\n1,2\n", b"PK\x03\x04not a zip", b"\xff\xfe\x00"])
def test_a_file_of_another_kind_is_refused_by_every_reader_with_its_name(provider: str, data: bytes) -> None:
    with pytest.raises(Unreadable, match=r"^export\.csv"):
        FORMATS[provider]([Source("export.csv", data)])
