"""Machines that do not come back: what they had in advance is settled once, also where their journal turns up later."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines import in_memory
from tests.ledger.made_up import entry
from weighbridge import audit_log
from weighbridge.app.budgets import recover
from weighbridge.audit_log import Wanted
from weighbridge.db import Connection
from weighbridge.ledger import store
from weighbridge.ledger.budgets import leases, lost, table
from weighbridge.ledger.budgets.budget import Budget
from weighbridge.ledger.budgets.lost import NotLost
from weighbridge.ledger.budgets.uses import uses as uses_of
from weighbridge.ledger.entry import WORKER, Claim, Claims, Draw, Draws, Entry, Ids
from weighbridge.ledger.journal import Journal

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
IDS = Ids()
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def budget(connection: Connection) -> Budget:
    """A hundred requests."""
    return table.put(connection, Budget("", "all", "", "requests", "total", 100, NOW))


def granted(connection: Connection, budget: Budget, worker: str, amount: int, host: str = "lost-1") -> Claim:
    """A worker that began, with so much in advance."""
    leases.begin(connection, worker, host, f"/nowhere/{worker}.journal", NOW)
    claim = Claim(budget.id, "", 0)
    assert leases.take(connection, worker, claim, budget.amount, least=amount, parts=1000).more == amount
    return claim


def stand(connection: Connection, budget: Budget) -> tuple[int, int]:
    """What is used, and in advance."""
    found = uses_of(connection, {budget.id: 0})
    return sum(use.used for use in found), sum(use.granted for use in found)


def drawing(worker: str, claim: Claim, amount: int) -> Entry:
    """An entry of this worker that takes so much."""
    id_ = IDS.next()
    return entry(id=f"{id_[: WORKER.start]}{worker}{id_[WORKER.stop :]}", draws=Draws(Claims(usd=(claim,)), amount, 0))


def test_it_is_listed_who_has_what_and_when_he_was_heard_of(connection: Connection, budget: Budget) -> None:
    claim = granted(connection, budget, "0000000001", 40)
    store.add(connection, [drawing("0000000001", claim, 15)])
    (held,) = lost.listing(connection)
    assert (held.worker.id, held.worker.host, held.worker.seen) == ("0000000001", "lost-1", NOW)
    assert (held.budget, held.used, held.in_advance) == (budget.id, 15, 25)


def test_all_that_was_in_advance_counts_as_used(connection: Connection, budget: Budget) -> None:
    claim = granted(connection, budget, "0000000001", 40)
    granted(connection, budget, "0000000002", 20, host="other")
    store.add(connection, [drawing("0000000001", claim, 15)])
    assert stand(connection, budget) == (15, 45)
    (held,) = lost.write_off(connection, "lost-1", now=LATER)
    assert (held.worker.id, held.in_advance) == ("0000000001", 25)
    assert stand(connection, budget) == (40, 20)
    assert leases.take(connection, "0000000002", claim, 100, least=41, parts=1).more == 0
    assert leases.take(connection, "0000000002", claim, 100, least=40, parts=1).more == 40
    with pytest.raises(NotLost, match="no worker"):
        lost.write_off(connection, "lost-1", now=LATER)
    (row,) = audit_log.rows(connection, Wanted(action="budget.write_off"))
    assert (row.change.target, row.change.after) == ("0000000001", {"counted_as_used": True})


def test_or_is_free_again_where_nothing_was_under_way(connection: Connection, budget: Budget) -> None:
    claim = granted(connection, budget, "0000000001", 40)
    store.add(connection, [drawing("0000000001", claim, 15)])
    lost.write_off(connection, "0000000001", now=LATER, free=True)
    assert stand(connection, budget) == (15, 0)


def test_limits_are_free_again(connection: Connection) -> None:
    limit = table.put(connection, Budget("", "all", "", "requests", "at once", 100, NOW))
    granted(connection, limit, "0000000001", 40)
    lost.write_off(connection, "lost-1", now=LATER)
    assert stand(connection, limit) == (0, 0)


def test_who_is_heard_of_is_not_written_off(connection: Connection, budget: Budget) -> None:
    granted(connection, budget, "0000000001", 40)
    granted(connection, budget, "0000000002", 40)
    leases.seen(connection, "0000000002", LATER)
    with pytest.raises(NotLost, match="0000000002 of lost-1 was heard of 59 s ago"):
        lost.write_off(connection, "lost-1", now=LATER + timedelta(seconds=59))
    assert stand(connection, budget) == (0, 80)
    lost.write_off(connection, "0000000001", now=LATER)
    assert stand(connection, budget) == (40, 40)


def test_who_has_left_a_journal_here_is_found_by_a_gateway(
    connection: Connection, budget: Budget, tmp_path: Path
) -> None:
    file = tmp_path / "0000000001.journal"
    file.touch()
    leases.begin(connection, "0000000001", socket.gethostname(), str(file), NOW)
    with pytest.raises(NotLost, match="has left its journal on this machine"):
        lost.write_off(connection, "0000000001", now=LATER)


@pytest.mark.parametrize("free", [False, True])
def test_a_journal_that_comes_back_is_counted_once(
    connection: Connection, budget: Budget, tmp_path: Path, *, free: bool
) -> None:
    claim = granted(connection, budget, "0000000001", 40)
    journal = Journal(tmp_path / "0000000001.journal")
    journal.begin()
    there, under_way = drawing("0000000001", claim, 15), drawing("0000000001", claim, 7)
    for each in (there, under_way):
        journal.note(each)
    store.add(connection, [there])
    journal.close()
    lost.write_off(connection, "lost-1", now=LATER, free=free)
    assert recover(connection, tmp_path) == 1
    assert stand(connection, budget) == (22, 0)
    assert connection.execute("SELECT count(*) FROM written_off").fetchone()[0] == 0
    assert recover(connection, tmp_path) == 0
    assert {one.id for one in store.entries(connection)} == {there.id, under_way.id}


def test_a_worker_that_was_cut_off_and_goes_on_is_counted_by_what_it_used(
    connection: Connection, budget: Budget
) -> None:
    claim = granted(connection, budget, "0000000001", 40)
    lost.write_off(connection, "lost-1", now=LATER)
    leases.give_back(connection, "0000000001", {claim: 10})
    store.add(connection, [drawing("0000000001", claim, 30)])
    assert stand(connection, budget) == (70, 0), "too much for a while, and never too little"
    leases.close(connection, "0000000001")
    assert stand(connection, budget) == (30, 0)


amounts = st.integers(0, 50)


@given(amounts, amounts, amounts, st.booleans())
def test_however_it_went_the_end_is_what_the_entries_say(had: int, before: int, after: int, free: bool) -> None:
    with in_memory() as connection:
        budget = table.put(connection, Budget("", "all", "", "requests", "total", 100, NOW))
        claim = granted(connection, budget, "0000000001", max(1, had))
        leases.draw(connection, [("0000000001", Draw(claim, min(before, had)))])
        lost.write_off(connection, "lost-1", now=LATER, free=free)
        used, unused = stand(connection, budget)
        assert unused == 0
        assert used == (min(before, had) if free else max(1, had))
        leases.draw(connection, [("0000000001", Draw(claim, after))])
        leases.close(connection, "0000000001")
        assert stand(connection, budget) == (min(before, had) + after, 0)
