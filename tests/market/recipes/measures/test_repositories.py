"""Differences of counters by place: of who uploaded, of who made the base, or half to each; never below nothing."""

from datetime import date

import pytest

from tests.market.recipes.measures.test_downloads import counter, facts, keep
from weighbridge.market.recipes.figure import figure
from weighbridge.market.store import Store
from weighbridge.market.tables import Edge

BEFORE, WITHIN = date(2025, 2, 28), date(2025, 8, 31)
COUNTERS = {
    "Qwen/A": (1000, 1600),
    "google/B": (500, 800),
    "google/of-A": (None, 100),
    "nobody/C": (0, 0),
    "meta-llama/back": (900, 100),
    "meta-llama/unseen": (None, 7000),
}


@pytest.fixture
def hub(store: Store) -> Store:
    """Counters before and within the window; one repository is younger, one went backwards, one has no beginning."""
    rows = [
        counter(model, day, count)
        for model, ends in COUNTERS.items()
        for day, count in zip((BEFORE, WITHIN), ends, strict=True)
    ]
    source = "hub-snapshots"
    made_from = [
        Edge("google/of-A", "google/of-B", "quantized", source, WITHIN),
        Edge("google/of-B", "Qwen/A", "finetune", source, WITHIN),
        Edge("Qwen/A", "Qwen/A2", "finetune", source, WITHIN),
        Edge("Qwen/A2", "Qwen/A", "finetune", source, WITHIN),
    ]
    keep(store, source, [*rows, *made_from, facts(source, "google/of-A", released=date(2025, 5, 1))])
    return store


@pytest.mark.parametrize(
    ("attribution", "share"), [("publisher", 600 / 1000), ("base", 700 / 1000), ("split", 650 / 1000)]
)
def test_a_derivative_counts_as_was_chosen(attribution: str, share: float, hub: Store) -> None:
    found = figure(hub, "download-share-study", {"attribution": attribution})
    assert found.value("share") == pytest.approx(share)
    assert found.value("downloads") == 1000


def test_counters_that_went_backwards_add_nothing_and_are_counted(hub: Store) -> None:
    found = figure(hub, "download-share-study", {"window": "2025-03-01:2025-08-31"})
    assert found.value("backwards") == 1
    assert [row[0] for row in found.measured.rows] == ["CN", "US"]


def test_concentration_is_by_who_uploaded_or_by_what_all_is_made_from(hub: Store) -> None:
    window = {"window": "2025-03-01:2025-08-31"}
    by_publisher = figure(hub, "concentration-downloads", window)
    assert by_publisher.measured.rows == [("Qwen", 0.6), ("google", 0.4)]
    assert by_publisher.value("hhi") == pytest.approx(0.36 + 0.16)
    by_family = figure(hub, "concentration-downloads", {**window, "by": "family"})
    assert by_family.measured.rows == [("Qwen/A", 0.7), ("google/B", 0.3)]
    assert by_family.value("gini") == pytest.approx(0.2)
