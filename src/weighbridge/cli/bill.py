"""`weighbridge bill`: what a month cost, and what it would have cost on other models."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import click

from weighbridge import config
from weighbridge.app.offer import whole
from weighbridge.app.recounting import Recounting
from weighbridge.catalog.tokenizers import USUAL, Tokenizers
from weighbridge.cli import billing, database
from weighbridge.cli.failure import Failure
from weighbridge.cli.months import Month, next_month, this_month
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tallying import key_names
from weighbridge.config import Settings
from weighbridge.db import Connection
from weighbridge.ledger.bill import reading
from weighbridge.ledger.bill.book import Book, InLedger
from weighbridge.ledger.bill.files import InFiles
from weighbridge.ledger.bill.recorded import BY, Bill
from weighbridge.ledger.bill.recount import best
from weighbridge.ledger.bill.tally import Dimension
from weighbridge.ledger.bill.targets import cuts
from weighbridge.ledger.tabular import PackageMissing

_DETAIL: Final[tuple[Dimension, ...]] = ("model", "key", "day")


class _Names(click.ParamType[tuple[str, ...]]):
    name = "names"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        if not names:
            self.fail("it names nothing", param, ctx)
        return names


@click.command(
    "bill",
    epilog=examples(
        "weighbridge bill",
        "weighbridge bill --month 2026-11 --by project",
        "weighbridge bill --month 2026-11 --on qwen/qwen3.5-27b,deepseek/deepseek-v4-pro",
        "weighbridge bill --on deepseek/deepseek-v4-pro --provider deepseek --text chinese,code --detail",
    ),
)
@click.option("--month", type=Month(), metavar="YYYY-MM", help="Which month, in UTC [this one].")
@click.option("--by", type=click.Choice(get_args(Dimension)), help="What to tell apart [provider, model and price].")
@click.option("--on", "others", type=_Names(), metavar="MODEL,…", help="Count the month again on these models.")
@click.option("--provider", "providers", type=_Names(), metavar="NAME,…", help="With --on: at these [the cheapest].")
@click.option(
    "--text", "kinds", type=_Names(), metavar="KIND,…", help=f"With --on: what the texts are [{','.join(USUAL)}]."
)
@click.option("--detail", is_flag=True, help="With --on: by the model that is replaced, key and day.")
@click.option(
    "--from-parquet",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Read the files of `weighbridge ledger export` or `archive` instead of the ledger.",
)
@json_option
@config_option
def command(  # noqa: PLR0913 - one for each option
    *,
    month: datetime | None,
    by: Dimension | None,
    others: tuple[str, ...] | None,
    providers: tuple[str, ...] | None,
    kinds: tuple[str, ...] | None,
    detail: bool,
    from_parquet: Path | None,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Show a month's bill, and with --on what the same requests would have cost on other models.

    Every request is counted again: its tokens by the other model's tokenizer, at the price of its day and hour. What
    is not known is assumed within a range, each assumption is listed, and the answer is a range. Texts that are kept
    are counted themselves, with vocabularies in the data directory's folder `tokenizers`; those of files are not.
    """
    if others is None and (providers or kinds or detail):
        raise click.UsageError("--provider, --text and --detail need --on")
    settings = config.read({}, file=config_file)
    since = month or this_month(datetime.now(UTC))
    until = next_month(since)
    tokenizers = Tokenizers()
    of_text = _known(kinds or USUAL, tokenizers)
    dimensions = _DETAIL if detail else (by or "model",)
    with _opened(settings, from_parquet) as connection:
        names = {} if connection is None else key_names(connection)
        book = _book(connection, from_parquet, since, until)
        recounting = None
        if others is not None:
            # all endpoints there ever were: the month may be long over
            catalog = whole(settings, None)
            recounting = Recounting(settings, catalog, book, tokenizers, of_text, names=names)
        counted = [] if recounting is None else recounting.on(others or (), dimensions, providers)
        recounts = [recount for each in counted for recount in each]
        found = Bill(BY if by is None else (by,))
        apart = found.by if recounting is None else (*found.by, *dimensions, *recounting.apart)
        at = cuts(recount.target for recount in recounts)
        with _progress() as progress:
            for tally in book.tallies(replace(at, days=None) if "day" in apart else at, apart, progress):
                found.add(tally)
                for recount in recounts:
                    recount.add(tally)
        missing = 0
        if connection is not None and from_parquet is None:
            if recounting is not None:
                recounting.count_kept(connection, recounts, since=since, until=until)
            missing = max(0, reading.summed(connection, since=since, until=until) - _entries(found))
    view = billing.View(
        since, found, missing, names, [(best(each), len(each)) for each in counted], tokenizers, of_text
    )
    if as_json:
        print_json(billing.document(view))
    else:
        billing.show(view)


@contextmanager
def _opened(settings: Settings, files: Path | None) -> Iterator[Connection | None]:
    """The ledger, which files can be read without: it has the names of keys."""
    try:
        if files is not None and not database.is_there(settings):
            yield None
        else:
            with database.existing(settings) as connection:
                yield connection
    except PackageMissing as error:
        raise Failure(str(error)) from error


def _book(connection: Connection | None, files: Path | None, since: datetime, until: datetime) -> Book:
    if files is not None:
        return InFiles(files, since, until)
    assert connection is not None  # noqa: S101 - or there were files
    return InLedger(connection, since, until)


def _known(kinds: tuple[str, ...], tokenizers: Tokenizers) -> tuple[str, ...]:
    strange = [kind for kind in kinds if kind not in tokenizers.kinds]
    if strange:
        raise click.BadParameter(
            f"{strange[0]!r} was not measured; there are {', '.join(tokenizers.kinds)}", param_hint="--text"
        )
    return kinds


def _entries(bill: Bill) -> int:
    return sum(total.entries for total in bill.totals.values())


@contextmanager
def _progress() -> Iterator[reading.Progress]:
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    # Imported here: rich takes time, and a script draws nothing.
    from weighbridge.cli.bars import Steps  # noqa: PLC0415

    with Steps("reading the ledger") as bar:
        yield bar.at
