from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from weighbridge import db
from weighbridge.db import Connection


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with closing(db.connect(tmp_path / "ledger.db")) as opened:
        db.migrate(opened)
        yield opened
