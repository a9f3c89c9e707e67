"""/v1/admin/admins: make, list and revoke the keys that open this API."""

from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.accounts import admins, idempotency
from weighbridge.accounts.admins import Admin
from weighbridge.accounts.tree import Place
from weighbridge.db import Connection
from weighbridge.errors import Conflict, NotFound
from weighbridge.gateway import answers
from weighbridge.gateway.admin.desk import Caller, Desk, id_in, in_future, narrowed, read
from weighbridge.gateway.admin.shapes import AdminKeyCreation, AdminPage, ListedAdmin, MadeAdmin
from weighbridge.gateway.keeping import limit_in
from weighbridge.transport.message import Reply, Request

_PATH: Final = "/v1/admin/admins/"


@dataclass(frozen=True, slots=True)
class AdminAdmins:
    """The handlers."""

    desk: Desk

    async def me(self, request: Request, reply: Reply) -> None:
        """The admin key that the request came with."""
        admin = await self.desk.do(request, reply, lambda _, caller: caller.admin)
        answers.document(reply, _listed(admin))

    async def list(self, request: Request, reply: Reply) -> None:
        """Those that the admin key sees, oldest first. Raises BadRequest, Forbidden."""
        await self.desk.open(request)
        limit, after = limit_in(request.query), request.query.get("after")

        def work(connection: Connection, caller: Caller) -> list[Admin]:
            return admins.listing(connection, narrowed(caller.admin, "admin.read", None, None))

        every = [_listed(admin) for admin in await self.desk.do(request, reply, work)]
        ids = [admin.id for admin in every]
        if after is not None and after not in ids:
            raise _unknown(after, param="after")
        start = 0 if after is None else ids.index(after) + 1
        page = every[start : start + limit]
        shown = ids[start : start + limit]
        more = start + limit < len(every)
        answers.document(reply, AdminPage(page, shown[0] if shown else None, shown[-1] if shown else None, more))

    async def create(self, request: Request, reply: Reply) -> None:
        """Make one and show it, this once. Raises BadRequest, Forbidden, Conflict."""
        await self.desk.open(request)
        wanted = read(request.body, AdminKeyCreation)

        def work(connection: Connection, caller: Caller) -> tuple[Admin, str]:
            return make(connection, caller, wanted)

        admin, secret = await self.desk.do(request, reply, work)
        answers.document(reply, msgspec.convert({**admins.facts(admin), "key": secret}, MadeAdmin))

    async def one(self, request: Request, reply: Reply) -> None:
        """One of them. Raises NotFound where the admin key sees none of this id."""
        await self.desk.open(request)
        id_ = id_in(request, _PATH)
        found = await self.desk.do(request, reply, lambda connection, caller: visible(connection, caller.admin, id_))
        answers.document(reply, _listed(found))

    async def revoke(self, request: Request, reply: Reply) -> None:
        """Disable one for good. Raises Forbidden, NotFound; Conflict for the last owner."""
        await self.desk.open(request)
        id_ = id_in(request, _PATH)

        def work(connection: Connection, caller: Caller) -> Admin:
            return disable(connection, caller, id_)

        answers.document(reply, _listed(await self.desk.do(request, reply, work)))


def make(connection: Connection, caller: Caller, wanted: AdminKeyCreation) -> tuple[Admin, str]:
    """Make an admin key, in a transaction; or find the one that was made of the same request."""
    scope = Place(wanted.organisation, wanted.project)
    caller.admin.require("admin.create", scope)
    in_future(wanted.expires, caller.now, "expires")
    admin, secret = admins.made(
        wanted.name,
        wanted.role,
        admins.new_secret(),
        now=caller.now,
        scope=scope,
        makes_keys=wanted.makes_keys,
        expires=wanted.expires,
    )
    if caller.asked is not None:
        known = idempotency.enter(connection, caller.asked, admin.id, now=caller.now)
        secret = caller.asked.secret(admins.PREFIX, known.salt)
        if known.again:
            return visible(connection, caller.admin, known.made), secret
        admin = admins.with_secret(admin, secret)
    admins.add(connection, admin, secret, by=caller.by)
    return admin, secret


def disable(connection: Connection, caller: Caller, id_: str) -> Admin:
    """Revoke an admin key, in a transaction. Raises Forbidden, NotFound; Conflict for the last owner."""
    admin = visible(connection, caller.admin, id_)
    caller.admin.require("admin.revoke", admin.scope)
    if admins.is_last_owner(connection, admin, now=caller.now):
        raise Conflict(f"{id_} is the last owner, without whom nobody could make admins: make another first")
    return admins.revoke(connection, admin, by=caller.by, now=caller.now)


def visible(connection: Connection, admin: Admin, id_: str) -> Admin:
    """The admin key of this id. Raises NotFound where this one sees none."""
    found = admins.find(connection, id_)
    if found is None or not (found.id == admin.id or admin.reaches("admin.read", found.scope)):
        raise _unknown(id_)
    return found


def _unknown(id_: str, param: str | None = None) -> NotFound:
    said = f"there is no admin key {id_[:100]!r} that this one sees; see GET /v1/admin/admins"
    return NotFound(said, param=param)


def _listed(admin: Admin) -> ListedAdmin:
    return msgspec.convert(admins.facts(admin), ListedAdmin)
