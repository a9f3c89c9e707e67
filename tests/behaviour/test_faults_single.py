"""Each fault by itself: what the client gets, within what time, and what the ledger says of it.

One gateway meets them all; the provider that makes them is a process of its own.
"""

import asyncio
from decimal import Decimal

import pytest

from bench.faults.cases import CASES, PATIENCE, Case, Outcome, outcomes

GENEROUS = 8.0
"""Seconds: any fault is over by then, or the client was forgotten."""


@pytest.fixture(scope="module")
def all_outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Every case, run once; each has left exactly one entry."""
    return asyncio.run(outcomes(tmp_path_factory.mktemp("faults")))


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def _mended(case: Case) -> bool:
    """Whether the client gets a good answer all the same."""
    return case.fault.code is None or case.mode == "resumed" or (case.mode == "beside" and not case.late)


def _all_said(case: Case) -> bool:
    """Whether what broke off was as good as whole, to a client that wants broken streams continued."""
    return case.mode == "resumed" and case.fault.breaks == "end"


def test_the_client_gets_a_whole_answer_or_one_stable_error(all_outcomes: dict[str, Outcome], case: Case) -> None:
    got, fault = all_outcomes[case.name], case.fault
    if _mended(case):
        assert (got.status, got.whole, got.error, got.right) == (200, True, None, True)
    else:
        assert (got.status, got.whole, got.error) == (200 if case.late else fault.status, False, fault.code)
    assert got.seconds < GENEROUS
    assert got.seconds >= PATIENCE or fault.code != "upstream_timeout"


def test_the_entry_says_the_same_and_names_each_attempt(all_outcomes: dict[str, Outcome], case: Case) -> None:
    got, fault = all_outcomes[case.name], case.fault
    if _mended(case):
        assert (got.ending, got.entry_status, got.entry_error) == ("complete", 200, None)
    else:
        assert (got.ending, got.entry_status, got.entry_error) == ("upstream_broke", got.status, fault.code)
    if _all_said(case):
        assert got.attempts == [None]
        return
    *failed, last = zip(got.providers, got.attempts, strict=True)
    assert set(failed) <= {(fault.name, fault.code)}
    assert last == (("well", None) if _mended(case) and fault.code is not None else (fault.name, fault.code))
    assert got.answered_as == ("another-model-7b" if fault.name == "other-model" else None)


def test_what_was_worked_for_is_charged_and_nothing_else(all_outcomes: dict[str, Outcome], case: Case) -> None:
    got, fault = all_outcomes[case.name], case.fault
    if _all_said(case):
        assert got.counted_by == ("provider" if fault.name == "reset-in-done" else "estimate")
        assert Decimal(got.cost or 0) > 0
    elif _mended(case):
        assert got.counted_by == ("estimate" if fault.counted else "provider"), "the weaker word, of two"
        assert got.cost is not None
        assert Decimal(got.told_cost or 0) == Decimal(got.cost) > 0
    elif fault.counted:
        assert (got.counted_by, got.told_cost) == ("provider" if fault.name == "reset-in-done" else "estimate", None)
        assert Decimal(got.cost or 0) > 0
    else:
        assert (got.counted_by, got.cost, got.told_cost) == (None, None, None)
