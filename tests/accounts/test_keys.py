"""Keys: shown once, kept as a hash, opened by what is in the database now."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.keys import Keyring
from weighbridge.errors import Forbidden, Unauthorized

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def connection(place: db.Place) -> Iterator[db.Connection]:
    with closing(db.connect(place)) as opened:
        yield opened


def ring(connection: db.Connection) -> Keyring:
    made = Keyring(connection)
    made.refresh()
    return made


def test_a_key_opens_what_it_was_made_for(connection: db.Connection) -> None:
    key, secret = keys.create(connection, name="ci", now=NOW, models=["a", "lab/*"], expires=NOW + timedelta(days=1))
    assert secret.startswith("wb-")
    assert len(secret) == 46
    assert ring(connection).open(secret.encode(), now=NOW) == key
    assert keys.listing(connection) == [key]


def test_the_key_itself_is_in_no_file(tmp_path: Path) -> None:
    with closing(db.connect(tmp_path / "ledger.db")) as connection:
        db.migrate(connection)
        _, secret = keys.create(connection, name="ci", now=NOW)
        files = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert any(secret[-4:].encode() in written for written in files.values()), "the hint is there, so they were read"
    for written in files.values():
        assert secret.encode() not in written
        assert secret.removeprefix("wb-").encode() not in written
        assert secret[3:20].encode() not in written


def test_no_two_keys_are_alike(connection: db.Connection) -> None:
    made = [keys.create(connection, name="same", now=NOW) for _ in range(50)]
    assert len({secret for _, secret in made}) == len({key.id for key, _ in made}) == 50


@pytest.mark.parametrize(
    "presented", [b"", b"wb-", b"wb-" + b"A" * 43, b"sk-other", b"\xff\x00", b"wb-" + b"x" * 1_000_000]
)
def test_another_key_opens_nothing(connection: db.Connection, presented: bytes) -> None:
    keys.create(connection, name="ci", now=NOW)
    with pytest.raises(Unauthorized) as refused:
        ring(connection).open(presented, now=NOW)
    assert "not one of this gateway's" in refused.value.message
    assert len(refused.value.message) < 200


@pytest.mark.parametrize("change", [str.upper, str.lower, lambda s: s + " ", lambda s: s[:-1], lambda s: s[3:]])
def test_a_key_is_itself_to_the_last_letter(connection: db.Connection, change: Callable[[str], str]) -> None:
    _, secret = keys.create(connection, name="ci", now=NOW)
    with pytest.raises(Unauthorized):
        ring(connection).open(change(secret).encode(), now=NOW)


def test_a_hash_is_not_a_key(connection: db.Connection) -> None:
    keys.create(connection, name="ci", now=NOW)
    (stored,) = connection.execute("SELECT hash FROM key").fetchone()
    for presented in (stored, stored.hex().encode()):
        with pytest.raises(Unauthorized):
            ring(connection).open(presented, now=NOW)


def test_a_revoked_key_opens_nothing_and_stays_revoked(connection: db.Connection) -> None:
    key, secret = keys.create(connection, name="ci", now=NOW)
    assert keys.revoke(connection, key.id, now=NOW)
    assert not keys.revoke(connection, key.id, now=NOW + timedelta(days=1))
    assert not keys.revoke(connection, "key-of-nobody", now=NOW)
    assert keys.listing(connection)[0].disabled == NOW
    with pytest.raises(Unauthorized, match=f"'ci' \\(…{secret[-4:]}\\) was revoked"):
        ring(connection).open(secret.encode(), now=NOW)


@pytest.mark.parametrize(("after", "opens"), [(-1, True), (0, False), (1, False)])
def test_a_key_opens_until_the_moment_it_expires(connection: db.Connection, after: int, opens: bool) -> None:
    _, secret = keys.create(connection, name="ci", now=NOW, expires=NOW + timedelta(hours=1))
    when = NOW + timedelta(hours=1, microseconds=after)
    if opens:
        ring(connection).open(secret.encode(), now=when)
    else:
        with pytest.raises(Unauthorized, match="has expired"):
            ring(connection).open(secret.encode(), now=when)


@pytest.mark.parametrize(
    ("models", "asked", "admitted"),
    [
        (None, "anything/at-all", True),
        ([], "a", False),
        (["a"], "a", True),
        (["a"], "ab", False),
        (["a"], "A", False),
        (["lab/*"], "lab/x", True),
        (["lab/*"], "lab/x/y", True),
        (["lab/*"], "lab", False),
        (["lab/*"], "labs/x", False),
        (["lab/*"], "other/lab/x", False),
        (["x", "lab/*"], "lab/y", True),
        (["*"], "a", False),
        (["lab/a*"], "lab/ab", False),
    ],
)
def test_a_key_admits_the_models_it_lists(
    connection: db.Connection, models: list[str] | None, asked: str, admitted: bool
) -> None:
    key, _ = keys.create(connection, name="ci", now=NOW, models=models)
    assert keys.listing(connection)[0].models == (None if models is None else tuple(models))
    if admitted:
        keys.allow(key, asked)
    else:
        with pytest.raises(Forbidden) as refused:
            keys.allow(key, asked)
        assert refused.value.param == "model"


def test_a_change_made_elsewhere_counts_after_a_refresh(connection: db.Connection, place: db.Place) -> None:
    held = ring(connection)
    with closing(db.connect(place)) as elsewhere:
        key, secret = keys.create(elsewhere, name="new", now=NOW)
        held.refresh()
        assert held.open(secret.encode(), now=NOW) == key
        keys.revoke(elsewhere, key.id, now=NOW)
        assert held.open(secret.encode(), now=NOW) == key, "no query is made for a request"
        held.refresh()
        with pytest.raises(Unauthorized):
            held.open(secret.encode(), now=NOW)
        elsewhere.execute("DELETE FROM key")
    held.refresh()
    with pytest.raises(Unauthorized, match="not one of"):
        held.open(secret.encode(), now=NOW)


def test_a_ring_that_cannot_be_refreshed_keeps_what_it_has(connection: db.Connection) -> None:
    _, secret = keys.create(connection, name="ci", now=NOW)
    held = ring(connection)
    connection.execute("DROP TABLE key_version")
    with pytest.raises(db.Error):
        held.refresh()
    held.open(secret.encode(), now=NOW)


def test_a_hundred_thousand_keys_are_opened_as_fast_as_one(connection: db.Connection) -> None:
    _, secret = keys.create(connection, name="one", now=NOW)
    alone = _seconds_to_open(ring(connection), secret)
    with db.transaction(connection):
        for start in range(0, 100_000, 500):
            cells = [(f"key-{number}", number.to_bytes(32, "big")) for number in range(start, start + 500)]
            places = ", ".join(["(?, 'many', ?, 'xxxx', 0)"] * len(cells))
            connection.execute(
                f"INSERT INTO key (id, name, hash, hint, created_at) VALUES {places}",
                [cell for row in cells for cell in row],
            )
    full = ring(connection)
    assert _seconds_to_open(full, secret) < 10 * alone
    started = time.perf_counter()
    full.refresh()
    assert time.perf_counter() - started < 0.05, "nothing has changed, so nothing is read"


def _seconds_to_open(held: Keyring, secret: str) -> float:
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(1_000):
            held.open(secret.encode(), now=NOW)
        best = min(best, time.perf_counter() - started)
    return best
