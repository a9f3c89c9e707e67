"""What requests with a mark of their own have cost, on each engine."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.ledger.made_up import NOW, charge, entry
from weighbridge.db import Connection
from weighbridge.ledger import store
from weighbridge.ledger.entry import Entry
from weighbridge.ledger.tagged import spent_on


def marked(number: int, cost: str | None, *tags: str, hours: int = 0) -> Entry:
    at = NOW + timedelta(hours=hours)
    return entry(
        id=f"wbr-{int(at.timestamp() * 1000):012x}{number:020x}", at=at, tags=tags, charge=charge(cost)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tag", "spent"),
    [
        ("switch:plan-1", "9000000.000000000003"),
        ("switch:plan-10", "5"),
        ("switch:plan-_", "0"),
        ("switch:plan%", "0"),
        ("a|b_%", "0.25"),
    ],
)
def test_all_that_has_the_mark_is_summed_to_the_last_digit_and_nothing_else(
    tag: str, spent: str, connection: Connection
) -> None:
    store.add(
        connection,
        [
            marked(1, "0.000000000001", "switch:plan-1"),
            marked(2, "9000000.000000000002", "personal-data", "switch:plan-1"),
            marked(3, None, "switch:plan-1"),
            marked(4, "5", "switch:plan-10"),
            marked(5, "7"),
            marked(6, "11", "switch:plan-1", hours=-5),
            marked(7, "0.25", "a|b_%"),
        ],
    )
    assert spent_on(connection, tag, NOW) == Decimal(spent)


def test_of_nothing_it_is_nothing(connection: Connection) -> None:
    assert spent_on(connection, "switch:plan-1", NOW) == 0
