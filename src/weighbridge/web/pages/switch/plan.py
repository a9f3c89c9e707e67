"""One plan: what it would cost and could prove, its run, and what has come of it."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from starlette.responses import Response

from weighbridge import audit_log
from weighbridge.app.switch import standing
from weighbridge.app.switch.standing import CertificateStands, PlanStands
from weighbridge.app.switch.under_way import Options
from weighbridge.app.unable import Unable
from weighbridge.audit_log import Change
from weighbridge.db import Connection
from weighbridge.errors import BadRequest, Conflict, NotFound
from weighbridge.gateway.admin.desk import Caller
from weighbridge.ledger.cost import plain
from weighbridge.switch import planned, store
from weighbridge.switch.plan import DIFFER, needed
from weighbridge.switch.planned import FromFile, Plan, cost_of
from weighbridge.switch.report.titles import title
from weighbridge.web.pages.switch.around import may_change, report_tongue, require
from weighbridge.web.pages.switch.asked import uploaded
from weighbridge.web.visit import Visit

_LONGEST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Needs:
    """How many replays the promise of a plan takes."""

    differ: tuple[float, float]
    """Shares of requests that are graded otherwise."""
    replays: tuple[int, int]
    """By these."""
    fewest: int
    """At the least, whatever comes."""


async def one(visit: Visit) -> Response:
    """GET /switch/plans/{id}"""
    require(visit, "switch.read")
    stands, certificates = await visit.read(lambda connection: _seen(connection, _id(visit)))
    plan, runs = stands.plan, visit.parts.runs
    words = report_tongue(visit)
    running = runs.running(stands.id)
    return visit.page(
        "switch/plan.html",
        stands=stands,
        plan=plan,
        titles={} if plan is None else {each.route: title(each.about, words) for each in plan.routes},
        cost_of=cost_of,
        needs=None if plan is None else _needs(plan),
        certificates={each.row.route: each for each in reversed(certificates)},
        settled=stands.is_settled(certificates),
        proven=any(each.told is not None and each.told.arms for each in certificates),
        running=running,
        ended=None if running is not None else runs.ended(stands.id),
        words=words.words,
        report=words,
        may_change=may_change(visit),
        from_file=plan is not None and isinstance(plan.source, FromFile),
        handed_in=plan is not None and _handed_in(visit, plan) is not None,
    )


async def run(visit: Visit) -> Response:
    """POST /switch/plans/{id}/run: begin it, as a process that outlives this page and this window."""
    require(visit, "switch.set")
    plan, options = _id(visit), _options(visit)
    gateway = visit.parts.gateway.base_url.rstrip("/").removesuffix("/v1")

    def begin(connection: Connection, caller: Caller) -> None:
        standing.plan_of(connection, plan)
        facts = {
            "budget": None if options.budget is None else plain(options.budget),
            "run_code": options.run_code,
            "keep_answers": options.keep_answers,
        }
        change = Change(action="switch.run", target=plan, after=facts)
        audit_log.write(connection, caller.by, change, now=caller.now)
        visit.parts.runs.begin(plan, options, base_url=f"{gateway}/v1")

    try:
        await visit.do(begin)
    except Unable as error:
        raise Conflict(error.message) from error
    return visit.back(f"/switch/plans/{plan}", visit.tongue.gettext("The replay has begun."))


async def stop(visit: Visit) -> Response:
    """POST /switch/plans/{id}/stop: what was done stays, and a later run goes on from it."""
    require(visit, "switch.set")
    plan = _id(visit)
    if visit.parts.runs.stop(plan):
        await visit.do(
            lambda connection, caller: audit_log.write(
                connection, caller.by, Change(action="switch.stop", target=plan), now=caller.now
            )
        )
        return visit.back(f"/switch/plans/{plan}", visit.tongue.gettext("The replay is being stopped."))
    return visit.back(f"/switch/plans/{plan}", visit.tongue.gettext("Nothing was being replayed."))


async def forget(visit: Visit) -> Response:
    """POST /switch/plans/{id}/forget: a plan of which nothing was replayed, and the file that was handed in for it."""
    require(visit, "switch.set")
    id_ = _id(visit)
    if visit.parts.runs.running(id_) is not None:
        raise Conflict(f"{id_} is being run: stop it first")
    file = await visit.do(lambda connection, caller: _forgotten(connection, id_, caller))
    if file is not None and file.parent == uploaded(visit.parts.settings, "").parent.resolve():
        file.unlink(missing_ok=True)
    return visit.back("/switch", visit.tongue.gettext("The plan is forgotten."))


async def forget_file(visit: Visit) -> Response:
    """POST /switch/plans/{id}/forget-file: the requests that were handed in; what they have proven stays."""
    require(visit, "switch.set")
    id_ = _id(visit)
    if visit.parts.runs.running(id_) is not None:
        raise Conflict(f"{id_} is being run: stop it first")
    stands, _ = await visit.read(lambda connection: _seen(connection, id_))
    file = None if stands.plan is None else _handed_in(visit, stands.plan)
    if file is None:
        raise NotFound(f"no file that was handed in is kept for {id_}")
    await visit.do(
        lambda connection, caller: audit_log.write(
            connection, caller.by, Change(action="switch.forget_file", target=id_), now=caller.now
        )
    )
    file.unlink(missing_ok=True)
    return visit.back(f"/switch/plans/{id_}", visit.tongue.gettext("The file of requests is deleted."))


def _handed_in(visit: Visit, plan: Plan) -> Path | None:
    """The file of a plan's requests, where it came by the window and is still there."""
    if not isinstance(plan.source, FromFile):
        return None
    file = Path(plan.source.path)
    is_ours = file.parent == uploaded(visit.parts.settings, "").parent.resolve()
    return file if is_ours and file.is_file() else None


def _forgotten(connection: Connection, id_: str, caller: Caller) -> Path | None:
    """The file that no plan needs any more. Raises NotFound, Conflict."""
    row = store.find_plan(connection, id_)
    if row is None:
        raise NotFound(f"there is no plan {id_[:50]!r}")
    if not store.forget_plan(connection, id_):
        raise Conflict(f"{id_} has replays, which the ledger and its certificates rest on: it stays")
    audit_log.write(connection, caller.by, Change(action="switch.forget", target=id_), now=caller.now)
    file = _file(row.document)
    others = {_file(each.document) for each in store.plans(connection)}
    return None if file is None or file in others else Path(file)


def _file(document: bytes) -> str | None:
    try:
        source = planned.decode(document).source
    except planned.UNREADABLE:
        return None
    return source.path if isinstance(source, FromFile) else None


def _seen(connection: Connection, id_: str) -> tuple[PlanStands, list[CertificateStands]]:
    row = store.find_plan(connection, id_)
    if row is None:
        raise NotFound(f"there is no plan {id_[:50]!r}; /switch lists those there are")
    return standing.plan_stands(connection, row), standing.certificates(connection, plan=id_)


def _needs(plan: Plan) -> Needs | None:
    try:
        few, many = (needed(plan.epsilon, plan.delta, each) for each in DIFFER)
        return Needs((DIFFER[0], DIFFER[1]), (few, many), needed(plan.epsilon, plan.delta, 0))
    except ImportError:
        return None


def _options(visit: Visit) -> Options:
    """Raises BadRequest that names the field."""
    return Options(
        budget=_money(_told(visit, "budget")),
        at_once=_whole(visit, "at_once", 256),
        keep_answers=_whole(visit, "keep_answers", _LONGEST_DAYS),
        holds=_whole(visit, "holds", _LONGEST_DAYS),
        run_code=_told(visit, "run_code") == "on",
    )


def _told(visit: Visit, name: str) -> str:
    told = visit.form.get(name, "")
    return told.strip() if isinstance(told, str) else ""


def _money(told: str) -> Decimal | None:
    if not told:
        return None
    try:
        amount = Decimal(told)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount <= 0:
        raise BadRequest("budget: it takes US dollars, more than nothing", param="budget")
    return amount


def _whole(visit: Visit, name: str, most: int) -> int | None:
    told = _told(visit, name)
    if not told:
        return None
    if not told.isascii() or not told.isdecimal() or not 1 <= int(told[:9]) <= most:
        raise BadRequest(f"{name}: it takes a whole number from 1 to {most}", param=name)
    return int(told)


def _id(visit: Visit) -> str:
    found: str = visit.request.path_params["id"]
    return found
