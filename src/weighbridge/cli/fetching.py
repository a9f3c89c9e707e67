"""How a fetch is shown: a bar where somebody watches, else a line now and then. All on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from weighbridge.serving.progress import Progress

_STEP = 10
"""Percent between two lines."""


class Lines:
    """For a log: a line for each tenth."""

    def __init__(self) -> None:
        self._shown = 0

    def said(self, line: str) -> None:
        click.echo(line, err=True)

    def at(self, done: int, total: int) -> None:
        tenth = done * 100 // total // _STEP * _STEP
        if tenth != self._shown:
            self._shown = tenth
            click.echo(f"{tenth:3} % of {total / 1e6:.0f} MB", err=True)


@contextmanager
def shown(name: str) -> Iterator[Progress]:
    """What draws the fetch of `name`, while the block runs."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    # Imported here: a start with the weights at hand draws nothing.
    from weighbridge.cli.bars import Bar  # noqa: PLC0415

    with Bar(name) as bar:
        yield bar
