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
    """Whether another provider can answer instead."""
    return case.beside and not case.fault.breaks


def _begun(case: Case) -> bool:
    """Whether the client was sent a head already when the fault happened."""
    return case.fault.breaks and case.kind == "stream" and case.fault.name != "says-page"


def test_the_client_gets_a_whole_answer_or_one_stable_error(all_outcomes: dict[str, Outcome], case: Case) -> None:
    got, fault = all_outcomes[case.name], case.fault
    if fault.code is None or _mended(case):
        assert (got.status, got.whole, got.error) == (200, True, None)
    else:
        assert (got.status, got.whole, got.error) == (200 if _begun(case) else fault.status, False, fault.code)
    assert got.seconds < GENEROUS
    assert got.seconds >= PATIENCE or fault.code != "upstream_timeout"


def test_the_entry_says_the_same_and_names_each_attempt(all_outcomes: dict[str, Outcome], case: Case) -> None:
    got, fault = all_outcomes[case.name], case.fault
    if fault.code is None or _mended(case):
        assert (got.ending, got.entry_status, got.entry_error) == ("complete", 200, None)
    else:
        assert (got.ending, got.entry_status, got.entry_error) == ("upstream_broke", got.status, fault.code)
    *failed, last = zip(got.providers, got.attempts, strict=True)
    assert set(failed) <= {(fault.name, fault.code)}
    assert last == (("well", None) if _mended(case) and fault.code is not None else (fault.name, _last_code(case)))


def _last_code(case: Case) -> str | None:
    """The attempt whose answer broke off did answer; the entry says how that ended."""
    return None if case.fault.breaks else case.fault.code


def test_what_was_worked_for_is_charged_and_nothing_else(all_outcomes: dict[str, Outcome], case: Case) -> None:
    got, fault = all_outcomes[case.name], case.fault
    if got.whole:
        assert got.counted_by == "provider"
        assert got.cost is not None
        assert Decimal(got.cost) == Decimal(got.told_cost or 0) > 0
    elif fault.name == "reset-in-done":
        assert (got.counted_by, got.told_cost) == ("provider", None)
    elif _begun(case) or fault.name in ("falls-silent", "never-closes", "reset-in-body"):
        assert (got.counted_by, got.told_cost) == ("estimate", None)
        assert Decimal(got.cost or 0) > 0
    else:
        assert (got.counted_by, got.cost, got.told_cost) == (None, None, None)
