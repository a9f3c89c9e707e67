"""Files that others wrote, as rows that know their place: counts, money and times out of their cells.

Whatever cannot be read is an `Unreadable` that names the file, the line and the column, and says what would do.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

import msgspec

_Kind = TypeVar("_Kind")

MOST: Final = 10**15
"""A count of tokens beyond this is none."""
_BEYOND: Final = Decimal(10**12)
_COMPACT: Final = re.compile(r"\d{8}")
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_NOTHING: Final = frozenset(("", "null", "none", "nan", "n/a", "-"))


class Unreadable(ValueError):
    """A file, or a line of it, that is not what it should be. The message begins with its place."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file's name, as it is to be shown, and what is in it."""

    name: str
    data: bytes

    def text(self) -> str:
        """As UTF-8, without a byte-order mark. Raises Unreadable."""
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Unreadable(f"{self.name}: it is not UTF-8 text ({error.reason} at byte {error.start})") from error


@dataclass(frozen=True, slots=True)
class Row:
    """Cells by the name of their column, in lower case; an empty one is None."""

    place: str
    """`file:line`, for messages."""
    cells: Mapping[str, str | None]

    def text(self, *columns: str) -> str | None:
        """The first of these columns that says something."""
        return next((cell for column in columns if (cell := self.cells.get(column)) is not None), None)

    def need(self, *columns: str) -> str:
        """The same. Raises Unreadable where none does."""
        found = self.text(*columns)
        if found is None:
            raise Unreadable(f"{self.place}: {columns[0]!r} is empty")
        return found

    def count(self, *columns: str) -> int | None:
        """A whole number that is not below zero; None where it says none. Raises Unreadable."""
        return None if (found := self.text(*columns)) is None else count(found, self.place, columns[0])

    def money(self, *columns: str) -> Decimal | None:
        """An amount, exact. Raises Unreadable."""
        return None if (found := self.text(*columns)) is None else money(found, self.place, columns[0])

    def moment(self, *columns: str) -> datetime:
        """A time, aware; UTC where it names no zone. Raises Unreadable."""
        return moment(self.need(*columns), self.place, columns[0])


def count(value: object, place: str, name: str) -> int:
    """A whole number that is not below zero, from a cell or a JSON number. Raises Unreadable."""
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number != number.to_integral_value() or not 0 <= number <= MOST:
        raise Unreadable(f"{place}: {name!r} is {value!r}, not a whole number from 0 on")
    return int(number)


def money(value: object, place: str, name: str) -> Decimal:
    """An amount, exact to the digit that is written; a `$` before it is passed over. Raises Unreadable."""
    try:
        amount = Decimal(str(value).strip().removeprefix("$").replace(",", ""))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) > _BEYOND:
        raise Unreadable(f"{place}: {name!r} is {value!r}, not an amount such as 0.0125")
    return amount


def moment(value: object, place: str, name: str) -> datetime:
    """Aware UTC, from ISO 8601, `YYYYMMDD`, or seconds or milliseconds since 1970. Raises Unreadable."""
    text = str(value).strip()
    try:
        if isinstance(value, int | float) or (text.isdigit() and len(text) in (10, 13)):
            seconds = Decimal(text)
            return _EPOCH + timedelta(microseconds=int(seconds * (1000 if seconds > 10**11 else 10**6)))
        if _COMPACT.fullmatch(text):
            text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
        found = datetime.fromisoformat(_FRACTION.sub(r"\1", text.removesuffix(" UTC")))
    except (ValueError, OverflowError, InvalidOperation) as error:
        raise Unreadable(f"{place}: {name!r} is {value!r}, not a time such as 2026-11-22T12:00:00Z") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def day(value: object, place: str, name: str) -> date:
    """The day of a time, in UTC. Raises Unreadable."""
    return moment(value, place, name).date()


def table(source: Source, need: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a CSV or tab-separated file with a line of heads. Raises Unreadable, also where a head is missing."""
    text = source.text()
    first = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in first else ",", strict=True)
    try:
        heads = [head.strip().lower() for head in next(lines, [])]
        missing = [head for head in need if head not in heads]
        if missing:
            raise Unreadable(f"{source.name}:1: it has no column {', '.join(map(repr, missing))}; it has {heads}")
        for cells in lines:
            place = f"{source.name}:{lines.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(heads):
                raise Unreadable(f"{place}: it has {len(cells)} cells under {len(heads)} heads")
            yield Row(place, {head: _cell(cell) for head, cell in zip(heads, cells, strict=True)})
    except csv.Error as error:
        raise Unreadable(f"{source.name}:{lines.line_num}: {error}") from error


def heads(source: Source) -> frozenset[str]:
    """The names of the columns of a table, in lower case."""
    first = source.text().lstrip("\n").partition("\n")[0].strip("\r")
    return frozenset(head.strip().strip('"').lower() for head in first.replace("\t", ",").split(","))


def document(source: Source, kind: type[_Kind]) -> _Kind:
    """A JSON document as a value of `kind`. Raises Unreadable, with the path of what is wrong."""
    try:
        return msgspec.json.decode(source.data, type=kind)
    except msgspec.MsgspecError as error:
        raise Unreadable(f"{source.name}: {error}") from error


def is_json(source: Source) -> bool:
    """Whether it begins as a JSON object or list."""
    return source.data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _cell(text: str) -> str | None:
    stripped = text.strip()
    return None if stripped.lower() in _NOTHING else stripped
