"""What keys have used, from the sums by hour."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.ledger.made_up import charge, entry
from weighbridge import db
from weighbridge.ledger import store
from weighbridge.ledger.spending import Used, used_by_keys
from weighbridge.wire.usage import Usage

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_what_keys_have_used_is_summed_since_a_time(place: db.Place) -> None:
    cases = (
        ("key-a", NOON, "model/x", "0.5"),
        ("key-a", NOON + timedelta(days=1), "model/y", "0.25"),
        ("key-a", NOON - timedelta(days=40), "model/x", "8"),
        ("key-b", NOON, "model/x", "1"),
    )
    with closing(db.connect(place)) as connection:
        assert used_by_keys(connection, ["key-a"], NOON) == {}
        made = [
            entry(id=f"wbr-{number:032x}", key=key, at=at, model=model, charge=charge(cost, Usage(10, 5)))
            for number, (key, at, model, cost) in enumerate(cases)
        ]
        refused = entry(id="wbr-" + "f" * 32, key="key-a", at=NOON, ending="refused", charge=None)
        store.add(connection, [*made, refused])
        found = used_by_keys(connection, ["key-a", "key-c"], NOON)
        assert found == {"key-a": Used(3, 30, Decimal("0.75"))}
        assert used_by_keys(connection, [], NOON) == {}
        assert used_by_keys(connection, ["key-a"], NOON - timedelta(days=50))["key-a"].cost == Decimal("8.75")
        before = used_by_keys(connection, None, NOON - timedelta(days=50), NOON)
        assert before == {"key-a": Used(1, 15, Decimal(8))}
        after = used_by_keys(connection, None, NOON)
        assert {key: used.requests for key, used in after.items()} == {"key-a": 3, "key-b": 1}
        assert before["key-a"] + after["key-a"] == Used(4, 45, Decimal("8.75"))
