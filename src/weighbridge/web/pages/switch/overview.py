"""All that stands of switches: what runs, what holds, what was proven, what is planned."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.responses import Response

from weighbridge.app.switch import standing
from weighbridge.app.switch.standing import CertificateStands, PlanStands, RuleStands
from weighbridge.db import Connection
from weighbridge.reports.language import Tongue
from weighbridge.switch import store
from weighbridge.web.pages.switch.around import may_change, report_tongue, require, titles
from weighbridge.web.visit import Visit

MOST: Final = 10
"""Plans and certificates that are shown, the newest."""
Kind = str


@dataclass(frozen=True, slots=True)
class All:
    """What the page shows."""

    plans: list[PlanStands]
    rules: list[RuleStands]
    certificates: list[CertificateStands]
    settled: frozenset[str]
    """Plans of which more replays would change nothing."""
    titles: dict[str, str]
    """Of routes."""


async def overview(visit: Visit) -> Response:
    """GET /switch"""
    require(visit, "switch.read")
    words = report_tongue(visit)
    found = await visit.read(lambda connection: _all(connection, words, visit.now))
    runs = visit.parts.runs
    return visit.page(
        "switch/overview.html",
        all=found,
        running={each.id for each in found.plans if runs.running(each.id) is not None},
        words=words.words,
        report=words,
        may_change=may_change(visit),
    )


def _all(connection: Connection, words: Tongue, now: datetime) -> All:
    plans = [standing.plan_stands(connection, row) for row in store.plans(connection)[:MOST]]
    certificates = standing.certificates(connection)
    return All(
        plans=plans,
        rules=standing.rules(connection, now),
        certificates=certificates[:MOST],
        settled=frozenset(each.id for each in plans if each.is_settled(certificates)),
        titles=titles(connection, words),
    )
