"""DuckDB, where the market asks it: what does not fit into memory goes into the market's own directory.

Left to itself DuckDB puts it into `.tmp` of wherever the command was started.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from weighbridge.ledger.tabular import PackageMissing

if TYPE_CHECKING:
    import duckdb


@contextmanager
def connected(spill: Path, memory: str | None = None) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A connection that keeps within `memory` (four fifths of the machine's), and spills into a directory of its own.

    Two that shared one would, before DuckDB 1.4, write the same files. Raises PackageMissing, OSError.
    """
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PackageMissing("the market is asked by DuckDB: pip install 'weighbridge[analysis]'") from error
    spill.mkdir(parents=True, exist_ok=True)
    own = spill / uuid4().hex
    try:
        with closing(duckdb.connect()) as connection:
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET temp_directory = " + quoted(str(own)))
            if memory is not None:
                connection.execute("SET memory_limit = " + quoted(memory))
            yield connection
    finally:
        shutil.rmtree(own, ignore_errors=True)


def quoted(text: str) -> str:
    """As SQL writes a text."""
    return "'" + text.replace("'", "''") + "'"
