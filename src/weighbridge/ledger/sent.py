"""What was sent to whom, from the sums by hour: requests that a policy decides alike are one, however many they are.

What an audit reads (`audit.py`) is the entries themselves, with what decided each; this is for trying a policy out.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.db import Connection, microseconds
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.rollups import HOUR

_texts: Final = msgspec.json.Decoder(tuple[str, ...])
_ALIKE: Final = "key, model, provider, upstream_model, organisation, project, tags, key_tags"
_SQL: Final = f"""
    SELECT {_ALIKE}, sum(requests), sum(tokens), sum(cost_high), sum(cost_low) FROM (
        SELECT kind, sum(requests) AS requests, sum(prompt_tokens + completion_tokens) AS tokens,
               sum(cost_high) AS cost_high, sum(cost_low) AS cost_low
        FROM rollup WHERE hour >= ? GROUP BY kind -- numbers first: there are far fewer kinds than hours of them
    ) AS summed JOIN kind ON kind.id = summed.kind
    WHERE imported IS NULL AND model IS NOT NULL AND provider IS NOT NULL AND upstream_model IS NOT NULL
    GROUP BY {_ALIKE} HAVING sum(requests) > 0
"""  # noqa: S608 - put together of constants


@dataclass(frozen=True, slots=True)
class Sent:
    """Requests of one key that one endpoint was sent. Cost is US dollars."""

    key: str
    model: str
    provider: str
    upstream_model: str
    organisation: str | None
    project: str | None
    tags: tuple[str, ...]
    key_tags: tuple[str, ...]
    entries: int
    tokens: int
    cost: Decimal


def sent(connection: Connection, since: datetime | None = None) -> list[Sent]:
    """All since the full hour before `since`, those too whose entries are in an archive. Raises db.Error."""
    rows = connection.execute(_SQL, (0 if since is None else microseconds(since) // HOUR,)).fetchall()
    return [_sent(_Row(*row[:8], *map(int, row[8:]))) for row in rows]


class _Row(msgspec.Struct, array_like=True):
    key: str
    model: str
    provider: str
    upstream_model: str
    organisation: str | None
    project: str | None
    tags: str | None
    key_tags: str | None
    entries: int
    tokens: int
    cost_high: int
    cost_low: int


def _sent(row: _Row) -> Sent:
    return Sent(
        key=row.key,
        model=row.model,
        provider=row.provider,
        upstream_model=row.upstream_model,
        organisation=row.organisation,
        project=row.project,
        tags=_listed(row.tags),
        key_tags=_listed(row.key_tags),
        entries=row.entries,
        tokens=row.tokens,
        cost=(row.cost_high * Decimal(1_000_000) + row.cost_low) * SMALLEST,
    )


def _listed(text: str | None) -> tuple[str, ...]:
    return () if text is None else _texts.decode(text)
