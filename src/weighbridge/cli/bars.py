"""A progress bar on a terminal."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Bar:
    """Draws while it is entered; lines go above it."""

    def __init__(self, name: str) -> None:
        console = Console(stderr=True, markup=False, emoji=False, highlight=False)
        columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task(name, total=None, visible=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def said(self, line: str) -> None:
        self._progress.console.print(line)

    def at(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total, visible=True)


class Steps:
    """A bar for work in steps; draws while it is entered."""

    def __init__(self, name: str) -> None:
        console = Console(stderr=True, markup=False, emoji=False, highlight=False)
        columns = (TextColumn(name), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task(name, total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def at(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)
