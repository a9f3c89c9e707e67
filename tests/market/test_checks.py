"""Counters that stall, leap and go backwards, prices that contradict each other, and rows that are restated."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from tests.market.conftest import WEEK, real, taken
from weighbridge.market.findings import Finding
from weighbridge.market.store import Store


def snapshot(store: Store, path: Path, day: str, counters: Mapping[str, tuple[int, int]]) -> tuple[Finding, ...]:
    """Findings of a day's snapshot: by model its downloads of 30 days, and in all."""
    cells: dict[str, Sequence[object]] = {
        "id": list(counters),
        "downloads": [month for month, _ in counters.values()],
        "downloadsAllTime": [in_all for _, in_all in counters.values()],
        "pipeline_tag": [None] * len(counters),
        "tags": [[""]] * len(counters),
    }
    parquet.write_table(pyarrow.table(cells), path / f"models_{day}.parquet")
    (only,) = taken(store, path / f"models_{day}.parquet")
    assert only.kept is not None
    return only.kept.findings


def told(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    return [(each.kind, each.subject) for each in findings]


FIRST = {"a/x": (10, 100), "b/y": (5, 50), "c/z": (1, 10)}


@pytest.mark.parametrize(
    ("day", "counters", "findings"),
    [
        ("2026-09-03", {"a/x": (11, 120), "b/y": (5, 56), "c/z": (1, 12)}, []),
        ("2026-09-03", {"a/x": (11, 120), "b/y": (5, 40), "c/z": (1, 12)}, [("counter-backwards", "2026-09-03")]),
        ("2026-09-03", {"a/x": (11, 111), "b/y": (6, 55), "c/z": (2, 11)}, [("duplicate-snapshot", "2026-09-03")]),
        ("2026-09-03", {"a/x": (11, 111), "b/y": (5, 55), "c/z": (0, 12)}, [("counter-stalled", "2026-09-03")]),
        ("2026-09-05", {"a/x": (11, 120), "b/y": (5, 56), "c/z": (1, 12)}, [("gap", "2026-09-05")]),
        ("2026-09-03", {"a/x": (11, 120), "b/y": (5, 56)}, [("deleted-organisation", "publishers")]),
    ],
)
def test_a_day_is_held_against_the_days_before(
    day: str, counters: dict[str, tuple[int, int]], findings: list[tuple[str, str]], store: Store, tmp_path: Path
) -> None:
    assert not told(snapshot(store, tmp_path, "2026-09-01", FIRST))
    second = {"a/x": (11, 111), "b/y": (5, 55), "c/z": (1, 11)}
    assert not told(snapshot(store, tmp_path, "2026-09-02", second))
    assert told(snapshot(store, tmp_path, day, counters)) == findings


def test_a_counter_that_fell_is_told_with_the_plainest_case(store: Store, tmp_path: Path) -> None:
    snapshot(store, tmp_path, "2026-09-01", FIRST)
    (only,) = snapshot(store, tmp_path, "2026-09-02", {"a/x": (1, 90), "b/y": (5, 10), "c/z": (1, 11)})
    assert only.said == "of 2 models, 'b/y' most, from 50 to 10"


def test_rows_that_are_restated_are_told(store: Store, tmp_path: Path) -> None:
    taken(store, tmp_path / "a.csv", WEEK)
    (only,) = taken(store, tmp_path / "b.csv", WEEK.replace(",500", ",700") + "2026-08-11,other,1\n")
    assert only.kept is not None
    assert told(only.kept.findings) == [("unknown-organisation", "nobody"), ("restated", "usage")]
    assert only.kept.findings[1].said == "1 rows, such as that of 'deepseek/deepseek-v4'"


def test_prices_that_are_forty_times_stale_are_told(store: Store, tmp_path: Path) -> None:
    history = (
        '{"built": "2026-10-01", "source": "openrouter.ai/api/v1/models", "snapshots": ['
        '{"date": "2026-09-02", "prices": {"lab/m": [0.1, 2], "lab/n": [1, 1]}}]}'
    )
    taken(store, tmp_path / "h.json", history)
    litellm = (
        '{"openrouter/lab/m": {"litellm_provider": "openrouter", "mode": "chat", "input_cost_per_token": 4e-06, '
        '"output_cost_per_token": 2e-06}, "openrouter/lab/n": {"litellm_provider": "openrouter", "mode": "chat", '
        '"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}}'
    )
    (only,) = taken(store, tmp_path / "litellm_2026-10-02.json", litellm)
    assert only.kept is not None
    assert told(only.kept.findings) == [("contradictory-prices", "openrouter, lab/m")]
    assert only.kept.findings[0].said.endswith("40.0 times")


def test_the_real_lists_contradict_each_other(store: Store) -> None:
    taken(store, real("prices/openrouter_price_history_wayback_radar.json"))
    (only,) = taken(store, real("prices/models_dev_api_like_2026-07-02.json"))
    assert only.kept is not None
    assert sum(each.kind == "contradictory-prices" for each in only.kept.findings) > 10
