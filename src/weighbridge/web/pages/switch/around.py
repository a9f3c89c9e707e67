"""What all pages of the switch go by: who may see it, the setting of the moment, and the reports' own words."""

from collections.abc import Callable
from typing import Final, TypeVar

from weighbridge.accounts.roles import Action
from weighbridge.accounts.tree import EVERYWHERE
from weighbridge.app.switch.setting import Setting, setting
from weighbridge.db import Connection
from weighbridge.reports.language import Tongue
from weighbridge.switch import planned, store
from weighbridge.switch.planned import About
from weighbridge.switch.report.language import languages
from weighbridge.switch.report.titles import title
from weighbridge.web.tongue import ENGLISH
from weighbridge.web.visit import Visit

T = TypeVar("T")

NUMPY: Final = "pip install 'weighbridge[switch]'"


def require(visit: Visit, action: Action) -> None:
    """Raise Forbidden for whose scope is less than everything: routes and rules are of all keys."""
    visit.admin.require(action, EVERYWHERE)


def may_change(visit: Visit) -> bool:
    """Whether plans may be made and run, and rules put in force."""
    return visit.admin.reaches("switch.set", EVERYWHERE)


async def at_hand(visit: Visit, work: Callable[[Setting], T]) -> T:
    """Something that takes the catalogue, the policy and the keys as they are now, in a thread. Raises what it does."""

    def done(connection: Connection) -> T:
        return work(setting(visit.parts.settings, connection, visit.parts.key))

    return await visit.read(done)


def report_tongue(visit: Visit) -> Tongue:
    """The words of reports in the visitor's language; English where nobody has written them."""
    found = languages()
    return found.get(visit.tongue.code, found[ENGLISH])


def titles(connection: Connection, tongue: Tongue) -> dict[str, str]:
    """The title of each route that some plan knows, by its id. Raises db.Error."""
    found: dict[str, str] = {}
    for row in store.plans(connection):
        for route, about in _abouts(row.document):
            found.setdefault(route, title(about, tongue))
    return found


def _abouts(document: bytes) -> list[tuple[str, About]]:
    try:
        return [(each.route, each.about) for each in planned.decode(document).routes]
    except planned.UNREADABLE:
        return []
