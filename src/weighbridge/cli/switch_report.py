"""`weighbridge switch report`: what was replayed, what it proves, and what that rests on, as one page."""

from pathlib import Path

import click

from weighbridge import config
from weighbridge.app.switch.reporting import reported
from weighbridge.app.switch.setting import setting
from weighbridge.app.switch.standing import plan_of
from weighbridge.cli import client, database
from weighbridge.cli.failure import Failure
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.switch.report.language import language
from weighbridge.switch.report.page import page
from weighbridge.switch.report.sentences import verdict
from weighbridge.switch.report.titles import title


@click.command(
    "report",
    epilog=examples(
        "weighbridge switch report -o report.html",
        "weighbridge switch report plan-0123456789ab --lang ar -o report.html",
    ),
)
@click.argument("plan", required=False)
@click.option("--lang", default="en", show_default=True, metavar="CODE", help="The page's language: en or ar.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the page is written; else the verdicts are printed.",
)
@json_option
@config_option
def report(*, plan: str | None, lang: str, output: Path | None, as_json: bool, config_file: Path | None) -> None:
    """Say what was proven of each route, and what that rests on: as one page, as JSON, or in a sentence each.

    PLAN is the newest one, unless its id is given. The page has the texts of the examples that went worst, where they
    are kept: it is as private as they are.
    """
    if as_json and output is not None:
        raise click.UsageError("--json is printed: leave out -o, or redirect it")
    settings = config.read({}, file=config_file)
    tongue = language(lang)
    with database.existing(settings) as connection:
        at = setting(settings, connection, client.own_key(settings))
        made = reported(at, plan_of(connection, plan))
    if as_json:
        print_json(made)
    elif output is None:
        for each in made.routes:
            click.echo(f"{each.id} {title(each.about, tongue)}\n  {verdict(each, tongue)}")
        click.echo("Next: weighbridge switch report -o report.html")
    else:
        _write(output, page(made, tongue))
        click.echo(f"{output}: {sum(each.proven for each in made.routes)} of {len(made.routes)} routes certified")


def _write(output: Path, text: str) -> None:
    """Readable by its owner alone: it may have texts in it."""
    try:
        output.touch(mode=0o600)
        output.chmod(0o600)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}") from error
