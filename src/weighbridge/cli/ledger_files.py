"""`weighbridge ledger export` and `archive`: the ledger's entries as Parquet files."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.cli import database
from weighbridge.cli.failure import Failure
from weighbridge.cli.moments import Moment
from weighbridge.cli.options import config_option, examples
from weighbridge.cli.printing import usd
from weighbridge.ledger import parquet
from weighbridge.ledger.archive import Archived, NotTheSame
from weighbridge.ledger.archive import archive as archived
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.directory import keep_sums
from weighbridge.ledger.parquet import File
from weighbridge.ledger.tabular import PackageMissing

_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.command(
    "export",
    epilog=examples(
        "weighbridge ledger export --since 2026-11-01 -o november",
        "weighbridge usage --from-parquet november --by country",
    ),
)
@click.option("--since", type=Moment("ago"), metavar="SPAN|DATE", help="Only from then on: 24h, 30d, 2026-12-01 (UTC).")
@click.option("--until", type=Moment("ago"), metavar="SPAN|DATE", help="Only to before then.")
@click.option(
    "-o", "--out", type=_DIRECTORY, required=True, metavar="DIR", help="Where to write, a file for each month."
)
@config_option
def export(*, since: datetime | None, until: datetime | None, out: Path, config_file: Path | None) -> None:
    """Write entries to Parquet files, one for each month, with all that the ledger says of them.

    The ledger stays as it is. Prompts and answers are not in it. Sums of each file are put beside it, in `sums`, so
    that questions need not read it; they may be left behind.
    """
    with database.existing(config.read({}, file=config_file)) as connection, _told():
        files = parquet.export(connection, out, since=since, until=until, progress=_progress)
        for file in files:
            _say(file)
        if files:
            keep_sums(out)
    if not files:
        click.echo("There is no entry of that time.", err=True)


@click.command("archive", epilog=examples("weighbridge ledger archive --before 2026-01-01 -o /srv/archive"))
@click.option(
    "--before", type=Moment("ago"), required=True, metavar="SPAN|DATE", help="Entries older than that: 2026-01-01, 52w."
)
@click.option(
    "-o",
    "--out",
    type=_DIRECTORY,
    metavar="DIR",
    help="Where to write; else the directory `archive` in the data directory.",
)
@config_option
def archive(*, before: datetime, out: Path | None, config_file: Path | None) -> None:
    """Move old entries to Parquet files: written, read back and compared, and only then dropped from the ledger.

    Sums stay: `weighbridge usage` answers as before, but by user only what is still there. A receipt that was archived
    is found in the files only. The gateway may run meanwhile; broken off, call it again.
    """
    settings = config.read({}, file=config_file)
    before = before.replace(minute=0, second=0, microsecond=0)
    to = out or settings.home / "archive"
    with database.existing(settings) as connection, _told():
        done = archived(connection, to, before=before, now=datetime.now(UTC), progress=_progress)
        for file in done:
            _say(file)
        if done:
            keep_sums(to)
    if not done:
        click.echo(f"There is no entry from before {before:%Y-%m-%d %H:%M} UTC.", err=True)


@click.command("sum-up", epilog=examples("weighbridge ledger sum-up files"))
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
def sum_up(*, directory: Path) -> None:
    """Make the sums that stand beside files of an export or archive, where they are missing or were of other files.

    An export and an archive make them by themselves; this is for files from elsewhere, and for when that was broken
    off. Questions give the same answers without them, and take longer.
    """
    with _told():
        keep_sums(directory, made=lambda path: click.echo(f"{path}"))


def _say(file: File | Archived) -> None:
    path = file.path if isinstance(file, File) else file.file
    tokens = f"{file.prompt_tokens:,} tokens in, {file.completion_tokens:,} out"
    click.echo(f"{path}: {file.entries:,} entries, {tokens}, {usd(file.cost * SMALLEST)}")


def _progress(done: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} entries", nl=False, err=True)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except PackageMissing as error:
        raise Failure(str(error)) from error
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--before") from error
    except NotTheSame as error:
        raise Failure(str(error), next_step="weighbridge doctor; nothing more was dropped") from error
