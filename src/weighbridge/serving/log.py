"""A child's log file, which never grows beyond two files of a fixed size."""

from datetime import datetime
from pathlib import Path
from typing import IO


class BoundedLog:
    """Lines appended to `path`; at `limit` bytes the file becomes `<name>.1`, replacing the one before."""

    def __init__(self, path: Path, *, limit: int = 1_000_000) -> None:
        self._path = path
        self._limit = limit
        self._file: IO[bytes] | None = None

    def write(self, line: str, when: datetime | None) -> None:
        """Append one line, with its time before it, if given. A full disk loses lines, never the supervisor."""
        try:
            file = self._opened()
            before = "" if when is None else f"{when.isoformat(timespec='milliseconds')} "
            file.write(f"{before}{line}\n".encode())
            if file.tell() >= self._limit:
                self.close()
                self._path.replace(self._path.with_name(self._path.name + ".1"))
        except OSError:
            self.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        return self._file
