"""Taking files in: recognised, kept raw, read into the tables; the same bytes once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from weighbridge.errors import MarketError
from weighbridge.market.checks import against
from weighbridge.market.findings import Finding
from weighbridge.market.identity.book import book
from weighbridge.market.identity.recognised import Publishers
from weighbridge.market.made import make
from weighbridge.market.sources.genai_prices import GENAI_PRICES, installed
from weighbridge.market.sources.known import source_of
from weighbridge.market.sources.source import Bulk, Payload, Source
from weighbridge.market.store import Kept, Store, beside
from weighbridge.market.tables import NAMES, TABLES, Row

Progress = Callable[[int, int], None]
"""Told how many files of how many are done."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file."""

    path: Path
    kept: Kept | None
    """None: it is of no source that is known here."""
    before: bool = False
    """Whether the same bytes were there already, so that nothing changed."""


def take(
    store: Store,
    path: Path,
    *,
    now: datetime,
    as_of: date | None = None,
    progress: Progress = lambda done, of: None,
) -> Iterator[Taken]:
    """A file, or all files below a directory, one after another. Raises MarketError, PackageMissing, OSError.

    In a directory files of no source are passed over, and told; a file that is named must be of one.
    """
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    new: set[str] = set()
    for done, file in enumerate(files, start=1):
        source = source_of(file)
        if source is None and path.is_file():
            raise MarketError(f"{file.name!r} has the columns of no source that is known here; see docs/market.md")
        taken = Taken(file, None) if source is None else _take(store, source, Payload(file, file.name, as_of), now)
        if taken.kept is not None and not taken.before:
            new |= taken.kept.rows.keys()
        yield taken
        progress(done, len(files))
    store.sweep(now)
    kept = store.payloads() if new else []
    for table in sorted(new):
        make(store.parts(table, kept), now=now)


def take_installed(store: Store, *, now: datetime) -> Taken:
    """The prices that are installed with the gateway, without any network; once for each of their versions."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "genai-prices.json"
        path.write_bytes(installed())
        return _take(store, GENAI_PRICES, Payload(path, path.name, now.date()), now)


def _take(store: Store, source: Source, payload: Payload, now: datetime) -> Taken:
    sha256 = payload.sha256()
    there = store.payload(sha256)
    if there is not None:
        return Taken(payload.path, there, before=True)
    as_of = source.as_of(payload)
    store.keep_raw(payload.path, sha256)
    writing = store.writing(sha256)
    findings: list[Finding] = []
    publishers = Publishers(source.about.name)
    for each in _once(source.read(payload, as_of)):
        if isinstance(each, Finding):
            findings.append(each)
        elif isinstance(each, Bulk):
            writing.add_bulk(each.table, each.rows)
        else:
            publishers.see(each)
            writing.add(each)
    parts = writing.finish()
    if any(each.kind == "truncated-file" for each in findings):
        writing.drop()
        parts = ()
    findings += publishers.findings(book())
    before = _by_table(store, beside(store.payloads(), source.about.name, writing.days))
    findings += against(before, _by_table(store, parts), source.about.name)
    about = source.about
    kept = Kept(
        sha256=sha256,
        size=payload.path.stat().st_size,
        name=payload.name,
        source=about.name,
        as_of=as_of,
        taken=now,
        licence=about.licence,
        line=about.line.format(as_of=as_of),
        rows=writing.rows,
        findings=tuple(findings),
        parts=parts,
        days=writing.days,
    )
    store.keep(kept)
    return Taken(payload.path, kept)


def _once(read: Iterable[Row | Bulk | Finding]) -> Iterator[Row | Bulk | Finding]:
    """Of rows that speak of the same thing the first; one that says something else of it is found."""
    first: dict[tuple[object, ...], Row] = {}
    for each in read:
        if isinstance(each, Finding | Bulk):
            yield each
            continue
        name = NAMES[type(each)]
        key = (name, *(getattr(each, column) for column in TABLES[name].key))
        there = first.setdefault(key, each)
        if there is each:
            yield each
        elif there != each:
            subject = ", ".join(str(part) for part in key if part is not None)
            yield Finding(kind="duplicate-row", subject=subject, said=f"{tuple(each[:-2])} is left out")


def _by_table(store: Store, parts: Iterable[str]) -> dict[str, list[str]]:
    """Files of parts, by table."""
    found: dict[str, list[str]] = {}
    for part in parts:
        found.setdefault(part.split("/", maxsplit=1)[0], []).append(str(store.directory / "tables" / part))
    return found
