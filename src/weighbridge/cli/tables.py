"""Tables for people; apart from `printing`, as rich takes time to import."""

import sys
from collections.abc import Iterable, Sequence

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> None:
    """A table; None is shown as "-". Where nobody looks at a screen, rows are lines with tabs between the cells."""
    if not sys.stdout.isatty():
        for row in (heads, *rows):
            click.echo("\t".join(_cell(cell) for cell in row))
        return
    numbers = set(right)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if head in numbers else "left", overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row))
    Console(markup=False, emoji=False, highlight=False).print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
