"""`weighbridge market sync`: take in files of the market's sources, or what sources say today."""

import os
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event
from typing import Final

import click

from weighbridge import config
from weighbridge.cli.bars import Steps
from weighbridge.cli.failure import Failure
from weighbridge.cli.market_store import store_of
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.errors import MarketError
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.live.address import addresses, installed
from weighbridge.market.live.fetching import Fetching, fetch
from weighbridge.market.store import Store
from weighbridge.market.sync import Taken, take

_MOST_TOLD: Final = 5
"""Findings of a kind and file that are printed."""


@click.command("sync", epilog=examples("weighbridge market sync hub-weeks --as-of 2025-08-27"))
@click.argument("sources", nargs=-1, metavar="[SOURCE]...", type=click.Choice(sorted(installed().sources)))
@click.option(
    "--from",
    "path",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE|DIR",
    help="Files to take in; each one's source is recognised by its columns.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="When they were published, where they do not say so; or the day that a SOURCE is asked for.",
)
@json_option
@config_option
def sync(
    *, sources: tuple[str, ...], path: Path | None, as_of: datetime | None, as_json: bool, config_file: Path | None
) -> None:
    """Take in files of the market's sources, or what sources say today; what is here already changes nothing.

    A SOURCE is asked over the network, at its own address only, with your key where it wants one: OPENROUTER_API_KEY,
    ARTIFICIAL_ANALYSIS_API_KEY; HF_TOKEN widens the hub's limits. One that says to wait is waited for, and what was cut
    off goes on when it is run again, in the middle of a file too. One that fails is told, and the others are asked.
    Without any: the prices installed here.
    """
    day = None if as_of is None else as_of.date()
    if sources and path is not None:
        raise click.UsageError("name sources to ask, or --from files to take in: not both at once")
    try:
        settings = config.read({}, file=config_file)
        store = store_of(settings)
        with Steps("market") as steps:
            taken: list[Taken] = []
            if path is not None:
                taken += take(store, path, now=datetime.now(UTC), as_of=day, progress=steps.at)
            failed = _ask(store, sources, settings, day, steps, taken)
    except PackageMissing as error:
        raise Failure(str(error)) from error
    if not taken:
        _end(failed)
    if as_json:
        print_json([{"file": str(each.path), "before": each.before, "payload": each.kept} for each in taken])
        _end(failed)
        return
    heads = ("file", "source", "as of", "rows", "findings", "")
    print_table(heads, [_line(each) for each in taken], right=("rows", "findings"))
    for each in taken:
        _tell(each)
    _end(failed)


def _end(failed: list[MarketError]) -> None:
    for error in failed[:-1]:
        click.echo(f"Error: {error}", err=True)
    if failed:
        raise failed[-1]


def _tell(taken: Taken) -> None:
    """What was found in a file that is new here: the first few of each kind, and how many more."""
    told: Counter[str] = Counter()
    for finding in () if taken.kept is None or taken.before else taken.kept.findings:
        told[finding.kind] += 1
        if told[finding.kind] <= _MOST_TOLD:
            click.echo(f"{taken.path.name}: {finding.kind}, {finding.subject}: {finding.said}", err=True)
    for kind, count in told.items():
        if count > _MOST_TOLD:
            click.echo(f"{taken.path.name}: {kind}, {count - _MOST_TOLD} more; --json has all", err=True)


def _ask(  # noqa: PLR0917 - one use
    store: Store,
    sources: tuple[str, ...],
    settings: config.Settings,
    day: date | None,
    steps: Steps,
    taken: list[Taken],
) -> list[MarketError]:
    """Take in what sources say; those that could not be asked or read, each with its reason."""
    known = addresses(settings.market.hosts)
    today = datetime.now(UTC).date()
    fetching = Fetching(known, store.directory / "fetching", today, _wait, steps.at)
    failed: list[MarketError] = []
    for name in sources:
        live = known.live(name)
        variable = known.hosts[live.host].key
        secret = None if variable is None else settings.secrets.get(variable)
        try:
            fetched = fetch(name, fetching, key=None if secret is None else secret.reveal(), day=day).path
            taken += take(store, fetched, now=datetime.now(UTC), progress=steps.at, named=live.gives or name)
        except MarketError as error:
            failed.append(error)
            continue
        _once_on_disk(fetched, taken[-1], store)
    return failed


def _once_on_disk(fetched: Path, taken: Taken, store: Store) -> None:
    """Have what was fetched, and is kept raw, on the disk once; it is not asked for again that day."""
    if taken.kept is None:
        return
    link = fetched.with_name(f"{fetched.name}.link")
    link.unlink(missing_ok=True)
    os.link(store.directory / "raw" / taken.kept.sha256, link)
    link.replace(fetched)


def _wait(seconds: float) -> None:
    click.echo(f"waiting {seconds:.0f} s, as it asks", err=True)
    Event().wait(seconds)


def _line(taken: Taken) -> tuple[object, ...]:
    if taken.kept is None:
        return (taken.path.name, None, None, None, None, "of no known source")
    kept = taken.kept
    rows = sum(kept.rows.values())
    return (taken.path.name, kept.source, kept.as_of, rows, len(kept.findings), "was here" if taken.before else "taken")
