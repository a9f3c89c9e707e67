"""Where the admin API is worked at: who comes, with which admin key, and one piece of work after the other.

A piece of work is a transaction, with the look at the admin key in it: what a key may do is what it may do now.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from weighbridge import db
from weighbridge.accounts import admins
from weighbridge.accounts.admins import Admin
from weighbridge.accounts.idempotency import Asked
from weighbridge.accounts.roles import Action
from weighbridge.accounts.tree import Place
from weighbridge.audit_log import Actor
from weighbridge.errors import BadRequest, LedgerUnavailable, Unauthorized
from weighbridge.ledger.users import Users
from weighbridge.transport.message import Reply, Request
from weighbridge.wire.decoding import UNREADABLE

T = TypeVar("T")

_LONGEST_NAME: Final = 255
_FORWARDED: Final = 200
"""Characters of `x-forwarded-for` that are written down."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as of the moment of the work."""

    admin: Admin
    by: Actor
    """The same for the audit log."""
    now: datetime
    asked: Asked | None
    """The request's Idempotency-Key, where it came with one."""


Work = Callable[[db.Connection, Caller], T]


@dataclass(frozen=True, slots=True)
class Desk:
    """The database as the admin API has it, on a connection of its own."""

    connection: db.Connection
    now: Callable[[], datetime]
    users: Users
    """How the client's users are named."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def open(self, request: Request) -> None:
        """Look whether the request comes with an admin key, before anything else of it is looked at.

        Raises Unauthorized, LedgerUnavailable.
        """
        presented = _presented(request)
        await self._do(lambda: admins.open_with(self.connection, presented, now=self.now()))

    async def do(self, request: Request, reply: Reply, work: Work[T]) -> T:
        """Do a piece of work for whoever asks, all of it or nothing. Raises what it raises, and as `open` does."""
        caller = self._caller(request, reply)

        def done() -> T:
            with db.transaction(self.connection):
                return work(self.connection, caller())

        return await self._do(done)

    def _caller(self, request: Request, reply: Reply) -> Callable[[], Caller]:
        presented, address = _presented(request), _address(request, reply)
        name = _idempotency(request)
        if b"%00" in request.target:
            raise BadRequest("the address has a NUL in it, and no name or id has")

        def found() -> Caller:
            now = self.now()
            admin = admins.open_with(self.connection, presented, now=now)
            what = b"\0".join((request.method.encode(), request.target, request.body))
            asked = None if name is None else Asked(admin.id, presented, name, what)
            return Caller(admin, Actor(admin.id, address), now, asked)

        return found

    async def _do(self, work: Callable[[], T]) -> T:
        async with self._lock:
            try:
                return await db.in_thread(work)
            except db.Error as exc:
                raise LedgerUnavailable(f"the keys and admins cannot be read or written: {exc}") from exc


def narrowed(admin: Admin, action: Action, organisation: str | None, project: str | None) -> Place:
    """What the admin key sees of what is asked for; where nothing is, all that it sees. Raises Forbidden."""
    scope = admin.scope
    place = Place(organisation or scope.organisation, project or scope.project)
    admin.may(action)
    if not scope.has(place.organisation, place.project):
        raise admin.refused(action, place)
    return place


def read(body: bytes, shape: type[T]) -> T:
    """A body as what it should be. Raises BadRequest with the field that is wrong."""
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.ValidationError as exc:
        said, _, path = str(exc).partition(" - at `$.")
        field_ = path.removesuffix("`") or _named(said)
        raise BadRequest(f"{field_}: {said}" if field_ else said, param=field_) from exc
    except UNREADABLE as exc:
        raise BadRequest(f"the body is not valid JSON: {exc}") from exc


def in_future(when: datetime | None, now: datetime, param: str) -> None:
    """Raise BadRequest for a moment that has passed."""
    if when is not None and when <= now:
        raise BadRequest(f"{param}: that moment has passed", param=param)


def id_in(request: Request, before: str, after: str = "") -> str:
    """What stands in the path for `{id}`."""
    return request.path.removeprefix(before).removesuffix(after)


def _named(said: str) -> str | None:
    """The field that a message of msgspec's names: one too many, or one that is missing."""
    return said.split("`")[1] if "field `" in said else None


def _presented(request: Request) -> bytes:
    scheme, _, presented = request.headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not presented:
        presented = request.headers.get(b"x-api-key", b"")
    if not presented:
        raise Unauthorized("no admin key came with the request: send `Authorization: Bearer wba-…`, or `x-api-key`")
    if presented.startswith(b"wb-"):
        raise Unauthorized("that is a key for models: it takes an admin key (wba-…), see `weighbridge admins create`")
    return presented.strip()


def _address(request: Request, reply: Reply) -> str | None:
    """Where it came from, and for whom, where a proxy says so: that much is its word only."""
    forwarded = request.headers.get(b"x-forwarded-for", b"").decode("latin-1")[:_FORWARDED]
    return f"{reply.peer} for {forwarded}" if forwarded else reply.peer


def _idempotency(request: Request) -> str | None:
    name = request.headers.get(b"idempotency-key", b"").decode("latin-1")
    if len(name) > _LONGEST_NAME:
        raise BadRequest(f"Idempotency-Key: at most {_LONGEST_NAME} characters", param="idempotency-key")
    return name or None
