"""`weighbridge ledger restore`: archived entries back into the ledger."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.cli import database
from weighbridge.cli.bars import Steps
from weighbridge.cli.failure import Failure, Misuse
from weighbridge.cli.months import Month
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json, usd
from weighbridge.ledger import restore as restoring
from weighbridge.ledger.archive import Archived, NotTheSame
from weighbridge.ledger.cost import SMALLEST, plain
from weighbridge.ledger.tabular import PackageMissing


@click.command(
    "restore",
    epilog=examples(
        "weighbridge ledger restore 2026-01 2026-02", "weighbridge ledger restore --all --from /srv/archive"
    ),
)
@click.argument("months", metavar="MONTH…", type=Month(), nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that was archived.")
@click.option(
    "--from",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the files are; else the directory `archive` in the data directory.",
)
@json_option
@config_option
def restore(
    *, months: tuple[datetime, ...], every: bool, directory: Path | None, as_json: bool, config_file: Path | None
) -> None:
    """Put archived entries back into the ledger, the same in every column; no sum changes.

    Each file is compared with what the table `archive` notes of it, and the ledger with the file. Then the file gets
    another name (….parquet.restored): delete it when you like. The gateway may run on; broken off, call it again.
    """
    if every == bool(months):
        raise Misuse("say what: MONTH… such as 2026-01, or --all")
    settings = config.read({}, file=config_file)
    place = directory or settings.home / "archive"
    with database.existing(settings) as connection, _told():
        for path in restoring.left_over(connection, place):
            restoring.set_aside(path)
        wanted: Sequence[datetime | None] = months or (None,)
        files = [file for month in wanted for file in restoring.archived(connection, place, month)]
        with Steps("entries") as bar:
            restoring.restore(connection, files, now=datetime.now(UTC), progress=bar.at)
    if as_json:
        print_json([_fact(file) for file in files])
        return
    for file in files:
        tokens = f"{file.prompt_tokens:,} tokens in, {file.completion_tokens:,} out"
        click.echo(f"{file.file.name}: {file.entries:,} entries, {tokens}, {usd(file.cost * SMALLEST)}")
    if not files:
        click.echo("Nothing of that is archived: its entries are in the ledger, or there never were any.", err=True)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except PackageMissing as error:
        raise Failure(str(error)) from error
    except NotTheSame as error:
        raise Failure(str(error), next_step="weighbridge ledger restore … --from DIR, again") from error
    except OSError as error:
        raise Failure(f"the files cannot be read or renamed: {error}", next_step="weighbridge doctor") from error


def _fact(file: Archived) -> dict[str, object]:
    return {
        "file": file.file.name,
        "entries": file.entries,
        "prompt_tokens": file.prompt_tokens,
        "completion_tokens": file.completion_tokens,
        "cost": plain(file.cost * SMALLEST),
    }
