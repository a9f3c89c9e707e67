"""What a key asks for where its requests say nothing: kept with the key, and the same when it is read again."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weighbridge import db
from weighbridge.accounts import keys
from weighbridge.accounts.defaults import NO_DEFAULTS, Defaults
from weighbridge.accounts.keys import Keyring
from weighbridge.wire.preferences import MostPaid, Percentiles, Preferences, Sorting

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CASES = [
    NO_DEFAULTS,
    Defaults(preset="cheap-coder"),
    Defaults(priority="low", most_priority="normal", cache=3600),
    Defaults(provider=Preferences(order=["a", "b/fp8"], allow_fallbacks=False, sort="price")),
    Defaults(
        provider=Preferences(
            sort=Sorting(by="throughput", partition="none"),
            max_price=MostPaid(prompt="0.5"),
            preferred_max_latency=Percentiles(p90=1.5),
        )
    ),
]


@pytest.fixture
def connection(place: db.Place) -> Iterator[db.Connection]:
    with closing(db.connect(place)) as opened:
        yield opened


@pytest.mark.parametrize("defaults", CASES)
def test_they_are_read_as_they_were_given(connection: db.Connection, defaults: Defaults) -> None:
    key, secret = keys.create(connection, name="ci", now=NOW, defaults=defaults)
    ring = Keyring(connection)
    ring.refresh()
    assert ring.open(secret.encode(), now=NOW) == key
    assert key.defaults == defaults
    (stored,) = connection.execute("SELECT defaults FROM key").fetchone()
    assert (stored is None) == (defaults == NO_DEFAULTS)


def test_a_key_from_before_there_were_any_has_none(tmp_path: Path) -> None:
    steps = db.shipped()
    with closing(db.connect(tmp_path / "ledger.db")) as opened:
        db.migrate(opened, {step: sql for step, sql in steps.items() if step < 5})
        opened.execute(
            "INSERT INTO key (id, name, hash, hint, created_at) VALUES ('key-1', 'old', X'00', 'abcd', 0)",
        )
        db.migrate(opened)
        (old,) = keys.listing(opened)
    assert old.defaults == NO_DEFAULTS
