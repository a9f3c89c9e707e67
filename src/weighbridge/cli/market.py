"""`weighbridge market`: take in the market's data, and work out its figures."""

from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.cli import database
from weighbridge.cli.bars import Steps
from weighbridge.cli.failure import Failure
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.ledger.tabular import Kind, PackageMissing, csv_text
from weighbridge.market.recipes.figure import Figure, figure
from weighbridge.market.recipes.measures.measure import Value
from weighbridge.market.recipes.recipe import recipes
from weighbridge.market.store import Store
from weighbridge.market.sync import Taken, take


@click.group(
    "market",
    epilog=examples(
        "weighbridge market sync --from downloads/",
        "weighbridge market figure top-20 --window 2026-08-10:2026-08-16",
        "weighbridge market explain arena-rank",
    ),
)
def command() -> None:
    """Keep the open-model market's data, and work out its figures: definition, inputs, result, sensitivity."""


@command.command("sync")
@click.option(
    "--from",
    "path",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    metavar="FILE|DIR",
    help="Files to take in; each one's source is recognised by its columns.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="When they were published, where they do not say so.",
)
@json_option
@config_option
def sync(*, path: Path, as_of: datetime | None, as_json: bool, config_file: Path | None) -> None:
    """Take in files of the market's sources; what is here already changes nothing."""
    store = _store(config_file)
    database.make_home(store.directory.parent)
    day = None if as_of is None else as_of.date()
    try:
        with Steps("market") as steps:
            taken = list(take(store, path, now=datetime.now(UTC), as_of=day, progress=steps.at))
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


@command.command("figure")
@click.argument("name")
@click.option("--window", metavar="FIRST:LAST", help="Other days, both counted in, such as 2026-08-10:2026-08-16.")
@click.option("--attribution", metavar="WHOSE", help="Whose a derivative is: publisher, base or split.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print the table as CSV, the attribution line on standard error.")
@config_option
def one(
    *,
    name: str,
    window: str | None,
    attribution: str | None,
    as_json: bool,
    as_csv: bool,
    config_file: Path | None,
) -> None:
    """Work a figure out."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    found = _figure(config_file, name, window, attribution)
    if as_json:
        print_json(found)
    elif as_csv:
        columns = found.measured.columns
        kinds: dict[str, Kind] = dict.fromkeys(columns, "text")
        click.echo(csv_text(kinds, [dict(zip(columns, row, strict=True)) for row in found.measured.rows]), nl=False)
        click.echo("\n".join(found.attribution), err=True)
    else:
        click.echo(
            f"{found.title}{', ' + found.choices.window if found.choices.window else ''}\n{_said(found.measured.values)}"
        )
        print_table(found.measured.columns, found.measured.rows, right=found.measured.columns[1:])
        _end(found)


@command.command("explain")
@click.argument("name")
@click.option("--window", metavar="FIRST:LAST", help="Other days, both counted in.")
@click.option("--attribution", metavar="WHOSE", help="Whose a derivative is: publisher, base or split.")
@config_option
def explain(*, name: str, window: str | None, attribution: str | None, config_file: Path | None) -> None:
    """Say how a figure is defined, what it rests on, and what other definitions would give."""
    found = _figure(config_file, name, window, attribution)
    click.echo(f"{found.title}\n\n{found.definition}\n\n{_said(found.measured.values)}\n")
    lines = [("as defined", _said(found.measured.values))]
    print_table(("definition", "result"), [*lines, *((each.title, _said(each.values)) for each in found.sensitivity)])
    print_table(("input", "source", "as of", "sha256"), [(i.name, i.source, i.as_of, i.sha256) for i in found.inputs])
    if found.not_reproduced is not None:
        click.echo(f"Not the published figure: {found.not_reproduced}")
    for reference in found.references:
        click.echo(f"See {reference}")
    _end(found)


def _figure(config_file: Path | None, name: str, window: str | None, attribution: str | None) -> Figure:
    try:
        return figure(_store(config_file), name, {"window": window, "attribution": attribution})
    except PackageMissing as error:
        raise Failure(str(error)) from error


def _end(found: Figure) -> None:
    if found.measured.unmatched is not None:
        click.echo(f"Of no known country: {found.measured.unmatched:.1%}")
    click.echo("\n".join(found.attribution))


def _said(values: tuple[Value, ...]) -> str:
    return ", ".join(f"{each.name} {_number(each)}" for each in values)


def _number(value: Value) -> str:
    if value.value is None:
        return "unknown"
    return f"{value.value:.1%}" if value.unit == "share" else f"{value.value:,}"


def _store(config_file: Path | None) -> Store:
    return Store(config.read({}, file=config_file).home / "market")
