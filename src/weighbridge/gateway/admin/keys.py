"""/v1/admin/keys: make, list, change, rotate and revoke the keys that open models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import msgspec
from msgspec import UNSET

from weighbridge.accounts import admins, idempotency, keys
from weighbridge.accounts.admins import Admin, place_of
from weighbridge.accounts.defaults import NO_DEFAULTS
from weighbridge.accounts.keys import Keeps, Key, Labels
from weighbridge.accounts.roles import Action
from weighbridge.accounts.tree import Place
from weighbridge.db import Connection
from weighbridge.errors import BadRequest, Conflict, Forbidden, NotFound
from weighbridge.gateway import answers
from weighbridge.gateway.admin.desk import Caller, Desk, id_in, in_future, narrowed, read
from weighbridge.gateway.admin.shapes import (
    KeepsText,
    KeyChange,
    KeyCreation,
    KeyPage,
    KeyRotation,
    ListedKey,
    MadeKey,
)
from weighbridge.gateway.keeping import limit_in
from weighbridge.transport.message import Reply, Request

_PATH: Final = "/v1/admin/keys/"
_FOR_ADMINS: Final = ("store", "keeps_text", "tags", "defaults", "member")
"""What a member can't set of its own keys."""


@dataclass(frozen=True, slots=True)
class AdminKeys:
    """The handlers."""

    desk: Desk

    async def list(self, request: Request, reply: Reply) -> None:
        """Those that the admin key sees, oldest first. Raises BadRequest, Forbidden."""
        await self.desk.open(request)
        query = request.query
        limit, after = limit_in(query), query.get("after")
        shown = query.get("revoked", "true")
        if shown not in ("true", "false"):
            raise BadRequest("revoked: `true` or `false`", param="revoked")

        def work(connection: Connection, caller: Caller) -> Sequence[Key]:
            admin = caller.admin
            place = narrowed(admin, "key.read", query.get("organisation"), query.get("project"))
            if after is not None:
                visible(connection, admin, after, param="after")
            wanted = keys.Wanted(
                within=(place.organisation, place.project),
                member=admin.id if admin.role == "member" else query.get("member"),
                is_open=shown == "false",
                after=after,
                limit=limit + 1,
            )
            return keys.listing(connection, wanted)

        found = await self.desk.do(request, reply, work)
        page = [listed(key) for key in found[:limit]]
        ids = [key.id for key in page]
        answers.document(
            reply, KeyPage(page, ids[0] if ids else None, ids[-1] if ids else None, len(found) > len(page))
        )

    async def create(self, request: Request, reply: Reply) -> None:
        """Make one and show it, this once. Raises BadRequest, Forbidden, Conflict."""
        await self.desk.open(request)
        wanted = read(request.body, KeyCreation)

        def work(connection: Connection, caller: Caller) -> tuple[Key, str]:
            return make(connection, caller, wanted)

        key, secret = await self.desk.do(request, reply, work)
        answers.document(reply, made(key, secret))

    async def one(self, request: Request, reply: Reply) -> None:
        """One of them. Raises NotFound where the admin key sees none of this id."""
        await self.desk.open(request)
        id_ = id_in(request, _PATH)
        key = await self.desk.do(request, reply, lambda connection, caller: visible(connection, caller.admin, id_))
        answers.document(reply, listed(key))

    async def change(self, request: Request, reply: Reply) -> None:
        """Give one another name, models, end, labels, defaults. Raises BadRequest, Forbidden, NotFound."""
        await self.desk.open(request)
        id_, wanted = id_in(request, _PATH), read(request.body, KeyChange)

        def work(connection: Connection, caller: Caller) -> Key:
            return alter(connection, caller, id_, wanted)

        answers.document(reply, listed(await self.desk.do(request, reply, work)))

    async def revoke(self, request: Request, reply: Reply) -> None:
        """Disable one for good. Raises Forbidden, NotFound."""
        await self.desk.open(request)
        id_ = id_in(request, _PATH)
        key = await self.desk.do(request, reply, lambda connection, caller: disable(connection, caller, id_))
        answers.document(reply, listed(key))

    async def rotate(self, request: Request, reply: Reply) -> None:
        """Change its secret for another. Raises BadRequest, Forbidden, NotFound, Conflict."""
        await self.desk.open(request)
        id_, wanted = id_in(request, _PATH, "/rotate"), read(request.body, KeyRotation)

        def work(connection: Connection, caller: Caller) -> tuple[Key, str]:
            return turn(connection, caller, id_, wanted)

        key, secret = await self.desk.do(request, reply, work)
        answers.document(reply, made(key, secret))


def make(connection: Connection, caller: Caller, wanted: KeyCreation) -> tuple[Key, str]:
    """Make a key for whoever may, in a transaction; or find the one that was made of the same request."""
    admin = caller.admin
    admin.may("key.create")
    in_future(wanted.expires, caller.now, "expires")
    scope = admin.scope
    labels = _labels(wanted.organisation or scope.organisation, wanted.project or scope.project, wanted.tags)
    if admin.role == "member":
        _refuse_to_members(wanted)
    place = Place(labels.organisation, labels.project)
    member = admin.id if admin.role == "member" else wanted.member
    admin.require("key.create", place, member=member, is_key=True)
    _check_member(connection, None if admin.role == "member" else member, place)
    id_ = keys.new_id()
    secret, again = _secret(connection, caller, id_)
    if again is not None:
        return _unchanged(visible(connection, admin, again), secret)
    key = Key(
        id=id_,
        name=wanted.name,
        hint=secret[-4:],
        models=None if wanted.models is None else tuple(wanted.models),
        created=caller.now,
        expires=wanted.expires,
        store=wanted.store,
        keeps=_keeps(wanted.keeps_text),
        labels=labels,
        defaults=wanted.defaults or NO_DEFAULTS,
        member=member,
    )
    keys.add(connection, key, secret, by=caller.by)
    return key, secret


def alter(connection: Connection, caller: Caller, id_: str, wanted: KeyChange) -> Key:
    """Change a key, in a transaction."""
    before = _allowed(connection, caller.admin, id_, "key.change")
    if wanted.expires is not UNSET:
        in_future(wanted.expires, caller.now, "expires")
    labels = before.labels
    labels = _labels(
        labels.organisation if wanted.organisation is UNSET else wanted.organisation,
        labels.project if wanted.project is UNSET else wanted.project,
        labels.tags if wanted.tags is UNSET else wanted.tags,
    )
    models = before.models if wanted.models is UNSET else wanted.models
    defaults = before.defaults if wanted.defaults is UNSET else (wanted.defaults or NO_DEFAULTS)
    after = replace(
        before,
        name=before.name if wanted.name is UNSET else wanted.name,
        models=None if models is None else tuple(models),
        expires=before.expires if wanted.expires is UNSET else wanted.expires,
        store=before.store if wanted.store is UNSET else wanted.store,
        keeps=before.keeps if wanted.keeps_text is UNSET else _keeps(wanted.keeps_text),
        labels=labels,
        defaults=defaults,
    )
    caller.admin.require("key.change", place_of(after), member=after.member, is_key=True)
    _check_member(connection, after.member, place_of(after))
    keys.put(connection, before, after, action="key.change", by=caller.by, now=caller.now)
    return after


def turn(connection: Connection, caller: Caller, id_: str, wanted: KeyRotation) -> tuple[Key, str]:
    """Rotate a key, in a transaction: the key, and its new secret."""
    key = _allowed(connection, caller.admin, id_, "key.rotate")
    if key.disabled is not None:
        raise Conflict(f"the key {id_} was revoked: make another")
    secret, again = _secret(connection, caller, id_)
    if again is not None:
        return _unchanged(key, secret)
    now, overlap = caller.now, wanted.overlap_seconds
    until = now + timedelta(seconds=overlap) if overlap else None
    return keys.rotate(connection, key, secret, until=until, by=caller.by, now=now), secret


def disable(connection: Connection, caller: Caller, id_: str) -> Key:
    """Revoke a key, in a transaction; nothing happens to one that was."""
    before = _allowed(connection, caller.admin, id_, "key.revoke")
    if before.disabled is not None:
        return before
    after = replace(before, disabled=caller.now)
    keys.put(connection, before, after, action="key.revoke", by=caller.by, now=caller.now)
    return after


def listed(key: Key) -> ListedKey:
    """A key as it is shown."""
    return msgspec.convert(keys.facts(key), ListedKey)


def made(key: Key, secret: str) -> MadeKey:
    """A key as it is shown once."""
    return msgspec.convert({**keys.facts(key), "key": secret}, MadeKey)


def visible(connection: Connection, admin: Admin, id_: str, *, param: str | None = None) -> Key:
    """The key of this id. Raises NotFound where the admin key sees none."""
    key = keys.find(connection, id_)
    if key is None or not admin.reaches("key.read", place_of(key), member=key.member, is_key=True):
        raise NotFound(f"there is no key {id_[:100]!r} that this admin key sees; see GET /v1/admin/keys", param=param)
    return key


def _allowed(connection: Connection, admin: Admin, id_: str, action: Action) -> Key:
    key = visible(connection, admin, id_)
    admin.require(action, place_of(key), member=key.member, is_key=True)
    return key


def _secret(connection: Connection, caller: Caller, made: str) -> tuple[str, str | None]:
    """The secret for what is about to be made, and what was made before of the same request, if it was."""
    if caller.asked is None:
        return keys.new_secret(), None
    known = idempotency.enter(connection, caller.asked, made, now=caller.now)
    return caller.asked.secret(keys.PREFIX, known.salt), known.made if known.again else None


def _unchanged(key: Key, secret: str) -> tuple[Key, str]:
    if key.hint != secret[-4:]:
        raise Conflict(f"the key {key.id} of this request was rotated since: what it answered then opens nothing now")
    return key, secret


def _labels(organisation: str | None, project: str | None, tags: Sequence[str]) -> Labels:
    return Labels(organisation, project, tuple(sorted({keys.tag(each) for each in tags})))


def _keeps(wanted: KeepsText | None) -> Keeps | None:
    return None if wanted is None else Keeps(wanted.days, wanted.inputs)


def _refuse_to_members(wanted: KeyCreation) -> None:
    for name in _FOR_ADMINS:
        if getattr(wanted, name):
            raise Forbidden(f"{name}: a member's own keys have a name, models and an end; ask an admin", param=name)


def _check_member(connection: Connection, member: str | None, place: Place) -> None:
    """Raise BadRequest where the key would be nobody's, or where its member does not see it."""
    if member is None:
        return
    found = admins.find(connection, member)
    if found is None or found.role != "member" or found.disabled is not None:
        raise BadRequest(
            f"member: {member[:100]!r} is no admin key of a member; see GET /v1/admin/admins", param="member"
        )
    if not found.scope.has(place.organisation, place.project):
        raise BadRequest(f"member: {member[:100]!r} does not belong where the key is to", param="member")
