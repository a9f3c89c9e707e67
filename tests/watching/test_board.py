"""Boards: what is counted is neither lost nor counted twice, whoever dies, and whatever lies in the folder."""

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.watching import board
from weighbridge.watching.board import SIZE, take, totals

MEANING = 7
KEY = ("counter", "things")
PASSING = frozenset({"gauge"})


def put(one: board.Board, key: tuple[str, ...], value: int) -> None:
    at = one.place(key, 1)
    assert at is not None
    one.figures[at] += value


def summed(folder: Path, own: board.Board) -> dict[tuple[str, ...], Sequence[int]]:
    return dict(totals(folder, MEANING, own, PASSING).figures)


def test_all_boards_are_added_up(tmp_path: Path) -> None:
    one, other = take(tmp_path, MEANING), take(tmp_path, MEANING)
    put(one, KEY, 3)
    put(other, KEY, 4)
    put(other, ("counter", "more"), 1)
    assert summed(tmp_path, one) == summed(tmp_path, other) == {KEY: [7], ("counter", "more"): [1]}
    assert totals(tmp_path, MEANING, one, PASSING).alive == 2
    one.close()
    other.close()


def test_counters_of_the_dead_stay_and_their_gauges_go(tmp_path: Path) -> None:
    one, other = take(tmp_path, MEANING), take(tmp_path, MEANING)
    for each in (one, other):
        put(each, KEY, 1)
        put(each, ("gauge", "now"), 1)
    assert summed(tmp_path, one) == {KEY: [2], ("gauge", "now"): [2]}
    other.close()
    assert summed(tmp_path, one) == {KEY: [2], ("gauge", "now"): [1]}
    assert totals(tmp_path, MEANING, one, PASSING).alive == 1
    again = take(tmp_path, MEANING)
    put(again, KEY, 1)
    assert summed(tmp_path, one)[KEY] == [3], "the new one goes on where the other ended"
    assert len(list(tmp_path.iterdir())) == 2
    one.close()
    again.close()


_KILLED = """
import os, signal, sys
from pathlib import Path
from weighbridge.watching.board import take
board = take(Path(sys.argv[1]), 7)
at = board.place(("counter", "things"), 1)
for _ in range(1000):
    board.figures[at] += 1
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_lost_with_a_process_that_is_killed(tmp_path: Path) -> None:
    own = take(tmp_path, MEANING)
    for count in (1, 2, 3):
        subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False, timeout=30)
        assert summed(tmp_path, own) == {KEY: [1000 * count]}
    assert len(list(tmp_path.iterdir())) == 2
    own.close()


def test_a_board_whose_figures_meant_something_else_is_begun_anew(tmp_path: Path) -> None:
    old = take(tmp_path, MEANING)
    put(old, KEY, 5)
    other = take(tmp_path, MEANING + 1)
    assert totals(tmp_path, MEANING + 1, other, PASSING).figures == {}
    old.close()
    other.close()
    new = take(tmp_path, MEANING + 1)
    assert totals(tmp_path, MEANING + 1, new, PASSING).figures == {}
    new.close()


@given(junk=st.binary(max_size=400), where=st.integers(0, 300))
def test_junk_in_a_board_breaks_nobody(junk: bytes, where: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("boards")
    own, other = take(folder, MEANING), take(folder, MEANING)
    put(own, KEY, 1)
    put(other, KEY, 1)
    path = other.path
    assert path is not None
    other.close()
    with path.open("r+b") as file:
        file.seek(where)
        file.write(junk)
    summed(folder, own)
    taken = take(folder, MEANING)
    at = taken.place(("counter", "after"), 1)
    if at is not None:
        taken.figures[at] = 1
        assert summed(folder, own)[("counter", "after")] == [1]
    own.close()
    taken.close()


@pytest.mark.parametrize("content", [b"", b"x", b"wb-board", b"\0" * SIZE, b"wb-board" * 9])
def test_a_file_that_is_no_board_becomes_one(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "worker-1.board").write_bytes(content)
    own = take(tmp_path, MEANING)
    put(own, KEY, 1)
    assert own.path == tmp_path / "worker-1.board"
    assert summed(tmp_path, own) == {KEY: [1]}
    own.close()


def test_a_full_board_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    own = take(tmp_path, MEANING)
    count = 0
    while (at := own.place(("counter", f"number {count}"), 100)) is not None:
        own.figures[at] = count
        count += 1
    assert count > 1000
    assert own.place(("counter", "number 1"), 100) is not None
    assert [figures[0] for figures in summed(tmp_path, own).values()] == list(range(count))
    own.close()


def test_without_a_folder_a_worker_counts_for_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    own = take(tmp_path / "file" / "metrics", MEANING)
    put(own, KEY, 1)
    assert own.path is None
    assert summed(tmp_path / "file" / "metrics", own) == {KEY: [1]}
    assert "cannot be shared" in caplog.text
    own.close()


def test_without_room_on_the_disk_a_worker_counts_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "pwrite", full)
    own = take(tmp_path, MEANING)
    assert own.path is None
    assert "no space left" in caplog.text
    own.close()
