"""What a settled request counts for: tables, and sums that hold for any requests."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.watching.reading import Sample, read
from weighbridge.ledger.entry import Attempt, Charge, Ending, Entry
from weighbridge.watching import exposition
from weighbridge.watching.board import take, totals
from weighbridge.watching.families import FAMILIES, BudgetNow, samples
from weighbridge.watching.meter import GAUGE, MEANING, Meter
from weighbridge.wire.usage import Source, Usage

BUDGETS = (BudgetNow(("bud-1", "project", "usd", "month"), Decimal(100), Decimal("12.5")),)
CHARGE = Charge(Usage(12, 5, cached=4), "provider", Decimal("0.000007"), "a", "b", None)
ENTRY = Entry(
    id="wbr-1",
    at=datetime(2026, 11, 22, tzinfo=UTC),
    key="k1",
    asked_model="tiny",
    model="near/tiny",
    provider="near",
    upstream_model="tiny",
    upstream_request=None,
    ending="complete",
    status=200,
    error=None,
    streamed=False,
    charge=CHARGE,
    first_byte=0.2,
    duration=0.5,
    attempts=(Attempt("near", "tiny", None, 0.2),),
)


def entry(**changed: object) -> Entry:
    return msgspec.structs.replace(ENTRY, **changed)


@dataclass
class Counted:
    """A meter, and what /metrics would say of it."""

    meter: Meter
    folder: Path

    def text(self, kind: str = exposition.PLAIN) -> str:
        found = totals(self.folder, MEANING, self.meter.board, frozenset({GAUGE}))
        return exposition.written(samples(found, "1", BUDGETS), kind).decode()

    def samples(self) -> dict[str, list[Sample]]:
        return read(self.text())

    def sum(self, name: str, **labels: str) -> float:
        return sum(each.value for each in self.samples().get(name, []) if labels.items() <= each.labels.items())


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Counted]:
    meter = Meter(take(tmp_path, MEANING), lambda model: model.startswith("near/t"))
    yield Counted(meter, tmp_path)
    meter.close()


CASES = [
    pytest.param([entry()], {"weighbridge_requests_total": 1, "weighbridge_attempts_total": 1}, id="as usual"),
    pytest.param(
        [entry(charge=msgspec.structs.replace(CHARGE, counted_by="cache"), provider=None, attempts=())],
        {"weighbridge_cache_hits_total": 1, "weighbridge_tokens_total": 0, "weighbridge_attempts_total": 0},
        id="given again",
    ),
    pytest.param(
        [entry(charge=msgspec.structs.replace(CHARGE, counted_by="estimate", cost=None))],
        {"weighbridge_estimated_requests_total": 1, "weighbridge_unpriced_requests_total": 1},
        id="an estimate without a price",
    ),
    pytest.param(
        [entry(attempts=(Attempt("far", "tiny", "upstream_timeout", 1.0), Attempt("near", "tiny", None, 0.2)))],
        {"weighbridge_attempts_total": 2, "weighbridge_retries_total": 1, "weighbridge_hedges_total": 0},
        id="another endpoint",
    ),
    pytest.param(
        [entry(attempts=(Attempt("far", "tiny", "hedge_lost", 1.0), Attempt("near", "tiny", None, 0.2)))],
        {"weighbridge_attempts_total": 2, "weighbridge_retries_total": 0, "weighbridge_hedges_total": 1},
        id="a faster one",
    ),
    pytest.param(
        [entry(ending="refused", error="bad_request", charge=None, provider=None, model=None, attempts=())],
        {"weighbridge_request_errors_total": 1, "weighbridge_cost_usd_total": 0, "weighbridge_requests_total": 1},
        id="refused",
    ),
    pytest.param(
        [entry(charge=msgspec.structs.replace(CHARGE, usage=Usage(9, 8, written=3, reasoning=2)))],
        {"weighbridge_tokens_total": 9 + 8 + 3 + 2},
        id="written and reasoning",
    ),
    pytest.param(
        [entry(charge=msgspec.structs.replace(CHARGE, cost=Decimal(4_000_000)))] * 5,
        {"weighbridge_cost_usd_total": 20_000_000},
        id="more dollars than a figure holds",
    ),
    pytest.param(
        [entry(streamed=True, first_byte=0.1, duration=0.5)],
        {
            "gen_ai_server_time_to_first_token_seconds_sum": 0.1,
            "gen_ai_server_time_per_output_token_seconds_sum": 0.1,
        },
        id="a stream",
    ),
    pytest.param(
        [entry(streamed=True, ending="client_left"), entry(streamed=True, charge=None, ending="stopped")],
        {
            "gen_ai_server_time_to_first_token_seconds_count": 1,
            "gen_ai_server_time_per_output_token_seconds_count": 0,
        },
        id="a stream cut off says nothing of its pace",
    ),
]


@pytest.mark.parametrize(("entries", "told"), CASES)
def test_request_counts_for(entries: Sequence[Entry], told: dict[str, float], counted: Counted) -> None:
    for each in entries:
        counted.meter.observe(each, "chat")
    assert {name: counted.sum(name) for name in told} == pytest.approx(told, abs=1e-6)


def test_labels_are_bounded_whatever_clients_and_models_are_called(counted: Counted) -> None:
    for number in range(3000):
        counted.meter.observe(entry(model=f"near/{number}", asked_model="x" * number), "chat")
    assert {each.labels["model"] for each in counted.samples()["weighbridge_requests_total"]} == {"other"}
    assert counted.sum("weighbridge_requests_total") == 3000


def test_a_full_board_counts_what_it_cannot_tell_apart_as_other(counted: Counted) -> None:
    for number in range(2000):
        counted.meter.observe(entry(model=f"near/t{number}"), "chat")
    requests = counted.samples()["weighbridge_requests_total"]
    assert 500 < len(requests) < 2000
    assert counted.sum("weighbridge_requests_total") == 2000
    assert counted.sum("weighbridge_requests_total", model="other", provider="other") > 0


_ENTRIES = st.builds(
    lambda ending, streamed, prompt, completion, cost, duration, by, model: entry(
        ending=ending,
        streamed=streamed,
        duration=duration,
        first_byte=duration / 2,
        model=model,
        charge=Charge(Usage(prompt, completion), by, cost, None, None, None),
    ),
    st.sampled_from(get_args(Ending)),
    st.booleans(),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.decimals(0, 100_000, places=12) | st.none(),
    st.floats(0, 86_400),
    st.sampled_from([each for each in get_args(Source) if each != "cache"]),
    st.sampled_from(["near/t1", "near/t2", "near/other"]),
)


@given(st.lists(_ENTRIES, max_size=30))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sums_are_those_of_the_entries(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> None:
    folder = tmp_path_factory.mktemp("boards")
    counted = Counted(Meter(take(folder, MEANING), lambda model: model.startswith("near/t")), folder)
    for each in entries:
        counted.meter.observe(each, "chat")
    charges = [each.charge for each in entries if each.charge is not None]
    cost = sum((each.cost for each in charges if each.cost is not None), Decimal(0))
    assert counted.sum("weighbridge_requests_total") == len(entries)
    assert counted.sum("weighbridge_cost_usd_total") == pytest.approx(float(cost), rel=1e-12)
    assert counted.sum("weighbridge_tokens_total", type="input") == sum(each.usage.prompt for each in charges)
    assert counted.sum("gen_ai_client_token_usage_count", gen_ai_token_type="output") == len(charges)
    assert counted.sum("gen_ai_server_request_duration_seconds_sum") == pytest.approx(
        sum(each.duration for each in entries), abs=1e-6 * (len(entries) + 1), rel=1e-9
    )
    counted.meter.close()


def test_both_formats_hold_to_their_specifications(counted: Counted) -> None:
    for parameters in CASES:
        values: Sequence[Sequence[Entry]] = parameters.values  # type: ignore[assignment]
        for each in values[0]:
            counted.meter.observe(each, "chat")
    counted.meter.count("request_errors", 'quo"te\\ and\nline')
    plain, opened = read(counted.text()), read(counted.text(exposition.OPEN_METRICS), is_open=True)
    assert plain == opened
    assert 'quo"te\\ and\nline' in {each.labels["code"] for each in plain["weighbridge_request_errors_total"]}


def test_families_are_named_as_prometheus_wants_it() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.name.startswith(("weighbridge_", "gen_ai_"))
        assert not family.name.endswith("_total"), "the suffix is the sample's"
        assert not family.unit or family.name.endswith(f"_{family.unit}")
        assert family.meaning.endswith(".")


def test_every_family_is_explained() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "watch-it.md").read_text("utf-8")
    sampled = [f"{family.name}_total" if family.kind == "counter" else family.name for family in FAMILIES]
    assert [name for name in sampled if f"`{name}`" not in page] == []
    named = set(re.findall(r"`((?:weighbridge|gen_ai)_\w+)`", page))
    labels = {label for family in FAMILIES for label in family.labels}
    assert named - set(sampled) - labels == set()


@pytest.mark.parametrize(
    ("accept", "is_open"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1", True),
        ("application/openmetrics-text;q=0.2, text/plain;q=0.9", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=much", False),
    ],
)
def test_format_is_the_one_that_is_liked_better(accept: str, is_open: bool) -> None:
    assert (exposition.kind_for(accept) == exposition.OPEN_METRICS) == is_open
