"""Bringing a database up to the newest step. Each step is a script for each engine, never edited once it is merged."""

import sqlite3
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Final

from weighbridge.db.connection import Connection, Engine, TooNew, engine, transaction

_LOCK: Final = 0x77656967_68627267
"""The advisory lock that gateways of one PostgreSQL database take turns by: "weighbrg" in ASCII."""


def migrate(connection: Connection, steps: Mapping[int, str] | None = None) -> None:
    """Bring the database up to the newest of the numbered steps (SQL scripts): all that are missing, or none.

    Raises TooNew where a newer release has brought it further, Error where a step fails.
    """
    of = engine(connection)
    known = shipped(of) if steps is None else steps
    with transaction(connection):
        done = _done_of_server(connection) if of == "postgresql" else _done_of_file(connection)
        newest = max(known, default=0)
        if done > newest:
            raise TooNew(
                f"a newer release has brought it to step {done}, this one knows {newest}: install that release"
            )
        for number in sorted(step for step in known if step > done):
            if of == "postgresql":
                connection.execute(known[number])  # a whole script at once, as nothing is bound to it
                connection.execute("INSERT INTO migration (step) VALUES (?)", (number,))
                continue
            for statement in _statements(known[number]):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


def shipped(of: Engine = "sqlite") -> dict[int, str]:
    """The steps of this release for an engine, by number."""
    directory = resources.files("weighbridge.migrations")
    if of == "postgresql":
        directory = directory.joinpath("postgresql")
    return {
        int(file.name[:4]): file.read_text(encoding="utf-8")
        for file in directory.iterdir()
        if file.name.endswith(".sql")
    }


def _done_of_file(connection: Connection) -> int:
    done: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return done


def _done_of_server(connection: Connection) -> int:
    """The newest step that was done; whoever migrates at the same time waits here."""
    connection.execute("SET LOCAL lock_timeout = '5min'")  # a step may rewrite a table
    connection.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
    if connection.execute("SELECT to_regclass('migration') IS NULL").fetchone()[0]:
        connection.execute(
            "CREATE TABLE migration (step BIGINT PRIMARY KEY, done_at TIMESTAMPTZ NOT NULL DEFAULT now())"
        )
    done: int = connection.execute("SELECT coalesce(max(step), 0) FROM migration").fetchone()[0]
    return done


def _statements(script: str) -> Iterator[str]:
    *parts, rest = script.split(";")
    statement = ""
    for part in parts:
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if (statement + rest).strip():
        yield statement + rest  # a comment, or one without its semicolon
