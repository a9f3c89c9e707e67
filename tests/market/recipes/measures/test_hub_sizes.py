"""How large the models are that are downloaded: on the last snapshot of a month, by what repositories say."""

from datetime import date

import pytest

from tests.market.recipes.measures.test_downloads import keep
from weighbridge.market.recipes.figure import figure
from weighbridge.market.store import Store
from weighbridge.market.tables import Downloads, Model

SOURCE = "hub-snapshots"
EARLY, LATE, NEXT = date(2026, 8, 5), date(2026, 8, 26), date(2026, 9, 2)
SIZES = {"a/small": 500_000_000, "b/large": 200_000_000_000, "c/unsaid": None, "d/picture": 9}


@pytest.fixture
def hub(store: Store) -> Store:
    rows: list[Downloads | Model] = []
    for day, counts in ((EARLY, (9, 9, 9, 9)), (LATE, (30, 10, 60, 1)), (NEXT, (10, 30, 60, 1))):
        rows += [Downloads(name, day, count, None, SOURCE, day) for name, count in zip(SIZES, counts, strict=True)]
    for name, size in SIZES.items():
        task = "text-to-image" if name == "d/picture" else "text-generation"
        rows.append(Model(name, None, None, None, None, size, None, task, SOURCE, NEXT))
    keep(store, SOURCE, rows)
    return store


def test_the_mean_is_weighted_by_downloads_of_the_months_last_snapshot(hub: Store) -> None:
    found = figure(hub, "model-size-downloads")
    first, last = ((30 * 0.5e9 + 10 * 200e9) / 40, (10 * 0.5e9 + 30 * 200e9) / 40)
    assert [row[0] for row in found.measured.rows] == ["2026-08-26", "2026-09-02"]
    assert [row[2] for row in found.measured.rows] == pytest.approx([first, last])
    assert found.measured.rows[1][4:] == (0.25, 0.0, 0.0, 0.75)
    assert found.value("growth") == pytest.approx(last / first)
    assert found.measured.unmatched == pytest.approx(0.6)


def test_each_once_and_of_all_tasks(hub: Store) -> None:
    found = figure(hub, "model-size-downloads", {"weighting": "none", "modality": "all"})
    assert found.value("mean") == pytest.approx((0.5e9 + 200e9 + 9) / 3)
    assert found.value("median") == 500_000_000
    assert found.measured.unmatched == pytest.approx(0.25)


def test_without_a_snapshot_in_the_window_nothing_is_known(hub: Store) -> None:
    found = figure(hub, "model-size-downloads", {"window": "2025-01-01:2025-01-31"})
    assert (found.value("mean"), found.measured.rows, found.measured.unmatched) == (None, [], None)
