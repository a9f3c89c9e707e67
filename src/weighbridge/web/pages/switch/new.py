"""A new plan: asked for in a form, worked out from kept texts or a file, stored to be looked at before it is run."""

from starlette.responses import Response

from weighbridge import audit_log
from weighbridge.app.switch.drafting import Draft, Drafted, NoAnchors, check, drafted
from weighbridge.app.switch.setting import Setting, need_numpy
from weighbridge.app.unable import Unable
from weighbridge.audit_log import Change
from weighbridge.db import Connection
from weighbridge.errors import BadRequest, TextsUnavailable
from weighbridge.gateway.admin.desk import Caller
from weighbridge.ledger.cost import plain
from weighbridge.web.filled import Filled
from weighbridge.web.pages.switch.around import NUMPY, at_hand, require
from weighbridge.web.pages.switch.asked import FIELDS, LICENCES, blank, draft, filled
from weighbridge.web.visit import Visit


async def form(visit: Visit) -> Response:
    """GET /switch/new"""
    require(visit, "switch.set")
    return await _form(visit, blank(visit))


async def drafting(visit: Visit) -> Response:
    """POST /switch/new"""
    require(visit, "switch.set")
    typed = await filled(visit)
    asked = draft(typed, visit)
    if typed.errors:
        return await _form(visit, typed)
    try:
        made = await at_hand(visit, lambda at: _drafted(at, asked))
    except NoAnchors:
        typed.wrong(
            "anchors", visit.tongue.gettext("None of these requests has a replay whose answers are still kept.")
        )
        return await _form(visit, typed)
    except Unable as error:
        typed.refused(BadRequest(error.message, param=error.field), FIELDS)
        return await _form(visit, typed)
    except TextsUnavailable as error:
        typed.wrong("source", error.message)
        return await _form(visit, typed)
    await visit.do(lambda connection, caller: _store(connection, made, caller))
    return visit.back(f"/switch/plans/{made.plan.id}", _said(visit, made))


def _drafted(at: Setting, asked: Draft) -> Drafted:
    need_numpy()
    made = drafted(at, asked)
    check(made.plan, at)
    return made


def _store(connection: Connection, made: Drafted, caller: Caller) -> None:
    made.store(connection)
    plan = made.plan
    facts = {
        "reference": plan.reference,
        "routes": len(plan.routes),
        "cost": plain(plan.cost().middle),
        "budget": None if plan.budget is None else plain(plan.budget),
    }
    audit_log.write(connection, caller.by, Change(action="switch.plan", target=plan.id, after=facts), now=caller.now)


def _said(visit: Visit, made: Drafted) -> str:
    tongue = visit.tongue
    said = tongue.gettext("Planned. Nothing was asked of anybody yet.")
    if made.skipped:
        more = tongue.ngettext(
            "%(shown)s request cannot be replayed and is left out.",
            "%(shown)s requests cannot be replayed and are left out.",
            len(made.skipped),
        )
        said = f"{said} {more % {'shown': tongue.number(len(made.skipped))}}"
    if made.few:
        more = tongue.ngettext(
            "%(shown)s route has too few requests to prove anything and is left out.",
            "%(shown)s routes have too few requests to prove anything and are left out.",
            len(made.few),
        )
        said = f"{said} {more % {'shown': tongue.number(len(made.few))}}"
    return said


async def _form(visit: Visit, typed: Filled) -> Response:
    def offered(at: Setting) -> tuple[list[str], list[tuple[str, str]], bool]:
        models = sorted(model.id for model in at.catalog.models.values() if model.endpoints)
        return models, sorted(at.names.items(), key=lambda pair: pair[1]), at.settings.texts_path.is_file()

    models, keys, texts = await at_hand(visit, offered)
    return visit.page(
        "switch/new.html",
        status=422 if typed.errors else 200,
        values=typed.values,
        errors=typed.errors,
        licences=LICENCES,
        models=models,
        keys=keys,
        texts=texts,
        numpy=NUMPY if _lacks_numpy() else None,
    )


def _lacks_numpy() -> bool:
    try:
        need_numpy()
    except Unable:
        return True
    return False
