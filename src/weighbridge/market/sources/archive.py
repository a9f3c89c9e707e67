"""Archives of small YAML files, read member by member: nothing is unpacked to the disk, and each size is bounded."""

import tarfile
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any, Final

from weighbridge.ledger.tabular import PackageMissing
from weighbridge.market.findings import Finding

_LARGEST_MEMBER: Final = 1 << 20
_MOST_MEMBERS: Final = 20_000
_BROKEN: Final = (tarfile.TarError, EOFError, OSError, zlib.error)


def documents(path: Path) -> Iterator[tuple[str, dict[str, Any]] | Finding]:  # Any: YAML
    """(name, document) of each YAML file, in the archive's order; findings for what is none. Raises PackageMissing."""
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PackageMissing("YAML is read by PyYAML: pip install 'weighbridge[analysis]'") from error
    for each in texts(path):
        if isinstance(each, Finding):
            yield each
            continue
        name, text = each
        try:
            document = yaml.safe_load(text)
        except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
            yield Finding(kind="unreadable-row", subject=name, said=str(error).split("\n", maxsplit=1)[0])
            continue
        if isinstance(document, dict):
            yield name, document
        else:
            yield Finding(kind="unreadable-row", subject=name, said="it is no mapping of keys")


def texts(path: Path) -> Iterator[tuple[str, bytes] | Finding]:
    """(name, bytes) of each YAML file that is not hidden; a finding where the archive ends before it should."""
    try:
        with tarfile.open(path, "r|*") as archive:
            for number, member in enumerate(archive):
                name = Path(member.name)
                if number >= _MOST_MEMBERS:
                    yield Finding(kind="changed-schema", subject=path.name, said=f"it has over {_MOST_MEMBERS} files")
                    return
                if not member.isfile() or name.suffix not in (".yaml", ".yml") or name.parts[0].startswith("."):
                    continue
                if member.size > _LARGEST_MEMBER:
                    said = f"it has {member.size} bytes, over {_LARGEST_MEMBER}"
                    yield Finding(kind="unreadable-row", subject=member.name, said=said)
                    continue
                yield member.name, _read(archive.extractfile(member))
    except _BROKEN as error:
        yield Finding(kind="truncated-file", subject=path.name, said=str(error) or "it ends before it should")


def _read(file: IO[bytes] | None) -> bytes:
    return b"" if file is None else file.read()


def begins_with(path: Path, words: bytes) -> bool:
    """Whether one of an archive's first YAML files has these words."""
    if not path.name.endswith((".tar.gz", ".tgz", ".tar")):
        return False
    for number, each in enumerate(texts(path)):
        if isinstance(each, Finding) or number > 5:
            return False
        if words in each[1]:
            return True
    return False


def newest(path: Path) -> date | None:
    """The day of an archive's last change: that of its newest member."""
    days: list[float] = []
    try:
        with tarfile.open(path, "r|*") as archive:
            days += (member.mtime for member in archive)
    except _BROKEN:
        pass  # reading it finds that
    return datetime.fromtimestamp(max(days), tz=UTC).date() if days else None
