"""The cache's file, for two threads at a time: one reads, one writes. Whatever is amiss with it is no error but a miss.

A file that cannot be opened, read or written is told of once, and tried again later: nothing depends on it.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from weighbridge.cache import store

log = logging.getLogger(__name__)

_AGAIN_SECONDS: Final = 5.0
"""After a file could not be opened."""
_Done = TypeVar("_Done")


class CacheFile:
    """One connection, opened when it is first used. Methods are for any thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._not_before = 0.0
        self._lock = threading.Lock()
        self.fault: str | None = None
        """Why it could not be used the last time; None when all is well."""

    def use(self, work: Callable[[sqlite3.Connection], _Done]) -> _Done | None:
        """What the work gives; None where the file does not let it be done."""
        with self._lock:
            connection = self._connection or self._open()
            if connection is None:
                return None
            try:
                done = work(connection)
            except (sqlite3.Error, OSError) as exc:
                self._tell(str(exc) or type(exc).__name__)
                if not isinstance(exc, sqlite3.OperationalError):  # malformed, or no database: another may be put there
                    self._shut()
                return None
            self._tell(None)
            return done

    def close(self) -> None:
        """Close the connection. The next use opens another."""
        with self._lock:
            self._shut()

    def _open(self) -> sqlite3.Connection | None:
        if time.monotonic() < self._not_before:
            return None
        try:
            connection = store.connect(self._path)
        except (sqlite3.Error, OSError) as exc:
            self._not_before = time.monotonic() + _AGAIN_SECONDS
            self._tell(str(exc) or type(exc).__name__)
            return None
        self._connection = connection
        return connection

    def _shut(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _tell(self, fault: str | None) -> None:
        if fault is not None and self.fault is None:
            log.warning(
                "the cache %s cannot be used (%s): answers are asked for anew; if it stays so, delete the file",
                self._path,
                fault,
            )
        elif fault is None and self.fault is not None:
            log.warning("the cache can be used again")
        self.fault = fault
