"""`weighbridge market`: take in the market's data, and work out its figures."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Final

import click

from weighbridge import config
from weighbridge.cli.bars import Steps
from weighbridge.cli.failure import Failure
from weighbridge.cli.market_diff import diff
from weighbridge.cli.market_figure import explain, one
from weighbridge.cli.market_own import own_figure
from weighbridge.cli.market_report import report
from weighbridge.cli.market_store import opened, take_what_is_installed
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.live import LIVE, fetch
from weighbridge.market.recipes.recipe import recipes
from weighbridge.market.store import Store
from weighbridge.market.sync import Taken, take

_KEYS: Final[Mapping[str, str]] = {"hub": "HF_TOKEN", "openrouter-rankings": "OPENROUTER_API_KEY"}
"""Variables with the key of a source."""


@click.group(
    "market",
    epilog=examples(
        "weighbridge market sync --from downloads/",
        "weighbridge market sync models.dev openrouter-models",
        "weighbridge market figure top-20 --window 2026-08-10:2026-08-16",
        "weighbridge market explain arena-rank",
        "weighbridge market report --lang ar -o report.html",
    ),
)
def command() -> None:
    """Keep the open-model market's data, and work out its figures: definition, inputs, result, sensitivity."""


@command.command("sync")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...", type=click.Choice(sorted(LIVE)))
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
    help="When they were published, where they do not say so.",
)
@json_option
@config_option
def sync(
    *, sources: tuple[str, ...], path: Path | None, as_of: datetime | None, as_json: bool, config_file: Path | None
) -> None:
    """Take in files of the market's sources, or what sources say today; what is here already changes nothing.

    A SOURCE is asked over the network, at its own address only: hub (with HF_TOKEN its limits are wider),
    openrouter-models, openrouter-rankings (needs OPENROUTER_API_KEY), models.dev, models.dev-models. One that says to
    wait is waited for, and what was cut off goes on when it is run again. Without any: the prices installed here.
    """
    day = None if as_of is None else as_of.date()
    if sources and path is not None:
        raise click.UsageError("name sources to ask, or --from files to take in: not both at once")
    try:
        store = opened(config_file, installed=False)
        with Steps("market") as steps:
            take_what_is_installed(store)
            paths = [path] if path is not None else _fetched(store, sources, config_file)
            taken = [
                each for at in paths for each in take(store, at, now=datetime.now(UTC), as_of=day, progress=steps.at)
            ]
    except PackageMissing as error:
        raise Failure(str(error)) from error
    if as_json:
        print_json([{"file": str(each.path), "before": each.before, "payload": each.kept} for each in taken])
        return
    heads = ("file", "source", "as of", "rows", "findings", "")
    print_table(heads, [_line(each) for each in taken], right=("rows", "findings"))
    for each in taken:
        for finding in () if each.kept is None or each.before else each.kept.findings:
            click.echo(f"{each.path.name}: {finding.kind}, {finding.subject}: {finding.said}", err=True)


def _fetched(store: Store, sources: tuple[str, ...], config_file: Path | None) -> Iterator[Path]:
    secrets = config.read({}, file=config_file).secrets if sources else None
    for name in sources:
        secret = None if secrets is None or name not in _KEYS else secrets.get(_KEYS[name])
        key = None if secret is None else secret.reveal()
        yield fetch(LIVE[name], store.directory / "fetching", today=datetime.now(UTC).date(), wait=_wait, key=key).path


def _wait(seconds: float) -> None:
    click.echo(f"waiting {seconds:.0f} s, as it asks", err=True)
    Event().wait(seconds)


def _line(taken: Taken) -> tuple[object, ...]:
    if taken.kept is None:
        return (taken.path.name, None, None, None, None, "of no known source")
    kept = taken.kept
    rows = sum(kept.rows.values())
    return (taken.path.name, kept.source, kept.as_of, rows, len(kept.findings), "was here" if taken.before else "taken")


@command.command("figures")
@json_option
def figures(*, as_json: bool) -> None:
    """List the figures there are recipes for."""
    if as_json:
        print_json([{"name": name, "title": each.title, "sources": each.sources} for name, each in recipes().items()])
        return
    lines = [(name, each.title, ", ".join(each.sources)) for name, each in recipes().items()]
    print_table(("figure", "what it says", "from"), lines)


for subcommand in (one, explain, own_figure, report, diff):
    command.add_command(subcommand)
