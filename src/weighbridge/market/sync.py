"""Taking files in: recognised, kept raw, read into the tables; the same bytes once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from weighbridge.errors import MarketError
from weighbridge.market.checks import against
from weighbridge.market.findings import Finding
from weighbridge.market.identity.book import book
from weighbridge.market.identity.recognised import Publishers
from weighbridge.market.made import make
from weighbridge.market.once import once
from weighbridge.market.sources.catalogue_models import CATALOGUE_MODELS, installed_catalogue
from weighbridge.market.sources.dating import published
from weighbridge.market.sources.genai_prices import GENAI_PRICES, installed
from weighbridge.market.sources.known import source_named, source_of
from weighbridge.market.sources.source import Bulk, Payload, Source
from weighbridge.market.store import Kept, Store, Writing, beside
from weighbridge.market.tables import Row

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
    named: str | None = None,
) -> Iterator[Taken]:
    """A file, or all files below a directory, one after another. Raises MarketError, PackageMissing, OSError.

    In a directory files of no source are passed over, and told; a file that is named must be of one. Where it was got
    from a source, which `named` says, and has a form that is not known of it, it is kept raw, and that is found.
    """
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    new: set[str] = set()
    for done, file in enumerate(files, start=1):
        source = source_of(file) or (None if named is None else _Changed(source_named(named)))
        if source is None and path.is_file():
            raise MarketError(f"{file.name!r} has the columns of no source that is known here; see docs/market.md")
        taken = Taken(file, None) if source is None else _take(store, source, Payload(file, file.name, as_of), now)
        if taken.kept is not None and not taken.before:
            new |= taken.kept.rows.keys()
        yield taken
        progress(done, len(files))
    store.sweep(now)
    kept = restore(store)
    for table in sorted(new):
        make(store.parts(table, kept), now=now)


class _Changed:
    """What a source gave, in a form that it did not have before."""

    def __init__(self, source: Source) -> None:
        self.about = source.about

    def recognise(self, path: Path) -> bool:
        return False

    def as_of(self, payload: Payload) -> date:
        return published(payload)

    def read(self, payload: Payload, as_of: date) -> Iterator[Row | Bulk | Finding]:
        said = f"its form is none that is known of {self.about.name}; it is kept, and nothing of it is read"
        yield Finding(kind="changed-schema", subject=payload.name, said=said)


def restore(store: Store, among: Sequence[Kept] | None = None) -> list[Kept]:
    """All payloads, or some, with the rows of those read again whose parts are gone and in no month merged of these.

    Raises MarketError where the raw payload is gone too; PackageMissing, OSError.
    """
    kept = store.payloads() if among is None else among
    tables = {part.split("/", maxsplit=1)[0] for each in kept for part in each.parts}
    gone = {part.payload for table in tables for part in store.parts(table, kept).gone()}
    return [_again(store, each) if each.sha256 in gone else each for each in kept]


def _again(store: Store, kept: Kept) -> Kept:
    """What a payload says, written once more from its raw bytes; a later release may read more of them."""
    raw = store.raw(kept.sha256)
    if not raw.exists():
        raise MarketError(f"rows of {kept.name!r} are gone, and {raw} too: delete payloads/{raw.name}.json")
    with TemporaryDirectory() as directory:
        path = Path(directory) / kept.name
        path.symlink_to(raw.resolve())
        source = source_named(kept.source, path)
        writing = store.writing(kept.sha256)
        for each in source.read(Payload(path, kept.name, kept.as_of), kept.as_of):
            if isinstance(each, Bulk):
                writing.add_bulk(each.table, each.rows)
            elif not isinstance(each, Finding):
                writing.add(each)
        parts = writing.finish()
    list(_once(store, writing, parts))
    read = msgspec.structs.replace(kept, parts=parts, days=writing.days, rows=writing.rows)
    if read != kept:
        store.keep(read)
    return read


def take_installed(store: Store, *, now: datetime) -> list[Taken]:
    """Prices and models that are installed with the gateway, without any network; once for each of their versions."""
    taken = []
    with TemporaryDirectory() as directory:
        for source, held in ((GENAI_PRICES, installed), (CATALOGUE_MODELS, installed_catalogue)):
            path = Path(directory) / f"{source.about.name}.json"
            path.write_bytes(held())
            taken.append(_take(store, source, Payload(path, path.name, now.date()), now))
    return taken


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
    for each in source.read(payload, as_of):
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
    findings += _once(store, writing, parts)
    findings += publishers.findings(book())
    others = store.payloads()
    before = store.files(beside(others, source.about.name, writing.days), others)
    findings += against(before, store.files(parts, ()), source.about.name, store.spill)
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


def _once(store: Store, writing: Writing, parts: tuple[str, ...]) -> Iterator[Finding]:
    """Have each key once in a payload's parts, and take what was left out from the counts of rows."""
    for table in writing.rows if parts else ():
        files = [store.directory / "tables" / part for part in parts if part.startswith(f"{table}/")]
        left = once(table, files, store.spill)
        writing.rows[table] -= left.rows
        yield from left.findings
