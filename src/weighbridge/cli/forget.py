"""`weighbridge forget`: delete what is kept of one of a client's users."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from weighbridge import audit_log, config
from weighbridge.app.forgetting import Forgotten, forget_user
from weighbridge.audit_log import Change
from weighbridge.cli import database
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.db import transaction

_NO_COUNTS: Final = ("every_cached", "unnamed", "in_log")


@click.command("forget", epilog=examples("weighbridge forget --user customer-4711"))
@click.option("--user", required=True, metavar="ID", help="The user, as the client names it in its requests.")
@json_option
@config_option
def command(*, user: str, as_json: bool, config_file: Path | None) -> None:
    """Delete all that is kept of what a user said and was told: texts, stored responses and chats, cached answers.

    So is what budgets know of the user: what it has used of them counts no more, and one for this user alone is gone.

    The ledger keeps its entries: they have no text, and name the user as `ledger.users` says.
    """
    settings = config.read({}, file=config_file)
    with database.existing(settings) as connection:
        done = forget_user(settings, connection, user)
        counts = {name: count for name, count in asdict(done).items() if name not in _NO_COUNTS}
        with transaction(connection):  # who is not said: that was to be forgotten
            change = Change(action="user.forget", target="user", before=counts)
            audit_log.write(connection, database.actor(), change, now=datetime.now(UTC))
    if as_json:
        print_json(done)
        return
    _tell(done)


def _tell(done: Forgotten) -> None:
    click.echo(f"Deleted {done.texts} texts, {done.responses} responses and {done.chats} chat completions.")
    whose = "all there were, as the ledger does not say whose each was" if done.every_cached else "of this user"
    click.echo(f"Deleted {done.cached} cached answers: {whose}.")
    click.echo(f"{done.entries} entries of the ledger name this user, and stay: they have no text.")
    if done.budgets or done.uses:
        click.echo(f"Deleted {done.budgets} budgets that were for this user, and what it has used of others.")
    if done.unnamed:
        click.echo(
            f"{done.unnamed} responses and chat completions stay that do not say whose they are; they go when they are "
            "older than responses.keep_days.",
            err=True,
        )
    if done.in_log:
        click.echo(
            "A file's log may still hold what was deleted, as another program reads it all the time: run this again.",
            err=True,
        )
