"""What was under way is found by whoever comes next, and nothing else is."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.made_up import entries
from weighbridge.ledger.cost import SMALLEST
from weighbridge.ledger.entry import Charge, Claim, Claims, Draws, Entry
from weighbridge.ledger.journal import SUFFIX, Journal, abandoned
from weighbridge.wire.usage import Usage

CHILD = """
import sys, time
from pathlib import Path
import msgspec
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.begin()
for line in sys.stdin.buffer:
    word, _, text = line.partition(b" ")
    entry = msgspec.json.decode(text, type=Entry)
    journal.note(entry) if word == b"note" else journal.strike(entry.id)
    sys.stdout.write("done\\n")
    sys.stdout.flush()
time.sleep(60)
"""


@dataclass
class Child:
    """A process with a journal."""

    path: Path

    def __post_init__(self) -> None:
        command = [sys.executable, "-c", CHILD, str(self.path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def do(self, word: str, entry: Entry) -> None:
        """Note or strike."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(word.encode() + b" " + msgspec.json.encode(entry) + b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n"

    def kill(self) -> None:
        """As the kernel does it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def begun(path: Path) -> Journal:
    """A journal of this process."""
    journal = Journal(path)
    journal.begin()
    return journal


def found(directory: Path) -> list[Entry]:
    """Everything in journals that nobody has any more."""
    all_: list[Entry] = []
    for each in abandoned(directory):
        all_ += each.entries()
        each.close(done=False)
    return all_


@settings(max_examples=30)
@given(st.lists(st.tuples(entries, st.booleans()), max_size=12, unique_by=lambda pair: pair[0].id))
def test_what_was_noted_and_not_struck_is_what_is_found(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[Entry, bool]]
) -> None:
    directory = tmp_path_factory.mktemp("journals")
    journal = begun(directory / f"one{SUFFIX}")
    draws = Draws(Claims(usd=(Claim("b", "s", 5),)), 7, 0)
    drawn = [(msgspec.structs.replace(each, draws=draws), ended) for each, ended in made]
    for entry, _ in drawn:
        journal.note(msgspec.structs.replace(entry, error="first"))
        journal.note(entry)
    for entry, ended in drawn:
        if ended:
            journal.strike(entry.id)
            journal.strike(entry.id)
    assert found(directory) == [], "its worker is at work"
    left = [entry for entry, ended in drawn if not ended]
    assert len(journal) == len(left)
    journal.close()
    assert (directory / f"one{SUFFIX}").exists() == bool(left)
    assert sorted(found(directory), key=lambda each: each.id) == sorted(left, key=lambda each: each.id)


def test_a_place_that_is_free_is_taken_again_and_the_file_grows_when_none_is(tmp_path: Path) -> None:
    journal = begun(tmp_path / f"one{SUFFIX}")
    one = _entry("wbr-" + "0" * 32)
    for number in range(2000):
        journal.note(msgspec.structs.replace(one, id=f"wbr-{number:032x}"))
        journal.strike(f"wbr-{number:032x}")
    small = journal.path.stat().st_size
    assert small <= 512 * 1024
    many = [
        msgspec.structs.replace(one, id=f"wbr-{number:032x}", asked_model="m" * (number % 5000))
        for number in range(900)
    ]
    for entry in many:
        journal.note(entry)
    assert journal.path.stat().st_size > small
    journal.close()
    assert sorted(found(tmp_path), key=lambda each: each.id) == many


class Alike:
    """A request among many that are alike."""

    def __init__(self, number: int, kind: int = 0, user: str | None = None, cost: int | None = 70) -> None:
        claims = Claims(usd=(Claim("b", f"s{kind}", 5),), tokens=(Claim("t", "", 5),))
        charge = Charge(Usage(number, 9), "bound", None if cost is None else cost * SMALLEST, None, None, None)
        self.entry = msgspec.structs.replace(
            _entry(f"wbr-{number:032x}"),
            model=f"m{kind}",
            at=datetime(2026, 11, 22, 1, 2, 3, number, tzinfo=UTC),
            charge=charge,
            draws=Draws(claims, cost or 0, number + 9),
            user=user,
        )
        self.kind = kind
        self.cost = cost

    def note(self, journal: Journal) -> None:
        """As a tab does."""
        entry, kept = self.entry, object()
        assert entry.charge is not None
        usage = entry.charge.usage
        journal.note_alike(
            self.kind,
            kept,
            lambda: msgspec.structs.replace(entry, user="of the first", upstream_request="of the first"),
            id_=entry.id,
            at=entry.at,
            tokens=(usage.prompt, usage.completion),
            cost=self.cost,
            user=entry.user,
        )


@given(
    st.lists(
        st.builds(
            Alike, st.integers(0, 999), st.integers(0, 3), st.none() | st.text(), st.none() | st.integers(0, 2**60)
        ),
        unique_by=lambda each: each.entry.id,
    ),
    st.data(),
)
def test_requests_that_are_alike_are_found_each_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, made: list[Alike], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("journals")
    journal = begun(directory / f"one{SUFFIX}")
    left: dict[str, Entry] = {}
    for each in made:
        each.note(journal)
        match data.draw(st.sampled_from(("stays", "ends", "again", "named", "whole"))):
            case "ends":
                journal.strike(each.entry.id)
                continue
            case "again":
                each.note(journal)
            case "named":
                assert journal.name(each.entry.id, "chatcmpl-1")
                each.entry = msgspec.structs.replace(each.entry, upstream_request="chatcmpl-1")
            case "whole":
                journal.note(each.entry)
                assert not journal.name(each.entry.id, "chatcmpl-1")
        left[each.entry.id] = each.entry
    journal.close()
    assert {each.id: each for each in found(directory)} == left


def test_kinds_of_requests_that_are_over_make_room_for_others(tmp_path: Path) -> None:
    journal = begun(tmp_path / f"one{SUFFIX}")
    stays = Alike(1, kind=-1)
    stays.note(journal)
    sizes = []
    for kind in range(5000):
        one = Alike(2, kind=kind)
        one.note(journal)
        journal.strike(one.entry.id)
        sizes.append(journal.path.stat().st_size)
    assert sizes[-1] == sizes[2000], "it does not grow for ever"
    journal.close()
    assert found(tmp_path) == [stays.entry]


def test_one_that_nobody_has_noted_has_no_name_to_note(tmp_path: Path) -> None:
    journal = begun(tmp_path / f"one{SUFFIX}")
    assert journal.name("wbr-0", "chatcmpl-1")
    journal.close()


def _entry(id_: str) -> Entry:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return Entry(id_, at, "key-1", "m", "m", "p", "m", None, "stopped", 503, "worker_died", False, None, None, 0.0, ())


def test_a_process_that_is_killed_leaves_what_was_under_way(tmp_path: Path) -> None:
    child = Child(tmp_path / f"dead{SUFFIX}")
    one, two, three = (_entry(f"wbr-{number:032x}") for number in range(3))
    for entry in (one, two, three):
        child.do("note", entry)
    child.do("strike", two)
    assert found(tmp_path) == []
    child.kill()
    assert found(tmp_path) == [one, three]
    (dead,) = abandoned(tmp_path)
    assert dead.worker == "dead"
    assert list(abandoned(tmp_path)) == [], "whoever has it has it alone"
    dead.close(done=True)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_journal_or_torn_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / f"empty{SUFFIX}").touch()
    (tmp_path / f"other{SUFFIX}").write_bytes(os.urandom(5000))
    torn = begun(tmp_path / f"torn{SUFFIX}")
    one, two = _entry(f"wbr-{1:032x}"), _entry(f"wbr-{2:032x}")
    torn.note(one)
    torn.note(two)
    torn.close()
    data = bytearray(torn.path.read_bytes())
    data[40] ^= 0xFF
    torn.path.write_bytes(data)
    assert found(tmp_path) == [two]
    (last,) = [each for each in abandoned(tmp_path) if each.worker == "torn" and each.entries() == [two]]
    assert last.unread == 1
    last.close(done=True)
    assert [path.name for path in tmp_path.glob("torn*")] == ["torn.unread"], "what cannot be read is not thrown away"


def test_a_journal_of_another_release_is_put_aside_and_not_thrown_away(tmp_path: Path) -> None:
    (tmp_path / f"old{SUFFIX}").write_bytes(b"wbj1" + bytes(range(1, 200)))
    (tmp_path / f"begun{SUFFIX}").write_bytes(bytes(4096))
    for each in abandoned(tmp_path):
        assert each.entries() == []
        assert each.unread == (each.worker == "old")
        each.close(done=True)
    assert [path.name for path in tmp_path.iterdir()] == ["old.unread"]


def test_what_requests_have_in_common_does_not_name_the_user_of_the_first(tmp_path: Path) -> None:
    journal = begun(tmp_path / f"one{SUFFIX}")
    Alike(1, user="alice").note(journal)
    assert journal.path.read_bytes().count(b"alice") == 1, "in its own note"
    assert journal.path.read_bytes().count(b"of the first") == 1, "what the provider called it, and no user"
    journal.close()
