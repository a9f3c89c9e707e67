"""A migrated database of each engine in turn."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from weighbridge import db


@pytest.fixture
def connection(place: db.Place) -> Iterator[db.Connection]:
    """A connection of the test's own, on each engine."""
    with closing(db.connect(place)) as opened:
        yield opened
