"""A migrated database in a directory of its own."""

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
def connection(path: Path) -> Iterator[db.Connection]:
    """A connection of the test's own."""
    with closing(db.connect(path)) as opened:
        yield opened
