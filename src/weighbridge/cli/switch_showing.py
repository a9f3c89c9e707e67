"""A plan for people and for scripts."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import click

from weighbridge.cli.tables import print_table
from weighbridge.ledger.cost import plain
from weighbridge.switch.cases import Skipped
from weighbridge.switch.plan import DIFFER, needed
from weighbridge.switch.planned import FromFile, Plan, PlannedArm, PlannedRoute, Range, cost_of
from weighbridge.switch.report.language import language
from weighbridge.switch.report.titles import title
from weighbridge.switch.routes import Route

_RIGHT: Final = ("requests", "a day", "$ each now", "$ each there", "saves", "replays", "$ to replay")
_SHOWN: Final = 8


def show(plan: Plan) -> None:
    """The plan for people."""
    where = f"the lines of {plan.source.path}" if isinstance(plan.source, FromFile) else "texts that are kept"
    click.echo(f"{plan.id}: requests of {plan.reference}, from {where}")
    heads = ("route", "requests", "a day", "$ each now", "candidate", "licence", "$ each there", "saves", "replays")
    rows = [_row(route, arm) for route in plan.routes for arm in route.arms or (None,)]
    print_table((*heads, "$ to replay"), rows, right=_RIGHT)
    for route in plan.routes:
        click.echo(f"{route.route}: {title(route.about, language('en'))}{_span(route)}")
        click.echo(f"  {_promise(plan, route)}")
        if route.judged and plan.judge is None:
            click.echo(
                f"  {route.judged} of {len(route.cases)} can be graded by a judge only, and will not be: --judge MODEL"
            )
    _show_refused(plan)
    total = plan.cost()
    asked = sum(len(route.cases) - route.answered for route in plan.routes if route.arms)
    again = f"; {asked:,} answers of the reference are not kept, and asked for again" if asked else ""
    judge = f"; {plan.judge} judges" if plan.judge else ""
    click.echo(f"To replay all of it: {_range(total)}{judge}{again}. It stops as soon as it knows enough.")
    if plan.budget is not None:
        short = " Not all of it will be replayed." if plan.budget < total.middle else ""
        click.echo(f"Budget: ${plain(plan.budget)}, which is not overrun.{short}")


def tell_few(few: Sequence[Route], fewest: int) -> None:
    """Routes that are left out, as nothing could be proven of them."""
    if few:
        requests = sum(each.requests for each in few)
        click.echo(
            f"Left out: {len(few):,} routes with fewer than {fewest:,} requests ({requests:,} in all), of which nothing"
            f" could be proven; a larger --epsilon takes less, and --route {few[0].id} takes one in"
        )


def document(plan: Plan, skipped: Sequence[Skipped], few: Sequence[Route] = ()) -> dict[str, object]:
    """The plan for scripts."""
    return {
        "plan": plan.id,
        "at": plan.at,
        "reference": plan.reference,
        "epsilon": plan.epsilon,
        "delta": plan.delta,
        "budget": None if plan.budget is None else plain(plan.budget),
        "judge": plan.judge,
        "cost": _ranged(plan.cost()),
        "needs": _needs(plan),
        "routes": [_route(plan, route) for route in plan.routes],
        "left_out": [{"route": each.id, "requests": each.requests} for each in few],
        "skipped": skipped,
    }


def _route(plan: Plan, route: PlannedRoute) -> dict[str, object]:
    return {
        "route": route.route,
        "title": title(route.about, language("en")),
        "requests": route.requests,
        "a_day": route.a_day,
        "reference_each": None if route.reference_each is None else plain(route.reference_each),
        "recorded": route.recorded,
        "replays": len(route.cases),
        "answered": route.answered,
        "judged": route.judged,
        "cost": _ranged(cost_of(plan, route)),
        "candidates": [
            {
                "arm": each.arm.id,
                "licence": each.licence,
                "endpoint": each.endpoint,
                "each": _ranged(each.each),
                "known": each.known,
            }
            for each in route.arms
        ],
        "refused": route.refused,
    }


def _row(route: PlannedRoute, arm: PlannedArm | None) -> tuple[object, ...]:
    now = None if route.reference_each is None else _short(route.reference_each)
    a_day = None if route.a_day is None else f"{route.a_day:,.1f}"
    head = (route.route, f"{route.requests:,}", a_day, now)
    if arm is None:
        return (*head, "none", *[None] * 5)
    saves = None
    if route.reference_each:
        saves = f"{100 * (1 - arm.each.middle / route.reference_each):.0f} %"
    left = len(route.cases) - arm.known
    known = f" ({arm.known:,} known)" if arm.known else ""
    total = arm.each.times(left)
    return (
        *head,
        arm.arm.id,
        arm.licence,
        _short(arm.each.middle),
        saves,
        f"{left:,}{known}",
        _short(total.middle),
    )


def _promise(plan: Plan, route: PlannedRoute) -> str:
    few, many = (f"{needed(plan.epsilon, plan.delta, each):,}" for each in DIFFER)
    there = len(route.cases)
    enough = "" if there >= needed(plan.epsilon, plan.delta, DIFFER[0]) else ": likely too few to promise that"
    if there < (fewest := needed(plan.epsilon, plan.delta, 0)):
        enough = f": too few to promise that, whatever comes; at least {fewest:,}"
    return (
        f"to promise a loss of {plan.epsilon:.1%} at most takes about {few} replays where {DIFFER[0]:.0%} of the grades"
        f" differ, {many} where {DIFFER[1]:.0%} do; there are {there:,}{enough}"
    )


def _needs(plan: Plan) -> dict[str, int]:
    return {f"{each:.2f}": needed(plan.epsilon, plan.delta, each) for each in DIFFER}


def _show_refused(plan: Plan) -> None:
    refused = {(each.model, each.why): None for route in plan.routes for each in route.refused}
    for model, why in list(refused)[:_SHOWN]:
        click.echo(f"Not {model}: {why}")
    if len(refused) > _SHOWN:
        click.echo(f"… and {len(refused) - _SHOWN} more that are kept out; --json lists them")


def _span(route: PlannedRoute) -> str:
    if route.since is None or route.until is None:
        return ""
    return f" ({route.since:%Y-%m-%d} to {route.until:%Y-%m-%d})"


def _range(amount: Range) -> str:
    low, middle, high = map(_short, (amount.low, amount.middle, amount.high))
    return f"about ${middle} (${low} to ${high})" if low != high else f"${middle}"


def _ranged(amount: Range) -> dict[str, str]:
    return {"low": plain(amount.low), "expected": plain(amount.middle), "high": plain(amount.high)}


def _short(amount: Decimal) -> str:
    """With three digits that count."""
    if not amount:
        return "0"
    places = max(2, 2 - math.floor(math.log10(abs(amount))))
    return f"{amount:.{places}f}"
