from collections.abc import Iterator
from contextlib import closing

import pytest

from weighbridge import db
from weighbridge.db import Connection


@pytest.fixture
def connection(place: db.Place) -> Iterator[Connection]:
    """A migrated database, on each engine."""
    with closing(db.connect(place)) as opened:
        yield opened
