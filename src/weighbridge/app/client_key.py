"""The key of the commands on this machine: made by the first `up`, kept in a file that only its owner reads."""

import os
from datetime import datetime
from pathlib import Path

from weighbridge.accounts import keys
from weighbridge.db import Connection
from weighbridge.errors import Unauthorized

NAME = "default"


def path(home: Path) -> Path:
    """Where it is; the database has its hash only."""
    return home / "client-key"


def read(home: Path) -> str | None:
    """The key, or None where there is none yet."""
    try:
        return path(home).read_text("ascii").strip() or None
    except FileNotFoundError:
        return None


def ensure(connection: Connection, home: Path, *, now: datetime) -> str:
    """The key, made anew where there is none that opens the gateway (the first time, or after it was revoked)."""
    kept = read(home)
    if kept is not None and _opens(connection, kept, now):
        return kept
    _, secret = keys.create(connection, name=NAME, now=now)
    _write(path(home), secret)
    return secret


def _opens(connection: Connection, key: str, now: datetime) -> bool:
    ring = keys.Keyring(connection)
    ring.refresh()
    try:
        ring.open(key.encode(), now=now)
    except Unauthorized:
        return False
    return True


def _write(target: Path, secret: str) -> None:
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    partial.replace(target)
