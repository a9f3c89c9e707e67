"""The ledger's tallies for a command, with a bar where somebody watches."""

import sys
from datetime import datetime

from weighbridge.accounts import keys
from weighbridge.db import Connection
from weighbridge.ledger.audit import Tally, tallies


def tallied(connection: Connection, *, since: datetime | None, until: datetime | None) -> list[Tally]:
    """All entries of the time, tallied."""
    if not sys.stderr.isatty():
        return tallies(connection, since=since, until=until)
    # Imported here: rich takes time, and a script draws nothing.
    from weighbridge.cli.bars import Steps  # noqa: PLC0415

    with Steps("reading the ledger") as bar:
        return tallies(connection, since=since, until=until, progress=bar.at)


def key_names(connection: Connection) -> dict[str, str]:
    """The names of all keys, by id."""
    return {key.id: key.name for key in keys.listing(connection)}
