"""/keys: all that the admin sees, with what each has used this month."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from weighbridge.accounts import keys
from weighbridge.accounts.keys import Key
from weighbridge.db import Connection
from weighbridge.gateway.admin.keys import visible
from weighbridge.web.pages.keys.shown import Shown, month_of, past, shown
from weighbridge.web.visit import Visit

_PAGE: Final = 50
_EVERY: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the filters say."""

    name: str
    organisation: str
    project: str
    revoked: bool
    after: str

    def has(self, key: Key) -> bool:
        """Whether the key is looked for: by a part of its name, its id, or its last four characters."""
        labels, word = key.labels, self.name.casefold()
        return (
            (word in key.name.casefold() or self.name in (key.id, key.hint))
            and self.organisation in ("", labels.organisation)
            and self.project in ("", labels.project)
        )

    @property
    def is_narrow(self) -> bool:
        """Whether not all are looked for."""
        return bool(self.name or self.organisation or self.project)

    def address(self, after: str) -> str:
        """Of the next page."""
        given = {"name": self.name, "organisation": self.organisation, "project": self.project, "after": after}
        if self.revoked:
            given["revoked"] = "on"
        return "/keys?" + urlencode({name: value for name, value in given.items() if value})


async def listing(visit: Visit) -> Response:
    """The list, in parts of fifty."""
    names = ("name", "organisation", "project", "after")
    name, organisation, project, after = (visit.query(each).strip() for each in names)
    wanted = _Wanted(name, organisation, project, bool(visit.query("revoked")), after)

    before = await past(visit)

    def work(connection: Connection) -> tuple[list[Shown], bool]:
        found = _found(connection, visit, wanted)
        return shown(connection, found[:_PAGE], visit.admin, visit.now, before), len(found) > _PAGE

    lines, more = await visit.read(work)
    return visit.page(
        "keys/list.html",
        lines=lines,
        wanted=wanted,
        next_page=wanted.address(lines[-1].key.id) if more else None,
        month=month_of(visit.now),
        may_make=visit.admin.role != "auditor" and (visit.admin.role != "member" or visit.admin.makes_keys),
    )


def _found(connection: Connection, visit: Visit, wanted: _Wanted) -> list[Key]:
    """One more than a page has, where there is more."""
    admin = visit.admin
    if wanted.after:
        visible(connection, admin, wanted.after, param="after")
    asked = keys.Wanted(
        within=(admin.scope.organisation, admin.scope.project),
        member=admin.id if admin.role == "member" else None,
        is_open=not wanted.revoked,
        after=wanted.after or None,
        limit=_EVERY if wanted.is_narrow else _PAGE + 1,
    )
    return [key for key in keys.listing(connection, asked) if wanted.has(key)][: _PAGE + 1]
