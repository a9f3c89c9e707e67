"""GET /requests: requests, looked for by what is known of them, newest first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import RedirectResponse, Response

from weighbridge.accounts.keys import Key
from weighbridge.app.texts import users_of
from weighbridge.db import Connection
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.search import PATIENCE, Found, Named, search
from weighbridge.web.pages.requests.wanted import Asked, asked, receipt_in
from weighbridge.web.seeing import keys_seen
from weighbridge.web.tongue import N_
from weighbridge.web.visit import PART, Visit

ENDINGS: Final = {
    "complete": N_("complete"),
    "client_left": N_("client left"),
    "upstream_broke": N_("upstream broke"),
    "refused": N_("refused"),
    "stopped": N_("stopped by the gateway"),
}
"""Endings, as pages call them."""
KINDS: Final = {
    "complete": "good",
    "client_left": "plain",
    "upstream_broke": "bad",
    "refused": "warn",
    "stopped": "warn",
}
"""How they look."""
_PAGE: Final = 50
_MOST_SUGGESTED: Final = 500


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows."""

    keys: Mapping[str, Key]
    seen: frozenset[str] | None
    """Whose requests the admin sees; None: all."""
    found: Found | None = None
    """None: nothing was looked for."""


async def listing(visit: Visit) -> Response:
    """The form and what it finds; a receipt that is pasted leads to its page."""
    pasted = visit.query("receipt").strip()
    if pasted:
        return await _lead(visit, pasted)
    return await _page(visit, _asked(visit))


def sees(connection: Connection, visit: Visit, entry: Entry) -> bool:
    """Whether the admin may see this entry; where it sees all, that of a key too that is no more, or never was here."""
    return visit.sees_all("usage.read") or entry.key in keys_seen(connection, visit.admin)


def _asked(visit: Visit) -> Asked:
    naming = users_of(visit.parts.settings)
    return asked(dict(visit.request.query_params), now=visit.now, gettext=visit.tongue.gettext, user=naming.of_text)


async def _lead(visit: Visit, pasted: str) -> Response:
    receipt = receipt_in(pasted)

    def is_there(connection: Connection) -> bool:
        entry = None if receipt is None else store.find(connection, receipt)
        return entry is not None and sees(connection, visit, entry)

    if receipt is not None and await visit.read(is_there):
        return RedirectResponse(f"/requests/{receipt}", 303)
    gettext = visit.tongue.gettext
    wrong = (
        gettext("That is no receipt: one begins with wbr- and has 32 digits behind it.")
        if receipt is None
        else gettext("There is no request with this receipt, or it is not yours to see.")
    )
    return await _page(visit, _asked(visit), receipt=pasted, wrong=wrong)


async def _page(visit: Visit, what: Asked, *, receipt: str = "", wrong: str | None = None) -> Response:
    is_wrong = bool(what.problems) or wrong is not None

    def look(connection: Connection) -> Shown:
        keys = keys_seen(connection, visit.admin)
        seen = None if visit.sees_all("usage.read") else frozenset(keys)
        if is_wrong:
            return Shown(keys, seen)
        wanted = replace(what.wanted, keys=_asked_keys(keys, seen, what.typed["key"]))
        return Shown(keys, seen, search(connection, wanted, before=what.before, limit=_PAGE, patience=PATIENCE))

    shown = await visit.read(look)
    known = None if PART in visit.request.headers else await visit.parts.lately.named(shown.seen)
    found = shown.found
    return visit.page(
        "requests/listing.html",
        status=422 if is_wrong else 200,
        asked=what,
        receipt=receipt,
        wrong=wrong,
        shown=shown,
        known=known or Named(),
        endings=ENDINGS,
        endings_said=[[code, visit.tongue.gettext(said)] for code, said in ENDINGS.items()],
        named=sorted(shown.keys.values(), key=lambda key: key.name)[:_MOST_SUGGESTED],
        kinds=KINDS,
        is_live=found is not None and _is_live(what, found),
    )


def _is_live(what: Asked, found: Found) -> bool:
    """Whether new ones belong on the page, and it costs little to look for them each time."""
    return what.before is None and not what.typed["until"] and found.looks == 1 and found.reached is None


def _asked_keys(keys: Mapping[str, Key], seen: frozenset[str] | None, named: str) -> frozenset[str] | None:
    """Whose requests are looked at; a key is named by its id or its name, and one that is no more by its id."""
    if not named:
        return seen
    ids = frozenset(id_ for id_, key in keys.items() if named in {id_, key.name})
    return ids or (frozenset((named,)) if seen is None else frozenset())
