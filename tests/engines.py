"""Databases of both engines for tests: SQLite files, and a private PostgreSQL cluster that nobody else can reach."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Literal

import pytest

from weighbridge import db
from weighbridge.db import Connection, Server

Fresh = Callable[[], AbstractContextManager[Connection]]
"""Opens an empty, migrated database, as often as wished."""

_USER = "weighbridge"
_LIBRARIES = Path("/usr/lib/postgresql")


def binaries() -> Path | None:
    """Where PostgreSQL's programs are: Debian keeps them apart, others in the PATH."""
    found = sorted(_LIBRARIES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return None if there is None else Path(there).resolve().parent


class Cluster:
    """A PostgreSQL server of the tests' own, on a socket in its directory. Stop it and start it as you like."""

    def __init__(
        self,
        programs: Path,
        directory: Path,
        *,
        options: str = "-c listen_addresses='' -F -c shared_buffers=32MB",
    ) -> None:
        """`options` are the server's own."""
        self._programs = programs
        self._options = options
        self._directory = directory
        self._numbers = count(1)
        # it refuses to be root's, as the tests are in CI
        self._owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self._owner is not None:
            os.chown(directory, self._owner.pw_uid, self._owner.pw_gid)
        self._run(
            "initdb", "--pgdata", str(self._data), "--auth", "trust", "--username", _USER, "--no-locale",
            "--encoding", "UTF8", "--no-sync",
        )  # fmt: skip
        self.start()
        self.migrated = self._create("migrated")
        with closing(db.connect(self.migrated)) as connection:
            db.migrate(connection)

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-k {self._directory} -c jit=off {self._options}"
        self._run("pg_ctl", "start", "--wait", "-D", str(self._data), "-l", str(self._directory / "log"), "-o", options)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """End it: in order, or as a power cut would, but that what it has written is on disk."""
        self._run("pg_ctl", "stop", "--wait", "-D", str(self._data), "-m", mode)

    def server(self, name: str) -> Server:
        """The place of a database."""
        return Server(f"postgresql://{_USER}@/{name}?host={self._directory}")

    def new(self) -> Server:
        """An empty, migrated database of its own."""
        return self._create(f"test_{next(self._numbers)}", template="migrated")

    def bare(self) -> Server:
        """An empty database that was not migrated."""
        return self._create(f"test_{next(self._numbers)}")

    def drop(self, place: Server) -> None:
        """Take a database away, whoever uses it."""
        with closing(db.connect(self.server("postgres"))) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {_name(place)} WITH (FORCE)")

    def cut_off(self, place: Server) -> None:
        """End all connections to a database, as a restart of the server does."""
        with closing(db.connect(self.server("postgres"))) as connection:
            sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?"
            connection.execute(sql, (_name(place),))

    def _create(self, name: str, template: str = "template0") -> Server:
        with closing(db.connect(self.server("postgres"))) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.server(name)

    def _run(self, program: str, *arguments: str) -> None:
        owner = self._owner
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server would hold a pipe open
            stderr=subprocess.DEVNULL,
            check=False,
            user=None if owner is None else owner.pw_uid,
            group=None if owner is None else owner.pw_gid,
            extra_groups=None if owner is None else [],
        )
        log = self._directory / "log"
        assert done.returncode == 0, log.read_text()[-2000:] if log.is_file() else program


def _name(place: Server) -> str:
    return place.url.split("/")[3].split("?")[0]


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster while the block runs; the test is skipped where PostgreSQL is not installed, but in CI."""
    programs = binaries()
    if programs is None:
        assert not os.environ.get("CI"), "PostgreSQL is not installed, and CI must try it: apt install postgresql"
        pytest.skip("PostgreSQL is not installed")
    directory = Path(tempfile.mkdtemp(prefix="wb-pg-"))  # a socket's path is short, and nobody may read pytest's
    try:
        made = Cluster(programs, directory)
        try:
            yield made
        finally:
            made.stop("immediate")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def in_memory() -> Iterator[Connection]:
    """An empty, migrated SQLite database."""
    with closing(db.connect(Path(":memory:"))) as connection:
        db.migrate(connection)
        yield connection


def emptied(place: Server) -> Fresh:
    """A database of PostgreSQL that is emptied each time, which is quicker than to make one."""

    @contextmanager
    def fresh() -> Iterator[Connection]:
        with closing(db.connect(place)) as connection:
            empty(connection)
            yield connection

    return fresh


def empty(connection: Connection) -> None:
    """Take all rows out of the tables that have any, past the triggers that keep them."""
    connection.execute("SET session_replication_role = replica")
    connection.execute(
        "TRUNCATE entry, kind, facts, policy, policy_in_force, rollup, lease, budget_use RESTART IDENTITY"
    )
    connection.execute("SET session_replication_role = origin")


@contextmanager
def tampering(connection: Connection) -> Iterator[None]:
    """No trigger keeps what is written in the block from being changed, as for somebody who takes them away."""
    if db.engine(connection) == "postgresql":
        connection.execute("SET session_replication_role = replica")
        yield
        connection.execute("SET session_replication_role = origin")
        return
    connection.execute("PRAGMA foreign_keys = OFF")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    yield
