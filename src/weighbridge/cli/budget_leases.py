"""`weighbridge budgets leases` and `write-off`: what workers have in advance, and that of machines that are lost."""

from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.cli import database
from weighbridge.cli.failure import Failure
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.db import Connection
from weighbridge.ledger.budgets import lost, table
from weighbridge.ledger.budgets.budget import Budget
from weighbridge.ledger.budgets.lost import Held, NotLost


@click.command("leases", epilog=examples("weighbridge budgets leases --json"))
@json_option
@config_option
def leases_(*, as_json: bool, config_file: Path | None) -> None:
    """List what each worker has of each budget in advance, and when it was heard of last."""
    with database.existing(config.read({}, file=config_file)) as connection:
        found, budgets = lost.listing(connection), _budgets(connection)
    if as_json:
        print_json([_fact(held) for held in found])
        return
    if not found:
        click.echo("No worker has anything of a budget in advance.", err=True)
        return
    print_table(
        ("worker", "machine", "heard of", "budget", "of", "used", "in advance"),
        [_line(held, budgets.get(held.budget)) for held in found],
        right=("used", "in advance"),
    )


@click.command(
    "write-off",
    epilog=examples("weighbridge budgets write-off host-3", "weighbridge budgets write-off host-3 --free"),
)
@click.argument("machine", metavar="MACHINE|WORKER")
@click.option("--free", is_flag=True, help="Nothing was under way there: what it had is anybody's again.")
@json_option
@config_option
def write_off(*, machine: str, free: bool, as_json: bool, config_file: Path | None) -> None:
    """Settle what the workers of a machine had in advance that does not come back.

    Requests that were under way may have used all of it at most: that much counts as used, and no budget is exceeded.
    Should the machine's journals turn up after all, a gateway that finds them puts it right, to the request. Nothing is
    done while a worker of the machine is heard of.
    """
    with database.existing(config.read({}, file=config_file)) as connection:
        try:
            done = lost.write_off(connection, machine, now=datetime.now(UTC), free=free, by=database.actor())
        except NotLost as error:
            raise Failure(str(error), next_step="weighbridge budgets leases") from error
        budgets = _budgets(connection)
    if as_json:
        print_json([_fact(held) for held in done])
        return
    what = "is free again" if free else "counts as used"
    for held in done:
        budget = budgets.get(held.budget)
        amount = held.in_advance if budget is None else budget.shown(held.in_advance)
        click.echo(f"{held.worker.id}: {amount} of {held.budget} {what}.")
    if not done:
        click.echo(f"The workers of {machine} had nothing in advance.")


def _budgets(connection: Connection) -> dict[str, Budget]:
    return {budget.id: budget for budget in table.listing(connection)}


def _fact(held: Held) -> dict[str, object]:
    worker = held.worker
    return {
        "worker": worker.id,
        "machine": worker.host,
        "journal": worker.journal,
        "heard_of": worker.seen,
        "budget": held.budget,
        "used": held.used,
        "in_advance": held.in_advance,
    }


def _line(held: Held, budget: Budget | None) -> tuple[object, ...]:
    worker, used, unused = held.worker, held.used, held.in_advance
    shown = (used, unused) if budget is None else (budget.shown(used), budget.shown(unused))
    seen = None if worker.seen is None else f"{worker.seen:%Y-%m-%d %H:%M:%S}"
    return worker.id, worker.host, seen, held.budget, "(removed)" if budget is None else str(budget), *shown
