"""`weighbridge market figure` and `market explain`: work a figure out, and say what it means and rests on."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar, get_args

import click
from msgspec.structs import fields

from weighbridge.cli.failure import Failure
from weighbridge.cli.market_store import opened
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.ledger.tabular import Kind, PackageMissing, csv_text
from weighbridge.market.document import chosen, documented
from weighbridge.market.figures import comes_to_nothing, days_here
from weighbridge.market.recipes.figure import Figure, figure
from weighbridge.market.recipes.measures.measure import Value
from weighbridge.market.recipes.recipe import Choices
from weighbridge.market.report.chart import chart, pictured
from weighbridge.market.report.language import Language, language
from weighbridge.market.store import Store

_Command = TypeVar("_Command", bound=Callable[..., object])
_NUMBERS: Final = frozenset(each.name for each in fields(Choices) if int in get_args(each.type))


def choices_options(command: _Command) -> _Command:
    """The options by which another definition is asked for."""
    options = (
        click.option("--window", metavar="FIRST:LAST", help="Other days, both counted in: 2026-08-10:2026-08-16."),
        click.option("--attribution", metavar="WHOSE", help="Whose a derivative is: publisher, base or split."),
        click.option(
            "--set",
            "changed",
            multiple=True,
            metavar="CHOICE=VALUE",
            help="Any other choice, as often as needed: variants=merged. `explain` lists a figure's.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("figure", epilog=examples("weighbridge market figure top-20 --set variants=merged --csv"))
@click.argument("name")
@choices_options
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print the table as CSV, the attribution line on standard error.")
@click.option("--svg", "as_svg", is_flag=True, help="Print the chart as SVG, the attribution line on standard error.")
@click.option("--lang", default="en", metavar="CODE", help="The chart's language: en or ar.")
@config_option
def one(  # noqa: PLR0913 - one for each option
    *,
    name: str,
    window: str | None,
    attribution: str | None,
    changed: tuple[str, ...],
    as_json: bool,
    as_csv: bool,
    as_svg: bool,
    lang: str,
    config_file: Path | None,
) -> None:
    """Work a figure out."""
    if as_json + as_csv + as_svg > 1:
        raise click.UsageError("--json, --csv and --svg exclude each other")
    tongue = language(lang)
    found = _figure(config_file, name, read_choices(window, attribution, changed))
    if as_json:
        print_json(documented(found))
    elif as_csv:
        columns = found.measured.columns
        kinds: dict[str, Kind] = dict.fromkeys(columns, "text")
        click.echo(csv_text(kinds, [dict(zip(columns, row, strict=True)) for row in found.measured.rows]), nl=False)
        click.echo("\n".join(found.attribution), err=True)
    elif as_svg:
        click.echo(_svg(found, tongue))
        click.echo("\n".join(found.attribution), err=True)
    else:
        window = found.choices.window
        click.echo(f"{found.title}{f', {window}' if window else ''}\n{_said(found.measured.values)}")
        print_table(found.measured.columns, found.measured.rows, right=found.measured.columns[1:])
        _end(found)


@click.command("explain")
@click.argument("name")
@choices_options
@json_option
@config_option
def explain(
    *,
    name: str,
    window: str | None,
    attribution: str | None,
    changed: tuple[str, ...],
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Say how a figure is defined, what it rests on, and what other definitions would give."""
    found = _figure(config_file, name, read_choices(window, attribution, changed))
    if as_json:
        print_json(documented(found))
        return
    click.echo(f"{found.title}\n\n{found.definition}\n\n{_said(found.measured.values)}\n")
    lines = [("as defined", _said(found.measured.values))]
    print_table(("definition", "result"), [*lines, *((each.title, _said(each.values)) for each in found.sensitivity)])
    print_table(("choice", "here"), list(chosen(found.choices).items()))
    print_table(("input", "source", "as of", "sha256"), [(i.name, i.source, i.as_of, i.sha256) for i in found.inputs])
    if found.not_reproduced is not None:
        click.echo(f"Not the published figure: {found.not_reproduced}")
    for reference in found.references:
        click.echo(f"See {reference}")
    _end(found)


def read_choices(window: str | None, attribution: str | None, changed: tuple[str, ...]) -> dict[str, str | int | None]:
    """What the options ask for. Raises click.UsageError that names the choice."""
    change: dict[str, str | int | None] = {"window": window, "attribution": attribution}
    for each in changed:
        name, equals, value = each.partition("=")
        if not equals or not value:
            raise click.UsageError(f"--set {each!r} is not CHOICE=VALUE, such as variants=merged")
        if name not in Choices.__struct_fields__:
            raise click.UsageError(
                f"--set: there is no choice {name!r}; there are {', '.join(Choices.__struct_fields__)}"
            )
        if change.get(name) is not None:
            raise click.UsageError(f"--set: {name} is said twice")
        if name in _NUMBERS and not value.isdecimal():
            raise click.UsageError(f"--set {name}={value}: it takes a whole number, such as {name}=10")
        change[name] = int(value) if name in _NUMBERS else value
    return change


def _svg(found: Figure, tongue: Language) -> str:
    said = ", ".join(f"{tongue.term(each.name)} {tongue.value(each)}" for each in found.measured.values)
    drawing = chart(pictured(found, tongue), found.title, f"{said}. {found.definition}", tongue)
    if drawing is None:
        raise Failure(
            f"there is nothing to draw in {found.name} by these choices: its table has no column of numbers",
            next_step=f"weighbridge market figure {found.name}",
        )
    return drawing


def _figure(config_file: Path | None, name: str, change: dict[str, str | int | None]) -> Figure:
    try:
        store = opened(config_file)
        found = figure(store, name, change)
    except PackageMissing as error:
        raise Failure(str(error)) from error
    if comes_to_nothing(found):
        click.echo(_nothing(store, found), err=True)
    return found


def _nothing(store: Store, found: Figure) -> str:
    """Where a figure comes to nothing: of which days there are data for it here."""
    days = days_here(store, found)
    of = "" if days is None else f"; its data here are of {days[0]} to {days[1]}"
    return f"nothing here answers {found.name} by these choices{of} (weighbridge market explain {found.name})"


def _end(found: Figure) -> None:
    if found.measured.unmatched is not None:
        click.echo(f"In no reviewed row: {found.measured.unmatched:.1%}")
    click.echo("\n".join(found.attribution))


def _said(values: tuple[Value, ...]) -> str:
    english = language("en")
    return ", ".join(f"{each.name} {english.value(each)}" for each in values)
