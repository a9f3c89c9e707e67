"""Chat completions that are kept: found, listed, marked and forgotten by the key that made them."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from weighbridge import db
from weighbridge.accounts.chats import Chat, Chats, Page

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def chats(place: db.Place) -> Iterator[Chats]:
    with closing(db.connect(place)) as connection:
        yield Chats(connection)


def chat(
    id_: str,
    *,
    key: str = "mine",
    age: int = 0,
    asked: str = "near/tiny",
    model: str | None = "tiny",
    metadata: Mapping[str, str] | None = None,
) -> Chat:
    created = NOW - timedelta(days=age)
    return Chat(id_, key, created, asked, model, b'[{"role":"user"}]', metadata or {}, b'{"choices":[]}')


def test_one_is_found_as_it_was_kept(chats: Chats) -> None:
    chats.keep(chat("a", metadata={"é": '"'}))
    assert chats.find("a", "mine") == chat("a", metadata={"é": '"'})
    assert chats.find("a", "yours") is None
    assert chats.find("b", "mine") is None


def test_an_id_is_used_once(chats: Chats) -> None:
    chats.keep(chat("a"))
    with pytest.raises(sqlite3.IntegrityError):
        chats.keep(chat("a", key="yours"))


ALL = Page(limit=9, metadata={})
PAGES: dict[str, tuple[Page, str]] = {
    "all, the oldest first": (ALL, "abcd"),
    "the newest first": (replace(ALL, newest_first=True), "dcba"),
    "a few": (replace(ALL, limit=2), "ab"),
    "those after one": (replace(ALL, after="b"), "cd"),
    "those after one, downwards": (replace(ALL, after="c", newest_first=True), "ba"),
    "after the last": (replace(ALL, after="d"), ""),
    "after none of them": (replace(ALL, after="x"), ""),
    "after another key's": (replace(ALL, after="z"), ""),
    "a model as it was asked for": (replace(ALL, model="far/large"), "c"),
    "a model as the answer has it": (replace(ALL, model="tiny"), "abd"),
    "a model that is none": (replace(ALL, model="none"), ""),
    "metadata": (replace(ALL, metadata={"for": "us"}), "bd"),
    "all of the metadata": (replace(ALL, metadata={"for": "us", "a.b\"]'": "%"}), "d"),
    "metadata of another value": (replace(ALL, metadata={"for": "u"}), ""),
    "metadata of another name": (replace(ALL, metadata={"us": "for"}), ""),
    "everything at once": (replace(ALL, model="tiny", metadata={"for": "us"}, after="b", limit=1), "d"),
}


@pytest.mark.parametrize("case", PAGES)
def test_a_page_has_what_was_asked_for_in_the_order_of_time(chats: Chats, case: str) -> None:
    chats.keep(chat("z", key="yours", age=4))
    chats.keep(chat("d", metadata={"for": "us", "a.b\"]'": "%", "more": ""}))
    chats.keep(chat("c", age=1, asked="far/large", model=None))
    chats.keep(chat("b", age=1, metadata={"for": "us"}))
    chats.keep(chat("a", age=2))
    page, ids = PAGES[case]
    assert "".join(one.id for one in chats.page("mine", page)) == ids


def test_metadata_are_given_anew_and_nothing_else(chats: Chats) -> None:
    chats.keep(chat("a", metadata={"old": "1"}))
    assert not chats.mark("a", "yours", {"new": "2"})
    assert chats.mark("a", "mine", {"new": "2"})
    assert chats.find("a", "mine") == chat("a", metadata={"new": "2"})


def test_what_is_forgotten_is_gone(chats: Chats) -> None:
    chats.keep(chat("a"))
    assert not chats.forget("a", "yours")
    assert chats.forget("a", "mine")
    assert not chats.forget("a", "mine")
    assert chats.find("a", "mine") is None


def test_what_is_too_old_is_forgotten(chats: Chats) -> None:
    chats.keep(chat("old", age=31))
    chats.keep(chat("new"))
    assert chats.forget_older(NOW - timedelta(days=30)) == 1
    assert [one.id for one in chats.page("mine", ALL)] == ["new"]


def test_a_page_has_no_messages(chats: Chats) -> None:
    chats.keep(chat("a", metadata={"b": "c"}))
    assert chats.page("mine", ALL) == [replace(chat("a", metadata={"b": "c"}), messages=b"[]")]
