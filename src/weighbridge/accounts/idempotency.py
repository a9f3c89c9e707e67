"""Creations that may be asked for twice and happen once: `Idempotency-Key`.

A client that did not see the answer asks again and gets the same one, the secret too. That one is not kept: it is
derived from the admin key that asks, which only its holder has, and a salt of its own.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from weighbridge.db import Connection, microseconds
from weighbridge.errors import Conflict

KEPT: Final = timedelta(hours=24)
"""After that a name may be used for something else."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A creation as it was asked for."""

    admin: str
    """The id of the admin key."""
    presented: bytes
    """The admin key itself."""
    name: str
    """The Idempotency-Key."""
    request: bytes
    """What of the request must be the same: method, path and body."""

    def secret(self, prefix: str, salt: bytes) -> str:
        """What is made out to be secret, the same each time."""
        given = hmac.digest(self.presented, b"weighbridge idempotent\0" + salt + self.name.encode(), "sha256")
        return prefix + base64.urlsafe_b64encode(given).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Known:
    """What was made, and whether it was before this."""

    made: str
    salt: bytes
    again: bool


def enter(connection: Connection, asked: Asked, made: str, *, now: datetime) -> Known:
    """Note that `made` is what is made, or find what was, inside a transaction.

    Raises Conflict where the same name came with another request, db.Error.
    """
    connection.execute("DELETE FROM idempotent WHERE at < ?", (microseconds(now - KEPT),))
    digest, salt = hashlib.sha256(asked.request).hexdigest(), secrets.token_bytes(16)
    done = connection.execute(
        "INSERT INTO idempotent (admin, name, request, made, salt, at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (admin, name) DO NOTHING",
        (asked.admin, asked.name, digest, made, salt, microseconds(now)),
    )
    if done.rowcount == 1:
        return Known(made, salt, again=False)
    request, before, its_salt = connection.execute(
        "SELECT request, made, salt FROM idempotent WHERE admin = ? AND name = ?", (asked.admin, asked.name)
    ).fetchone()
    if request != digest:
        raise Conflict(
            f"the Idempotency-Key {asked.name[:100]!r} came with another request before: take another for this one",
            param="idempotency-key",
        )
    return Known(before, bytes(its_salt), again=True)
