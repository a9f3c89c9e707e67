"""What a worker that dies is charged for what it had settled and not yet written, against what it was granted."""

from datetime import UTC, datetime

from weighbridge.ledger.budgets.budget import Asker, Budget
from weighbridge.ledger.budgets.purse import Amounts, Purse

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MOST = Amounts(60, 6)


def test_what_was_held_is_free_again_when_the_entry_is_written_and_no_sooner() -> None:
    purse = Purse()
    purse.adopt([Budget("bud-1", "all", "", "usd", "total", 100, NOW)])
    accounts = purse.of(Asker("key-1"), 0)
    (account,) = accounts.accounts
    account.grant(100)
    first = purse.hold(accounts, MOST)
    assert first is not None
    purse.settle(first, 10, 1, "wbr-1")
    # noted are 60 of the first, as long as its entry is not written: 60 more would be 120 of the 100 that are granted
    assert purse.hold(accounts, MOST) is None
    purse.written("wbr-1")
    assert purse.hold(accounts, MOST) is not None
    purse.written("wbr-1")
    assert account.free == 30, "it is written once"
