"""Migrated databases: an SQLite file (`path`), or each engine in turn (`place`, `connection`)."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from weighbridge import db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a migrated, closed database."""
    made = tmp_path / "ledger.db"
    with closing(db.connect(made)) as connection:
        db.migrate(connection)
    return made


@pytest.fixture
def connection(place: db.Place) -> Iterator[db.Connection]:
    """A connection of the test's own, on each engine."""
    with closing(db.connect(place)) as opened:
        yield opened


@pytest.fixture
def beside(path: Path) -> Iterator[db.Connection]:
    """A connection of the test's own to the file of `path`."""
    with closing(db.connect(path)) as opened:
        yield opened
