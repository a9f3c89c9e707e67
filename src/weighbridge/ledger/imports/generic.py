"""Our own format, for whatever has none: CSV with a line of heads, or JSON objects, one a line.

`id` (any text, the same each time), `at` (a time with its zone, else UTC), `provider`, `model`, `prompt_tokens` and
`completion_tokens` must be there. `cached_tokens`, `written_tokens` (both part of the prompt), `reasoning_tokens` (part
of the completion), `cost` (US dollars that were paid; else it is priced by the list), `request` (the provider's id),
`user`, `tags` (with `;` between, in JSON a list) and `seconds` may be. Another column is an error: it would be lost.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.ledger.imports.outside import OURS, Bad, Found, Outside, Passed
from weighbridge.ledger.rows import Row, Source, Unreadable, heads, is_json, moment, table
from weighbridge.wire.usage import Usage

_NEEDED: Final = ("id", "at", "provider", "model", "prompt_tokens", "completion_tokens")


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    at: str
    provider: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None
    written_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: Decimal | None = None
    request: str | None = None
    user: str | None = None
    tags: list[str] = []
    seconds: float = 0.0


COLUMNS: Final = _Line.__struct_fields__


def read(source: Source) -> Iterator[Found]:
    """All that a file has. Raises Unreadable."""
    for place, line in _lines(source):
        if isinstance(line, Bad):
            yield line
            continue
        try:
            yield _outside(line, place)
        except Unreadable as error:
            yield Bad(str(error))


def _lines(source: Source) -> Iterator[tuple[str, _Line | Bad]]:
    if is_json(source):
        for number, text in enumerate(source.data.splitlines(), start=1):
            place = f"{source.name}:{number}"
            try:
                if text.strip():
                    yield place, msgspec.json.decode(text, type=_Line)
            except msgspec.MsgspecError as error:
                yield place, Bad(f"{place}: {error}")
        return
    if unknown := sorted(heads(source) - set(COLUMNS)):
        raise Unreadable(f"{source.name}:1: no column is called {', '.join(unknown)}; they are {', '.join(COLUMNS)}")
    for row in table(source, _NEEDED):
        try:
            yield row.place, _of_row(row)
        except Unreadable as error:
            yield row.place, Bad(str(error))


def _of_row(row: Row) -> _Line:
    prompt, completion = row.count("prompt_tokens"), row.count("completion_tokens")
    return _Line(
        id=row.need("id"),
        at=row.need("at"),
        provider=row.need("provider"),
        model=row.need("model"),
        prompt_tokens=prompt or 0,
        completion_tokens=completion or 0,
        cached_tokens=row.count("cached_tokens"),
        written_tokens=row.count("written_tokens"),
        reasoning_tokens=row.count("reasoning_tokens"),
        cost=row.money("cost"),
        request=row.text("request"),
        user=row.text("user"),
        tags=[tag.strip() for tag in (row.text("tags") or "").split(";") if tag.strip()],
        seconds=float(row.money("seconds") or 0),
    )


def _outside(line: _Line, place: str) -> Found:
    if line.id.startswith("wbr-"):
        return Passed(OURS)
    parts = (line.cached_tokens or 0, line.written_tokens or 0, line.reasoning_tokens or 0)
    if min(line.prompt_tokens, line.completion_tokens, *parts) < 0:
        raise Unreadable(f"{place}: a count of tokens is below zero")
    if parts[0] + parts[1] > line.prompt_tokens or parts[2] > line.completion_tokens:
        raise Unreadable(
            f"{place}: 'cached_tokens' and 'written_tokens' are part of the prompt, 'reasoning_tokens' of the"
            " completion, and here a part is more than the whole"
        )
    return Outside(
        place=place,
        id=line.id,
        at=moment(line.at, place, "at"),
        provider=line.provider,
        model=line.model,
        usage=Usage(
            prompt=line.prompt_tokens,
            completion=line.completion_tokens,
            cached=line.cached_tokens,
            written=line.written_tokens,
            reasoning=line.reasoning_tokens,
        ),
        paid=line.cost,
        request=line.request,
        user=line.user,
        tags=tuple(sorted(set(line.tags))),
        seconds=line.seconds,
    )
