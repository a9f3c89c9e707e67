"""`weighbridge market`: take in the market's data, and work out its figures."""

from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge.cli.bars import Steps
from weighbridge.cli.failure import Failure
from weighbridge.cli.market_diff import diff
from weighbridge.cli.market_figure import explain, one
from weighbridge.cli.market_report import report
from weighbridge.cli.market_store import opened, take_what_is_installed
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.recipes.recipe import recipes
from weighbridge.market.sync import Taken, take


@click.group(
    "market",
    epilog=examples(
        "weighbridge market sync --from downloads/",
        "weighbridge market figure top-20 --window 2026-08-10:2026-08-16",
        "weighbridge market explain arena-rank",
        "weighbridge market report --lang ar -o report.html",
    ),
)
def command() -> None:
    """Keep the open-model market's data, and work out its figures: definition, inputs, result, sensitivity."""


@command.command("sync")
@click.option(
    "--from",
    "path",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE|DIR",
    help="Files to take in; each one's source is recognised by its columns. Without: the prices installed here.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="When they were published, where they do not say so.",
)
@json_option
@config_option
def sync(*, path: Path | None, as_of: datetime | None, as_json: bool, config_file: Path | None) -> None:
    """Take in files of the market's sources; what is here already changes nothing."""
    day = None if as_of is None else as_of.date()
    try:
        store = opened(config_file, installed=False)
        with Steps("market") as steps:
            take_what_is_installed(store)
            taken = [] if path is None else list(take(store, path, now=datetime.now(UTC), as_of=day, progress=steps.at))
    except PackageMissing as error:
        raise Failure(str(error)) from error
    if as_json:
        print_json([{"file": str(each.path), "before": each.before, "payload": each.kept} for each in taken])
        return
    heads = ("file", "source", "as of", "rows", "findings", "")
    print_table(heads, [_line(each) for each in taken], right=("rows", "findings"))
    for each in taken:
        for finding in () if each.kept is None or each.before else each.kept.findings:
            click.echo(f"{each.path.name}: {finding.kind}, {finding.subject}: {finding.said}", err=True)


def _line(taken: Taken) -> tuple[object, ...]:
    if taken.kept is None:
        return (taken.path.name, None, None, None, None, "of no known source")
    kept = taken.kept
    rows = sum(kept.rows.values())
    return (taken.path.name, kept.source, kept.as_of, rows, len(kept.findings), "was here" if taken.before else "taken")


@command.command("figures")
@json_option
def figures(*, as_json: bool) -> None:
    """List the figures there are recipes for."""
    if as_json:
        print_json([{"name": name, "title": each.title, "sources": each.sources} for name, each in recipes().items()])
        return
    lines = [(name, each.title, ", ".join(each.sources)) for name, each in recipes().items()]
    print_table(("figure", "what it says", "from"), lines)


for subcommand in (one, explain, report, diff):
    command.add_command(subcommand)
