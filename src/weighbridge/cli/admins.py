"""`weighbridge admins`: create, list and revoke the keys of the admin API."""

from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.accounts import admins
from weighbridge.accounts.admins import ROLES, Admin
from weighbridge.accounts.roles import Role
from weighbridge.accounts.tree import Place
from weighbridge.cli import database
from weighbridge.cli.failure import Failure, Misuse
from weighbridge.cli.moments import Moment
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.db import transaction
from weighbridge.errors import BadRequest


@click.group(
    "admins",
    epilog=examples(
        "weighbridge admins create alice --role owner",
        "weighbridge admins create bob --role admin --organisation acme --project search",
        "weighbridge admins list",
        "weighbridge admins revoke adm-0123456789ab",
    ),
)
def command() -> None:
    """Create, list and revoke the keys that open the admin API."""


@command.command(
    "create", epilog=examples("weighbridge admins create carol --role member --project search --makes-keys")
)
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What it may do.")
@click.option("--organisation", metavar="NAME", help="All that it is to see and change; else everything.")
@click.option("--project", metavar="NAME", help="The same for a project, of that organisation where one is named.")
@click.option("--makes-keys", is_flag=True, help="Let a member make keys for itself, within its project.")
@click.option("--expires", type=Moment("ahead"), metavar="SPAN|DATE", help="When it ends: 12h, 30d, 2027-01-01 (UTC).")
@json_option
@config_option
def create(
    *,
    name: str,
    role: Role,
    organisation: str | None,
    project: str | None,
    makes_keys: bool,
    expires: datetime | None,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Make an admin key called NAME and show it, this once."""
    now = datetime.now(UTC)
    if expires is not None and expires <= now:
        raise click.BadParameter("that moment has passed", param_hint="--expires")
    with database.opened(config.read({}, file=config_file)) as connection:
        try:
            admin, secret = admins.create(
                connection,
                name=name,
                role=role,
                now=now,
                scope=Place(organisation, project),
                makes_keys=makes_keys,
                expires=expires,
                by=database.actor(),
            )
        except BadRequest as error:
            raise Misuse(error.message) from error
    if as_json:
        print_json({**admins.facts(admin), "key": secret})
        return
    click.echo(secret)
    click.echo(f"Admin key {name!r} ({admin.id}). Keep it now: it is not stored and cannot be shown again.", err=True)


@command.command("list")
@json_option
@config_option
def listing(*, as_json: bool, config_file: Path | None) -> None:
    """List the admin keys, oldest first. Of a key itself only the last four characters are known."""
    with database.existing(config.read({}, file=config_file)) as connection:
        found = admins.listing(connection)
    if as_json:
        print_json([admins.facts(admin) for admin in found])
        return
    now = datetime.now(UTC)
    print_table(
        ("id", "name", "ends in", "role", "organisation", "project", "makes keys", "created", "expires", "state"),
        (
            (
                admin.id,
                admin.name,
                admin.hint,
                admin.role,
                admin.scope.organisation,
                admin.scope.project,
                admin.makes_keys,
                f"{admin.created:%Y-%m-%d}",
                admin.expires and f"{admin.expires:%Y-%m-%d %H:%M}",
                _state(admin, now),
            )
            for admin in found
        ),
    )


@command.command("revoke")
@click.argument("admin_id", metavar="ID")
@config_option
def revoke(*, admin_id: str, config_file: Path | None) -> None:
    """Disable the admin key with this ID for good, at once."""
    now = datetime.now(UTC)
    with database.existing(config.read({}, file=config_file)) as connection, transaction(connection):
        admin = admins.find(connection, admin_id)
        if admin is None or admin.disabled is not None:
            raise Failure(f"no active admin key has the id {admin_id!r}", next_step="weighbridge admins list")
        admins.revoke(connection, admin, by=database.actor(), now=now)
    click.echo(f"Revoked {admin_id}.")


def _state(admin: Admin, now: datetime) -> str:
    if admin.disabled is not None:
        return "revoked"
    return "expired" if admin.expires is not None and admin.expires <= now else "active"
