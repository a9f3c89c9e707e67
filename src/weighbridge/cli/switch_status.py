"""`weighbridge switch status`: plans, what was proven, what is routed by it, and what is watched."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from weighbridge import config
from weighbridge.app.switch.standing import (
    CertificateStands,
    PlanStands,
    RuleStands,
    certificates,
    plan_stands,
    rules,
)
from weighbridge.cli import database
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.db import Connection
from weighbridge.ledger.cost import plain
from weighbridge.switch import store
from weighbridge.switch.outcome import Sight

_SHOWN: Final = 20
"""Plans, the newest."""
_FIGURES: Final = ("routes", "replays", "done", "graded", "unanswered", "spent", "budget")


@click.command("status", epilog=examples("weighbridge switch status", "weighbridge switch status --json"))
@json_option
@config_option
def status(*, as_json: bool, config_file: Path | None) -> None:
    """Show plans with their progress, certificates, rules in force, and what their shadows say.

    Of a rule: since when it holds, how many of the calls that it moved were watched, what these lost in the mean, and
    how often an alarm has stepped it back.
    """
    with database.existing(config.read({}, file=config_file)) as connection:
        found = _found(connection)
    if as_json:
        print_json(found)
        return
    for name, rows in found.items():
        if rows:
            click.echo(f"{name.capitalize()}")
            print_table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    if not any(found.values()):
        click.echo("Nothing is planned. Next: weighbridge switch plan --from MODEL")


def _found(connection: Connection) -> dict[str, list[dict[str, object]]]:
    return {
        "plans": [_plan(plan_stands(connection, row)) for row in store.plans(connection)[:_SHOWN]],
        "certificates": [_certificate(each) for each in certificates(connection)],
        "rules": [_rule(each) for each in rules(connection, datetime.now(UTC))],
    }


def _plan(stands: PlanStands) -> dict[str, object]:
    plan = stands.plan
    if plan is None:
        return {"plan": stands.id, "at": stands.at, "reference": "of another release"} | dict.fromkeys(_FIGURES)
    figures = (
        len(plan.routes),
        stands.replays,
        stands.done,
        stands.graded,
        stands.unanswered,
        plain(stands.spent),
        None if plan.budget is None else plain(plan.budget),
    )
    return {
        "plan": plan.id,
        "at": stands.at,
        "reference": plan.reference,
        **dict(zip(_FIGURES, figures, strict=True)),
    }


def _certificate(stands: CertificateStands) -> dict[str, object]:
    row, told = stands.row, stands.told
    return {
        "certificate": row.id,
        "plan": row.plan,
        "route": row.route,
        "issued": row.issued,
        "expires": row.expires,
        "graders": None if told is None else ", ".join(told.graders),
        "alarm_sees": None if told is None or not told.arms else _sees(told.sight),
    }


def _rule(stands: RuleStands) -> dict[str, object]:
    row, own = stands.row, stands.certificate
    return {
        "route": row.route,
        "certificate": row.certificate,
        "state": stands.state,
        "tau": _knob(row.tau),
        "since": row.at,
        "why": row.why,
        "shadows": stands.shadows,
        "graded": stands.graded,
        "mean_loss": None if stands.loss is None else round(stands.loss, 4),
        "harm": stands.harmed,
        "alarms": stands.alarms,
        "alarm_sees": None if own is None or own.told is None else _sees(own.told.sight),
    }


def _sees(sight: Sight | None) -> str:
    if sight is None:
        return "unknown"
    blind = f"not {', '.join(sight.blind_to)}"
    if not sight.share:
        return f"nothing: {blind}"
    return f"{sight.share:.0%}: {blind}" if sight.blind_to else "all"


def _knob(tau: float) -> float | str:
    if math.isinf(tau):
        return "always the reference" if tau < 0 else "always the cheapest"
    return round(tau, 4)
