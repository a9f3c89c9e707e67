"""`weighbridge budgets`: set, list and remove budgets and limits."""

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import click

from weighbridge import config
from weighbridge.accounts import keys
from weighbridge.app.texts import users_of
from weighbridge.cli import database
from weighbridge.cli.budget_leases import leases_, write_off
from weighbridge.cli.failure import Failure
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.db import Connection, microseconds, moment
from weighbridge.ledger.budgets import table
from weighbridge.ledger.budgets.budget import EACH, Budget, Period, Scope, Unit, check, dollars, window
from weighbridge.ledger.budgets.uses import MOST_COUNTED, Most, Use, standing, subject_among

_NAMED: Final[tuple[Scope, ...]] = ("organisation", "project", "key", "user", "tag")
_SUBJECTS: Final = 20
"""Of a budget for each, that a table has."""
_PERIODS: Final = ("minute", "day", "week", "month", "total")
_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group(
    "budgets",
    epilog=examples(
        "weighbridge budgets set --project search --usd 500 --per month --soft 80",
        "weighbridge budgets set --organisation acme --project '*' --usd 100 --per month",
        "weighbridge budgets set --user '*' --usd 2 --per day",
        "weighbridge budgets set --key ci --requests 60 --per minute",
        "weighbridge budgets set --all --requests 200 --at-once",
        "weighbridge budgets list",
        "weighbridge budgets leases",
    ),
)
def command() -> None:
    """Set, list and remove budgets and limits.

    What a request may cost at most is held in all budgets that bind it before it goes out, and settled when it is
    known what it took: a budget is never exceeded. Running gateways follow within a second or two.
    """


command.add_command(leases_)
command.add_command(write_off)


def _whose(command: _Command) -> _Command:
    for scope in reversed(_NAMED):
        shown = {"key": "its name or id", "user": "the client's word for its user"}.get(scope, "its name")
        option = click.option(f"--{scope}", metavar="NAME", help=f"For this {scope}: {shown}; '*': for each by itself.")
        command = option(command)
    return command


@command.command(
    "set", epilog=examples("weighbridge budgets set --organisation hospital --usd 2000 --per month --soft 75")
)
@click.option("--all", "for_all", is_flag=True, help="For the whole gateway.")
@_whose
@click.option("--usd", type=click.FloatRange(0, min_open=True), metavar="DOLLARS", help="So many US dollars.")
@click.option("--tokens", type=click.IntRange(1), metavar="COUNT", help="So many tokens, of prompts and answers.")
@click.option("--requests", type=click.IntRange(1), metavar="COUNT", help="So many requests.")
@click.option("--per", "period", type=click.Choice(_PERIODS), help="In which time; all begin at 00:00 UTC.")
@click.option("--at-once", is_flag=True, help="Under way at one moment, with --requests.")
@click.option("--soft", type=click.IntRange(1, 100), metavar="PERCENT", help="Tell when so much of it is used.")
@click.option(
    "--shorten-to",
    type=click.IntRange(1),
    metavar="TOKENS",
    help="Where an answer is not covered that is as long as it may be, ask for a shorter one, down to this.",
)
@click.option("--only-tell", is_flag=True, help="Refuse nothing: tell when it is used up.")
@json_option
@config_option
def set_(  # noqa: PLR0913 - one for each option
    *,
    for_all: bool,
    usd: float | None,
    tokens: int | None,
    requests: int | None,
    period: str | None,
    at_once: bool,
    soft: int | None,
    shorten_to: int | None,
    only_tell: bool,
    as_json: bool,
    config_file: Path | None,
    **named: str | None,
) -> None:
    """Set a budget; one for the same, of the same unit and period, is replaced, and what was used of it counts on.

    A project of an organisation takes both: --organisation ACME --project SEARCH.
    """
    organisation, scope, name = _for_whom(named, for_all=for_all)
    given: list[tuple[Unit, int]] = []
    if usd is not None:
        given.append(("usd", dollars(Decimal(str(usd)))))
    given += [(unit, count) for unit, count in (("tokens", tokens), ("requests", requests)) if count is not None]  # type: ignore[misc]
    if len(given) != 1:
        raise click.UsageError("say how much, once: --usd, --tokens or --requests")
    if at_once == (period is not None):
        raise click.UsageError("say in which time: --per minute, day, week, month or total, or --at-once")
    (unit, amount) = given[0]
    when: Period = "at once" if at_once else cast("Period", period)
    settings = config.read({}, file=config_file)
    with database.opened(settings) as connection:
        if scope == "key":
            name = _key(connection, name)
        elif scope == "user" and name not in ("", EACH):
            name = users_of(settings).of_budget(name)
        now = datetime.now(UTC)
        budget = Budget("", scope, name, unit, when, amount, now, soft, not only_tell, organisation, shorten_to)
        try:
            check(budget)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        budget = table.put(connection, budget, by=database.actor())
    if as_json:
        print_json(table.facts(budget))
        return
    click.echo(f"{budget.id}: {budget}")


@command.command("list")
@click.option("--subject", metavar="NAME", help="Of budgets for each of many: how this one stands; keys by their ids.")
@json_option
@config_option
def listing(*, subject: str | None, as_json: bool, config_file: Path | None) -> None:
    """List the budgets, with what is used of each, and left, in its period.

    Of a budget for each of many, those that have used most of it; --json has all.
    """
    now, settings = microseconds(datetime.now(UTC)), config.read({}, file=config_file)
    users, most = users_of(settings), None if as_json else _SUBJECTS
    named = None if subject is None else functools.partial(subject_among, users=users, subject=subject)
    with database.existing(settings) as connection:
        budgets = table.listing(connection)
        found = standing(connection, budgets, now, most=most, named=named)
    if as_json:
        print_json([_fact(each, found[each.id].uses) for each in budgets])
        return
    if not budgets:
        click.echo("No budgets yet. Set one: weighbridge budgets set --project NAME --usd 100 --per month", err=True)
        return
    print_table(
        ("id", "for", "of", "used", "in advance", "left", "renews"),
        [line for each in budgets for line in _lines(each, found[each.id], now)],
        right=("used", "in advance", "left"),
    )


@command.command("remove")
@click.argument("budget_id", metavar="ID")
@config_option
def remove(*, budget_id: str, config_file: Path | None) -> None:
    """Take the budget with this ID away."""
    with database.existing(config.read({}, file=config_file)) as connection:
        if not table.remove(connection, budget_id, now=datetime.now(UTC), by=database.actor()):
            raise Failure(f"no budget has the id {budget_id!r}", next_step="weighbridge budgets list")
    click.echo(f"Removed {budget_id}.")


def _for_whom(named: Mapping[str, str | None], *, for_all: bool) -> tuple[str | None, Scope, str]:
    """The organisation whose project it is, the scope, and the name."""
    names = [(cast("Scope", scope), name) for scope, name in named.items() if name is not None]
    if for_all:
        names.append(("all", ""))
    if [scope for scope, _ in names] == ["organisation", "project"]:
        (_, organisation), (_, project) = names
        if organisation == EACH:
            raise click.UsageError("projects of any organisation: leave --organisation out, with --project '*'")
        return organisation, "project", project
    if len(names) != 1:
        raise click.UsageError("say for whom, once: --all, --organisation, --project, --key, --user or --tag")
    return None, *names[0]


def _key(connection: Connection, name: str) -> str:
    """The id of the key of this name or id."""
    if name == EACH:
        return name
    found = [key for key in keys.listing(connection) if name in (key.id, key.name) and key.disabled is None]
    if len(found) == 1:
        return found[0].id
    if not found:
        raise Failure(f"no active key has the name or id {name!r}", next_step="weighbridge keys list")
    raise Failure(f"{len(found)} keys have the name {name!r}; give the id of one", next_step="weighbridge keys list")


def _fact(budget: Budget, found: Sequence[Use]) -> dict[str, object]:
    return {**table.facts(budget), "uses": [_use(budget, use) for use in found]}


def _use(budget: Budget, use: Use) -> dict[str, object]:
    left = max(0, budget.amount - use.used - use.granted)
    return {"subject": use.claim.subject, "used": use.used, "in_advance": use.granted, "left": left}


def _lines(budget: Budget, found: Most, now: int) -> list[tuple[object, ...]]:
    whose = "all" if budget.scope == "all" else f"{budget.scope} {budget.name}"
    if budget.organisation is not None:
        whose += f" of {budget.organisation}"
    when = {"at once": " at once", "total": " in total"}.get(budget.period) or f" a {budget.period}"
    of = budget.shown(budget.amount) + when + ("" if budget.hard else ", only told")
    ends = window(budget.period, now).ends
    renews = f"{moment(ends):%Y-%m-%d %H:%M}" if budget.period in ("minute", "day", "week", "month") else None
    if not found.uses:
        return [(budget.id, whose, of, budget.shown(0), budget.shown(0), budget.shown(budget.amount), renews)]
    return [
        (
            budget.id,
            whose if budget.name != EACH else f"{budget.scope} {use.claim.subject}",
            of,
            budget.shown(use.used),
            budget.shown(use.granted),
            budget.shown(max(0, budget.amount - use.used - use.granted)),
            renews,
        )
        for use in found.uses
    ] + (
        [
            (
                budget.id,
                f"and {found.others:,} more{' at least' if found.others == MOST_COUNTED else ''}",
                of,
                None,
                None,
                None,
                renews,
            )
        ]
        if found.others
        else []
    )
