"""The ledger as an audit reads it: entries that one policy decides alike are one tally, so that millions are few.

Of requests only: no policy decides an entry that puts another right, nor usage that did not pass through us.

SQL and counts only: what a policy says to a tally is worked out by whoever has the policies (`app/auditing.py`).
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from weighbridge.db import Connection, Engine, engine, microseconds, moment
from weighbridge.ledger.cost import SMALLEST

GRACE: Final = timedelta(seconds=2)
"""From the row that says a policy is in force to the first request that meets it: a commit, and a turn of the loop."""

_SLICES: Final = 64
_texts: Final = msgspec.json.Decoder(tuple[str, ...])
_NEVER: Final = 2**62

Progress = Callable[[int, int], None]
"""Told how many slices of how many are read."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Entries that are alike in all that a policy asks about, and how many they are. Cost is US dollars."""

    key: str
    model: str | None
    provider: str | None
    upstream_model: str | None
    ending: str
    error: str | None
    organisation: str | None
    project: str | None
    tags: tuple[str, ...]
    key_tags: tuple[str, ...]
    policy: str | None
    """The policy that decided, as the entry has it."""
    rule: str | None
    facts: str | None
    tried: tuple[str, ...]
    """Ids of the endpoints that were tried, where it was not one alone."""
    worker: str
    since: datetime | None
    """Since when the policy was in force at the worker that was when the request came; None: there was none."""
    just_begun: bool
    """It came so soon after that the one before may have decided still."""
    about_to_end: bool
    """The one after began so soon that it may have decided already."""
    entries: int
    tokens: int
    cost: Decimal
    first: datetime
    last: datetime
    receipt: str
    """The first of them."""

    @property
    def was_sent(self) -> bool:
        """Whether an endpoint was sent the requests."""
        return self.provider is not None or bool(self.tried)


_TRIED: Final[dict[Engine, str]] = {
    "sqlite": """SELECT json_group_array(DISTINCT json_extract(value, '$[0]') || '/' || json_extract(value, '$[1]'))
                 FROM json_each(attempts)""",
    # a NUL that a client has put into a model's name cannot be had as a text there
    "postgresql": r"""SELECT CAST(json_agg(DISTINCT (tried.value ->> 0) || '/' || (tried.value ->> 1)) AS TEXT)
                 FROM json_array_elements(CAST(replace(attempts, '\u0000', '\ufffd') AS json)) AS tried""",
}
"""The endpoints of the column `attempts`; the engines have no JSON in common."""


@functools.cache
def _sql(of: Engine) -> str:
    return f"""
    SELECT kind.key, model, provider, upstream_model, ending, error, organisation, project, tags, key_tags, policy,
           rule, facts.text, tried, worker, since, just_begun, about_to_end, entries, tokens, cost_high, cost_low,
           first, last, receipt
    FROM (
        SELECT kind, worker, since, since IS NOT NULL AND at - since < :grace AS just_begun,
               following IS NOT NULL AND following - at < :grace AS about_to_end, tried,
               count(*) AS entries, sum(coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0)) AS tokens,
               sum(coalesce(cost, 0) / 1000000) AS cost_high, sum(coalesce(cost, 0) % 1000000) AS cost_low,
               min(at) AS first, max(at) AS last, min(id) AS receipt
        FROM (
            SELECT id, at, kind, prompt_tokens, completion_tokens, cost, substr(id, 17, 10) AS worker,
                   (SELECT max(since) FROM policy_in_force AS p
                    WHERE p.worker = substr(entry.id, 17, 10) AND p.since <= at) AS since,
                   (SELECT min(since) FROM policy_in_force AS p
                    WHERE p.worker = substr(entry.id, 17, 10) AND p.since > at) AS following,
                   CASE WHEN attempts IS NOT NULL THEN ({_TRIED[of]}) END AS tried
            FROM entry
            WHERE id >= :from AND (CAST(:to AS TEXT) IS NULL OR id < :to) AND at >= :since AND at < :until
              AND corrects IS NULL -- no request was made
        ) AS each
        GROUP BY kind, worker, since, just_begun, about_to_end, tried
    ) AS tallied
    JOIN kind ON kind.id = tallied.kind AND kind.imported IS NULL LEFT JOIN facts ON facts.id = kind.facts
"""  # noqa: S608 - put together of constants


def tallies(
    connection: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress = lambda done, total: None,
) -> list[Tally]:
    """All entries from `since` to before `until`, tallied."""
    bounds = {
        "since": 0 if since is None else microseconds(since),
        "until": _NEVER if until is None else microseconds(until),
        "grace": GRACE // timedelta(microseconds=1),
    }
    found: dict[tuple[object, ...], Tally] = {}
    sql = _sql(engine(connection))
    slices = list(_slices(connection))
    for done, (start, end) in enumerate(slices):
        progress(done, len(slices))
        for row in connection.execute(sql, {**bounds, "from": start, "to": end}):
            tally = _tally(row)
            same = tuple(row[:18])
            before = found.get(same)
            found[same] = tally if before is None else _sum(before, tally)
    progress(len(slices), len(slices))
    return list(found.values())


def _slices(connection: Connection) -> Iterator[tuple[str, str | None]]:
    """Ranges of ids, which sort by time; together all that there are, whatever an id looks like."""
    first, last = connection.execute("SELECT min(id), max(id) FROM entry").fetchone()
    try:
        start, end = (int(each[4:16], 16) for each in (first, last))
    except (TypeError, ValueError):
        yield "", None
        return
    steps = [f"wbr-{start + (end - start) * step // _SLICES:012x}" for step in range(1, _SLICES)]
    inner = sorted({step for step in steps if first < step < last})
    yield from zip(["", *inner], [*inner, None], strict=True)


def _tally(row: tuple[object, ...]) -> Tally:
    cells = msgspec.convert(row, _Row)  # checked: a ledger that was tampered with is not believed
    return Tally(
        key=cells.key,
        model=cells.model,
        provider=cells.provider,
        upstream_model=cells.upstream_model,
        ending=cells.ending,
        error=cells.error,
        organisation=cells.organisation,
        project=cells.project,
        tags=_listed(cells.tags),
        key_tags=_listed(cells.key_tags),
        policy=cells.policy,
        rule=cells.rule,
        facts=cells.facts,
        tried=_listed(cells.tried),
        worker=cells.worker,
        since=None if cells.since is None else moment(cells.since),
        just_begun=bool(cells.just_begun),
        about_to_end=bool(cells.about_to_end),
        entries=cells.entries,
        tokens=cells.tokens,
        cost=(cells.cost_high * Decimal(1_000_000) + cells.cost_low) * SMALLEST,
        first=moment(cells.first),
        last=moment(cells.last),
        receipt=cells.receipt,
    )


class _Row(msgspec.Struct, array_like=True):
    key: str
    model: str | None
    provider: str | None
    upstream_model: str | None
    ending: str
    error: str | None
    organisation: str | None
    project: str | None
    tags: str | None
    key_tags: str | None
    policy: str | None
    rule: str | None
    facts: str | None
    tried: str | None
    worker: str
    since: int | None
    just_begun: int
    about_to_end: int
    entries: int
    tokens: int
    cost_high: int
    cost_low: int
    first: int
    last: int
    receipt: str


def _listed(text: str | None) -> tuple[str, ...]:
    return () if text is None else _texts.decode(text)


def _sum(one: Tally, other: Tally) -> Tally:
    return replace(
        one,
        entries=one.entries + other.entries,
        tokens=one.tokens + other.tokens,
        cost=one.cost + other.cost,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        receipt=min(one.receipt, other.receipt),
    )
