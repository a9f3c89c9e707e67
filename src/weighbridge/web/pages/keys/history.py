"""/keys/history: the audit log: who has changed what, and whether the log itself is whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from weighbridge import audit_log
from weighbridge.accounts import admins
from weighbridge.accounts import keys as accounts_keys
from weighbridge.audit_log import Row, Verified, Wanted
from weighbridge.db import Connection
from weighbridge.gateway.admin.desk import narrowed
from weighbridge.web.tongue import N_
from weighbridge.web.visit import Visit

_PAGE: Final = 50
_CHECKED_AT_ONCE: Final = 5_000
"""Rows: so many are checked with each look at the page, more when it is asked for."""
SPANS: Final = {"1": N_("the last day"), "7": N_("the last week"), "30": N_("the last month"), "": N_("all time")}
ACTIONS: Final = {
    "key.create": N_("Key made"),
    "key.change": N_("Key changed"),
    "key.rotate": N_("Key rotated"),
    "key.revoke": N_("Key revoked"),
    "admin.create": N_("Admin made"),
    "admin.revoke": N_("Admin revoked"),
    "budget.create": N_("Budget set"),
    "budget.change": N_("Budget changed"),
    "budget.remove": N_("Budget removed"),
    "organisation.set": N_("Organisation set"),
    "project.set": N_("Project set"),
    "policy.set": N_("Policy written"),
    "policy.put_in_force": N_("Policy in force"),
    "user.forget": N_("User forgotten"),
    "switch.apply": N_("Certificate applied"),
    "switch.rollback": N_("Switch rolled back"),
    "budget.write_off": N_("Use of a lost worker written off"),
    "window.sign_in": N_("Signed in"),
    "window.sign_out": N_("Signed out"),
}
"""Those with words of their own; others stand by their names."""


@dataclass(frozen=True, slots=True)
class _Filters:
    action: str
    target: str
    actor: str
    days: str
    after: int

    def address(self, **more: str) -> str:
        """Of the page with these filters."""
        given = {"action": self.action, "target": self.target, "actor": self.actor, "days": self.days, **more}
        return "/keys/history?" + urlencode({name: value for name, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class Line:
    """A row, and what is else after it, field by field."""

    row: Row
    actor: str
    """The name of who it was, where it is known."""
    target: str | None
    """The name of what was changed."""
    changed: list[tuple[str, object, object]]
    """Field, before, after."""


async def listing(visit: Visit) -> Response:
    """The newest first."""
    filters = _filters(visit)
    wants_check = bool(visit.query("check"))

    def work(connection: Connection) -> tuple[list[Line], bool, Verified | None, list[str]]:
        place = narrowed(visit.admin, "audit.read", None, None)
        wanted = Wanted(
            since=_since(filters.days, visit.now),
            after=filters.after,
            newest_first=True,
            action=filters.action or None,
            target=filters.target or None,
            actor=filters.actor or None,
            within=(place.organisation, place.project),
            limit=_PAGE + 1,
        )
        rows = audit_log.rows(connection, wanted)
        length = connection.execute("SELECT length FROM audit_log_head").fetchone()[0]
        checked = audit_log.verify(connection) if wants_check or length <= _CHECKED_AT_ONCE else None
        found = connection.execute("SELECT DISTINCT action FROM audit_log").fetchall()
        actions = sorted(action for (action,) in found)
        return _lines(connection, rows[:_PAGE]), len(rows) > _PAGE, checked, actions

    lines, more, checked, actions = await visit.read(work)
    return visit.page(
        "keys/history.html",
        lines=lines,
        filters=filters,
        checked=checked,
        check_address=filters.address(check="yes"),
        next_page=filters.address(after=str(lines[-1].row.id)) if more else None,
        actions=[(each, ACTIONS.get(each)) for each in dict.fromkeys((*ACTIONS, *actions))],
        words=ACTIONS,
        spans=SPANS,
    )


def _filters(visit: Visit) -> _Filters:
    action, target, actor, days, after = (
        visit.query(name).strip() for name in ("action", "target", "actor", "days", "after")
    )
    number = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0
    return _Filters(action, target, actor, days if days in SPANS else "", number)


def _since(days: str, now: datetime) -> datetime | None:
    return now.astimezone(UTC) - timedelta(days=int(days)) if days else None


def _lines(connection: Connection, rows: list[Row]) -> list[Line]:
    names = {each.id: each.name for each in admins.listing(connection)}
    wanted = {row.change.target for row in rows if row.change.target.startswith("key-")}
    of_keys = {id_: key.name for id_ in wanted if (key := accounts_keys.find(connection, id_)) is not None}
    known = {**names, **of_keys}
    return [
        Line(row, names.get(row.actor.id, row.actor.id), known.get(row.change.target), changed(row)) for row in rows
    ]


def changed(row: Row) -> list[tuple[str, object, object]]:
    """What a row says, field by field: those that are something before or after."""
    before: Mapping[str, object] = row.change.before or {}
    after: Mapping[str, object] = row.change.after or {}
    nothing: tuple[object, ...] = (None, [], {}, "")
    fields = dict.fromkeys((*before, *after))
    pairs = [(name, before.get(name), after.get(name)) for name in fields]
    return [(name, was, is_) for name, was, is_ in pairs if was != is_ and not (was in nothing and is_ in nothing)]
