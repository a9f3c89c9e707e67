"""`weighbridge audit-log`: who has changed what, and whether the log is whole."""

from datetime import datetime
from pathlib import Path

import click
import msgspec

from weighbridge import audit_log, config
from weighbridge.audit_log import Row, Wanted
from weighbridge.cli import database
from weighbridge.cli.failure import Failure
from weighbridge.cli.moments import Moment
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table


@click.group(
    "audit-log",
    invoke_without_command=True,
    epilog=examples(
        "weighbridge audit-log --since 7d",
        "weighbridge audit-log --target key-0123456789ab --json",
        "weighbridge audit-log verify",
    ),
)
@click.option("--since", type=Moment("ago"), metavar="SPAN|DATE", help="Only from then on: 24h, 30d, 2026-12-01 (UTC).")
@click.option("--action", metavar="NAME", help="Only this, such as key.create.")
@click.option("--target", metavar="ID", help="Only what was done to this.")
@click.option("--actor", metavar="ID", help="Only what this admin key has done, or cli:USER.")
@json_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    since: datetime | None,
    action: str | None,
    target: str | None,
    actor: str | None,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Show who has changed keys, admins, budgets and policies, oldest first."""
    if ctx.invoked_subcommand is not None:
        return
    wanted = Wanted(since=since, action=action, target=target, actor=actor)
    with database.existing(config.read({}, file=config_file)) as connection:
        found = audit_log.rows(connection, wanted)
    if as_json:
        print_json([_document(row) for row in found])
        return
    print_table(
        ("row", "at", "who", "from", "action", "what", "before", "after"),
        (
            (
                row.id,
                f"{row.at:%Y-%m-%d %H:%M:%S}",
                row.actor.id,
                row.actor.address,
                row.change.action,
                row.change.target,
                _facts(row.change.before),
                _facts(row.change.after),
            )
            for row in found
        ),
    )


@command.command("verify", epilog=examples("weighbridge audit-log verify --noted 3b0c…"))
@click.option("--noted", metavar="HASH", help="A head that was printed before: the log must still have it.")
@json_option
@config_option
def verify(*, noted: str | None, as_json: bool, config_file: Path | None) -> None:
    """Prove that no row was changed or taken out, and print the hash of the last one, to be noted elsewhere."""
    with database.existing(config.read({}, file=config_file)) as connection:
        found = audit_log.verify(connection, noted=noted)
    if as_json:
        print_json({"whole": found.fault is None, "rows": found.rows, "head": found.head, "fault": found.fault})
    if found.fault is not None:
        raise Failure(f"the audit log is not whole: {found.fault}", next_step="compare it with a backup")
    if not as_json:
        click.echo(f"{found.rows} rows, whole. Head: {found.head or '-'}")


def _document(row: Row) -> dict[str, object]:
    change = row.change
    return {
        "id": row.id,
        "at": row.at,
        "actor": row.actor.id,
        "address": row.actor.address,
        "action": change.action,
        "target": change.target,
        "organisation": change.organisation,
        "project": change.project,
        "before": change.before,
        "after": change.after,
        "hash": row.hash,
    }


def _facts(facts: audit_log.Facts | None) -> str | None:
    """For a cell: what is not empty."""
    if facts is None:
        return None
    told = {name: value for name, value in facts.items() if value not in (None, [], {}, False)}
    return " ".join(f"{name}={_plain(value)}" for name, value in told.items()) or None


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
