"""`weighbridge switch apply` and `rollback`: have what was proven in force, and take it back."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.app.switch.putting import steps_of
from weighbridge.app.switch.setting import Setting, setting
from weighbridge.app.switch.standing import plan_of
from weighbridge.cli import client, database
from weighbridge.cli.failure import Failure
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.db import Connection, transaction
from weighbridge.switch import applying, store
from weighbridge.switch.applying import Raced, Step
from weighbridge.switch.planned import Plan
from weighbridge.switch.store import RuleRow


@click.command(
    "apply",
    epilog=examples(
        "weighbridge switch apply plan-0123456789ab",
        "weighbridge switch apply plan-0123456789ab --route rt-0123456789ab --epsilon 0.02 --yes",
    ),
)
@click.argument("plan")
@click.option("--route", "only", multiple=True, metavar="ID", help="Only this route; repeatable.")
@click.option(
    "--epsilon", type=click.FloatRange(0, 1, min_open=True), help="Only what was shown to lose at most so much."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@config_option
def apply(
    *, plan: str, only: tuple[str, ...], epsilon: float | None, yes: bool, as_json: bool, config_file: Path | None
) -> None:
    """Route by what a plan has proven: say what will change, ask, and do it.

    From then on, whoever asks for `auto` or for the model that was used is answered by the cheapest one that is proven
    good enough. Running gateways follow within a second.
    """
    settings = config.read({}, file=config_file)
    with database.existing(settings) as connection:
        at = setting(settings, connection, client.own_key(settings))
        made = _steps(at, plan_of(connection, plan), only=only, epsilon=epsilon)
        wanted = [each for each in made if each.changes]
        if not as_json:
            _show(made)
        if wanted and not yes and (as_json or not click.confirm("Apply?", default=False)):
            wanted = []
        done = _done(
            connection, lambda: applying.applied(connection, wanted, by=database.actor(), now=datetime.now(UTC))
        )
    if as_json:
        print_json([_told(each, {row.route for row in done}) for each in made])
    elif done:
        click.echo(f"In force on {len(done)} routes. Next: weighbridge switch status")


@click.command(
    "rollback",
    epilog=examples("weighbridge switch rollback rt-0123456789ab", "weighbridge switch rollback --all --yes"),
)
@click.argument("routes", nargs=-1, metavar="[ROUTE]…")
@click.option("--all", "every", is_flag=True, help="All routes.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def rollback(*, routes: tuple[str, ...], every: bool, yes: bool, config_file: Path | None) -> None:
    """Have routes answered by the model that they name, as before. Running gateways follow within a second."""
    if bool(routes) == every:
        raise click.UsageError("name the routes, or say --all")
    with database.existing(config.read({}, file=config_file)) as connection:
        held = {row.route: row for row in store.rules(connection)}
        unknown = [route for route in routes if route not in held]
        if unknown:
            raise Failure(f"no rule holds for {unknown[0]!r}", next_step="weighbridge switch status")
        chosen = [row for row in held.values() if row.state != "rolled_back" and (every or row.route in routes)]
        if not chosen:
            click.echo("Nothing is routed there: nothing changes.")
            return
        print_table(("route", "certificate", "state"), [(row.route, row.certificate, row.state) for row in chosen])
        if not yes and not click.confirm("Roll back?", default=True):
            return
        done = _done(
            connection, lambda: applying.rolled_back(connection, chosen, by=database.actor(), now=datetime.now(UTC))
        )
    click.echo(f"Rolled back: {len(done)} routes.")


def _steps(at: Setting, plan: Plan, *, only: Sequence[str], epsilon: float | None) -> list[Step]:
    made = steps_of(at, plan, only=only, epsilon=epsilon)
    if all(each.refused is not None for each in made):
        whys = "; ".join(f"{each.certificate.route}: {each.refused}" for each in made)
        raise Failure(f"nothing can be applied: {whys}", next_step="weighbridge switch plan, and run it")
    return made


def _done(connection: Connection, work: Callable[[], list[RuleRow]]) -> list[RuleRow]:
    try:
        with transaction(connection):
            return work()
    except Raced as exc:
        raise Failure(
            f"the rule of {exc} was changed just now; nothing was done", next_step="weighbridge switch status"
        ) from exc


def _show(made: Sequence[Step]) -> None:
    rows = []
    for each in made:
        promise = each.promise
        arms = "" if promise is None else ", ".join(arm.id for arm in promise.arms)
        loss = "" if promise is None else f"{100 * promise.epsilon:g} %"
        rows.append((each.certificate.route, _becomes(each), arms, loss, f"{each.certificate.expires:%Y-%m-%d}"))
    print_table(("route", "", "may answer", "loses at most", "until"), rows)
    for each in made:
        for why in each.passed_over if each.refused is None else (each.refused,):
            click.echo(f"{each.certificate.route}: {why}", err=True)
        if each.refused is None and each.promise is not None and (blind := each.promise.blindness):
            click.echo(f"{each.certificate.route}: {blind}", err=True)


def _becomes(step: Step) -> str:
    if step.refused is not None:
        return "cannot be applied"
    if not step.changes:
        return "holds already"
    before = step.before
    if before is None or before.state == "rolled_back":
        return "new"
    return f"instead of {before.certificate} ({before.state})"


def _told(step: Step, done: set[str]) -> dict[str, object]:
    promise = step.promise
    return {
        "route": step.certificate.route,
        "certificate": step.certificate.id,
        "expires": step.certificate.expires,
        "reference": None if promise is None else promise.reference,
        "arms": [] if promise is None else [arm.id for arm in promise.arms],
        "tau": None if promise is None else promise.tau,
        "epsilon": None if promise is None else promise.epsilon,
        "before": None if step.before is None else step.before.certificate,
        "refused": step.refused,
        "passed_over": step.passed_over,
        "applied": step.certificate.route in done,
    }
