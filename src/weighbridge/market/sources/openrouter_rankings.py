"""OpenRouter's daily rankings: tokens of the 50 most used models of each day, and of all others together.

Each provider counts tokens by its own tokenizer, so sums are not comparable to the last digit between families (the
API says so). Variants such as `:free` are rows of their own. Form: their rankings-daily, as CSV.

The weeks are another source: nine models only, read from the chart, so they add up to less than all tokens.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from weighbridge.errors import MarketError
from weighbridge.market.findings import Finding
from weighbridge.market.sources.csv_source import Cells, CsvSource
from weighbridge.market.sources.dating import gaps
from weighbridge.market.sources.source import About, Payload, csv_head, csv_rows, unreadable
from weighbridge.market.tables import Row, Usage

_HEAD: Final = ("date", "model_permaslug", "total_tokens")
_SUNDAY: Final = 6


class OpenRouterRankings:
    """The daily file."""

    about = About(
        name="openrouter-rankings",
        title="OpenRouter rankings, by day",
        home="https://openrouter.ai/rankings",
        licence="CC-BY-4.0",
        line="Source: OpenRouter (openrouter.ai/rankings), as of {as_of}.",
    )

    def recognise(self, path: Path) -> bool:
        return csv_head(path) == _HEAD

    def as_of(self, payload: Payload) -> date:
        """The last day in it, as the file says no other."""
        days = payload.as_of or max(
            (row.day for row in self.read(payload, date.max) if isinstance(row, Usage)), default=None
        )
        if days is None:
            raise MarketError(f"{payload.name!r} has no row that can be read")
        return days

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Finding]:
        days: set[date] = set()
        for number, cells in csv_rows(payload.path):
            try:
                row = _usage(cells, as_of)
            except ValueError as error:
                yield unreadable(number, error)
                continue
            days.add(row.day)
            yield row
        yield from gaps(days)


def _usage(cells: dict[str, str], as_of: date) -> Usage:
    tokens = int(cells["total_tokens"])
    if tokens < 0 or not cells["model_permaslug"]:
        raise ValueError(f"{cells['model_permaslug']!r} with {tokens} tokens")
    day = date.fromisoformat(cells["date"])
    return Usage(cells["model_permaslug"], day, "day", None, tokens, OpenRouterRankings.about.name, as_of)


def _week(row: str, cells: Cells, as_of: date) -> Iterator[Row | Finding]:
    tokens, last = int(cells["total_tokens"]), date.fromisoformat(cells["week_ending"])
    if tokens < 0 or not cells["model_permaslug"]:
        raise ValueError(f"{cells['model_permaslug']!r} with {tokens} tokens")
    if last.weekday() != _SUNDAY and cells["rank"] == "1":
        said = "a week that ends on no Sunday: it may be the next, named by its first day"
        yield Finding(kind="imprecise-date", subject=f"{row}, {last}", said=said)
    first, source = last - timedelta(days=6), OPENROUTER_WEEKS.about.name
    yield Usage(cells["model_permaslug"], first, "week", None, tokens, source, as_of)


OPENROUTER_WEEKS: Final = CsvSource(
    About(
        name="openrouter-weeks",
        title="OpenRouter rankings, the nine most used of each week",
        home="https://openrouter.ai/rankings",
        licence="unstated; data of OpenRouter",
        line="Source: OpenRouter (openrouter.ai/rankings), as of {as_of}.",
    ),
    ("week_ending", "model_permaslug"),
    ("week_ending", "rank", "model_permaslug", "total_tokens"),
    _week,
    day="week_ending",
    step=7,
)
OPENROUTER_RANKINGS: Final = OpenRouterRankings()
