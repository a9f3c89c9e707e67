"""A made-up file, or a real one, read by the source that takes it for its own."""

from collections import Counter
from datetime import date
from pathlib import Path

from weighbridge.market.findings import Finding
from weighbridge.market.sources.known import source_of
from weighbridge.market.sources.source import Bulk, Payload
from weighbridge.market.tables import NAMES, Row

DAY = date(2026, 7, 2)


def read(
    path: Path, content: str | bytes | None = None, *, as_of: date | None = DAY
) -> tuple[list[Row], list[Finding]]:
    """Its rows and findings; `content` is written to it first."""
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source = source_of(path)
    assert source is not None, path.name
    payload = Payload(path, path.name, as_of)
    found = list(source.read(payload, source.as_of(payload)))
    rows = [each for each in found if not isinstance(each, Finding | Bulk)]
    assert all(row.source == source.about.name for row in rows)
    return rows, [each for each in found if isinstance(each, Finding)]


def counted(rows: list[Row], findings: list[Finding]) -> tuple[dict[str, int], dict[str, int]]:
    """How many of each table, and of each kind of finding."""
    return dict(Counter(NAMES[type(row)] for row in rows)), dict(Counter(each.kind for each in findings))
