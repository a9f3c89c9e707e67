"""The database as commands open it."""

import os
import pwd
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from weighbridge import db
from weighbridge.audit_log import Actor
from weighbridge.cli.failure import Failure
from weighbridge.config import Settings


def make_home(home: Path) -> None:
    """A directory for data, made for its owner only where it is not there. Raises Failure."""
    try:
        if not home.is_dir():
            home.parent.mkdir(parents=True, exist_ok=True)
            home.mkdir(mode=0o700)
    except OSError as error:
        raise Failure(
            f"the data directory {home} cannot be made: {error.strerror}",
            next_step="set WEIGHBRIDGE_HOME to a directory you may write to",
        ) from error


def actor() -> Actor:
    """Who makes a change from the command line: the user of the system whose process this is."""
    user = os.getuid()
    try:
        return Actor(f"cli:{pwd.getpwuid(user).pw_name}")
    except KeyError:  # a container may run as a number that no account has
        return Actor(f"cli:{user}")


@contextmanager
def opened(settings: Settings) -> Iterator[sqlite3.Connection]:
    """The database, made and migrated where needed. Raises Failure."""
    make_home(settings.home)
    make_home(settings.ledger_path.parent)
    with _told(settings.ledger_path), closing(db.connect(settings.ledger_path)) as connection:
        db.migrate(connection)
        yield connection


@contextmanager
def existing(settings: Settings) -> Iterator[sqlite3.Connection]:
    """The database for a command that only looks. Raises Failure where there is none."""
    if not settings.ledger_path.is_file():
        raise Failure(f"there is no ledger at {settings.ledger_path}", next_step="weighbridge up")
    with opened(settings) as connection:
        yield connection


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Failure(f"the database {path} cannot be used: {error}", next_step="weighbridge doctor") from error
