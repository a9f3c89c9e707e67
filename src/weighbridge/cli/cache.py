"""`weighbridge cache`: what is kept of answers, and deleting it."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.app.sharing import forget_answers
from weighbridge.cache import store
from weighbridge.cli import database
from weighbridge.cli.failure import Failure
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json, usd
from weighbridge.config import Settings
from weighbridge.ledger.cost import plain
from weighbridge.ledger.saved import saved
from weighbridge.shared.server import Unavailable


@click.group(
    "cache",
    epilog=examples("weighbridge cache stats", "weighbridge cache clear", "weighbridge cache clear --key key-0123"),
)
def command() -> None:
    """Show what is kept of answers to give them again, and delete it."""


@command.command("stats")
@json_option
@config_option
def stats(*, as_json: bool, config_file: Path | None) -> None:
    """Show how much is kept, and what it has saved by the ledger."""
    settings = config.read({}, file=config_file)
    with _opened(settings) as connection:
        found = store.stats(connection, now=time.time())
    with database.existing(settings) as ledger:
        gain = saved(ledger)
    if as_json:
        shown = {
            "answers": found.answers,
            "bytes": found.size,
            "max_bytes": settings.cache.max_mib * 2**20,
            "expired": found.expired,
            "hits_of_kept": found.hits,
            "oldest": found.oldest and datetime.fromtimestamp(found.oldest, UTC),
            "newest": found.newest and datetime.fromtimestamp(found.newest, UTC),
            "given_again": gain.answers,
            "given_again_unpriced": gain.unpriced,
            "saved": plain(gain.cost),
        }
        print_json(shown)
        return
    click.echo(f"{found.answers} answers are kept, {found.expired} of them past their time")
    click.echo(f"{found.size / 2**20:.1f} of {settings.cache.max_mib} MiB are used")
    if found.oldest is not None and found.newest is not None:
        click.echo(f"the oldest is of {_when(found.oldest)}, the newest of {_when(found.newest)}")
    unpriced = f" and {gain.unpriced} whose price is not known" if gain.unpriced else ""
    click.echo(f"{gain.answers} answers were given again, which saved {usd(gain.cost)}{unpriced}")


@command.command("clear")
@click.option("--key", metavar="ID", help="Only what this key has asked for; else everything.")
@config_option
def clear(*, key: str | None, config_file: Path | None) -> None:
    """Delete what is kept, for good; running gateways follow at once.

    What machines share, on the server of `shared.url`, is deleted first, or nothing is where it cannot be reached.
    """
    settings = config.read({}, file=config_file)
    if settings.shared.url is not None:
        gone, told = _cleared(settings, key)
        click.echo(f"Deleted {gone} answers that machines share; {told} running workers delete their own.")
        if not settings.cache_path.is_file():
            return
    with _opened(settings) as connection:
        gone = store.clear(connection, key=key)
    click.echo(f"Deleted {gone} answers.")


def _cleared(settings: Settings, key: str | None) -> tuple[int, int]:
    try:
        return asyncio.run(forget_answers(settings, key=key))
    except Unavailable as error:
        raise Failure(
            f"the server of shared.url cannot be used, and nothing was deleted: {error}",
            next_step="weighbridge doctor",
        ) from error


@contextmanager
def _opened(settings: Settings) -> Iterator[sqlite3.Connection]:
    path = settings.cache_path
    if not path.is_file():
        raise Failure(
            f"nothing is kept: there is no {path}", next_step="send requests with the header x-weighbridge-cache: on"
        )
    try:
        with closing(store.connect(path)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise Failure(
            f"the cache {path} cannot be used: {error}", next_step="delete the file; nothing depends on it"
        ) from error


def _when(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
