"""DeepSeek's monthly export: a zip with an `amount-….csv` and a `cost-….csv`, or these two files.

From https://platform.deepseek.com/usage ("Export"); the files have no page of documentation, their columns are as its
users' public readers have them: `user_id, utc_date | start_time_iso + end_time_iso, model, api_key_name, api_key, type,
price, amount` and `user_id, …, model, wallet_type, cost, currency`. A date is in UTC and written in two ways; the newer
files have windows in the account's own time zone. Each kind of token has a row of its own; prompts are
`input_cache_hit_tokens` and `input_cache_miss_tokens`. An account is in dollars or in yuan.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from weighbridge.ledger.reconcile.line import Line, Statement
from weighbridge.ledger.rows import Row, Source, Unreadable, heads, table

_DAY: Final = timedelta(days=1)
_LARGEST: Final = 256 * 1024 * 1024
"""Bytes of a file within a zip at most."""
_DIGITS: Final = range(6, 10)
"""Of a cost, as many as are written, but not fewer or more than these."""
_AMOUNT: Final = ("model", "type", "amount")
_COST: Final = ("model", "cost", "currency")
_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "input_cache_hit_tokens": ("prompt", "cached"),
    "input_cache_miss_tokens": ("prompt",),
    "input_tokens": ("prompt",),
    "output_tokens": ("completion",),
    "request_count": ("requests",),
}
"""What a row of this type adds to."""

Window = tuple[datetime, datetime]


def read(sources: Sequence[Source]) -> Statement:
    """All files as one list. Raises Unreadable."""
    lines: list[Line] = []
    passed_over: list[tuple[str, str]] = []
    for source in _unpacked(sources):
        columns = heads(source)
        if columns.issuperset(_AMOUNT):
            lines.extend(_amounts(source, passed_over))
        elif columns.issuperset(_COST):
            lines.extend(map(_cost, table(source, _COST)))
        else:
            raise Unreadable(
                f"{source.name}:1: it is neither DeepSeek's file of amounts ({', '.join(_AMOUNT)}) nor that of costs"
                f" ({', '.join(_COST)}); its columns are {sorted(columns)}"
            )
    covered = ((min(line.since for line in lines), max(line.until for line in lines)),) if lines else ()
    return Statement(tuple(lines), covered, tuple(passed_over))


def _unpacked(sources: Sequence[Source]) -> Iterator[Source]:
    for source in sources:
        if not source.data.startswith(b"PK"):
            yield source
            continue
        try:
            with zipfile.ZipFile(io.BytesIO(source.data)) as packed:
                files = [file for file in packed.infolist() if file.filename.lower().endswith(".csv")]
                if not files:
                    raise Unreadable(f"{source.name}: there is no CSV file in it")
                for file in files:
                    if file.file_size > _LARGEST:
                        raise Unreadable(f"{source.name}/{file.filename}: it has more than {_LARGEST} bytes")
                    yield Source(f"{source.name}/{file.filename}", packed.read(file))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise Unreadable(f"{source.name}: it is no readable zip file: {error}") from error


def _amounts(source: Source, passed_over: list[tuple[str, str]]) -> Iterator[Line]:
    for row in table(source, _AMOUNT):
        kind = row.need("type").lower()
        measures = _TYPES.get(kind)
        if measures is None:
            passed_over.append((row.place, f"what {kind!r} counts is not known"))
            continue
        number = row.count("amount") or 0
        counts: dict[str, int] = dict.fromkeys(measures, number)
        if "prompt" in counts:
            counts.setdefault("cached", 0)
        since, until = _window(row)
        yield Line(
            place=row.place,
            since=since,
            until=until,
            model=row.need("model"),
            key=row.text("api_key_name"),
            requests=counts.get("requests"),
            prompt=counts.get("prompt"),
            completion=counts.get("completion"),
            cached=counts.get("cached"),
        )


def _cost(row: Row) -> Line:
    since, until = _window(row)
    cost = row.money("cost") or Decimal(0)
    exponent = cost.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    return Line(
        place=row.place,
        since=since,
        until=until,
        model=row.text("model"),
        cost=cost,
        currency=row.need("currency").upper(),
        digits=min(max(_DIGITS[0], digits), _DIGITS[-1]),
    )


def _window(row: Row) -> Window:
    if row.text("start_time_iso") is None:
        start = row.moment("utc_date")
        return start, start + _DAY
    since, until = row.moment("start_time_iso"), row.moment("end_time_iso")
    if until <= since:
        raise Unreadable(f"{row.place}: 'end_time_iso' is not after 'start_time_iso'")
    return since, until
