"""Which publishers of a payload's rows no reviewed row has, and which go by an old name."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from weighbridge.market.findings import Finding
from weighbridge.market.identity.book import Book, Scheme
from weighbridge.market.tables import Model, PublisherMonth, Rating, Row, Usage

SCHEMES: Final[Mapping[str, Scheme]] = {
    "lmarena": "arena",
    "lmarena-days": "arena",
    "modelpulse-publishers": "huggingface",
    "openrouter-rankings": "openrouter",
    "openrouter-weeks": "openrouter",
    "tracked-models": "huggingface",
    "tracked-models-extra": "huggingface",
}
"""Whose names the publishers of a source are; those of the whole hub are too many to be told one by one."""
_MOST_TOLD: Final = 20


class Publishers:
    """Counts the publishers of rows as they pass, and says what is known of them."""

    def __init__(self, source: str) -> None:
        self._scheme = SCHEMES.get(source)
        self._seen: Counter[str] = Counter()

    def see(self, row: Row) -> None:
        """One more row."""
        if self._scheme is not None and (name := _publisher(row)) is not None:
            self._seen[name] += 1

    def findings(self, book: Book) -> Iterator[Finding]:
        """The most frequent first."""
        if self._scheme is None:
            return
        named = [(name, rows) for name, rows in self._seen.most_common() if (self._scheme, name) in book.renames]
        for name, rows in named:
            said = f"{rows} rows; it goes by {book.renames[self._scheme, name].now!r} now"
            yield Finding(kind="renamed-organisation", subject=name, said=said)
        unknown = [(name, n) for name, n in self._seen.most_common() if (self._scheme, name) not in book.publishers]
        for name, rows in unknown[:_MOST_TOLD]:
            yield Finding(kind="unknown-organisation", subject=name, said=f"{rows} of {self._seen.total()} rows")
        if more := unknown[_MOST_TOLD:]:
            said = f"{sum(rows for _, rows in more)} of {self._seen.total()} rows"
            yield Finding(kind="unknown-organisation", subject=f"{len(more)} more", said=said)


def _publisher(row: Row) -> str | None:
    match row:
        case Usage():
            return None if row.model == "other" else row.model.split("/", maxsplit=1)[0]
        case Rating() | Model():
            return row.organisation
        case PublisherMonth():
            return row.publisher
        case _:
            return None
