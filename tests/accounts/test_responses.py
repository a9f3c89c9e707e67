"""Responses that are kept: found, continued and forgotten by the key that made them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from weighbridge import db
from weighbridge.accounts.responses import Response, Responses

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def responses(place: db.Place) -> Iterator[Responses]:
    with closing(db.connect(place)) as connection:
        yield Responses(connection)


def response(id_: str, previous: str | None = None, *, key: str = "mine", created: datetime = NOW) -> Response:
    return Response(id_, key, previous, created, b'[{"a":1}]', b'{"output":[]}')


def test_a_response_is_found_as_it_was_kept(responses: Responses) -> None:
    responses.keep(response("a"))
    assert responses.find("a", "mine") == response("a")
    assert responses.find("a", "yours") is None
    assert responses.find("b", "mine") is None


def test_an_id_is_used_once(responses: Responses) -> None:
    responses.keep(response("a"))
    with pytest.raises(sqlite3.IntegrityError):
        responses.keep(response("a", key="yours"))


def test_a_conversation_comes_oldest_first(responses: Responses) -> None:
    for one in (response("a"), response("b", "a"), response("c", "b"), response("x", "a")):
        responses.keep(one)
    assert [one.id for one in responses.conversation("c", "mine")] == ["a", "b", "c"]
    assert [one.id for one in responses.conversation("x", "mine")] == ["a", "x"]
    assert responses.conversation("c", "yours") == []


def test_a_conversation_ends_where_another_keys_begins(responses: Responses) -> None:
    responses.keep(response("a", key="yours"))
    responses.keep(response("b", "a"))
    assert [one.id for one in responses.conversation("b", "mine")] == ["b"]


def test_what_is_forgotten_is_gone(responses: Responses) -> None:
    responses.keep(response("a"))
    assert not responses.forget("a", "yours")
    assert responses.forget("a", "mine")
    assert not responses.forget("a", "mine")
    assert responses.find("a", "mine") is None


def test_what_is_too_old_is_forgotten(responses: Responses) -> None:
    responses.keep(response("old", created=NOW - timedelta(days=31)))
    responses.keep(response("new", "old"))
    assert responses.forget_older(NOW - timedelta(days=30)) == 1
    assert responses.find("old", "mine") is None
    (left,) = responses.conversation("new", "mine")
    assert left.previous == "old"
