"""The database as a run uses it, on each engine: many at once, one statement at a time."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.ledger.made_up import charge, entry
from weighbridge.db import Connection
from weighbridge.ledger import store as ledger
from weighbridge.switch.books import Books
from weighbridge.switch.planned import FromFile, Plan
from weighbridge.switch.replayed import Replayed
from weighbridge.switch.store import CertificateRow

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLAN = Plan(id="plan-1", at=NOW, reference="a/b", source=FromFile("f"), epsilon=0.1, delta=0.1, routes=())


def books(connection: Connection) -> Books:
    return Books(connection, PLAN, lambda: NOW)


async def test_many_write_at_once_and_all_is_there(connection: Connection) -> None:
    own = books(connection)
    done = Replayed(state="done", cost="0.1")
    await asyncio.gather(*(own.put(f"wbr-{number}", {"a": done, "b": done}) for number in range(50)))
    assert await own.rows() == {(f"wbr-{number}", arm): done for number in range(50) for arm in ("a", "b")}


async def test_what_replays_cost_is_what_the_ledger_says(connection: Connection) -> None:
    id_ = f"wbr-{int(NOW.timestamp() * 1000):012x}{0:020x}"
    paid = entry(id=id_, at=NOW, tags=("switch:plan-1",), charge=charge("0.25"))
    unknown = entry(id=f"{id_[:-1]}1", at=NOW, tags=("switch:plan-1",), charge=charge(None))
    idle = entry(id=f"{id_[:-1]}2", at=NOW, charge=None)
    ledger.add(connection, [paid, unknown, idle])
    own = books(connection)
    assert await own.spent() == Decimal("0.25")
    receipts = [paid.id, unknown.id, idle.id, "wbr-nowhere"]
    assert await own.costs(receipts) == {paid.id: Decimal("0.25"), unknown.id: None, idle.id: Decimal(0)}


async def test_what_was_under_way_when_a_run_was_killed_counts_until_the_ledger_has_it(connection: Connection) -> None:
    now = [NOW]
    own = Books(connection, PLAN, lambda: now[0])
    await own.put("wbr-1", {"a": Replayed(state="sent", most="0.5"), "b": Replayed(state="done", most="7")})
    assert await own.spent() == Decimal("0.5")
    now[0] += timedelta(minutes=11)
    assert await own.spent() == 0


async def test_certificates_are_those_of_the_route(connection: Connection) -> None:
    own = books(connection)
    for number, (plan, route) in enumerate((("plan-1", "rt-1"), ("plan-1", "rt-2"), ("plan-2", "rt-1"))):
        later = NOW + timedelta(days=1)
        await own.certify(CertificateRow(f"cert-{number}", plan, route, NOW, later, b"{}", b"\x00"))
    assert [each.id for each in await own.certificates("rt-1")] == ["cert-0"]
