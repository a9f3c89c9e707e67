"""What is kept is found, listed, deleted for good, and never stands in clear beside what is encrypted."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.texts.made_up import NOW, made
from weighbridge import db
from weighbridge.db import microseconds
from weighbridge.errors import TextsUnavailable
from weighbridge.texts.sealing import Seals, new_key, seals
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Row, Which

DAY = 86_400_000_000
AT = microseconds(NOW)
PLAIN = Seals()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TextStore]:
    with closing(TextStore(tmp_path / "texts.db")) as made_store:
        yield made_store


def row(receipt: str, *, until: int = AT + DAY, sealed: Seals = PLAIN, **other: Any) -> Row:  # noqa: ANN401 - of a text
    return sealed.closed(made(receipt, **other), until)


def receipts(store: TextStore, which: Which | None = None) -> list[str]:
    return [each.receipt for each in store.each(which or Which())]


def test_what_is_kept_is_found(store: TextStore) -> None:
    store.keep([row("a"), row("b", user=None, model=None, answer=None)])
    assert store.find("a") == row("a")
    assert store.find("b") == row("b", user=None, model=None, answer=None)
    assert store.find("c") is None


def test_the_first_to_be_kept_stays(store: TextStore) -> None:
    store.keep([row("a", request=b"first")])
    store.keep([row("a", request=b"second"), row("b")])
    found = store.find("a")
    assert found is not None
    assert PLAIN.opened(found).request == b"first"
    assert receipts(store) == ["a", "b"]


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Which(), "abc"),
        (Which(key="key-2"), "b"),
        (Which(since=AT - DAY), "bc"),
        (Which(before=AT), "ab"),
        (Which(since=AT - DAY, before=AT), "b"),
        (Which(users=("bob", "alice")), "ac"),
        (Which(users=()), ""),
        (Which(receipts=("a", "z")), "a"),
        (Which(key="key-1", receipts=("a", "b")), "a"),
        (Which(not_sealed_by="nobody"), "abc"),
    ],
)
def test_some_are_chosen(store: TextStore, which: Which, found: str) -> None:
    older = {"a": 2, "b": 1, "c": 0}
    texts = [made(name, user="alice", at=db.moment(AT - days * DAY)) for name, days in older.items()]
    rows = [PLAIN.closed(text, AT + DAY) for text in texts]
    rows[1] = row("b", key="key-2", user=None, at=db.moment(AT - DAY))
    store.keep(rows)
    assert receipts(store, which) == list(found)
    gone = store.forget(which)
    assert (gone, receipts(store)) == (len(found), [name for name in "abc" if name not in found])


def test_a_list_is_without_bodies_newest_first(store: TextStore) -> None:
    store.keep([row("a"), row("b", at=db.moment(AT + 1))])
    assert [(each.receipt, each.body) for each in store.each(Which(), bodies=False, newest_first=True)] == [
        ("b", b""),
        ("a", b""),
    ]


def on_disk(tmp_path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(tmp_path.glob("texts.db*")))


@pytest.mark.parametrize("how", ["forget", "expire"])
def test_what_is_deleted_is_nowhere_in_the_file_or_its_log(store: TextStore, tmp_path: Path, how: str) -> None:
    noise = os.urandom(20_000)
    doomed = row("doomed", request=noise, until=AT, user="alice-4711")
    store.keep([row("stays"), doomed])
    assert noise[6_000:6_032] in on_disk(tmp_path)
    gone = store.forget(Which(receipts=("doomed",))) if how == "forget" else store.expire(now=AT, before=0)
    assert gone == 1
    left = on_disk(tmp_path)
    assert not any(noise[at : at + 32] in left for at in range(0, len(noise) - 32, 16))
    assert b"alice-4711" not in left
    assert receipts(store) == ["stays"]


def test_texts_go_when_their_time_has_come_or_they_are_older_than_any_may_be(store: TextStore) -> None:
    rows = [row(f"{at:04}", until=AT + at) for at in range(1_100)]
    store.keep([*rows, row("old", at=db.moment(AT - 400 * DAY), until=AT + 9 * DAY)])
    assert store.expire(now=AT + 1_049, before=AT - 365 * DAY) == 1_051
    assert receipts(store) == [f"{at:04}" for at in range(1_050, 1_100)]
    assert store.expire(now=AT + 1_049, before=AT - 365 * DAY) == 0


def test_nothing_is_written_in_clear_beside_what_is_encrypted(store: TextStore) -> None:
    both = seals(new_key())
    store.keep([row("plain")])
    store.keep([row("sealed", sealed=both)])
    for group in ([row("late")], [row("with", sealed=both), row("late")]):
        with pytest.raises(TextsUnavailable, match="WEIGHBRIDGE_TEXTS_KEY"):
            store.keep(group)
    assert receipts(store) == ["plain", "sealed"]
    store.forget(Which())  # the file stays one of encrypted texts
    with pytest.raises(TextsUnavailable, match="WEIGHBRIDGE_TEXTS_KEY"):
        store.keep([row("late")])
    assert store.is_sealed()


def test_rows_are_sealed_anew_and_what_was_deleted_meanwhile_stays_away(store: TextStore, tmp_path: Path) -> None:
    noise = os.urandom(4_000)
    both = seals(new_key())
    store.keep([row("a", request=noise), row("gone")])
    anew = [both.closed(PLAIN.opened(each), each.until) for each in store.each(Which())]
    store.forget(Which(receipts=("gone",)))
    store.replace(anew, now=AT)
    store.empty_log()
    assert receipts(store) == ["a"]
    found = store.find("a")
    assert found is not None
    assert both.opened(found) == made("a", request=noise)
    assert noise[:64] not in on_disk(tmp_path)
    assert store.seals() == {both.current.id if both.current else None: 1}


def test_the_file_is_its_owners_alone(store: TextStore, tmp_path: Path) -> None:
    store.keep([row("a")])
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("texts.db*")}
    assert set(modes.values()) == {0o600}, modes
