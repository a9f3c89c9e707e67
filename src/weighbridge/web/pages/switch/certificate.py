"""One certificate: what it promises, what that rests on, until when, and what has become of it."""

import math
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from weighbridge.app.switch import standing
from weighbridge.app.switch.standing import CertificateStands, RuleStands
from weighbridge.db import Connection
from weighbridge.errors import NotFound
from weighbridge.reports.language import Tongue
from weighbridge.switch import store
from weighbridge.switch.report.language import percent, setting, spread
from weighbridge.switch.report.sentences import graders
from weighbridge.switch.report.titles import reason
from weighbridge.switch.store import RuleRow
from weighbridge.web.pages.switch.around import may_change, report_tongue, require, titles
from weighbridge.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page shows."""

    stands: CertificateStands
    title: str
    rule: RuleStands | None
    """Where it is in force, or was the last to be."""
    history: list[RuleRow]
    """What has held for its route by it, newest first."""


async def one(visit: Visit) -> Response:
    """GET /switch/certificates/{id}"""
    require(visit, "switch.read")
    words = report_tongue(visit)
    id_: str = visit.request.path_params["id"]
    found = await visit.read(lambda connection: _seen(connection, id_, words, visit.now))
    return visit.page(
        "switch/certificate.html",
        seen=found,
        row=found.stands.row,
        told=found.stands.told,
        words=words.words,
        report=words,
        may_change=may_change(visit),
        percent=percent,
        setting=setting,
        spread=spread,
        graders=graders,
        reason=reason,
        inf=math.inf,
    )


def _seen(connection: Connection, id_: str, words: Tongue, now: datetime) -> Seen:
    stands = standing.certificate(connection, id_)
    if stands is None:
        raise NotFound(f"there is no certificate {id_[:50]!r}; /switch lists those there are")
    route = stands.row.route
    rule = next((each for each in standing.rules(connection, now) if each.row.certificate == id_), None)
    return Seen(
        stands,
        titles(connection, words).get(route, route),
        rule,
        [each for each in store.history(connection, route) if each.certificate == id_],
    )
