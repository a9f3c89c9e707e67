"""One request of somebody who is signed in, and what a page may do with it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeVar

from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from weighbridge.accounts.admins import Admin
from weighbridge.accounts.roles import RIGHTS, Action
from weighbridge.audit_log import Actor
from weighbridge.db import Connection
from weighbridge.errors import Forbidden, WeighbridgeError
from weighbridge.gateway.admin.desk import Caller
from weighbridge.web.look import Theme
from weighbridge.web.parts import Parts
from weighbridge.web.rendering import rendered
from weighbridge.web.tongue import Tongue

T = TypeVar("T")
_MOST_SAID: Final = 300
"""Characters: it travels in a cookie, and those have 4 KB at most."""
PART: Final = "x-part"
"""The header that asks for one block of a page."""


@dataclass(slots=True, kw_only=True)
class Visit:
    """See the module."""

    request: Request
    parts: Parts
    admin: Admin
    by: Actor
    """The admin, for the audit log."""
    now: datetime
    tongue: Tongue
    theme: Theme
    token: str
    """Which each form of the session sends along."""
    form: FormData
    """Of a POST; empty for a GET."""
    said: str | None = None
    """What the last deed came to, to be shown once."""
    stamp: str = ""
    """How things stood before any of the page was read: see `web/live.py`."""

    @property
    def csrf(self) -> Markup:
        """The hidden field of each form."""
        return Markup('<input type="hidden" name="csrf" value="{}">').format(self.token)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What the work finds in the database. Raises what it raises, LedgerUnavailable."""
        return await self.parts.database.read(work)

    async def do(self, work: Callable[[Connection, Caller], T]) -> T:
        """Do a deed, all of it or nothing, as the admin API does. Raises what it raises, LedgerUnavailable."""
        caller = Caller(self.admin, self.by, self.now, None)
        return await self.parts.database.write(lambda connection: work(connection, caller))

    def query(self, name: str, default: str = "") -> str:
        """A field of the address."""
        found: str = self.request.query_params.get(name, default)
        return found

    def may(self, action: Action) -> bool:
        """Whether the admin's role may do this somewhere."""
        try:
            self.admin.may(action)
        except Forbidden:
            return False
        return True

    def sees_all(self, action: Action) -> bool:
        """Whether it may do this everywhere: its role may, and it has no scope."""
        return self.admin.scope.is_everything and RIGHTS[action].get(self.admin.role) == "scope"

    def page(self, template: str, /, status: int = 200, **what: object) -> Response:
        """The template with `what`; only one block of it where the request asks for that."""
        known = {
            "visit": self,
            "path": self.request.url.path,
            "csrf": self.csrf,
            "theme": self.theme,
            "said": self.said,
            **what,
        }
        part = self.request.headers.get(PART) if self.request.method == "GET" else None
        return HTMLResponse(rendered(self.tongue.code, template, known, part), status)

    def back(self, path: str, said: str | None = None) -> Response:
        """To another page, after a deed; what was `said` is shown there once."""
        if said is not None:
            self.request.session["said"] = said[:_MOST_SAID]
        return RedirectResponse(path, 303)


Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Place:
    """A path of the window, and who answers there."""

    path: str
    """As Starlette has it: /keys/{id}."""
    handler: Handler
    method: Literal["GET", "POST"] = "GET"
    may: Action | None = None
    """What the admin's role must be able to do somewhere; None: to be signed in is enough."""

    def check(self, admin: Admin) -> None:
        """Raises Forbidden."""
        if self.may is not None:
            admin.may(self.may)


def advice(error: WeighbridgeError) -> str:
    """What its class says is to be done, in English."""
    return " ".join((type(error).__doc__ or "").partition("\n\n")[2].split())
