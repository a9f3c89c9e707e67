"""The arithmetic between what the load generator says and what the page tells."""

import math
from decimal import Decimal

import pytest

from bench.figures import (
    chunk_p99,
    cpu_microseconds,
    difference,
    latency_p99,
    median,
    promises,
    ratio,
    requests_per_second,
    times_peer,
)
from bench.load import Load
from bench.receipts import JSON_ANSWER, STREAM, Answer, times
from bench.results import Measure, Parity, Run, SoakStep, StreamCheck, Sums


def load(*, rps: float = 0, p99: float = 0, ch99: float = 0) -> Load:
    return Load(
        ok=1,
        err=0,
        nousage=0,
        secs=1,
        rps=rps,
        chunks_s=0,
        p50=p99 / 2,
        p90=p99,
        p99=p99,
        max=p99,
        ttft50=0,
        ttft99=0,
        ch50=0,
        ch99=ch99,
        nch=0,
        errbody="",
    )


def measure(candidate: str, test: str, number: int, told: Load) -> Measure:
    return Measure(
        candidate=candidate,
        test=test,
        round=number,
        load=told,
        gateway_cpu=1,
        mock_cpu=0,
        foreign_cpu=0,
        stolen=0,
        rss_mb=40,
    )


def rates(candidate: str, test: str, *each: float) -> list[Measure]:
    return [measure(candidate, test, number, load(rps=rps)) for number, rps in enumerate(each, start=1)]


def run_of(
    measures: list[Measure],
    *,
    parity: list[Parity] | None = None,
    soak: dict[int, float] | None = None,
    faults: int = 0,
) -> Run:
    return Run(
        date="2026-11-22",
        command="python -m bench",
        machine={},
        versions={},
        idle_rss_mb={"weighbridge": 119.9},
        measures=measures,
        parity=parity or [],
        streams=[
            StreamCheck(
                candidate="weighbridge", streams=2, chunks=3, pace_ms=5, faults=["chunks out of order"] * faults
            )
        ],
        soak=[SoakStep(requests=count, unanswered=0, rss_mb=size) for count, size in (soak or {}).items()],
    )


def broken(run: Run) -> list[str]:
    return [promise.what for promise in promises(run) if not promise.met]


def test_a_ratio_is_taken_within_each_round_so_a_machine_that_drifts_does_not_move_it() -> None:
    measures = rates("weighbridge", "ns64", 1000, 3000, 500) + rates("nginx", "ns64", 2000, 6000, 1000)
    assert ratio(measures, "ns64", requests_per_second, of="weighbridge", to="nginx") == 0.5
    assert median(measures, "weighbridge", "ns64", requests_per_second) == 1000


def test_a_round_that_only_one_of_them_took_is_left_out() -> None:
    measures = rates("weighbridge", "ns64", 1000, 9000) + rates("nginx", "ns64", 4000)
    assert ratio(measures, "ns64", requests_per_second, of="weighbridge", to="nginx") == 0.25


def test_what_was_not_taken_is_unknown_and_promises_nothing() -> None:
    assert median([], "weighbridge", "ns64", requests_per_second) is None
    assert ratio(rates("nginx", "ns64", 1), "ns64", requests_per_second, of="weighbridge", to="nginx") is None
    assert difference([], "r300", latency_p99, of="weighbridge", to="direct") is None
    assert not [promise for promise in promises(run_of([])) if "nginx" in promise.promised]


def test_added_latency_is_the_difference_within_a_round() -> None:
    measures = [
        measure(name, "r300", number, load(p99=p99))
        for number, (ours, bare) in enumerate([(1.0, 0.2), (9.0, 8.0), (3.0, 0.1)], start=1)
        for name, p99 in (("weighbridge", ours), ("direct", bare))
    ]
    added = difference(measures, "r300", latency_p99, of="weighbridge", to="direct")
    assert added is not None
    assert math.isclose(added, 1.0)


def test_cpu_time_for_an_answer_is_the_share_of_a_core_over_the_rate() -> None:
    (whole_core,) = rates("weighbridge", "ns64", 20_000)
    assert cpu_microseconds(whole_core) == 50


def test_a_peer_is_compared_at_the_load_that_suits_it_best() -> None:
    measures = rates("weighbridge", "ns64", 12_000) + rates("litellm", "ns4", 60) + rates("litellm", "ns64", 50)
    assert times_peer(measures, "litellm") == 200


@pytest.mark.parametrize(
    ("ours", "kept"),
    [(2500.0, True), (2499.0, False)],
)
def test_a_quarter_of_nginx_is_enough_and_less_is_not(ours: float, kept: bool) -> None:
    run = run_of(rates("weighbridge", "ns64", ours) + rates("nginx", "ns64", 10_000))
    assert ("requests/s, 64 connections" not in broken(run)) is kept


def test_each_pace_has_its_own_promise() -> None:
    measures = [
        measure(name, test, 1, load(ch99=age))
        for name, test, age in (
            ("nginx", "sp256-5ms", 2.0),
            ("weighbridge", "sp256-5ms", 6.1),
            ("nginx", "sp256-20ms", 2.0),
            ("weighbridge", "sp256-20ms", 5.9),
        )
    ]
    assert ratio(measures, "sp256-20ms", chunk_p99, of="weighbridge", to="nginx") == 2.95
    assert broken(run_of(measures)) == ["chunk latency p99, sp256-5ms"]


def test_memory_may_settle_before_the_first_step_but_not_grow_after_it() -> None:
    assert broken(run_of([], soak={0: 40, 20_000: 60, 200_000: 61})) == []
    assert broken(run_of([], soak={0: 40, 20_000: 45, 200_000: 51})) == ["growth of memory, 20,000 to 200,000 requests"]


def test_a_fault_in_a_stream_breaks_its_promise() -> None:
    assert broken(run_of([], faults=1)) == ["2 streams of 3 chunks, 5 ms apart"]


def priced(answer: Answer) -> Decimal:
    uncached, million = answer.prompt - answer.cached, Decimal(1_000_000)
    prices = (uncached * Decimal("0.27"), answer.cached * Decimal("0.07"), answer.completion * Decimal("1.10"))
    return sum(prices, Decimal()) / million


@pytest.mark.parametrize("answer", [JSON_ANSWER, STREAM])
def test_the_expected_cost_is_the_usage_times_the_configured_price(answer: Answer) -> None:
    assert answer.cost * Decimal("1e-12") == priced(answer)


@pytest.mark.parametrize("field", ["entries", "complete", "prompt", "completion", "cached", "cost"])
def test_a_ledger_that_is_off_by_one_anywhere_is_not_exact(field: str) -> None:
    right = times(JSON_ANSWER, 1000)
    wrong = Sums(**{name: getattr(right, name) - (name == field) for name in Sums.__struct_fields__})
    assert Parity(test="t", answers=1000, entered=right, expected=right).exact
    assert not Parity(test="t", answers=1000, entered=wrong, expected=right).exact


def test_a_load_without_an_answer_proves_nothing() -> None:
    nothing = times(JSON_ANSWER, 0)
    assert not Parity(test="t", answers=0, entered=nothing, expected=nothing).exact
