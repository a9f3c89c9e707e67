"""How a long fetch tells how far it is."""

from typing import Protocol


class Progress(Protocol):
    """The listener; the command line draws it."""

    def said(self, line: str) -> None:
        """One line for the user: which source is tried, and why one failed."""
        ...

    def at(self, done: int, total: int) -> None:
        """So many bytes of the file are here. Called a few times a second at least; may step back on a retry."""
        ...
