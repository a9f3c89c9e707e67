"""`weighbridge texts`: the prompts and answers that are kept; to show, export, delete and encrypt anew."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
import msgspec

from weighbridge import config, db
from weighbridge.app.texts import seals_of
from weighbridge.cli import database
from weighbridge.cli.failure import Failure, Misuse
from weighbridge.cli.moments import Moment
from weighbridge.cli.options import config_option, examples, json_option
from weighbridge.cli.printing import print_json
from weighbridge.cli.tables import print_table
from weighbridge.config import Settings
from weighbridge.db import microseconds, moment
from weighbridge.ledger import store as ledger
from weighbridge.ledger.cost import plain
from weighbridge.texts.line import Settled, Usage, settled
from weighbridge.texts.sealing import new_key
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Row, Text, Which

_TOGETHER: Final = 200
"""Texts that are encrypted anew in one transaction."""
_since = click.option(
    "--since", type=Moment("ago"), metavar="SPAN|DATE", help="Only from then on: 24h, 30d, 2026-12-01 (UTC)."
)
_key = click.option("--key", metavar="ID", help="Only what this key has asked.")


@click.group(
    "texts",
    epilog=examples(
        "weighbridge texts list --since 24h",
        "weighbridge texts show wbr-0197…",
        "weighbridge texts export --since 30d --key key-0123456789ab -o month.jsonl",
    ),
)
def command() -> None:
    """Show, export and delete the prompts and answers of the keys that have them kept (keys create --keep-text)."""


@command.command("list")
@_since
@_key
@click.option("--user", metavar="ID", help="Only of this user, as the client names it.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="So many at most, newest first.")
@json_option
@config_option
def listing(
    *, since: datetime | None, key: str | None, user: str | None, limit: int, as_json: bool, config_file: Path | None
) -> None:
    """List what is kept, without showing what it says."""
    settings = config.read({}, file=config_file)
    users = None if user is None else seals_of(settings).names(user)
    with _opened(settings) as store:
        found = store.each(Which(key=key, since=_stored(since), users=users), bodies=False, newest_first=True)
        rows = [row for _, row in zip(range(limit), found, strict=False)]
    if as_json:
        print_json([_listed(row) for row in rows])
        return
    heads = ("receipt", "at", "key", "dialect", "model", "bytes", "until", "encrypted with")
    print_table(heads, [tuple(_listed(row).values()) for row in rows], right=("bytes",))


@command.command("show")
@click.argument("receipt_id", metavar="RECEIPT")
@config_option
def show(*, receipt_id: str, config_file: Path | None) -> None:
    """Print one request and its answer as JSON, with what the ledger has of it."""
    settings = config.read({}, file=config_file)
    seals = seals_of(settings)
    with _opened(settings) as store:
        row = store.find(receipt_id)
    if row is None:
        raise Failure(f"no text is kept of {receipt_id!r}", next_step="weighbridge texts list")
    with database.existing(settings) as connection:
        print_json(_settled(connection, seals.opened(row)))


@command.command("export", epilog=examples("weighbridge texts export --since 2026-11-01 -o november.jsonl"))
@_since
@_key
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; else standard output.")
@config_option
def export(*, since: datetime | None, key: str | None, output: Path | None, config_file: Path | None) -> None:
    """Write requests and answers, oldest first: on each line an object of JSON, with usage and cost by the ledger.

    FILE is readable by you alone, and there only once it is whole.
    """
    settings = config.read({}, file=config_file)
    seals = seals_of(settings)
    which = Which(key=key, since=_stored(since))
    with database.existing(settings) as connection, _opened(settings) as store:
        lines = (msgspec.json.encode(_settled(connection, seals.opened(row))) for row in store.each(which))
        if output is None:
            for line in lines:
                click.echo(line)
            return
        count = _write(output, lines)
    click.echo(f"Wrote {count} texts to {output}.", err=True)


@command.command("forget")
@click.argument("receipts", metavar="[RECEIPT…]", nargs=-1)
@_key
@click.option("--before", type=Moment("ago"), metavar="SPAN|DATE", help="Only what is older: 30d, 2026-12-01 (UTC).")
@config_option
def forget(*, receipts: tuple[str, ...], key: str | None, before: datetime | None, config_file: Path | None) -> None:
    """Delete texts for good: by receipts, by key, by age, or by several of these. The ledger keeps its entries.

    For all of one user's, wherever they are kept: weighbridge forget --user ID
    """
    if not receipts and key is None and before is None:
        raise Misuse("say which: RECEIPT…, --key or --before")
    which = Which(receipts=receipts or None, key=key, before=_stored(before))
    with _opened(config.read({}, file=config_file)) as store:
        gone = store.forget(which)
    click.echo(f"Deleted {gone} texts.")


@command.command("sweep")
@config_option
def sweep(*, config_file: Path | None) -> None:
    """Delete the texts whose time has come, now; a running gateway does so every ten minutes."""
    settings = config.read({}, file=config_file)
    now = datetime.now(UTC)
    with _opened(settings) as store:
        before = now - timedelta(days=settings.texts.retention_days)
        gone = store.expire(now=microseconds(now), before=microseconds(before))
    click.echo(f"Deleted {gone} texts.")


@command.command("new-key")
def make_key() -> None:
    """Print a new key for texts: put it where WEIGHBRIDGE_TEXTS_KEY is set, and keep it. Lost, the texts are too."""
    click.echo(new_key())


@command.command("rekey")
@config_option
def rekey(*, config_file: Path | None) -> None:
    """Encrypt all texts with the key that is set now, those in clear too.

    The keys before it stand in WEIGHBRIDGE_TEXTS_OLD_KEYS until this is done; gateways that still write with one of
    them are started again first.
    """
    settings = config.read({}, file=config_file)
    seals = seals_of(settings)
    if seals.current is None:
        raise Failure("no key is set", next_step="WEIGHBRIDGE_TEXTS_KEY=$(weighbridge texts new-key)")
    which = Which(not_sealed_by=seals.current.id)
    done = 0
    with _opened(settings) as store:
        while group := [row for _, row in zip(range(_TOGETHER), store.each(which), strict=False)]:
            store.replace([seals.closed(seals.opened(row), row.until) for row in group], now=_now())
            done += len(group)
        store.empty_log()
    click.echo(f"Encrypted {done} texts with the key {seals.current.id}.")


@contextmanager
def _opened(settings: Settings) -> Iterator[TextStore]:
    path = settings.texts_path
    if not path.is_file():
        raise Failure(f"no text is kept: there is no {path}", next_step="weighbridge keys create NAME --keep-text")
    try:
        with closing(TextStore(path)) as store:
            yield store
    except sqlite3.Error as error:
        raise Failure(f"the texts {path} cannot be used: {error}") from error


def _settled(connection: db.Connection, text: Text) -> Settled:
    entry = ledger.find(connection, text.receipt)
    charge = None if entry is None else entry.charge
    if entry is None or charge is None:
        return settled(text, ending=None if entry is None else entry.ending, usage=None, cost=None)
    used = charge.usage
    usage = Usage(used.prompt, used.completion, used.cached, used.written, used.reasoning)
    return settled(text, ending=entry.ending, usage=usage, cost=None if charge.cost is None else plain(charge.cost))


def _write(output: Path, lines: Iterator[bytes]) -> int:
    """Write lines to a file that is there only once it is whole; how many there were."""
    part = output.with_name(f"{output.name}.part")
    count = 0
    try:
        with open(part, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            for line in lines:
                file.write(line + b"\n")
                count += 1
        part.replace(output)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    return count


def _listed(row: Row) -> dict[str, object]:
    return {
        "receipt": row.receipt,
        "at": moment(row.at),
        "key": row.key,
        "dialect": row.dialect,
        "model": row.model,
        "bytes": row.size,
        "until": moment(row.until),
        "encrypted_with": row.sealed_by,
    }


def _stored(when: datetime | None) -> int | None:
    return None if when is None else microseconds(when)


def _now() -> int:
    return microseconds(datetime.now(UTC))
