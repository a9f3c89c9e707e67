"""`weighbridge market own`: a figure of the market, and the same question asked of one's own ledger."""

from pathlib import Path

import click

from weighbridge import config
from weighbridge.app.market import own_of
from weighbridge.cli import database
from weighbridge.cli.failure import Failure
from weighbridge.cli.market_figure import choices_options, read_choices
from weighbridge.cli.market_store import store_of
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.errors import MarketError
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.recipes.figure import Figure, figure
from weighbridge.market.recipes.measures.measure import Cell, Measured
from weighbridge.market.report.language import language


@click.command("own", epilog=examples("weighbridge market own token-share --window 2026-11-01:2026-11-22"))
@click.argument("name")
@choices_options
@json_option
@config_option
def own_figure(
    *,
    name: str,
    window: str | None,
    attribution: str | None,
    changed: tuple[str, ...],
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Ask a figure of tokens of your own ledger, by the same definition, beside the market's."""
    change = read_choices(window, attribution, changed)
    settings = config.read({}, file=config_file)
    try:
        with database.existing(settings) as connection:
            found = own_of(connection, name, change)
        market, why = _market(settings, name, change)
    except PackageMissing as error:
        raise Failure(str(error)) from error
    if as_json:
        print_json(
            {"name": name, "own": _json(found.measured), "market": None if market is None else _json(market.measured)}
        )
        return
    if why:
        click.echo(f"The market has no answer: {why}", err=True)
    english = language("en")
    values = {} if market is None else {each.name: english.value(each) for each in market.measured.values}
    lines = [(each.name, english.value(each), values.get(each.name)) for each in found.measured.values]
    print_table(("value", "own", "market"), lines, right=("own", "market"))
    print_table(("", *found.measured.columns), _side_by_side(found.measured, market), right=found.measured.columns[1:])
    for whose, measured in (("own", found.measured), ("market", None if market is None else market.measured)):
        if measured is not None and measured.unmatched is not None:
            click.echo(f"In no reviewed row, {whose}: {measured.unmatched:.1%}")
    click.echo("\n".join(() if market is None else market.attribution))


def _market(
    settings: config.Settings, name: str, change: dict[str, str | int | None]
) -> tuple[Figure | None, str | None]:
    try:
        return figure(store_of(settings), name, change), None
    except MarketError as error:  # it has no data for these days: the ledger's answer stands alone
        return None, str(error)


def _side_by_side(mine: Measured, market: Figure | None) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = [("own", *row) for row in mine.rows]
    return rows if market is None else [*rows, *(("market", *row) for row in market.measured.rows)]


def _json(measured: Measured) -> object:
    return {
        "values": [{"name": each.name, "unit": each.unit, "value": each.value} for each in measured.values],
        "columns": measured.columns,
        "rows": measured.rows,
        "unmatched": measured.unmatched,
    }
