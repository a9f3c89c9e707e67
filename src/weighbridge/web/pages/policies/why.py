"""/policies/why: may a model be asked for, at which endpoints, and by which rule not."""

from dataclasses import dataclass

from starlette.responses import Response

from weighbridge.app.live import live
from weighbridge.app.policies import policies_of
from weighbridge.app.trying import Verdict, is_here, verdicts
from weighbridge.catalog.model import Catalog
from weighbridge.errors import PolicyError
from weighbridge.routing.policy.law import Policies
from weighbridge.routing.policy.rules import Who
from weighbridge.web.filled import Filled
from weighbridge.web.pages.policies.reasons import Reason, reason
from weighbridge.web.seeing import keys_seen
from weighbridge.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Line:
    """One endpoint of the model."""

    verdict: Verdict
    is_here: bool
    """Whether it can be called with the settings there are."""
    reason: Reason | None
    """What keeps it out, where it is."""


async def why(visit: Visit) -> Response:
    """The form, and, where a model is named, each of its endpoints."""
    catalog, filled = visit.parts.catalog(), Filled(visit.tongue.gettext, dict(visit.request.query_params))
    try:
        policies, fault = policies_of(visit.parts.settings), None
    except PolicyError as error:
        policies, fault = None, error.message
    asked = filled.text("model")
    model = catalog.find(asked) if asked else None
    if asked and model is None:
        near = visit.tongue.gettext("There is no model of this name.")
        filled.wrong("model", near)
    keys = await visit.read(lambda connection: keys_seen(connection, visit.admin))
    key = keys.get(filled["key"])
    if key is not None:
        labels = key.labels
        who = Who(key.id, key.name, labels.organisation, labels.project, labels.tags, labels.tags)
    else:
        scope = visit.admin.scope
        tags = tuple(sorted({each.lower() for each in filled.words("tags")}))
        who = Who("", "", scope.organisation, scope.project, tags, ())
    lines = [] if model is None else _lines(visit, policies, _only(catalog, model.id), who)
    return visit.page(
        "policies/why.html",
        form=filled,
        model=model,
        near=catalog.nearest(asked) if asked and model is None else (),
        lines=sorted(lines, key=lambda line: (not line.is_here, not line.verdict.decision.allowed)),
        fault=fault,
        has_policy=policies is not None,
        models=sorted(catalog.models),
        keys=[(each.id, f"{each.name} (…{each.hint})") for each in keys.values() if each.disabled is None],
    )


def _only(catalog: Catalog, model: str) -> Catalog:
    return Catalog({model: catalog.models[model]}, hosts=catalog.hosts)


def _lines(visit: Visit, policies: Policies | None, catalog: Catalog, who: Who) -> list[Line]:
    here, tongue = live(visit.parts.settings), visit.tongue
    return [
        Line(
            verdict,
            is_here(verdict, here),
            None if verdict.decision.allowed else reason(tongue, policies, verdict.decision.rule, verdict.facts),
        )
        for verdict in verdicts(policies, catalog, who)
    ]
