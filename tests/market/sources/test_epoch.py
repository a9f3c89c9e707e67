"""Epoch AI's files: training runs, costs, chips, and organisations of several countries."""

from datetime import date
from pathlib import Path

import pytest

from tests.market.conftest import real, taken
from tests.market.sources.reading import DAY, counted, read
from weighbridge.market.store import Store
from weighbridge.market.tables import Model, Training

HEAD = (
    "Model,Notability criteria,Training compute (FLOP),Domain,Organization,Publication date,Link,Parameters,"
    "Training hardware,Hardware quantity,Training chip-hours,Training compute cost (2023 USD),Model accessibility,"
    "Country (of organization),Organization categorization\n"
)
SYSTEMS = HEAD + (
    "V3,,1e24,Language,Lab,2024-12-24,https://x,671000000000.0,H800,2048.0,2788000.0,$5390000.00,"
    "Open weights (restricted use),China,Industry\n"
    'Both,,,Language,"A,B",1930-01-01,,,,,,,,"China,France",Industry\n'
    'Wide,,,Language,Spread,2024-01-01,,,,,,,API access,"United States,India",Industry\n'
    "Bad,,,Language,Lab,2024-01-01,,many,,,,,,,\n"
    "Short,,\n"
)


def test_a_training_run_with_its_chips_hours_and_cost(tmp_path: Path) -> None:
    rows, findings = read(tmp_path / "s.csv", SYSTEMS)
    assert [row[:-2] for row in rows if isinstance(row, Training)] == [
        ("V3", "Lab", date(2024, 12, 24), "H800", 2048, 2788000.0, 5390000.0, "as listed")
    ]
    models = {row.model: row for row in rows if isinstance(row, Model)}
    assert (models["V3"].total_params, models["V3"].open_weights) == (671_000_000_000, True)
    assert (models["Both"].released, models["Both"].open_weights) == (None, None)
    assert models["Wide"].open_weights is False
    assert [(each.kind, each.subject) for each in findings] == [
        ("impossible-date", "row 3, Both"),
        ("several-countries", "row 4, Spread"),
        ("unreadable-row", "row 5"),
        ("unreadable-row", "row 6"),
    ]


def test_a_file_whose_columns_changed_is_found_and_nothing_of_it_read(tmp_path: Path) -> None:
    rows, findings = read(tmp_path / "s.csv", SYSTEMS.replace("Hardware quantity", "Chips"))
    assert not rows
    assert [each.kind for each in findings] == ["changed-schema"]


def test_rows_that_speak_of_one_thing_differently_are_kept_once_and_found(store: Store, tmp_path: Path) -> None:
    text = "Model,Cost\nM,1\nM,1\nM,2\n"
    (only,) = taken(store, tmp_path / "costs_2025-08.csv", text)
    assert only.kept is not None
    assert only.kept.rows == {"training": 1}
    assert only.kept.as_of == date(2025, 8, 31)
    assert [each.kind for each in only.kept.findings] == ["duplicate-row"] * 2


@pytest.mark.parametrize(
    ("name", "rows", "findings"),
    [
        (
            "all_ml_systems_2025-08",
            {"model": 1892, "openness": 1396, "organisation": 1225, "training": 834},
            {"several-countries": 154},
        ),
        ("model_costs", {"training": 163}, {}),
        ("model_costs_updated", {"training": 61}, {}),
        ("hardware_prices", {"chip_price": 804}, {}),
        ("chip_dataset", {"chip_price": 1133}, {"unreadable-row": 1, "impossible-date": 1}),
        ("benchmarks_with_model_accessibility", {"rating": 306}, {}),
    ],
)
def test_the_real_files(name: str, rows: dict[str, int], findings: dict[str, int]) -> None:
    assert counted(*read(real(f"market/epoch/{name}.csv"), as_of=DAY)) == (rows, findings)
