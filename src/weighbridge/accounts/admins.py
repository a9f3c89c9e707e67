"""Admin keys: who may administer what. They open the admin API, and no model.

An admin key is shown once, when it is made; the database has its SHA-256. It is looked up for each request, so that a
revocation counts at once.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, get_args

from weighbridge import audit_log
from weighbridge.accounts import tree
from weighbridge.accounts.keys import Key
from weighbridge.accounts.roles import RIGHTS, Action, Role
from weighbridge.accounts.tree import EVERYWHERE, Place
from weighbridge.audit_log import GATEWAY, Actor, Change, Facts
from weighbridge.db import Connection, microseconds, moment, transaction
from weighbridge.errors import BadRequest, Forbidden, Unauthorized

PREFIX: Final = "wba-"
ROLES: Final[tuple[Role, ...]] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Admin:
    """What we know of an admin key; the key itself we do not have."""

    id: str
    name: str
    hint: str
    """Its last four characters."""
    role: Role
    created: datetime
    scope: Place = EVERYWHERE
    """What it sees and changes, at most."""
    makes_keys: bool = False
    """Of a member: whether it may make keys for itself."""
    expires: datetime | None = None
    disabled: datetime | None = None

    def reaches(self, action: Action, place: Place, *, member: str | None = None, is_key: bool = False) -> bool:
        """Whether it may do this to what belongs to an organisation and a project.

        `is_key` where it is a key, or what is set for one; `member` is the member whose key it is.
        """
        reach = RIGHTS[action].get(self.role)
        if reach is None or not self.scope.has(place.organisation, place.project):
            return False
        if reach == "scope":
            return True
        if reach == "below":
            return is_key or self.scope.is_everything or place != self.scope
        return is_key and member == self.id and (reach == "own" or self.makes_keys)

    def require(self, action: Action, place: Place, *, member: str | None = None, is_key: bool = False) -> None:
        """Raise Forbidden where it does not reach: see `reaches`."""
        if not self.reaches(action, place, member=member, is_key=is_key):
            raise self.refused(action, place)

    def may(self, action: Action) -> None:
        """Raise Forbidden where its role has nothing of the kind anywhere."""
        reach = RIGHTS[action].get(self.role)
        if reach is None or (reach == "own, if it makes keys" and not self.makes_keys):
            raise self.refused(action, None)

    def refused(self, action: Action, place: Place | None) -> Forbidden:
        """What it is told that may not do this."""
        able = ", ".join(role for role in RIGHTS[action])
        where = "" if place is None else f" for {_named(place)}"
        return Forbidden(
            f"the admin key {self.name!r} ({self.role} of {_named(self.scope)}) may not do {action!r}{where}: it takes"
            f" one of the roles {able} whose scope has it"
        )


def create(
    connection: Connection,
    *,
    name: str,
    role: Role,
    now: datetime,
    scope: Place = EVERYWHERE,
    makes_keys: bool = False,
    expires: datetime | None = None,
    by: Actor = GATEWAY,
) -> tuple[Admin, str]:
    """Make an admin key: what we keep of it, and the key itself, which can't be had again.

    Raises BadRequest where role and scope do not go together, db.Error.
    """
    admin, secret = made(name, role, new_secret(), now=now, scope=scope, makes_keys=makes_keys, expires=expires)
    with transaction(connection):
        add(connection, admin, secret, by=by)
    return admin, secret


def new_secret() -> str:
    """An admin key that nobody has."""
    return PREFIX + secrets.token_urlsafe(32)


def made(
    name: str,
    role: Role,
    secret: str,
    *,
    now: datetime,
    scope: Place = EVERYWHERE,
    makes_keys: bool = False,
    expires: datetime | None = None,
) -> tuple[Admin, str]:
    """A new admin key, not written down yet. Raises BadRequest where role and scope do not go together."""
    if role == "owner" and not scope.is_everything:
        raise BadRequest("an owner is the owner of everything: leave out organisation and project", param="role")
    if makes_keys and role != "member":
        raise BadRequest(f"makes_keys: is for members; the role {role!r} says it already", param="makes_keys")
    if makes_keys and scope.project is None:
        raise BadRequest("project: a member makes keys within a project: name it", param="project")
    id_ = f"adm-{secrets.token_hex(6)}"
    return Admin(id_, name, secret[-4:], role, now, scope, makes_keys, expires), secret


def with_secret(admin: Admin, secret: str) -> Admin:
    """The same for another secret."""
    return replace(admin, hint=secret[-4:])


def add(connection: Connection, admin: Admin, secret: str, *, by: Actor) -> None:
    """Write down a new admin key and who made it, inside a transaction. Raises db.Error."""
    connection.execute(
        "INSERT INTO admin (id, name, hash, hint, role, organisation, project, makes_keys, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            admin.id,
            admin.name,
            _hash(secret.encode()),
            admin.hint,
            admin.role,
            admin.scope.organisation,
            admin.scope.project,
            int(admin.makes_keys),
            microseconds(admin.created),
            None if admin.expires is None else microseconds(admin.expires),
        ),
    )
    _log(connection, "admin.create", admin, None, facts(admin), by=by, now=admin.created)


def revoke(connection: Connection, admin: Admin, *, by: Actor, now: datetime) -> Admin:
    """Disable an admin key for good, inside a transaction; nothing happens to one that is. Raises db.Error."""
    if admin.disabled is not None:
        return admin
    connection.execute("UPDATE admin SET disabled_at = ? WHERE id = ?", (microseconds(now), admin.id))
    after = replace(admin, disabled=now)
    _log(connection, "admin.revoke", admin, *audit_log.differing(facts(admin), facts(after)), by=by, now=now)
    return after


def facts(admin: Admin) -> Facts:
    """The admin key as the API and the command line show it."""
    return {
        "id": admin.id,
        "name": admin.name,
        "ends_in": admin.hint,
        "role": admin.role,
        "organisation": admin.scope.organisation,
        "project": admin.scope.project,
        "makes_keys": admin.makes_keys,
        "created": admin.created,
        "expires": admin.expires,
        "revoked": admin.disabled,
    }


def listing(connection: Connection, scope: Place = EVERYWHERE) -> list[Admin]:
    """All within a scope, oldest first. Raises db.Error."""
    conditions, given = tree.within(scope.organisation, scope.project)
    return [admin for _, admin in _rows(connection, f"WHERE {' AND '.join(conditions)}" if conditions else "", given)]


def find(connection: Connection, admin_id: str) -> Admin | None:
    """The one of this id. Raises db.Error."""
    return next((admin for _, admin in _rows(connection, "WHERE id = ?", (admin_id,))), None)


def is_last_owner(connection: Connection, admin: Admin, *, now: datetime) -> bool:
    """Whether nobody but this one is an owner. Raises db.Error."""
    owners = [other for other in listing(connection) if other.role == "owner" and _is_open(other, now)]
    return [other.id for other in owners] == [admin.id]


def open_with(connection: Connection, presented: bytes, *, now: datetime) -> Admin:
    """The admin key that a request came with. Raises Unauthorized, db.Error."""
    admin = next((admin for _, admin in _rows(connection, "WHERE hash = ?", (_hash(presented),))), None)
    if admin is None:
        raise Unauthorized(
            "the key is no admin key of this gateway's; make one with `weighbridge admins create NAME --role admin`"
        )
    if not _is_open(admin, now):
        what = "has expired" if admin.disabled is None else "was revoked"
        raise Unauthorized(f"the admin key {admin.name!r} (…{admin.hint}) {what}; ask an owner for another")
    return admin


def place_of(key: Key) -> Place:
    """Where a key is in the tree of organisations and projects."""
    return Place(key.labels.organisation, key.labels.project)


def _is_open(admin: Admin, now: datetime) -> bool:
    return admin.disabled is None and (admin.expires is None or admin.expires > now)


def _rows(connection: Connection, where: str, given: Sequence[str | bytes | None]) -> list[tuple[bytes, Admin]]:
    rows = connection.execute(
        "SELECT hash, id, name, hint, role, organisation, project, makes_keys, created_at, expires_at, disabled_at"  # noqa: S608 - put together of constants
        f" FROM admin {where} ORDER BY created_at, id",
        given,
    )
    return [
        (
            hash_,
            Admin(
                id=id_,
                name=name,
                hint=hint,
                role=role,
                created=moment(created),
                scope=Place(organisation, project),
                makes_keys=bool(makes_keys),
                expires=None if expires is None else moment(expires),
                disabled=None if disabled is None else moment(disabled),
            ),
        )
        for hash_, id_, name, hint, role, organisation, project, makes_keys, created, expires, disabled in rows
    ]


def _log(
    connection: Connection,
    action: str,
    admin: Admin,
    before: Facts | None,
    after: Facts,
    *,
    by: Actor,
    now: datetime,
) -> None:
    change = Change(
        action=action,
        target=admin.id,
        organisation=admin.scope.organisation,
        project=admin.scope.project,
        before=before,
        after=after,
    )
    audit_log.write(connection, by, change, now=now)


def _named(place: Place) -> str:
    if place.is_everything:
        return "the whole gateway"
    project = "" if place.project is None else f"the project {place.project!r}"
    organisation = "" if place.organisation is None else f"the organisation {place.organisation!r}"
    return " of ".join(part for part in (project, organisation) if part)


def _hash(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
