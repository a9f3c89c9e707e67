"""/policies/history: which policies there were, since when, who set them, and what was else in each."""

from typing import Final

from starlette.responses import Response

from weighbridge.accounts import admins
from weighbridge.app.policy_history import Library, Version, versions
from weighbridge.db import Connection
from weighbridge.errors import Forbidden
from weighbridge.routing.policy.changes import Changed
from weighbridge.web.pages.policies.words import Said, said
from weighbridge.web.visit import Visit

_PAGE: Final = 20


async def listing(visit: Visit) -> Response:
    """The newest first. Of the whole gateway: for admins of the whole gateway."""
    if not visit.sees_all("policy.read"):
        raise Forbidden("the history of policies is of the whole gateway, and so is this page")
    after = visit.query("after")
    before = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0

    def work(connection: Connection) -> tuple[list[tuple[Version, list[tuple[Changed, Said | None]]]], dict[str, str]]:
        found = versions(connection, limit=_PAGE + 1, before=before)
        library = Library(connection, visit.parts.settings, found)
        lines = [(each, _told(visit, library, each)) for each in found]
        return lines, {each.id: each.name for each in admins.listing(connection)}

    lines, names = await visit.read(work)
    return visit.page(
        "policies/history.html",
        lines=lines[:_PAGE],
        names=names,
        next_page=f"/policies/history?after={lines[_PAGE - 1][0].id}" if len(lines) > _PAGE else None,
        may_set=visit.sees_all("policy.set"),
    )


def _told(visit: Visit, library: Library, version: Version) -> list[tuple[Changed, Said | None]]:
    found = []
    for each in library.changed(version):
        policy = library.policy(version, each)
        found.append((each, None if each.rule is None or policy is None else said(visit.tongue, policy, each.rule)))
    return found
