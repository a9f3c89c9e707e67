"""The database as commands open it."""

import os
import pwd
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from weighbridge import db
from weighbridge.app.place import place
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
def opened(settings: Settings) -> Iterator[db.Connection]:
    """The database, made and migrated where needed. Raises Failure."""
    where = place(settings)
    make_home(settings.home)
    if isinstance(where, Path):
        make_home(where.parent)
    with told(where), closing(db.connect(where)) as connection:
        db.migrate(connection)
        yield connection


@contextmanager
def existing(settings: Settings) -> Iterator[db.Connection]:
    """The database for a command that only looks. Raises Failure where there is none."""
    if not is_there(settings):
        raise Failure(f"there is no ledger at {settings.ledger_path}", next_step="weighbridge up")
    with opened(settings) as connection:
        yield connection


def is_there(settings: Settings) -> bool:
    """Whether there is a database; of a server it is taken for granted."""
    where = place(settings)
    return where.is_file() if isinstance(where, Path) else True


@contextmanager
def told(where: db.Place) -> Iterator[None]:
    """Raises Failure for what goes wrong with a database inside."""
    try:
        yield
    except db.Error as error:
        raise Failure(f"the database {where} cannot be used: {error}", next_step="weighbridge doctor") from error
