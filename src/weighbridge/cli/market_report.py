"""`weighbridge market report`: all figures as one page that can be read, printed and cited without any network."""

from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge.cli.bars import Steps
from weighbridge.cli.failure import Failure
from weighbridge.cli.market_store import opened
from weighbridge.cli.options import config_option, examples
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.report.language import language
from weighbridge.market.report.page import page, worked_out
from weighbridge.market.sync import take


@click.command("report", epilog=examples("weighbridge market report --from downloads/ --lang ar -o report.html"))
@click.option("--lang", default="en", show_default=True, metavar="CODE", help="The page's language: en or ar.")
@click.option(
    "--from",
    "path",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE|DIR",
    help="Files to take in first, as `market sync` does.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Where the page is written.",
)
@config_option
def report(*, lang: str, path: Path | None, output: Path, config_file: Path | None) -> None:
    """Write one self-contained page with all figures that there is data for, and why others are not in it."""
    tongue = language(lang)
    try:
        store = opened(config_file)
        with Steps("market") as steps:
            if path is not None:
                for _ in take(store, path, now=datetime.now(UTC), progress=steps.at):
                    pass
            found, why = worked_out(store, steps.at)
    except PackageMissing as error:
        raise Failure(str(error)) from error
    try:
        output.write_text(page(found, why, tongue), encoding="utf-8")
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}") from error
    click.echo(f"{output}: {len(found)} figures" + (f"; {len(why)} could not be worked out" if why else ""))
