"""`weighbridge usage`: what was used and what it cost."""

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click

from weighbridge import config
from weighbridge.accounts import keys
from weighbridge.cli import database
from weighbridge.cli.moments import Moment
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json, usd
from weighbridge.cli.tables import print_table
from weighbridge.ledger import store
from weighbridge.ledger.cost import plain
from weighbridge.ledger.store import By, UsageRow

_COUNTS = ("requests", "complete", "tokens in", "cached", "tokens out", "reasoning", "estimated", "unpriced", "cost")


@click.command(
    "usage",
    epilog=examples("weighbridge usage", "weighbridge usage --by key --since 30d", "weighbridge usage --by day --json"),
)
@click.option("--by", type=click.Choice(["model", "key", "day"]), default="model", help="What to sum over [model].")
@click.option("--since", type=Moment("ago"), metavar="SPAN|DATE", help="Only from then on: 24h, 30d, 2026-12-01 (UTC).")
@json_option
@config_option
def command(*, by: By, since: datetime | None, as_json: bool, config_file: Path | None) -> None:
    """Sum up the ledger: requests, tokens and cost.

    "estimated" counts requests whose tokens nobody reported, "unpriced" those whose price is not known: they are in
    the tokens and not in the cost.
    """
    with database.existing(config.read({}, file=config_file)) as connection:
        rows = store.usage(connection, by=by, since=since or datetime.fromtimestamp(0, UTC))
        names = {key.id: key.name for key in keys.listing(connection)} if by == "key" else {}
    if as_json:
        named = [{"name": names.get(row.group)} if by == "key" else {} for row in rows]
        print_json([{by: row.group, **name, **_counts(row)} for row, name in zip(rows, named, strict=True)])
        return
    if not rows:
        click.echo('No requests yet. Ask something: weighbridge chat "Hello"', err=True)
        return
    lines = [(f"{names[row.group]} ({row.group})" if row.group in names else row.group, *_cells(row)) for row in rows]
    print_table((by, *_COUNTS), [*lines, ("total", *_cells(_total(rows)))], right=_COUNTS)


def _counts(row: UsageRow) -> dict[str, object]:
    return {name: value for name, value in asdict(row).items() if name != "group"} | {"cost": plain(row.cost)}


def _cells(row: UsageRow) -> tuple[object, ...]:
    counts = (row.requests, row.complete, row.prompt_tokens, row.cached_tokens, row.completion_tokens)
    return (*counts, row.reasoning_tokens, row.estimated, row.unpriced, usd(row.cost))


def _total(rows: list[UsageRow]) -> UsageRow:
    return UsageRow(
        group="total",
        requests=sum(row.requests for row in rows),
        complete=sum(row.complete for row in rows),
        prompt_tokens=sum(row.prompt_tokens for row in rows),
        completion_tokens=sum(row.completion_tokens for row in rows),
        cached_tokens=sum(row.cached_tokens for row in rows),
        reasoning_tokens=sum(row.reasoning_tokens for row in rows),
        estimated=sum(row.estimated for row in rows),
        unpriced=sum(row.unpriced for row in rows),
        cost=sum((row.cost for row in rows), Decimal(0)),
    )
