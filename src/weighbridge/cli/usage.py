"""`weighbridge usage`: what was used and what it cost."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final, get_args

import click

from weighbridge import config
from weighbridge.app.offer import offered
from weighbridge.catalog.load import every_provider
from weighbridge.cli import database
from weighbridge.cli.asking import Dimensions, Where
from weighbridge.cli.failure import Failure
from weighbridge.cli.moments import Moment
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json, usd
from weighbridge.cli.tables import print_table
from weighbridge.cli.tallying import key_names
from weighbridge.config import Settings
from weighbridge.ledger import analysis, directory, focus, measures, rollups
from weighbridge.ledger.analysis import Dialect
from weighbridge.ledger.focus import Period
from weighbridge.ledger.measures import MEASURES, Measure, Show, Unit, Value
from weighbridge.ledger.questions import (
    DIMENSIONS,
    Answer,
    By,
    Figures,
    Known,
    Question,
    answer,
    kept,
)
from weighbridge.ledger.tabular import Cell, Kind, PackageMissing, csv_file, csv_text, parquet_file, write_parquet
from weighbridge.ledger.tally import Tally

_EPILOG: Final = (
    examples(
        "weighbridge usage",
        "weighbridge usage --by country,licence --since 30d",
        "weighbridge usage --by user --where project=search --top 20",
        "weighbridge usage --by day,model --csv > usage.csv",
        "weighbridge usage --since 2026-11-01 --until 2026-12-01 --focus november.csv",
    )
    + "\n\n\b\nDimensions:\n"
    + "\n".join(f"  {name:<16}  {dimension.said}" for name, dimension in DIMENSIONS.items())
)


@click.command("usage", epilog=_EPILOG)
@click.option(
    "--by", type=Dimensions(), default="model", metavar="DIM,…", help="What to sum over, one or more [model]."
)
@click.option("--since", type=Moment("ago"), metavar="SPAN|DATE", help="Only from then on: 24h, 30d, 2026-12-01 (UTC).")
@click.option("--until", type=Moment("ago"), metavar="SPAN|DATE", help="Only to before then.")
@click.option("--where", type=Where(), multiple=True, metavar="DIM=VALUE", help="Only these; more than once, all hold.")
@click.option("--key", metavar="ID", help="As --where key=ID.")
@click.option("--project", metavar="NAME", help="As --where project=NAME.")
@click.option("--model", metavar="ID", help="As --where model=ID.")
@click.option("--top", type=click.IntRange(1), metavar="N", help="Only those that cost most; the others are one.")
@click.option("--latency", is_flag=True, help="Show times: to the first byte, and in all.")
@click.option("--savings", is_flag=True, help="Show what caches have saved.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--parquet", type=click.Path(path_type=Path), metavar="FILE", help="Write the groups to a Parquet file.")
@click.option(
    "--focus",
    "focus_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the use of each day as FOCUS 1.2 (FinOps), to a .csv or .parquet file.",
)
@click.option(
    "--focus-period",
    "period",
    type=click.Choice(get_args(Period)),
    default="day",
    help="With --focus: how long a charge is taken together; the longer, the fewer rows [day].",
)
@click.option(
    "--from-parquet",
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR",
    help="Ask the files of `weighbridge ledger export` or `archive` instead of the ledger.",
)
@click.option(
    "--sql",
    "dialect",
    type=click.Choice(get_args(Dialect)),
    help="Print the SQL that sums up a table `entries` of those files' columns for this question, and stop.",
)
@config_option
def command(  # noqa: PLR0913 - one for each option
    *,
    by: tuple[By, ...],
    since: datetime | None,
    until: datetime | None,
    where: tuple[tuple[By, str], ...],
    key: str | None,
    project: str | None,
    model: str | None,
    top: int | None,
    latency: bool,
    savings: bool,
    as_json: bool,
    as_csv: bool,
    parquet: Path | None,
    focus_file: Path | None,
    period: Period,
    from_parquet: Path | None,
    dialect: Dialect | None,
    config_file: Path | None,
) -> None:
    """Sum up the ledger: requests, tokens and cost.

    Sums are kept by the hour: times are taken to the full hour, outward. What is not known of a request is a group of
    its own; the total is that of all. "estimated" counts requests whose tokens nobody reported, "unpriced" those whose
    price is not known: they are in the tokens and not in the cost.
    """
    form = Form(as_json, as_csv, parquet, focus_file)
    if since is not None and until is not None and until <= since:
        raise click.BadParameter("it is not after --since", param_hint="--until")
    own: tuple[tuple[By, str | None], ...] = (("key", key), ("project", project), ("model", model))
    asked = Question(
        by if focus_file is None else focus.by(period),
        since=since,
        until=until,
        where=(*where, *((name, value) for name, value in own if value is not None)),
        top=top,
        latency=latency or not form.is_table,
        savings=savings or not form.is_table,
    )
    settings = config.read({}, file=config_file)
    try:
        if dialect is not None:
            click.echo(analysis.sql(asked, dialect))
            return
        if form.focus is not None:
            with _source(settings, from_parquet) as source:
                _write_focus(form.focus, asked, period, source, _known(settings))
            return
        with _source(settings, from_parquet) as source:
            tallies, names = source.tallies(asked), source.names
        _show(form, asked, tallies, _known(settings), names)
    except PackageMissing as error:
        raise Failure(str(error)) from error


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is wanted. Raises click.UsageError where it is wanted in two ways."""

    as_json: bool
    as_csv: bool
    parquet: Path | None
    focus: Path | None

    def __post_init__(self) -> None:
        if self.as_json + self.as_csv + (self.parquet is not None) + (self.focus is not None) > 1:
            raise click.UsageError("--json, --csv, --parquet and --focus exclude each other")
        if self.focus is not None and self.focus.suffix not in (".csv", ".parquet"):
            raise click.BadParameter("its name must end with .csv or .parquet", param_hint="--focus")

    @property
    def is_table(self) -> bool:
        """Whether people are to read it."""
        return not (self.as_json or self.as_csv or self.parquet or self.focus)


@dataclass(frozen=True, slots=True)
class _Source:
    """What is asked."""

    tallies: Callable[[Question], list[Tally]]
    hours: Callable[[], list[int]]
    """Those since 1970 that there is something of."""
    names: Mapping[str, str]
    """Of keys, by id."""


@contextmanager
def _source(settings: Settings, parquet: Path | None) -> Iterator[_Source]:
    if parquet is not None:
        yield _Source(partial(directory.tallies, parquet), partial(directory.hours_of, parquet), {})
        return
    with database.existing(settings) as connection:

        def tallies(asked: Question) -> list[Tally]:
            return rollups.tallies(
                connection,
                since=asked.since,
                until=asked.until,
                grain=asked.grain,
                by_user=asked.by_user,
                only=asked.only,
            )

        yield _Source(tallies, partial(rollups.hours_of, connection), key_names(connection))


def _known(settings: Settings) -> Known:
    now = datetime.now(UTC)
    return Known(offered(settings, (), (), now), lambda: offered(settings, every_provider(), (), now))


def _show(form: Form, asked: Question, tallies: list[Tally], known: Known, names: Mapping[str, str]) -> None:
    found = answer(tallies, asked, known)
    if form.parquet is not None:
        write_parquet(form.parquet, _columns(asked), _records(found))
        click.echo(f"{form.parquet}: {len(found.rows):,} rows", err=True)
    elif form.as_json:
        print_json([measures.document(found, row, names) for row in found.rows])
    elif form.as_csv:
        click.echo(csv_text(_columns(asked), _records(found)), nl=False)
    elif not found.rows:
        click.echo('No requests yet. Ask something: weighbridge chat "Hello"', err=True)
    else:
        _print(found, names)


def _write_focus(path: Path, asked: Question, period: Period, source: _Source, known: Known) -> None:
    """A part of the time after another: there may be as many rows as requests."""
    first, end = rollups.hours(asked.since, asked.until)
    wanted = [hour for hour in source.hours() if first <= hour < end]
    written = 0
    with (csv_file if path.suffix == ".csv" else parquet_file)(path, focus.COLUMNS) as add:
        for start, stop in focus.slices(wanted, period):
            since = start if asked.since is None else max(start, asked.since)
            until = stop if asked.until is None else min(stop, asked.until)
            part = replace(asked, since=since, until=until)
            found = focus.rows(kept(source.tallies(part), part, known), known, source.names, period)
            add(found)
            written += len(found)
    click.echo(f"{path}: {written:,} rows", err=True)


def _columns(asked: Question) -> dict[str, Kind]:
    return {**dict.fromkeys(asked.by, _TEXT), **{name: _KINDS[each.unit] for name, each in MEASURES.items()}}


_TEXT: Final[Kind] = "text"
_KINDS: Final[Mapping[Unit, Kind]] = {"count": "count", "usd": "money", "seconds": "seconds"}


def _records(found: Answer) -> list[dict[str, Cell]]:
    by = found.question.by
    return [{**dict(zip(by, row.group, strict=True)), **measures.values(row.figures)} for row in found.rows]


def _print(found: Answer, names: Mapping[str, str]) -> None:
    asked = found.question
    shown: set[Show] = {"always", *(("latency",) if asked.latency else ()), *(("savings",) if asked.savings else ())}
    columns = [each for each in MEASURES.values() if each.show in shown]
    columns.sort(key=lambda each: each.show != "always")
    heads = [each.head for each in columns]
    lines = [
        (*_labelled(asked.by, measures.labels(asked.by, row), names), *_cells(columns, row.figures))
        for row in found.rows
    ]
    total = ("total", *[""] * (len(asked.by) - 1), *_cells(columns, found.total))
    print_table((*(by.replace("_", " ") for by in asked.by), *heads), [*lines, total], right=heads)


def _labelled(by: tuple[By, ...], labels: tuple[str, ...], names: Mapping[str, str]) -> list[str]:
    return [
        f"{names[group]} ({group})" if each == "key" and group in names else group
        for each, group in zip(by, labels, strict=True)
    ]


def _cells(columns: list[Measure], figures: Figures) -> list[object]:
    return [_cell(each.of(figures)) for each in columns]


def _cell(value: Value) -> object:
    if isinstance(value, Decimal):
        return usd(value)
    return f"{value:.3f}" if isinstance(value, float) else value
