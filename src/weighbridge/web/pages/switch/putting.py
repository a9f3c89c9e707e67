"""Having certificates in force, and taking rules back: what would change, asked once more, and done."""

from collections.abc import Collection

from starlette.responses import Response

from weighbridge.app.switch.putting import steps_of
from weighbridge.app.switch.setting import Setting
from weighbridge.app.switch.standing import RuleStands, plan_of, rules
from weighbridge.app.unable import Unable
from weighbridge.errors import Conflict, NotFound
from weighbridge.switch import applying
from weighbridge.switch.applying import Raced, Step
from weighbridge.switch.planned import Plan
from weighbridge.switch.report.titles import title
from weighbridge.web.pages.switch.around import at_hand, report_tongue, require, titles
from weighbridge.web.visit import Visit


async def steps(visit: Visit) -> Response:
    """GET /switch/plans/{id}/apply: what would become of each route."""
    require(visit, "switch.set")
    return await _shown(visit)


async def apply(visit: Visit) -> Response:
    """POST /switch/plans/{id}/apply: the routes that were chosen, all or none."""
    require(visit, "switch.set")
    chosen = {each for each in visit.form.getlist("route") if isinstance(each, str)}
    if not chosen:
        return await _shown(visit, error=visit.tongue.gettext("Choose a route."))
    _, made = await at_hand(visit, lambda at: _steps(at, visit.request.path_params["id"]))
    wanted = [each for each in made if each.changes and each.certificate.route in chosen]
    try:
        done = await visit.do(
            lambda connection, caller: applying.applied(connection, wanted, by=caller.by, now=caller.now)
        )
    except Raced as error:
        raise Conflict(f"the rule of {error} was changed just now, and nothing was done: look again") from error
    said = visit.tongue.ngettext(
        "In force on %(shown)s route. The gateway goes by it within a second.",
        "In force on %(shown)s routes. The gateway goes by it within a second.",
        len(done),
    )
    return visit.back("/switch", said % {"shown": visit.tongue.number(len(done))})


async def sure(visit: Visit) -> Response:
    """GET /switch/routes/{route}/rollback"""
    require(visit, "switch.set")
    words = report_tongue(visit)
    rule = await _rule(visit)
    known = await visit.read(lambda connection: titles(connection, words))
    return visit.page(
        "switch/rollback.html",
        rule=rule,
        title=known.get(rule.row.route, rule.row.route),
        words=words.words,
        report=words,
    )


async def rollback(visit: Visit) -> Response:
    """POST /switch/routes/{route}/rollback"""
    require(visit, "switch.set")
    rule = await _rule(visit)
    try:
        await visit.do(
            lambda connection, caller: applying.rolled_back(connection, [rule.row], by=caller.by, now=caller.now)
        )
    except Raced as error:
        raise Conflict(f"the rule of {error} was changed just now, and nothing was done: look again") from error
    return visit.back("/switch", visit.tongue.gettext("Rolled back. The reference answers again within a second."))


async def _shown(visit: Visit, error: str | None = None) -> Response:
    try:
        plan, made = await at_hand(visit, lambda at: _steps(at, visit.request.path_params["id"]))
    except Unable as unable:
        raise NotFound(unable.message) from unable
    words = report_tongue(visit)
    return visit.page(
        "switch/apply.html",
        status=200 if error is None else 422,
        plan=plan,
        steps=made,
        titles={each.route: title(each.about, words) for each in plan.routes},
        error=error,
        any=_any(made),
        words=words.words,
        report=words,
    )


def _any(made: Collection[Step]) -> bool:
    return any(each.changes for each in made)


def _steps(at: Setting, id_: str) -> tuple[Plan, list[Step]]:
    plan = plan_of(at.connection, id_)
    return plan, steps_of(at, plan)


async def _rule(visit: Visit) -> RuleStands:
    route: str = visit.request.path_params["route"]
    found = await visit.read(lambda connection: rules(connection, visit.now))
    rule = next((each for each in found if each.row.route == route), None)
    if rule is None:
        raise NotFound(f"no rule holds for {route[:50]!r}; /switch lists those that do")
    return rule
