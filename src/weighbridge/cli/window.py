"""`weighbridge window`: a link that lets you in to the window, once."""

import webbrowser
from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.app import running
from weighbridge.cli import database
from weighbridge.cli.failure import Failure
from weighbridge.cli.options import config_option, examples
from weighbridge.config import Settings


@click.command("window", epilog=examples("weighbridge window", "weighbridge window --open"))
@click.option("--open", "opens", is_flag=True, help="Open it in this machine's browser as well.")
@config_option
def command(*, opens: bool, config_file: Path | None) -> None:
    """Print a link that lets you in to the window, as the owner of this machine's gateway.

    It works once, within the hour. Others sign in with the key of an admin: weighbridge admins create.
    """
    settings = config.read({}, file=config_file)
    found = running.find(settings.home)
    if found is None:
        raise Failure("no gateway runs on this data directory", next_step="weighbridge up")
    if found.window is None:
        raise Failure("this gateway runs without a window", next_step="window.enabled = true, and start it again")
    address = link(settings, found.window)
    click.echo(address)
    if opens:
        webbrowser.open(address)


def link(settings: Settings, window: str) -> str:
    """One that lets in once the owner that is this machine's, who is made the first time. Raises Failure."""
    from weighbridge.web import signing  # noqa: PLC0415 - other commands need none of it

    with database.opened(settings) as connection:
        owner = signing.owner_of_machine(connection, datetime.now(UTC))
    return f"{window}/enter?ticket={signing.ticket(settings.home, owner)}"


def window_url(settings: Settings, port: int) -> str:
    """Where browsers find the window that listens at this port."""
    public = settings.window.public_url
    if public is not None:
        return public.rstrip("/")
    return running.local_url(settings.window.host, port).removesuffix("/v1")
