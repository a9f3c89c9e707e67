"""`weighbridge ledger`: the ledger as a thing of its own: moving it to a PostgreSQL server, and its files."""

import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config, db
from weighbridge.app import running
from weighbridge.cli import database
from weighbridge.cli.failure import Failure, Misuse
from weighbridge.cli.ledger_files import archive, export, sum_up
from weighbridge.cli.ledger_restore import restore
from weighbridge.cli.options import config_option, examples
from weighbridge.cli.printing import usd
from weighbridge.config import Settings
from weighbridge.db.copying import NotAlike
from weighbridge.ledger.budgets import leases
from weighbridge.ledger.moving import Move, Totals

_LOOK_SECONDS = 1.0
_LOOKS = 3
_URL = "WEIGHBRIDGE_DATABASE_URL"


@click.group(
    "ledger",
    epilog=examples(
        "weighbridge ledger export --since 30d -o files",
        "weighbridge ledger archive --before 52w",
        "weighbridge ledger restore 2026-01",
        "weighbridge ledger move --to postgresql://weighbridge@db.example.org/weighbridge",
    ),
)
def command() -> None:
    """Export the ledger, archive what is old of it, move it to a PostgreSQL server."""


command.add_command(export)
command.add_command(archive)
command.add_command(restore)
command.add_command(sum_up)


@command.command(
    "move",
    epilog=examples(
        "weighbridge ledger move --to postgresql://weighbridge@db.example.org/weighbridge",
        "PGPASSFILE=~/.pgpass weighbridge ledger move --to postgresql://weighbridge@db.example.org/weighbridge",
    ),
)
@click.option("--to", "url", required=True, metavar="URL", help="An empty database, as postgresql://user@host/name.")
@click.option("--no-wait", is_flag=True, help="Copy what is there and leave, while the gateway runs on.")
@config_option
def move(*, url: str, no_wait: bool, config_file: Path | None) -> None:
    """Copy the ledger, the keys and all else from the SQLite file to PostgreSQL, while the gateway runs.

    When all is copied it asks you to stop the gateway, copies what has come meanwhile, and compares both sides to the
    last digit. Broken off, it goes on where it was when it is called again. The file stays as it is.
    """
    settings = config.read({}, file=config_file)
    server = _server(settings, url)
    with database.existing(settings) as original, database.told(server), closing(db.connect(server)) as copy:
        db.migrate(copy)
        _refuse_used(copy)
        with _told_apart(server):
            done = _moved(settings, original, copy, no_wait=no_wait)
    if done is None:
        click.echo("All that was there is copied. The gateway writes on: call this again to go on, and stop it then.")
        return
    click.echo(
        f"{done.entries:,} entries, {done.prompt_tokens:,} tokens in, {done.completion_tokens:,} out, {usd(done.cost)}:"
        " the same on both sides, and everything else was copied with them."
    )
    click.echo(f"\nNext: set {_URL} to that URL, or `url` in [database] of the settings, and start the gateway.")
    click.echo(f"{settings.ledger_path} stays as it is; keep it until you trust the other.")


def _server(settings: Settings, url: str) -> db.Server:
    if settings.database.url is not None:
        raise Failure("the settings have the ledger on a server already", next_step=f"unset {_URL}, if it is not")
    if not url.startswith(("postgresql://", "postgres://")):
        raise Misuse("--to: expected postgresql://user@host/name")
    return db.Server(url)


def _refuse_used(copy: db.Connection) -> None:
    """A gateway that uses the database would be written over."""
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'weighbridge' AND pid <> pg_backend_pid()"
    )
    for _ in range(_LOOKS):  # a move that was killed is gone from the server a moment later
        if not copy.execute(sql).fetchone()[0]:
            return
        threading.Event().wait(_LOOK_SECONDS)
    raise Failure("a gateway, or another move, uses that database just now", next_step="stop it first")


@contextmanager
def _told_apart(server: db.Server) -> Iterator[None]:
    try:
        yield
    except NotAlike as error:
        raise Failure(
            f"{server} does not become a copy of the ledger: {error}",
            next_step="name an empty database; createdb makes one",
        ) from error


def _moved(settings: Settings, original: db.Connection, copy: db.Connection, *, no_wait: bool) -> Totals | None:
    """What was moved; None where the gateway runs on."""
    going = Move(original, copy, progress=_show)
    going.check()
    begun = datetime.now(UTC)
    going.copy_entries()
    _end_line()
    if _is_used(settings, original):
        if no_wait:
            return None
        click.echo("All that was there is copied. Stop the gateway now: what it writes until then is copied as well.")
        while _is_used(settings, original):
            threading.Event().wait(_LOOK_SECONDS)
            going.copy_entries(since=begun)
    with running.alone(settings.home):  # so that none is started just now
        click.echo("Comparing both sides.")
        done = going.finish()
        _end_line()
        return done


def _is_used(settings: Settings, original: db.Connection) -> bool:
    """Whether a gateway works with the file: one that `up` has started, or any that was seen lately."""
    return running.find(settings.home) is not None or leases.at_work(original, datetime.now(UTC)) > 0


def _show(table: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{table}: {done:,} of {total:,}".ljust(60), nl=False, err=True)


def _end_line() -> None:
    if sys.stderr.isatty():
        click.echo(err=True)
