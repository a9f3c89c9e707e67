"""GET /v1/admin/audit-log: who has changed what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from weighbridge import audit_log
from weighbridge.audit_log import Row, Wanted
from weighbridge.db import Connection
from weighbridge.errors import BadRequest
from weighbridge.gateway import answers
from weighbridge.gateway.admin.desk import Caller, Desk, narrowed
from weighbridge.gateway.admin.shapes import AuditPage, AuditRow
from weighbridge.gateway.keeping import limit_in, newest_first
from weighbridge.transport.message import Reply, Request


@dataclass(frozen=True, slots=True)
class AdminAuditLog:
    """The handler."""

    desk: Desk

    async def __call__(self, request: Request, reply: Reply) -> None:
        """The rows that the admin key sees, the newest first unless it is said. Raises BadRequest, Forbidden."""
        await self.desk.open(request)
        query = request.query
        limit, newest, after, since = (
            limit_in(query),
            newest_first(query, otherwise="desc"),
            _after(query),
            _since(query),
        )

        def work(connection: Connection, caller: Caller) -> list[Row]:
            place = narrowed(caller.admin, "audit.read", query.get("organisation"), query.get("project"))
            wanted = Wanted(
                since=since,
                after=after,
                newest_first=newest,
                action=query.get("action"),
                target=query.get("target"),
                actor=query.get("actor"),
                within=(place.organisation, place.project),
                limit=limit + 1,
            )
            return audit_log.rows(connection, wanted)

        found = await self.desk.do(request, reply, work)
        page = [listed(row) for row in found[:limit]]
        ids = [str(row.id) for row in page]
        more = len(found) > len(page)
        answers.document(reply, AuditPage(page, ids[0] if ids else None, ids[-1] if ids else None, more))


def listed(row: Row) -> AuditRow:
    """A row as it is shown."""
    change = row.change
    return AuditRow(
        id=row.id,
        at=row.at,
        actor=row.actor.id,
        address=row.actor.address,
        action=change.action,
        target=change.target,
        organisation=change.organisation,
        project=change.project,
        before=None if change.before is None else dict(change.before),
        after=None if change.after is None else dict(change.after),
        hash=row.hash,
    )


def _after(query: Mapping[str, str]) -> int:
    after = query.get("after", "0")
    if not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise BadRequest("after: the id of a row, as `last_id` of the page before has it", param="after")
    return int(after)


def _since(query: Mapping[str, str]) -> datetime | None:
    since = query.get("since")
    if since is None:
        return None
    try:
        when = datetime.fromisoformat(since)
    except ValueError as exc:
        raise BadRequest(f"since: {since[:50]!r} is no time, such as 2026-12-01T00:00:00Z", param="since") from exc
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when
