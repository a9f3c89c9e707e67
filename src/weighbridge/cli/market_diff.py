"""`weighbridge market diff`: what moved since figures were last looked at, and why."""

from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge.cli.failure import Failure
from weighbridge.cli.market_store import opened
from weighbridge.cli.options import config_option, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market import diff as moves
from weighbridge.market.diff import Moved
from weighbridge.market.document import FigureValue
from weighbridge.market.recipes.measures.measure import Value
from weighbridge.market.report.language import language


@click.command("diff")
@click.option("--keep", is_flag=True, help="Look only: the next diff begins where this one did.")
@json_option
@config_option
def diff(*, keep: bool, as_json: bool, config_file: Path | None) -> None:
    """Say which figures moved since the last diff, from what to what, and why; the first one only notes them.

    Where there are several causes, each is weighed: the figure is worked out with it alone. What they make only
    together is the interaction.
    """
    try:
        store = opened(config_file)
        after, why = moves.worked_out(store, datetime.now(UTC))
    except PackageMissing as error:
        raise Failure(str(error)) from error
    found = moves.diff(store, moves.remembered(store), after, why)
    if not keep:
        moves.remember(store, after)
    if as_json:
        print_json(found)
        return
    if found.since is None:
        click.echo(f"{len(after.figures)} figures are noted; the next `weighbridge market diff` says what moved since.")
        return
    click.echo(f"Since {found.since:%Y-%m-%d %H:%M} UTC: {len(found.moved)} moved, {len(found.unmoved)} did not.")
    if found.moved:
        lines = [(each.figure, _said(each.before), _said(each.after), ", ".join(each.causes)) for each in found.moved]
        print_table(("figure", "before", "now", "why"), lines)
    weighed = [(each.figure, *line) for each in found.moved for line in _weighed(each)]
    if weighed:
        print_table(("figure", "cause", "of the move"), weighed)
    for each in found.moved:
        for fresh in each.inputs:
            findings = ", ".join(f"{count} {kind}" for kind, count in fresh.findings.items())
            click.echo(
                f"{each.figure}: {fresh.name} of {fresh.source}, as of {fresh.as_of}{findings and f' ({findings})'}"
            )


def _weighed(moved: Moved) -> list[tuple[str, str]]:
    """Where there is more than one, what each cause made of the move, by value that moved."""
    whole = {each.name: each.value for each in moved.after}
    before = {each.name: each.value for each in moved.before}
    lines: list[tuple[str, str]] = [
        (weight.cause, ", ".join(_signed(each) for each in weight.values if whole[each.name] != before.get(each.name)))
        for weight in moved.weights
    ]
    return lines if len(lines) > 1 else []


def _signed(difference: FigureValue) -> str:
    """With its sign; of a share, in points of a hundred."""
    if difference.value is None:
        return f"{difference.name} not known"
    if difference.unit == "share":
        return f"{difference.name} {difference.value * 100:+.2f} points"
    said = language("en").value(Value(difference.name, difference.unit, abs(difference.value)))
    return f"{difference.name} {'-' if difference.value < 0 else '+'}{said}"


def _said(values: list[FigureValue]) -> str | None:
    english = language("en")
    return ", ".join(f"{each.name} {english.value(Value(each.name, each.unit, each.value))}" for each in values) or None
