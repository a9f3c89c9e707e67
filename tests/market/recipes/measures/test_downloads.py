"""Counters of the hub, put into the store as rows: what was downloaded in all, and how fast models are taken up."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

import pytest

from weighbridge.market.recipes.figure import figure
from weighbridge.market.store import Kept, Store
from weighbridge.market.tables import Downloads, Model, Organisation, Row

DAY = date(2025, 10, 29)


def keep(store: Store, source: str, rows: Iterable[Row]) -> None:
    """Rows of a source, as if a payload had them."""
    writing = store.writing(source)
    for row in rows:
        writing.add(row)
    parts = writing.finish()
    store.keep(
        Kept(
            sha256=source,
            size=0,
            name=source,
            source=source,
            as_of=DAY,
            taken=datetime(2026, 11, 22, tzinfo=UTC),
            licence="",
            line=source,
            rows=writing.rows,
            findings=(),
            parts=parts,
        )
    )


def counter(model: str, day: date, in_all: int | None) -> Downloads:
    return Downloads(model, day, None, in_all, "hub-snapshots", DAY)


def facts(source: str, model: str, *, released: date | None = None, params: int | None = None) -> Model:
    return Model(model, model.split("/", maxsplit=1)[0], released, None, None, params, None, None, source, DAY)


@pytest.fixture
def hub(store: Store) -> Store:
    """Two listed models of two places, one that is not listed, and a counter that ends before the window."""
    keep(
        store,
        "hub-snapshots",
        [
            counter("Qwen/A", date(2025, 10, 1), 100),
            counter("Qwen/A", DAY, 300),
            counter("google/B", DAY, 100),
            counter("nobody/C", DAY, 50),
            counter("Qwen/old", date(2025, 9, 1), 999),
        ],
    )
    keep(store, "tracked-models", [facts("tracked-models", each) for each in ("Qwen/A", "google/B", "Qwen/old")])
    regions = {"Qwen": "china", "google": "us", "nobody": "unknown"}
    source = "tracked-models-regions"
    keep(store, source, [Organisation(name, None, place, None, source, DAY) for name, place in regions.items()])
    return store


def test_the_newest_counter_of_each_listed_model_is_summed_by_place(hub: Store) -> None:
    found = figure(hub, "cumulative-downloads")
    assert [(each.name, each.value) for each in found.measured.values] == [("downloads", 300), ("share", 0.75)]
    assert found.measured.rows == [("china", 300, 1, 0.75), ("us", 100, 1, 0.25)]


def test_what_is_of_no_known_place_stays_in_the_base(hub: Store) -> None:
    found = figure(hub, "cumulative-downloads", {"models": "all"})
    assert found.value("share") == pytest.approx(300 / 450)
    assert found.measured.unmatched == pytest.approx(50 / 450)


def test_adoption_is_by_the_median_of_the_first_of_a_size_at_one_age(store: Store) -> None:
    born = date(2025, 8, 5)
    sizes = {"openai/gpt-oss-20b": (20, 400), "x/a": (20, 100), "x/b": (21, 200), "x/large": (300, 9000)}
    rows = [counter(model, date(2025, 9, 3), count) for model, (_, count) in sizes.items()]
    late = [counter("x/a", date(2025, 9, 20), 5000)]
    keep(store, "hub-snapshots", [*rows, *late])
    billions = {model: size * 10**9 for model, (size, _) in sizes.items()}
    keep(store, "tracked-models-sizes", [facts("tracked-models-sizes", m, params=n) for m, n in billions.items()])
    keep(store, "tracked-models-releases", [facts("tracked-models-releases", m, released=born) for m in sizes])
    keep(store, "model-pulse-data", [facts("model-pulse-data", "x/c", released=born, params=20 * 10**9)])  # not curated
    found = figure(store, "ram")
    assert found.value("ram") == 2
    assert found.value("peers") == 3
    assert figure(store, "ram", {"top": 2}).value("ram") == pytest.approx(400 / 300)
    assert figure(store, "ram", {"age": 365}).value("ram") is None
