"""Who is signed in: by an admin key, or by a link that works once; remembered by a signed cookie.

The cookie (Starlette's SessionMiddleware, signed by itsdangerous with a key of the data directory) names the admin, and
a token that each form must send along. No key is in it, and the admin is looked up anew at each request: one that was
revoked is out at once.
"""

import hashlib
import hmac
import os
import secrets
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request

from weighbridge import audit_log
from weighbridge.accounts import admins
from weighbridge.accounts.admins import Admin
from weighbridge.audit_log import Actor, Change
from weighbridge.db import Connection
from weighbridge.errors import Unauthorized

TICKET_SECONDS: Final = 3600
MACHINE: Final = "this machine"
"""The name of the owner that links of this machine sign in."""
_PER_ADDRESS, _IN_ALL, _WITHIN = 10, 100, 300.0
"""Failures that are borne within so many seconds."""


class Session(msgspec.Struct, frozen=True):
    """What a cookie says."""

    admin: str
    token: str
    since: int
    """Seconds since 1970."""


def session_of(request: Request, *, hours: float, now: datetime) -> Session | None:
    """The one that the request came with; None where it has none, or has had its time."""
    try:
        found = msgspec.convert(dict(request.session), Session)
    except msgspec.ValidationError:
        return None
    return found if 0 <= now.timestamp() - found.since < hours * 3600 else None


def begin(request: Request, admin: Admin, now: datetime) -> None:
    """Sign in."""
    request.session.clear()
    request.session.update(admin=admin.id, token=secrets.token_urlsafe(24), since=int(now.timestamp()))


def is_token(session: Session, sent: object) -> bool:
    """Whether a form has come from a page of this session."""
    return isinstance(sent, str) and hmac.compare_digest(session.token.encode(), sent.encode())


def open_admin(connection: Connection, id_: str, now: datetime) -> Admin:
    """The admin of a session, as of now. Raises Unauthorized where it was revoked, db.Error."""
    found = admins.find(connection, id_)
    if found is None or found.disabled is not None or (found.expires is not None and found.expires <= now):
        raise Unauthorized("the admin key was revoked, or has had its time")
    return found


def note(connection: Connection, admin: Admin, by: Actor, what: str, now: datetime) -> None:
    """Write into the audit log that somebody has signed in or out. Raises db.Error."""
    scope = admin.scope
    change = Change(action=what, target=admin.id, organisation=scope.organisation, project=scope.project)
    audit_log.write(connection, by, change, now=now)


# links


def secret(home: Path) -> str:
    """What cookies and links are signed with: made the first time, and kept in a file that only its owner reads."""
    path = home / "window-secret"
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        made = secrets.token_urlsafe(48)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process was first
            return path.read_text("ascii").strip()
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(made + "\n")
        return made


def owner_of_machine(connection: Connection, now: datetime) -> Admin:
    """The owner that links sign in, made the first time; nobody is told its key. Raises db.Error."""
    for each in admins.listing(connection):
        if each.name == MACHINE and each.role == "owner" and each.disabled is None:
            return each
    made, _ = admins.create(connection, name=MACHINE, role="owner", now=now)
    return made


def ticket(home: Path, admin: Admin) -> str:
    """A link's part that signs this admin in, once, within the hour."""
    return _serializer(home).dumps({"admin": admin.id, "once": secrets.token_urlsafe(12)})


class _Noted:
    """Words that are noted for some time, in a file of the data directory; over restarts, and one process at a time."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._turn = Lock()
        self._known = self._read()

    def has(self, word: str) -> bool:
        """Whether it was noted."""
        return word in self._known

    def note(self, word: str) -> bool:
        """Note it; False: it was noted before. Raises OSError."""
        with self._turn:
            if word in self._known:
                return False
            now = time.time()
            kept = {each: at for each, at in self._known.items() if at >= now - self._seconds} | {word: int(now)}
            partial = self._path.with_name(f"{self._path.name}.partial")
            partial.write_bytes(msgspec.json.encode(kept))
            partial.replace(self._path)
            self._known = kept
            return True

    def _read(self) -> dict[str, int]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, int])
        except (FileNotFoundError, msgspec.MsgspecError):
            return {}


class Tickets:
    """Which links have been used: a restart makes none good again."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._used = _Noted(home / "window-tickets", 2 * TICKET_SECONDS)

    def used(self, ticket: str) -> str:
        """The admin's id. Raises Unauthorized where the link is none of ours, too old, or was used; OSError."""
        try:
            found = _serializer(self._home).loads(ticket, max_age=TICKET_SECONDS)
            admin, once = str(found["admin"]), str(found["once"])
        except (BadData, KeyError, TypeError) as exc:
            raise Unauthorized("this link has had its time, or is none of this gateway's") from exc
        if not self._used.note(once):
            raise Unauthorized("this link was used before")
        return admin


class Ended:
    """Sessions that somebody has signed out of: a cookie that was copied before opens nothing any more."""

    def __init__(self, home: Path, *, hours: float) -> None:
        self._ended = _Noted(home / "window-ended", hours * 3600)

    def has(self, token: str) -> bool:
        """Whether the session of this token is over."""
        return self._ended.has(_digest(token))

    def end(self, token: str) -> None:
        """Have it be over. Raises OSError."""
        self._ended.note(_digest(token))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _serializer(home: Path) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret(home), salt="ticket")


class Guard:
    """Bears so many wrong keys of an address, and of all, and then no more for a while."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._failed: dict[str, deque[float]] = {}

    def waits(self, address: str) -> float:
        """Seconds until another try is taken; 0: at once."""
        now = self._seconds()
        self._forget(now)
        own = self._failed.get(address, deque[float]())
        waits = own[0] + _WITHIN - now if len(own) >= _PER_ADDRESS else 0.0
        every = sorted(at for times in self._failed.values() for at in times)
        return max(waits, every[-_IN_ALL] + _WITHIN - now if len(every) >= _IN_ALL else 0.0)

    def failed(self, address: str) -> None:
        """Note a wrong key."""
        self._failed.setdefault(address, deque(maxlen=_PER_ADDRESS)).append(self._seconds())

    def _forget(self, now: float) -> None:
        for address, times in list(self._failed.items()):
            while times and times[0] <= now - _WITHIN:
                times.popleft()
            if not times:
                del self._failed[address]
