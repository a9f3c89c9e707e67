"""Room on the disk held by a file, to be given up when the disk is full."""

from pathlib import Path


class Reserve:
    """The file. Several workers share it; who finds it gone makes it again."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self._held = size == 0

    def take(self) -> None:
        """Make the file if it is not there. Raises OSError when there is no room for it."""
        if self._held:
            return
        if not self._path.exists() or self._path.stat().st_size < self._size:
            try:
                self._path.write_bytes(bytes(self._size))
            except OSError:
                self._path.unlink(missing_ok=True)
                raise
        self._held = True

    def give_up(self) -> bool:
        """Delete the file; whether there was one, so that it is worth trying again."""
        held, self._held = self._held and self._size > 0, self._size == 0
        if held:
            self._path.unlink(missing_ok=True)
        return held
