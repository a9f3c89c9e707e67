"""Admin keys, organisations and projects, rotations and creations asked for twice: what the database keeps of them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from weighbridge import db
from weighbridge.accounts import admins, idempotency, keys, tree
from weighbridge.accounts.idempotency import Asked
from weighbridge.accounts.keys import Keyring, Labels, Wanted
from weighbridge.accounts.tree import Place
from weighbridge.audit_log import GATEWAY
from weighbridge.db import Connection, transaction
from weighbridge.errors import Conflict, Forbidden, Unauthorized

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def connection(place: db.Place) -> Iterator[Connection]:
    """A migrated database, on each engine."""
    with closing(db.connect(place)) as opened:
        yield opened


def opens(connection: Connection, secret: str, *, now: datetime = NOW) -> bool:
    ring = Keyring(connection)
    ring.refresh()
    try:
        ring.open(secret.encode(), now=now)
    except Unauthorized:
        return False
    return True


def test_an_admin_key_opens_until_it_ends_or_is_revoked(connection: Connection) -> None:
    admin, secret = admins.create(
        connection, name="a", role="member", now=NOW, scope=Place("o", "p"), makes_keys=True, expires=NOW + HOUR
    )
    assert admins.open_with(connection, secret.encode(), now=NOW) == admin
    with pytest.raises(Unauthorized, match="has expired"):
        admins.open_with(connection, secret.encode(), now=NOW + HOUR)
    with transaction(connection):
        admins.revoke(connection, admin, by=GATEWAY, now=NOW)
    with pytest.raises(Unauthorized, match="was revoked"):
        admins.open_with(connection, secret.encode(), now=NOW)
    for other in ("", "wba-", secret.lower(), secret[:-1]):
        with pytest.raises(Unauthorized, match="no admin key"):
            admins.open_with(connection, other.encode(), now=NOW)


def test_a_scope_lists_what_lies_within(connection: Connection) -> None:
    scopes = [Place(), Place("o"), Place("o", "p"), Place("x", "p"), Place(None, "p")]
    made = {scope: admins.create(connection, name="a", role="auditor", now=NOW, scope=scope)[0].id for scope in scopes}
    within = {
        Place(): set(scopes),
        Place("o"): {Place("o"), Place("o", "p")},
        Place("o", "p"): {Place("o", "p")},
        Place(None, "p"): {Place(None, "p")},
    }
    for scope, expected in within.items():
        assert {admin.id for admin in admins.listing(connection, scope)} == {made[each] for each in expected}


def test_keys_are_listed_by_what_is_wanted_page_by_page(connection: Connection) -> None:
    labels = [Labels("o", "p"), Labels("o"), Labels("x", "p"), Labels(None, "p"), Labels("o", "p")]
    made = [keys.create(connection, name=str(at), now=NOW, labels=each)[0] for at, each in enumerate(labels)]
    keys.revoke(connection, made[0].id, now=NOW)

    def names(wanted: Wanted) -> set[str]:
        return {key.name for key in keys.listing(connection, wanted)}

    assert names(Wanted()) == {"0", "1", "2", "3", "4"}
    assert names(Wanted(within=("o", None))) == {"0", "1", "4"}
    assert names(Wanted(within=("o", "p"))) == {"0", "4"}
    assert names(Wanted(within=(None, "p"))) == {"3"}
    assert names(Wanted(within=("o", "p"), is_open=True)) == {"4"}
    assert names(Wanted(member="adm-none")) == set()
    every = [key.id for key in keys.listing(connection)]
    pages = [keys.listing(connection, Wanted(limit=2, after=after)) for after in (None, every[1], every[3])]
    assert [key.id for page in pages for key in page] == every
    assert [key.id for key in keys.listing(connection, Wanted(limit=2, offset=3))] == every[3:]


def test_a_rotated_key_opens_by_its_new_secret_and_by_the_old_one_for_a_while(connection: Connection) -> None:
    key, first = keys.create(connection, name="a", now=NOW, expires=NOW + 3 * HOUR)
    second, third = keys.new_secret(), keys.new_secret()
    with transaction(connection):
        rotated = keys.rotate(connection, key, second, until=NOW + HOUR, by=GATEWAY, now=NOW)
    assert keys.find(connection, key.id) == rotated == replace(key, hint=second[-4:])
    assert opens(connection, first)
    assert opens(connection, second)
    assert not opens(connection, first, now=NOW + HOUR)
    assert opens(connection, second, now=NOW + HOUR)
    with transaction(connection):
        keys.rotate(connection, rotated, third, until=NOW + 9 * HOUR, by=GATEWAY, now=NOW)
    assert not opens(connection, first)
    assert opens(connection, second, now=NOW + 2 * HOUR)
    assert not opens(connection, second, now=NOW + 3 * HOUR), "it ends with its key"
    keys.revoke(connection, key.id, now=NOW)
    assert not opens(connection, second)
    assert not opens(connection, third)


def test_models_of_all_that_is_above_a_key_bind_it(connection: Connection) -> None:
    _, secret = keys.create(connection, name="a", now=NOW, models=["a/*", "b/x"], labels=Labels("o", "p"))
    _, loose = keys.create(connection, name="b", now=NOW, labels=Labels(None, "p"))
    ring = Keyring(connection)

    def may(presented: str) -> set[str]:
        ring.refresh()
        key = ring.open(presented.encode(), now=NOW)
        found = set()
        for model in ("a/x", "a/y", "b/x", "c/x"):
            try:
                keys.allow(key, model)
            except Forbidden:
                continue
            found.add(model)
        return found

    def bind(place: Place, *models: str) -> None:
        with transaction(connection):
            tree.bind(connection, place, models or None, by=GATEWAY, now=NOW)

    assert may(secret) == {"a/x", "a/y", "b/x"}
    bind(Place("o"), "a/x", "b/*", "c/*")
    assert may(secret) == {"a/x", "b/x"}
    bind(Place("o", "p"), "a/*")
    assert may(secret) == {"a/x"}
    bind(Place("o", "other"), "c/*")
    assert may(secret) == {"a/x"}
    assert may(loose) == {"a/x", "a/y", "b/x", "c/x"}, "the project of another organisation"
    bind(Place("o"))
    assert may(secret) == {"a/x", "a/y"}
    assert [node.place for node in tree.projects(connection)] == [
        Place(None, "p"),
        Place("o", "other"),
        Place("o", "p"),
    ]
    assert [(node.place, node.models) for node in tree.organisations(connection)] == [(Place("o"), None)]


def test_what_is_asked_for_twice_is_made_once_for_a_day(connection: Connection) -> None:
    asked = Asked("adm-1", b"wba-secret", "name", b"POST /keys {}")
    first = idempotency.enter(connection, asked, "key-1", now=NOW)
    again = idempotency.enter(connection, asked, "key-2", now=NOW + 23 * HOUR)
    assert (first.again, again.again, again.made, again.salt) == (False, True, "key-1", first.salt)
    assert asked.secret("wb-", first.salt) == asked.secret("wb-", again.salt)
    assert len(asked.secret("wb-", first.salt)) == 46
    with pytest.raises(Conflict):
        idempotency.enter(connection, replace(asked, request=b"POST /keys []"), "key-3", now=NOW)
    other = idempotency.enter(connection, replace(asked, admin="adm-2"), "key-4", now=NOW)
    assert not other.again
    later = idempotency.enter(connection, asked, "key-5", now=NOW + 25 * HOUR)
    assert (later.again, later.salt == first.salt) == (False, False)


def test_a_secret_is_of_the_admin_key_the_name_and_the_salt() -> None:
    asked = Asked("adm-1", b"wba-secret", "name", b"")
    every = [
        asked.secret("wb-", b"salt"),
        replace(asked, presented=b"wba-other").secret("wb-", b"salt"),
        replace(asked, name="other").secret("wb-", b"salt"),
        asked.secret("wb-", b"pepper"),
    ]
    assert len(set(every)) == 4
