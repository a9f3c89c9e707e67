"""`weighbridge import-usage`: usage that did not pass through the gateway, into its ledger."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import click

from weighbridge import config
from weighbridge.accounts import keys
from weighbridge.app.texts import users_of
from weighbridge.cli import database
from weighbridge.cli.dated_prices import dated_prices
from weighbridge.cli.failure import Failure
from weighbridge.cli.moments import Moment
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json, usd
from weighbridge.db import Connection
from weighbridge.ledger.cost import plain
from weighbridge.ledger.imports.entries import Owner, Taken, entry_of, take
from weighbridge.ledger.imports.kinds import KINDS
from weighbridge.ledger.imports.outside import OURS, Kind, Outside, Passed
from weighbridge.ledger.imports.passed_through import through_us
from weighbridge.ledger.rows import Source, Unreadable

_SHOWN = 20
"""Bad lines printed; `--json` has all."""

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class _Read:
    """What was found in files."""

    usage: list[Outside] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)


@click.command(
    "import-usage",
    epilog=examples(
        "weighbridge import-usage --from claude-code --key alice",
        "weighbridge import-usage --from codex ~/.codex/sessions --since 30d",
        "weighbridge import-usage --from litellm spend_logs.csv --dry-run",
    ),
)
@click.option("--from", "source", type=click.Choice(list(KINDS)), required=True, help="Whose files they are.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[FILE|DIR]…")
@click.option("--key", metavar="NAME|ID", help="Enter it for this key [import:SOURCE, which is none].")
@click.option("--name", metavar="NAME", help="Mark it so, to tell two of a kind apart [the source].")
@click.option("--since", type=Moment("ago"), metavar="SPAN|DATE", help="Only from then on: 24h, 30d, 2026-12-01 (UTC).")
@click.option("--until", type=Moment("ago"), metavar="SPAN|DATE", help="Only to just before then.")
@click.option("--dry-run", is_flag=True, help="Say what would be entered, and enter nothing.")
@json_option
@config_option
def command(  # noqa: PLR0913 - one for each option
    *,
    source: str,
    paths: tuple[Path, ...],
    key: str | None,
    name: str | None,
    since: datetime | None,
    until: datetime | None,
    dry_run: bool,
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Take over usage that did not pass through the gateway, priced by the list of its day and marked as such.

    Without a FILE or DIR it looks where Claude Code, Codex and opencode keep their logs. A second time adds nothing.
    Prompts and answers are never read into the ledger. Exits with 1 where lines could not be read; the others are in.
    """
    settings, kind = config.read({}, file=config_file), KINDS[source]
    files = kind.files(paths or _usual(source, kind))
    if not files:
        raise Failure("there is no file to read", next_step=f"weighbridge import-usage --from {source} FILE")
    found = _read(files, kind)
    merged = list(kind.merge(found.usage))
    kept = [one for one in merged if _within(one, since, until)]
    named, prices, users = name or source, dated_prices(settings), users_of(settings)
    kept = [one if one.user is None else replace(one, user=users.of_entry(one.user)) for one in kept]
    with database.opened(settings) as connection:
        owner = _owner(connection, key, named)
        is_ours = through_us(connection, kept)
        found.passed[OURS] += sum(map(is_ours, kept))
        entries = sorted(
            (entry_of(one, named=named, owner=owner, prices=prices) for one in kept if not is_ours(one)),
            key=lambda entry: entry.id,
        )
        taken = take(connection, entries, dry=dry_run)
    repeated = len(found.usage) - len(merged)
    if as_json:
        print_json(_document(taken, found, repeated, owner, named))
    else:
        _print(taken, found, repeated, owner, dry=dry_run)
    if found.bad:
        sys.exit(1)


def _usual(source: str, kind: Kind) -> list[Path]:
    found = [folder for each in kind.home if (folder := Path.home() / each).is_dir()]
    if not found:
        looked = " or ".join(f"~/{each}" for each in kind.home) or "no usual place"
        raise Failure(
            f"there are no files of {source} in {looked}", next_step=f"weighbridge import-usage --from {source} FILE"
        )
    return found


def _read(files: Sequence[Path], kind: Kind) -> _Read:
    found = _Read()
    sizes = [file.stat().st_size for file in files]
    with _bar() as progress:
        for place, file in enumerate(files):
            try:
                for one in kind.read(Source(str(file), file.read_bytes())):
                    if isinstance(one, Outside):
                        found.usage.append(one)
                    elif isinstance(one, Passed):
                        found.passed[one.why] += 1
                    else:
                        found.bad.append(one.why)
            except Unreadable as error:
                found.bad.append(str(error))
            progress(sum(sizes[: place + 1]), sum(sizes))
    return found


@contextmanager
def _bar() -> Iterator[Progress]:
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    # Imported here: rich takes time, and a script draws nothing.
    from weighbridge.cli.bars import Bar  # noqa: PLC0415

    with Bar("reading") as bar:
        yield bar.at


def _within(one: Outside, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or one.at >= since) and (until is None or one.at < until)


def _owner(connection: Connection, wanted: str | None, named: str) -> Owner:
    if wanted is None:
        return Owner(f"import:{named}")
    found = [key for key in keys.listing(connection) if wanted in (key.id, key.name)]
    if len(found) != 1:
        said = "no key" if not found else f"{len(found)} keys"
        raise Failure(f"{said} of the name or id {wanted!r}", next_step="weighbridge keys list")
    labels = found[0].labels
    return Owner(found[0].id, labels.organisation, labels.project, labels.tags)


def _print(taken: Taken, found: _Read, repeated: int, owner: Owner, *, dry: bool) -> None:
    verb = "would be entered" if dry else "entered"
    click.echo(f"{taken.new:,} requests {verb} for {owner.key}: {taken.tokens:,} tokens, {usd(taken.cost)} by the list")
    counts = [
        (taken.there, "were there already"),
        (repeated, "more lines of the same requests"),
        (taken.unpriced, "of the new ones have no known price, and are in no cost"),
        (len(taken.changed), f"that were there have other figures now, and were left: {', '.join(taken.changed[:3])}"),
        *((count, f"lines passed over: {why}") for why, count in sorted(found.passed.items())),
    ]
    for count, said in counts:
        if count:
            click.echo(f"{count:,} {said}")
    for why in found.bad[:_SHOWN]:
        click.echo(f"not read: {why}", err=True)
    if len(found.bad) > _SHOWN:
        click.echo(f"not read: {len(found.bad) - _SHOWN:,} more lines; --json has all", err=True)


def _document(taken: Taken, found: _Read, repeated: int, owner: Owner, named: str) -> dict[str, object]:
    return {
        "source": named,
        "key": owner.key,
        "new": taken.new,
        "already_there": taken.there,
        "repeated": repeated,
        "changed": taken.changed,
        "unpriced": taken.unpriced,
        "tokens": taken.tokens,
        "cost": plain(taken.cost),
        "passed_over": {why: count for why, count in found.passed.items() if count},
        "not_read": found.bad,
    }
