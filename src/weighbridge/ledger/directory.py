"""A directory of entries in Parquet, as `weighbridge ledger export` writes it: questions, and sums kept beside files.

Sums are the answer to a wide question over one file (`KEPT`), by the same definition as any (`analysis.py`), from which
narrower ones are answered to the same digit. A question takes for each file the least that will do, and the entries
themselves where nothing does, or where the file is not the one that was summed.
"""
# ruff: noqa: S608 - the statements are put together from constants, numbers and quoted paths

import calendar
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from weighbridge.ledger import analysis
from weighbridge.ledger.questions import Question
from weighbridge.ledger.rollups import hours
from weighbridge.ledger.tabular import COMPRESSION, PackageMissing
from weighbridge.ledger.tally import Grain, Tally

if TYPE_CHECKING:
    import duckdb

SUMS: Final = "sums"
"""The directory of the sums, in that of the entries."""
KEPT: Final[Mapping[str, Question]] = {
    "what": Question(("model", "endpoint", "ending", "error", "counted_by", "hour")),
    "who": Question(
        ("key", "organisation", "project", "tags", "imported", "ending", "error", "counted_by", "hour"), savings=False
    ),
    "user": Question(("user", "day"), savings=False),
    "month": Question(
        ("model", "endpoint", "key", "organisation", "project", "tags", "imported", "ending", "error", "counted_by",
         "month")
    ),
}  # fmt: skip
"""What sums are kept of, by name. Those that know most know no days: they would be as many as entries."""
WORTH: Final = 0.25
"""Rows for an entry up to which sums are worth their room; else the entries are read."""
_VERSION: Final = 1
"""Raise it when `analysis.py` sums otherwise: what was kept before is then made anew."""
_MEMORY: Final = "2GB"
"""For making sums; the rest lies on the disk meanwhile."""
_GRAINS: Final[tuple[Grain, ...]] = ("hour", "day", "month", "all")

Made = Callable[[Path], None]
"""Told of each file of sums that was made."""


def tallies(directory: Path, question: Question) -> list[Tally]:
    """What the files of a directory have, tallied. Raises PackageMissing, FileNotFoundError where there are none."""
    asked: defaultdict[tuple[str, Question], list[Path]] = defaultdict(list)
    with _duckdb() as connection:
        files = _entries(directory)
        kept = _kept(connection, directory)
        for file in files:
            for source in _sources(file, kept.get(file.name, ()), question):
                asked[source.name, source.question].append(source.path)
        found: list[Tally] = []
        for (name, narrow), paths in asked.items():
            sql = analysis.narrowed_sql(narrow, KEPT[name]) if name else analysis.sql(narrow, "duckdb")
            connection.read_parquet([str(path) for path in paths], union_by_name=True).create_view(
                analysis.TABLE, replace=True
            )
            rows: Sequence[tuple[Any, ...]] = connection.execute(sql).fetchall()
            found += analysis.read(narrow, rows)
    return found


def hours_of(directory: Path) -> list[int]:
    """The hours since 1970 that there are entries of. Raises PackageMissing, FileNotFoundError."""
    with reader(directory) as connection:
        rows = connection.execute(f"SELECT DISTINCT hour FROM {analysis.TABLE}").fetchall()
    return [int(hour) for (hour,) in rows]


@contextmanager
def reader(directory: Path) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A connection with the entries of a directory in `entries`. Raises PackageMissing, FileNotFoundError."""
    with _duckdb() as connection:
        files = [str(file) for file in _entries(directory)]
        connection.read_parquet(files, union_by_name=True).create_view(analysis.TABLE)
        yield connection


def keep_sums(directory: Path, *, made: Made = lambda path: None, worth: float = WORTH) -> None:
    """Make the sums of each file that has none, or had others. Raises PackageMissing, FileNotFoundError, OSError."""
    with _duckdb() as connection:
        files = _entries(directory)
        (directory / SUMS).mkdir(exist_ok=True)
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        connection.execute(f"SET temp_directory = {_quoted(directory / SUMS / 'unfinished')}")
        connection.execute("SET preserve_insertion_order = false")
        kept = _kept(connection, directory)
        sqls = {name: analysis.kept_sql(question) for name, question in KEPT.items()}
        for file in files:
            has = {sums.name for sums in kept.get(file.name, ()) if sums.of == _state(file)}
            for name, sql in sqls.items():
                if name not in has:
                    made(_keep(connection, file, name, sql, worth))


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums of one file of entries."""

    path: Path
    name: str
    of: str
    """The state of the file that was summed."""
    first: int
    """The hour of its first entry, since 1970."""
    last: int
    rows: int
    whole: bool
    """Whether they are there: they are not where they are not worth it."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What is read of a file; without a name its entries are."""

    name: str
    path: Path
    question: Question


def _sources(file: Path, kept: Iterable[_Sums], question: Question) -> Iterator[_Source]:
    """The least that answers a question of a file; nothing where the file has nothing of that time."""
    first, end = hours(question.since, question.until)
    state = _state(file)
    current = [sums for sums in kept if sums.of == state]
    if any(sums.last < first or sums.first >= end for sums in current):
        return
    inside = any(first <= sums.first and sums.last < end for sums in current)
    narrow = replace(question, since=None, until=None) if inside else question
    enough = [sums for sums in current if sums.whole and _answers(KEPT[sums.name], narrow)]
    if enough:
        least = min(enough, key=lambda sums: sums.rows)
        yield _Source(least.name, least.path, narrow)
    else:
        yield _Source("", file, narrow)


def _answers(kept: Question, question: Question) -> bool:
    """Whether sums that are told apart as `kept` asks have the answer to a question."""
    needed = set(analysis.groups(question)) - {"hour"}
    if not needed <= set(analysis.groups(kept)) or (question.savings and not kept.savings):
        return False
    grain: Grain = question.grain
    if any(bound % 24 for bound in _bounds(question)):
        grain = "hour"
    elif _bounds(question):
        grain = min(grain, "day", key=_GRAINS.index)
    return _GRAINS.index(kept.grain) <= _GRAINS.index(grain)


def _bounds(question: Question) -> tuple[int, ...]:
    """The hours at which it begins and ends, if it does."""
    first, end = hours(question.since, question.until)
    bounds = ((question.since, first), (question.until, end))
    return tuple(hour for moment, hour in bounds if moment is not None)


def _entries(directory: Path) -> list[Path]:
    files = sorted(directory.glob("entries-*.parquet"))
    if not files:
        raise FileNotFoundError(2, "holds no entries-*.parquet of `weighbridge ledger export`", str(directory))
    return files


def _keep(connection: "duckdb.DuckDBPyConnection", file: Path, name: str, sql: str, worth: float) -> Path:
    """Make one file of sums; without rows where they would be too many, or of more than one month."""
    entries = connection.read_parquet(str(file))
    entries.create_view("file", replace=True)
    first, last, count = connection.execute("SELECT min(hour), max(hour), count(*) FROM file").fetchall()[0]
    month = _month(first or 0)
    whole = KEPT[name].grain != "month" or month == _month(last or 0)
    hour = month if KEPT[name].grain == "month" else "hour"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {analysis.TABLE} AS SELECT * REPLACE ({hour} AS hour) FROM file")
    said = {"of": _state(file), "version": _VERSION, "first": first or 0, "last": last or 0}
    path = file.parent / SUMS / f"{file.stem}.{name}.parquet"
    unfinished = path.with_name(f"{path.name}.unfinished")
    if whole:
        rows = _copy(connection, sql, unfinished, {**said, "whole": 1})
        whole = rows <= worth * count
    if not whole:
        _copy(connection, f"SELECT * FROM ({sql}) LIMIT 0", unfinished, {**said, "whole": 0})
    unfinished.rename(path)
    return path


def _copy(connection: "duckdb.DuckDBPyConnection", sql: str, path: Path, said: Mapping[str, object]) -> int:
    """How many rows were written."""
    pairs = ", ".join(f"{key}: '{value}'" for key, value in said.items())
    ((rows,),) = connection.execute(
        f"COPY ({sql}) TO {_quoted(path)} (FORMAT parquet, COMPRESSION {COMPRESSION}, KV_METADATA {{{pairs}}})"
    ).fetchall()
    return int(rows)


def _month(hour: int) -> int:
    """The first hour of its month."""
    day = datetime.fromtimestamp(hour * 3600, UTC)
    return calendar.timegm((day.year, day.month, 1, 0, 0, 0)) // 3600


def _kept(connection: "duckdb.DuckDBPyConnection", directory: Path) -> dict[str, list[_Sums]]:
    """The sums that there are, by the name of the file that they are of."""
    found: defaultdict[str, list[_Sums]] = defaultdict(list)
    paths = [path for path in (directory / SUMS).glob("entries-*.parquet") if path.name.split(".")[-2] in KEPT]
    if not paths:
        return found
    names = ", ".join(map(_quoted, paths))
    said: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for path, key, value in connection.execute(
        f"SELECT file_name, decode(key), decode(value) FROM parquet_kv_metadata([{names}])"
    ).fetchall():
        said[path][key] = value
    for path, rows in connection.execute(
        f"SELECT file_name, num_rows FROM parquet_file_metadata([{names}])"
    ).fetchall():
        of, version, first, last, whole = (said[path].get(key, "0") for key in _SAID)
        if int(version) == _VERSION:
            entries, _, name = Path(path).stem.rpartition(".")
            sums = _Sums(Path(path), name, of, int(first), int(last), int(rows), whole == "1")
            found[f"{entries}.parquet"].append(sums)
    return found


_SAID: Final = ("of", "version", "first", "last", "whole")


def _state(file: Path) -> str:
    """What tells one state of a file from any other: its size, and the digest of the footer that describes it all."""
    with file.open("rb") as opened:
        size = opened.seek(0, 2)
        opened.seek(max(0, size - 8))
        footer = int.from_bytes(opened.read(4), "little")
        opened.seek(max(0, size - 8 - footer))
        return f"{size}-{hashlib.sha256(opened.read()).hexdigest()}"


def _quoted(path: Path) -> str:
    text = str(path).replace("'", "''")
    return f"'{text}'"


@contextmanager
def _duckdb() -> "Iterator[duckdb.DuckDBPyConnection]":
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PackageMissing("Parquet is asked by DuckDB: pip install 'weighbridge[analysis]'") from error
    # Left to itself it puts what does not fit into memory into `.tmp` of wherever the command was started.
    with TemporaryDirectory(prefix="weighbridge-") as spill, duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"SET temp_directory = {_quoted(Path(spill))}")
        yield connection
