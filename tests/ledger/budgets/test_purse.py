"""What a worker may use: never more than it has in advance, whatever is held, settled, given back and asked for."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from weighbridge import db
from weighbridge.db import Connection, microseconds, transaction
from weighbridge.ledger.budgets import leases
from weighbridge.ledger.budgets.budget import Asker, Budget
from weighbridge.ledger.budgets.purse import Account, Amounts, Hold, Purse
from weighbridge.ledger.budgets.uses import uses as uses_of
from weighbridge.ledger.entry import Draws

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT = microseconds(NOW)
ASKER = Asker("key-1")
AMOUNT = 1000


def budget(**more: object) -> Budget:
    """One of 1,000 for the key."""
    fields = {
        "id": "bud-1",
        "scope": "key",
        "name": "*",
        "unit": "usd",
        "period": "day",
        "amount": AMOUNT,
        "created": NOW,
    }
    return Budget(**{**fields, **more})  # type: ignore[arg-type]


@pytest.fixture
def purse() -> Purse:
    made = Purse()
    made.adopt([budget(), budget(id="bud-2", scope="all", name="", unit="tokens", amount=10)])
    return made


def test_what_is_held_is_held_in_all_or_in_none(purse: Purse) -> None:
    party = purse.of(ASKER, AT)
    dollars, tokens = party.accounts
    dollars.grant(100)
    assert purse.hold(party, Amounts(60, 4)) is None
    assert (dollars.free, tokens.free) == (100, 0)
    tokens.grant(10)
    hold = purse.hold(party, Amounts(60, 4))
    assert hold is not None
    assert (dollars.free, tokens.free) == (40, 6)
    assert purse.held() == {dollars.claim: 60, tokens.claim: 4}
    assert (purse.held_in(dollars), purse.held_in(tokens)) == (60, 4)
    draws = purse.settle(hold, 25, 3)
    assert draws is not None
    assert {draw.claim.budget: draw.amount for draw in draws.each()} == {"bud-1": 25, "bud-2": 3}
    assert (dollars.free, tokens.free) == (75, 7)
    assert purse.settle(hold, 25, 3) is None, "once"
    assert (dollars.free, tokens.free) == (75, 7)
    assert not purse.held()


@pytest.mark.parametrize("lacks", range(6))
def test_whichever_has_too_little_nothing_is_held_in_any(lacks: int) -> None:
    purse = Purse()
    units = (("usd", "day"), ("usd", "week"), ("tokens", "day"), ("tokens", "minute"), ("requests", "day"))
    bounds = [budget(id=f"bud-{at}", unit=unit, period=period) for at, (unit, period) in enumerate(units)]
    purse.adopt([*bounds, budget(id="bud-5", unit="requests", period="at once")])
    party = purse.of(ASKER, AT)
    for at, account in enumerate(party.accounts):
        account.grant(0 if at == lacks else 100)
    before = [account.free for account in party.accounts]
    assert purse.hold(party, Amounts(60, 4)) is None
    assert [account.free for account in party.accounts] == before
    lacking = purse.lacking(party, Amounts(60, 4))
    assert lacking is party.accounts[lacks]
    lacking.grant(100)
    assert purse.hold(party, Amounts(60, 4)) is not None
    assert [account.free for account in party.accounts] == [40, 40, 96, 96, 99, 99]


def test_what_took_more_than_was_held_is_made_up_for_before_anything_else_is_held(purse: Purse) -> None:
    party = purse.of(ASKER, AT)
    for account in party.accounts:
        account.grant(100)
    hold = purse.hold(party, Amounts(60, 4))
    assert hold is not None
    purse.settle(hold, 110, 4)
    assert party.accounts[0].free == -10
    assert purse.hold(party, Amounts(1, 1)) is None
    assert party.accounts[0].claim not in purse.spare()


def test_a_budget_that_becomes_hard_or_soft_goes_on_from_what_was_used() -> None:
    purse = Purse()
    purse.adopt([budget(hard=False)])
    party = purse.of(ASKER, AT)
    hold = purse.hold(party, Amounts(30, 1))
    assert hold is not None
    purse.settle(hold, 30, 1)
    assert purse.spare() == {}
    purse.adopt([budget(hard=True)])
    assert party.accounts[0].free == -30
    assert purse.hold(party, Amounts(1, 1)) is None
    purse.adopt([budget(hard=False)])
    assert purse.hold(party, Amounts(1, 1)) is not None


def test_more_is_held_for_another_endpoint_or_nothing_is(purse: Purse) -> None:
    party = purse.of(ASKER, AT)
    dollars, tokens = party.accounts
    dollars.grant(100)
    tokens.grant(10)
    hold = purse.hold(party, Amounts(60, 4))
    assert hold is not None
    assert not purse.extend(hold, Amounts(60, 4))
    assert purse.extend(hold, Amounts(40, 4))
    assert (dollars.free, tokens.free) == (0, 2)
    purse.settle(hold, 80, 8)
    assert (dollars.free, tokens.free) == (20, 2)


def test_a_new_period_is_a_new_account_and_the_old_one_is_closed_when_nothing_is_held_in_it(purse: Purse) -> None:
    before = purse.of(ASKER, AT)
    for account in before.accounts:
        account.grant(100)
    hold = purse.hold(before, Amounts(1, 1))
    assert hold is not None
    later = microseconds(NOW + timedelta(days=1))
    after = purse.of(ASKER, later)
    assert not set(after.accounts) & set(before.accounts)
    assert purse.past(later) == []
    purse.settle(hold, 1, 1)
    assert set(purse.past(later)) == {account.claim for account in before.accounts}


def test_a_budget_that_is_not_hard_lacks_nothing_and_counts_all_the_same() -> None:
    purse = Purse()
    purse.adopt([budget(hard=False)])
    hold = purse.hold(purse.of(ASKER, AT), Amounts(10**9, 1))
    assert hold is not None
    draws = purse.settle(hold, 7, 1)
    assert draws is not None
    assert [draw.amount for draw in draws.each()] == [7]


def test_what_is_not_needed_goes_back_and_what_was_needed_lately_stays(purse: Purse) -> None:
    party = purse.of(ASKER, AT)
    dollars, tokens = party.accounts
    dollars.grant(100)
    tokens.grant(10)
    hold = purse.hold(party, Amounts(30, 1))
    assert hold is not None
    assert purse.spare() == {dollars.claim: 40, tokens.claim: 8}
    assert purse.spare() == {}, "as much again as is held stays"
    purse.settle(hold, 10, 1)
    assert purse.spare() == {dollars.claim: 30, tokens.claim: 1}, "what was free all the time"
    assert purse.spare() == {dollars.claim: 20}, "what has become free since"
    assert dollars.free == 0
    purse.kept({dollars.claim: 20})
    assert dollars.free == 20


def test_accounts_in_which_nothing_moves_are_forgotten_and_those_in_use_stay() -> None:
    purse = Purse()
    purse.adopt([budget(scope="user")])
    gone, here, held = (purse.of(Asker("key-1", user=user), AT) for user in ("gone", "here", "held"))
    for party in (gone, here, held):
        party.accounts[0].grant(10)
    hold = purse.hold(held, Amounts(5, 1))
    assert hold is not None
    assert purse.idle(10) == []
    for number in range(3):
        once = purse.hold(here, Amounts(1, 1))
        assert once is not None
        purse.settle(once, 1, 1)
        assert purse.idle(10) == ([gone.accounts[0].claim] if number == 1 else [])
    for user, was, same in (("gone", gone, False), ("here", here, True), ("held", held, True)):
        now = purse.of(Asker("key-1", user=user), AT)
        assert (now.accounts[0] is was.accounts[0]) is same


class Workers(RuleBasedStateMachine):
    """Some workers on one database; each of them is killed now and then, and all that it had under way is settled."""

    file: Path

    @initialize()
    def begin(self) -> None:
        """A fresh database with one budget."""
        self.connection: Connection = db.connect(self.file)
        db.migrate(self.connection)
        for table in ("lease", "budget_use", "worker"):
            self.connection.execute(f"DELETE FROM {table}")
        self.purses: dict[str, Purse] = {}
        self.holds: list[tuple[str, Hold, int]] = []
        self.spent = 0
        self.count = 0

    @precondition(lambda self: len(self.purses) < 3)
    @rule()
    def start(self) -> None:
        """One more worker."""
        self.count += 1
        purse = self.purses[f"w{self.count}"] = Purse()
        purse.adopt([budget()])
        leases.begin(self.connection, f"w{self.count}", "here", "", NOW)

    def account(self, worker: str) -> Account:
        """Its one."""
        (found,) = self.purses[worker].of(ASKER, AT).accounts
        return found

    @precondition(lambda self: self.purses)
    @rule(data=st.data(), amount=st.integers(1, 400), parts=st.integers(1, 4))
    def hold(self, data: st.DataObject, amount: int, parts: int) -> None:
        """A request comes, and more is asked for where it is needed."""
        worker = data.draw(st.sampled_from(sorted(self.purses)))
        purse, account = self.purses[worker], self.account(worker)
        if account.free < amount:
            least = amount - account.free
            grant = leases.take(self.connection, worker, account.claim, AMOUNT, least=least, parts=parts)
            assert grant.more == 0 or grant.more >= least
            account.grant(grant.more)
        hold = purse.hold(purse.of(ASKER, AT), Amounts(amount, 1))
        assert (hold is not None) == (account.free + (amount if hold else 0) >= amount)
        if hold is not None:
            self.holds.append((worker, hold, amount))

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """One of them ends, and its entry is written."""
        worker, hold, amount = self.holds.pop(data.draw(st.integers(0, len(self.holds) - 1)))
        took = data.draw(st.integers(0, amount))
        self.write(worker, self.purses[worker].settle(hold, took, 1))
        self.spent += took

    def write(self, worker: str, draws: Draws | None) -> None:
        """As the ledger's writer does."""
        assert draws is not None
        with transaction(self.connection):
            leases.draw(self.connection, [(worker, draw) for draw in draws.each()])

    @precondition(lambda self: self.purses)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        """A worker needs less."""
        worker = data.draw(st.sampled_from(sorted(self.purses)))
        leases.give_back(self.connection, worker, self.purses[worker].spare())

    @precondition(lambda self: self.purses)
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        """A worker dies: what it had under way is charged the most that it can have come to."""
        worker = data.draw(st.sampled_from(sorted(self.purses)))
        del self.purses[worker]
        for _, hold, amount in [each for each in self.holds if each[0] == worker]:
            self.write(worker, Draws(hold.party.claims, amount, 1))
            self.spent += amount
        self.holds = [each for each in self.holds if each[0] != worker]
        leases.close(self.connection, worker)

    @invariant()
    def nothing_is_exceeded(self) -> None:
        """The books close, and what may still be spent is there."""
        if not hasattr(self, "connection"):
            return
        uses = uses_of(self.connection, {"bud-1": AT - AT % 86_400_000_000})
        used = sum(use.used for use in uses)
        assert used == self.spent
        assert used + sum(amount for _, _, amount in self.holds) <= AMOUNT
        assert used + sum(use.granted for use in uses) <= AMOUNT

    def teardown(self) -> None:
        """Close the database."""
        if hasattr(self, "connection"):
            self.connection.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with closing(db.connect(tmp_path / "ledger.db")) as connection:
        db.migrate(connection)
    return tmp_path / "ledger.db"


def test_whoever_holds_settles_gives_back_and_dies_the_budget_is_never_exceeded(file: Path) -> None:
    machine = type("OnFile", (Workers,), {"file": file})
    checks = [HealthCheck.too_slow]
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=checks)
    )
