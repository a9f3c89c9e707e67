"""PostgreSQL, through psycopg: spoken to as SQLite is, with the same placeholders, cells and errors.

A connection that was lost is made anew by the next statement. What reads, and the beginning of a transaction, is tried
again at once, so that a restart of the server is not noticed where nothing can have been done twice.
"""

import itertools
import re
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from weighbridge.db.sqlite import Durability

if TYPE_CHECKING:
    import psycopg

OLDEST: Final = 14
"""The oldest PostgreSQL that our steps run on."""
_CONNECT_SECONDS: Final = 5
_LOST_MS: Final = 10_000
"""Milliseconds after which a server that does not answer our packets is taken for gone."""
_LINK: Final = {
    "application_name": "weighbridge",
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": _LOST_MS,
}
"""Of a connection, where its URL says nothing else."""
_OVERFLOW: Final = "22003"
_IN_THE_WAY: Final = ("40001", "40P01")
"""Codes of a transaction that met another: serialization failure, deadlock."""
_HARMLESS: Final = re.compile(r"\s*(SELECT|BEGIN|WITH\s+RECURSIVE)\b", re.IGNORECASE)
_TOKENS: Final = re.compile(r"'(?:[^']|'')*'|--[^\n]*|\?|(?<![:\w]):([a-z_]\w*)")
_NUL_IS: Final = "\ufffd"


class Unreachable(sqlite3.OperationalError):
    """The connection could not be made, or was lost: what was under way may have been done."""


class InTheWay(sqlite3.OperationalError):
    """Another transaction was in the way. Nothing was done; the same may succeed at once."""


def connect(url: str, *, durability: Durability = "process") -> "PostgresConnection":
    """A connection to a server. Raises sqlite3.Error, also where the driver is not installed."""
    try:
        import psycopg  # noqa: PLC0415 - an optional package
    except ImportError as exc:
        raise sqlite3.NotSupportedError("PostgreSQL needs its driver: pip install 'weighbridge[postgresql]'") from exc
    try:
        given = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error as exc:
        raise sqlite3.ProgrammingError("the URL of the database cannot be read: postgresql://user@host/name") from exc
    link = {name: str(value) for name, value in _LINK.items() if name not in given}
    conninfo = psycopg.conninfo.make_conninfo(url, **link)

    def fresh() -> "psycopg.Connection[tuple[Any, ...]]":  # cells are of many kinds
        made = psycopg.connect(conninfo, autocommit=True, cursor_factory=psycopg.RawCursor)
        _speak_alike(made)
        made.execute("SET lock_timeout = '10s'")  # as patient as with SQLite's lock
        if durability == "power":
            made.execute("SET synchronous_commit = on")  # else it is as the server's owner has set it
        return made

    return PostgresConnection(fresh)


class PostgresConnection:
    """As sqlite3.Connection, as far as db.Connection goes. Several threads may use it, a statement each."""

    def __init__(self, fresh: "Callable[[], psycopg.Connection[tuple[Any, ...]]]") -> None:
        self._fresh = fresh
        self._changing = threading.Lock()
        self._begun = False
        self._closed = False
        with _told_alike():
            self._connection = fresh()
        version = self._connection.info.server_version // 10_000
        if version < OLDEST:
            self._connection.close()
            raise sqlite3.NotSupportedError(f"PostgreSQL {version} is too old: {OLDEST} or newer is needed")

    @property
    def in_transaction(self) -> bool:
        """Whether one was begun and not ended, though the connection may be lost."""
        return self._begun

    def execute(
        self,
        sql: str,
        parameters: Sequence[Any] | Mapping[str, Any] = (),  # whatever a cell can be
        /,
    ) -> "psycopg.Cursor[tuple[Any, ...]]":
        """Run a statement; a script of several, where nothing is bound."""
        if self._closed:
            raise sqlite3.ProgrammingError("the connection was closed")
        was_begun = self._begun
        if sql == "ROLLBACK":
            return self._roll_back()
        try:
            with _told_alike():
                return self._run(sql, parameters)
        except Unreachable:
            if was_begun or _HARMLESS.match(sql) is None:
                raise
        with _told_alike():
            return self._run(sql, parameters)

    def close(self) -> None:
        """Close it; what was begun is undone."""
        self._closed = True
        self._connection.close()

    def _run(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> "psycopg.Cursor[tuple[Any, ...]]":
        connection = self._living()
        done = _bound(connection, sql, parameters) if parameters else connection.execute(sql)
        if sql == "BEGIN":
            self._begun = True
        elif sql == "COMMIT":
            self._begun = False
            if done.statusmessage != "COMMIT":  # as PostgreSQL ends a transaction in which something had failed
                raise sqlite3.OperationalError("the transaction was rolled back, as a statement of it had failed")
        return done

    def _roll_back(self) -> "psycopg.Cursor[tuple[Any, ...]]":
        """Undo what was begun; where the connection is lost the server has done so."""
        self._begun = False
        if not self._is_lost():
            try:
                with _told_alike():
                    return self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                if not self._is_lost():
                    raise
        return self._connection.cursor_factory(self._connection)

    def _living(self) -> "psycopg.Connection[tuple[Any, ...]]":
        if not self._is_lost():
            return self._connection
        if self._begun:
            raise Unreachable("the connection was lost within a transaction")
        with self._changing:
            if self._is_lost() and not self._closed:
                self._connection = self._fresh()
            return self._connection

    def _is_lost(self) -> bool:
        return self._connection.closed


def _bound(
    connection: "psycopg.Connection[tuple[Any, ...]]", sql: str, parameters: Sequence[Any] | Mapping[str, Any]
) -> "psycopg.Cursor[tuple[Any, ...]]":
    import psycopg  # noqa: PLC0415 - an optional package, here at hand

    query, names = _translated(sql)
    cells = [parameters[name] for name in names] if isinstance(parameters, Mapping) else parameters
    try:
        return connection.execute(query, cells)
    except psycopg.DataError as exc:
        if exc.sqlstate is not None:
            raise
        cleaned = _without_nul(cells)  # which a client may put into a model's name, and PostgreSQL cannot keep
        if cleaned == cells:
            raise
        return connection.execute(query, cleaned)


def _without_nul(cells: Sequence[Any]) -> list[Any]:
    return [each.replace("\0", _NUL_IS) if isinstance(each, str) else each for each in cells]


@lru_cache(maxsize=1024)
def _translated(sql: str) -> tuple[str, list[str]]:
    """With PostgreSQL's own placeholders in place of SQLite's, and the names of those that have some."""
    count, names = itertools.count(1), []

    def token(found: re.Match[str]) -> str:
        if found[1] is not None:
            names.append(found[1])
        elif found[0] != "?":
            return found[0]
        return f"${next(count)}"

    return _TOKENS.sub(token, sql), names


class _told_alike:
    """Turns psycopg's errors into DB-API's as sqlite3 has them."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: object) -> None:
        if exc is None or isinstance(exc, sqlite3.Error):
            return
        import psycopg  # noqa: PLC0415 - an optional package, here at hand

        if isinstance(exc, psycopg.Error):
            raise _alike(exc) from exc


def _alike(exc: "psycopg.Error") -> Exception:
    import psycopg  # noqa: PLC0415 - an optional package, here at hand

    words = exc.diag.message_primary or str(exc).strip() or type(exc).__name__
    if exc.sqlstate == _OVERFLOW:
        return OverflowError(words)  # as sqlite3 says of a number over 64 bits
    if exc.sqlstate in _IN_THE_WAY:
        return InTheWay(words)
    if isinstance(exc, psycopg.OperationalError):
        # without a code it never reached the server; 08 and 57P are the server's goodbye
        lost = exc.sqlstate is None or exc.sqlstate.startswith(("08", "57P"))
        return Unreachable(words) if lost else sqlite3.OperationalError(words)
    for theirs, ours in (
        (psycopg.InterfaceError, sqlite3.InterfaceError),
        (psycopg.IntegrityError, sqlite3.IntegrityError),
        (psycopg.DataError, sqlite3.DataError),
        (psycopg.ProgrammingError, sqlite3.ProgrammingError),
        (psycopg.NotSupportedError, sqlite3.NotSupportedError),
        (psycopg.InternalError, sqlite3.InternalError),
    ):
        if isinstance(exc, theirs):
            return ours(words)
    return sqlite3.DatabaseError(words)


def _speak_alike(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """Have cells come as from SQLite, and numbers go as 64 bits: else each size would make another statement."""
    from psycopg.adapt import Loader  # noqa: PLC0415 - an optional package, here at hand
    from psycopg.types.numeric import Int8Dumper  # noqa: PLC0415 - likewise

    class Truth(Loader):
        def load(self, data: bytes | bytearray | memoryview) -> int:
            return int(bytes(data) == b"t")

    class Sum(Loader):
        """The sum of a column of integers is a `numeric`."""

        def load(self, data: bytes | bytearray | memoryview) -> int | float:
            text = bytes(data)
            return float(text) if b"." in text or b"N" in text else int(text)

    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_dumper(bool, Int8Dumper)
    connection.adapters.register_loader("bool", Truth)
    connection.adapters.register_loader("numeric", Sum)
